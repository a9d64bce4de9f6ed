// Coins whose locks need no key: one for each rule of scripts that blocks are held to, with what
// opens it and what must not. Spending them costs no signature, so that many blocks can be tried.
import { type Bytes, concatBytes } from "../../src/base/bytes.ts";
import { hash160, sha256 } from "../../src/crypto/hash.ts";
import { encodeTransaction, type NewOutput } from "../../src/ledger/bitcoin/encode.ts";
import { OP } from "../../src/ledger/bitcoin/script/opcodes.ts";
import { pushOf } from "../../src/ledger/bitcoin/script/script-bytes.ts";
import type { ScriptError } from "../../src/ledger/bitcoin/script/script-error.ts";
import {
  type BuiltTransaction,
  decodeOwn,
} from "../../src/node/generate-chain/build-transaction.ts";

interface Opening {
  readonly script: Bytes;
  readonly witness: readonly Bytes[];
  readonly sequence?: number;
}

export interface Lock {
  readonly name: string;
  readonly script: Bytes;
  readonly good: Opening | null;
  /** What does not open it, and why. */
  readonly bad: (Opening & { readonly error: ScriptError }) | null;
}

export interface LockedCoin {
  readonly txid: Bytes;
  readonly index: number;
  readonly value: number;
  readonly height: number;
  readonly lock: Lock;
}

const NOTHING = new Uint8Array(0);
const TRUE = Uint8Array.of(0x51);
const FALSE = Uint8Array.of(0);
const FINAL = 0xffffffff;
/** What the absolute lock asks for, and the relative one. */
const LOCK_HEIGHT = 50;
export const LOCK_BLOCKS = 2;

/** The most CHECKMULTISIGs that a script may hold beside an IF; each counts for twenty checks. */
const MULTISIGS = 199;
export const CHECKS_IN_SCRIPT: number = MULTISIGS * 20;

/** Signature checks that are counted, and skipped when the script is run. */
export function manyChecks(opcode: number, count: number): Bytes {
  const skipped = new Uint8Array(count).fill(opcode);
  return concatBytes(Uint8Array.of(0, OP.IF), skipped, Uint8Array.of(OP.ENDIF, 0x51));
}

const opening = (script: Bytes, witness: readonly Bytes[] = []): Opening => ({ script, witness });

export function toScriptHash(redeem: Bytes): Bytes {
  return concatBytes(Uint8Array.of(OP.HASH160, 20), hash160(redeem), Uint8Array.of(OP.EQUAL));
}

export function toWitnessHash(script: Bytes): Bytes {
  return concatBytes(Uint8Array.of(0, 32), sha256(script));
}

const bare = (name: string, script: Bytes, good: Lock["good"], bad: Lock["bad"]): Lock => ({
  name,
  script,
  good,
  bad,
});

const NESTED = toWitnessHash(TRUE);
const CHECKS = manyChecks(OP.CHECKMULTISIG, MULTISIGS);
const KEY = concatBytes(Uint8Array.of(2), sha256(TRUE));

export const SCRIPT_HASH_CHECKS: Lock = bare(
  "p2sh checks",
  toScriptHash(CHECKS),
  opening(pushOf(CHECKS)),
  null,
);
export const WITNESS_CHECKS: Lock = bare(
  "p2wsh checks",
  toWitnessHash(CHECKS),
  opening(NOTHING, [CHECKS]),
  null,
);
/** A program that nobody has given rules yet: any witness opens it. */
export const UNKNOWN_PROGRAM: Lock = bare(
  "unknown program",
  Uint8Array.of(0x60, 4, 1, 2, 3, 4),
  opening(NOTHING),
  null,
);

/** Those that are spent at random. */
export const LOCKS: readonly Lock[] = [
  bare("true", TRUE, opening(NOTHING), {
    ...opening(NOTHING, [TRUE]),
    error: "WITNESS_UNEXPECTED",
  }),
  bare("p2sh", toScriptHash(TRUE), opening(pushOf(TRUE)), {
    ...opening(pushOf(FALSE)),
    error: "EVAL_FALSE",
  }),
  bare("p2sh pushes", toScriptHash(TRUE), opening(concatBytes(pushOf(KEY), pushOf(TRUE))), {
    ...opening(concatBytes(Uint8Array.of(OP.NOP), pushOf(TRUE))),
    error: "SIG_PUSHONLY",
  }),
  bare("p2wsh", toWitnessHash(TRUE), opening(NOTHING, [TRUE]), {
    ...opening(NOTHING, [FALSE]),
    error: "WITNESS_PROGRAM_MISMATCH",
  }),
  bare("p2wsh left", toWitnessHash(TRUE), opening(NOTHING, [TRUE]), {
    ...opening(NOTHING, [KEY, TRUE]),
    error: "CLEANSTACK",
  }),
  bare("p2wsh malleated", toWitnessHash(TRUE), opening(NOTHING, [TRUE]), {
    ...opening(TRUE, [TRUE]),
    error: "WITNESS_MALLEATED",
  }),
  bare("p2sh-p2wsh", toScriptHash(NESTED), opening(pushOf(NESTED), [TRUE]), {
    ...opening(pushOf(NESTED)),
    error: "WITNESS_PROGRAM_WITNESS_EMPTY",
  }),
  bare("dummy", Uint8Array.of(0, 0, OP.CHECKMULTISIG), opening(FALSE), {
    ...opening(TRUE),
    error: "SIG_NULLDUMMY",
  }),
  bare(
    "strict encoding",
    concatBytes(pushOf(KEY), Uint8Array.of(OP.CHECKSIG, OP.NOT)),
    opening(FALSE),
    { ...opening(pushOf(Uint8Array.of(0x30, 1, 1, 1))), error: "SIG_DER" },
  ),
  bare(
    "absolute lock",
    Uint8Array.of(1, LOCK_HEIGHT, OP.CHECKLOCKTIMEVERIFY, OP.DROP, 0x51),
    { ...opening(NOTHING), sequence: FINAL - 1 },
    { ...opening(NOTHING), sequence: FINAL, error: "UNSATISFIED_LOCKTIME" },
  ),
  bare(
    "relative lock",
    Uint8Array.of(0x50 + LOCK_BLOCKS, OP.CHECKSEQUENCEVERIFY, OP.DROP, 0x51),
    { ...opening(NOTHING), sequence: LOCK_BLOCKS },
    { ...opening(NOTHING), sequence: 1, error: "UNSATISFIED_LOCKTIME" },
  ),
  bare("false", FALSE, null, { ...opening(NOTHING), error: "EVAL_FALSE" }),
  UNKNOWN_PROGRAM,
];

export interface LockedSpend {
  /** These inputs are opened in the way that fails. */
  readonly bad?: readonly number[];
  /** Instead of the locks' own. */
  readonly sequences?: readonly number[];
  readonly witness?: readonly Bytes[];
  readonly version?: number;
  readonly lockTime?: number;
}

/** A transaction over `coins`; what its outputs do not take is its fee. */
export function spendLocked(
  coins: readonly LockedCoin[],
  outputs: readonly NewOutput[],
  { bad = [], sequences, witness, version = 2, lockTime = LOCK_HEIGHT }: LockedSpend = {},
): BuiltTransaction {
  const inputs = coins.map(({ txid, index, lock }, at) => {
    const opened = (bad.includes(at) ? lock.bad : lock.good)!;
    const sequence = sequences?.[at] ?? opened.sequence ?? FINAL - 1;
    return { txid, index, ...opened, witness: witness ?? opened.witness, sequence };
  });
  const transaction = decodeOwn(encodeTransaction({ version, lockTime, inputs, outputs }));
  let fee = 0;
  for (const { value } of coins) fee += value;
  for (const { value } of outputs) fee -= value;
  return { transaction, coins: [], fee, created: [] };
}
