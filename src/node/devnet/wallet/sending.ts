// From a plan to signed bytes, and from a node's answer to what it means for the payment.
import { fromDisplayHex, hex, toDisplayHex, toHex } from "../../../base/bytes.ts";
import { buildTransaction } from "../../generate-chain/build-transaction.ts";
import type { RpcAnswer } from "../rpc-client.ts";
import type { Account } from "./accounts.ts";
import type { PaymentPlan } from "./payment-book.ts";

export interface SignedPayment {
  /** As displayed. */
  readonly txid: string;
  readonly raw: string;
}

export function signPayment(plan: PaymentPlan, accounts: readonly Account[]): SignedPayment {
  const coins = plan.inputs.map(({ txid, index, value, account }) => {
    const { key, script } = accounts[account]!;
    const shape = { kind: "p2wpkh" as const, key, script: hex(script), height: 0, coinbase: false };
    return { txid: fromDisplayHex(txid) ?? hex(""), index, value, ...shape };
  });
  const payments = plan.outputs.map(({ value, account }) => ({
    value,
    kind: "p2wpkh" as const,
    key: accounts[account]!.key,
  }));
  const { transaction } = buildTransaction({ coins, payments });
  return { txid: toDisplayHex(transaction.txid), raw: toHex(transaction.bytes) };
}

/** `later`: nothing was decided, ask again; `missing`: a parent is not there (yet). */
export type Answer = "taken" | "later" | "missing" | "refused";

const MISSING = -25;
const REFUSED = -26;
const CONFIRMED = -27;
/** Reasons that pass by themselves, with a block or with time. */
const PASSING = [
  "too-long-mempool-chain",
  "mempool min fee not met",
  "mempool full",
  "non-final",
  "non-BIP68-final",
  "bad-txns-premature-spend-of-coinbase",
];

/** What the answer to sendrawtransaction means. */
export function meaningOf(answer: RpcAnswer): Answer {
  if (answer.ok) return "taken";
  const { code, message } = answer.error;
  if (code === CONFIRMED) return "taken";
  if (code === MISSING) return "missing";
  if (code !== REFUSED || PASSING.some((reason) => message.includes(reason))) return "later";
  return "refused";
}
