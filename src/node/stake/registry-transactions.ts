// Transactions that carry a registry operation, built and signed as any wallet would: the operation is
// one more output, and authority is that the first input spends from the owner's script. Formats:
// docs/internals/qpos.md; how to build the same elsewhere: docs/staking.md.
import { type Bytes, hex } from "../../base/bytes.ts";
import type { NewOutput } from "../../ledger/bitcoin/encode.ts";
import { transactionWeight } from "../../ledger/bitcoin/transaction.ts";
import {
  NO_OUTPUT,
  type Operation,
  operationScript,
} from "../../planes/consensus/qpos/operations.ts";
import { commitTo, revealOf } from "../../planes/consensus/qpos/randomness.ts";
import { WANTS_ACTIVE } from "../../planes/consensus/qpos/record.ts";
import {
  type BuiltTransaction,
  buildTransaction,
  type OwnedCoin,
  type Payment,
} from "../generate-chain/build-transaction.ts";
import type { Key, OutputKind } from "../generate-chain/keys.ts";
import { type StakerKeys, signKeyOf } from "./key-file.ts";

/** Bonds are owned by a plain segwit key: every wallet can spend from it. */
export const OWNER_KIND: OutputKind = "p2wpkh";
/** Left at the owner's script on joining: the first input of a later EXIT needs a coin from there. */
export const RESERVE = 10_000;
/** In an output that only names a payout script. */
const NAMING_VALUE = 1_000;
/** Less than this is not worth an output: it goes to the fee. */
const CHANGE_LEAST = 1_000;

export interface Funding {
  /** The first ones are used, as many as it takes. */
  readonly coins: readonly OwnedCoin[];
  readonly change: { readonly key: Key; readonly kind: OutputKind };
  /** Base units per virtual byte. */
  readonly feeRate: number;
}

export interface RegisterPlan extends Funding {
  readonly chainId: string;
  readonly keys: StakerKeys;
  readonly owner: Key;
  /** Base units. */
  readonly bond: number;
  /** Null: blocks pay the owner. */
  readonly payout: Bytes | null;
}

export type RegistryBuilt =
  | {
      readonly ok: true;
      readonly raw: Bytes;
      readonly txid: Bytes;
      readonly coins: readonly OwnedCoin[];
      readonly fee: number;
      readonly change: number;
    }
  /** All coins together are less than `need`. */
  | {
      readonly ok: false;
      readonly code: "too-little";
      readonly have: number;
      readonly need: number;
    };

/** One byte an input more than it has: a signature's length varies from one signing to the next. */
function virtualSize({ transaction, coins }: BuiltTransaction): number {
  return Math.ceil(transactionWeight(transaction) / 4) + coins.length;
}

/** Pays `payments` (their places are kept) and `others`, then change, from the first coins that do. */
function build(
  { coins, change, feeRate }: Funding,
  payments: readonly Payment[],
  others: readonly NewOutput[],
): RegistryBuilt {
  const paid = [...payments, ...others].reduce((sum, { value }) => sum + value, 0);
  const changeScript = change.key.scripts[change.kind];
  let need = paid;
  let have = 0;
  for (let count = 1; count <= coins.length; count++) {
    have += coins[count - 1]!.value;
    if (have < paid) continue;
    const chosen = coins.slice(0, count);
    const withChange = (left: number): BuiltTransaction =>
      buildTransaction({
        coins: chosen,
        payments,
        otherOutputs: left === 0 ? others : [...others, { value: left, script: changeScript }],
      });
    const fee = Math.ceil(feeRate * virtualSize(withChange(CHANGE_LEAST)));
    need = paid + fee;
    if (have < need) continue;
    const left = have - need >= CHANGE_LEAST ? have - need : 0;
    const built = withChange(left);
    const { txid, bytes } = built.transaction;
    return { ok: true, raw: bytes, txid, coins: chosen, fee: built.fee, change: left };
  }
  return { ok: false, code: "too-little", have, need: Math.max(need, paid + CHANGE_LEAST) };
}

/** REGISTER with the bond in output 0; `payoutOutput` null pays the owner of the bond. */
export function registerOperation(
  chainId: string,
  { signSecret, revealSecret }: StakerKeys,
  payoutOutput: number | null,
): Operation {
  const signKey = signKeyOf(signSecret);
  return {
    op: "register",
    bondOutput: 0,
    payoutOutput: payoutOutput ?? NO_OUTPUT,
    operatorOutput: NO_OUTPUT,
    flags: WANTS_ACTIVE,
    signKey,
    // What the key's first block must reveal.
    commit: commitTo(chainId, signKey, revealOf(hex(revealSecret), signKey, 0)),
  };
}

/** REGISTER: output 0 is the bond, 1 the owner's reserve, then the operation and who is paid. */
export function buildRegister(plan: RegisterPlan): RegistryBuilt {
  const { owner, payout, keys, chainId } = plan;
  const payments = [
    { value: plan.bond, kind: OWNER_KIND, key: owner },
    { value: RESERVE, kind: OWNER_KIND, key: owner },
  ];
  const payoutOutput = payout === null ? null : payments.length + 1;
  const script = operationScript(registerOperation(chainId, keys, payoutOutput));
  const named = payout === null ? [] : [{ value: NAMING_VALUE, script: payout }];
  return build(plan, payments, [{ value: 0, script }, ...named]);
}

/** EXIT: all coins must be the owner's, so that the first one is. */
export function buildExit(funding: Funding, stakerId: number): RegistryBuilt {
  return build(funding, [], [{ value: 0, script: operationScript({ op: "exit", id: stakerId }) }]);
}

/** Everything that `coins` hold, but the fee, to one script. */
export function buildSweep(
  coins: readonly OwnedCoin[],
  script: Bytes,
  feeRate: number,
): RegistryBuilt {
  const have = coins.reduce((sum, { value }) => sum + value, 0);
  const draft = buildTransaction({ coins, payments: [], otherOutputs: [{ value: have, script }] });
  const fee = Math.ceil(feeRate * virtualSize(draft));
  const need = fee + CHANGE_LEAST;
  if (have < need) return { ok: false, code: "too-little", have, need };
  const outputs = [{ value: have - fee, script }];
  const { transaction } = buildTransaction({ coins, payments: [], otherOutputs: outputs });
  return { ok: true, raw: transaction.bytes, txid: transaction.txid, coins, fee, change: 0 };
}
