// The verifier's side of admission: a transaction, the coins it spends, and the height it is judged
// for give its fee and signature check cost, or why it is refused. The checks come in the order of
// Bitcoin Core's MemPoolAccept (PreChecks, then scripts), cheap ones first. Pure work.
//
//   job = height u32 | raw, sized | u16 coins | value f64 | height * 2 + coinbase u32 | script, sized
import { type Bytes, readU16, readU32 } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import { checkInputs } from "../../ledger/bitcoin/check-inputs.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import { BYTES_PER_SIGOP, SIGOP_COST_MAX } from "../../ledger/bitcoin/policy/limits.ts";
import { dustCount, standardInputsFault } from "../../ledger/bitcoin/policy/standard.ts";
import { FLAGS_STANDARD } from "../../ledger/bitcoin/script/flags.ts";
import { scriptErrorMessage } from "../../ledger/bitcoin/script/script-error.ts";
import { verifyInput } from "../../ledger/bitcoin/script/verify.ts";
import { prepareSignatureHashes, type SignatureHashes } from "../../ledger/bitcoin/sighash.ts";
import { BATCH_MAX, hashUsualInputs, type InputRange } from "../../ledger/bitcoin/sighash-batch.ts";
import { transactionSigopCost } from "../../ledger/bitcoin/sigops.ts";
import {
  readTransaction,
  type Transaction,
  transactionWeight,
} from "../../ledger/bitcoin/transaction.ts";

export interface JudgeBatch {
  /** Jobs behind one another. */
  readonly transactions: Uint8Array;
  /** Where each job begins. */
  readonly starts: Uint32Array;
  /** Script flags of the next block. */
  readonly flags: number;
  /** Least fee per 1,000 virtual bytes: what is always asked, and what is asked now. */
  readonly relayFeeRate: number;
  readonly floorFeeRate: number;
  readonly requireStandard: boolean;
  /** Only coins and fees: the scripts are known valid, or do not matter yet. */
  readonly skipScripts: boolean;
}

export type TransactionJudgement =
  | { readonly ok: true; readonly fee: number; readonly sigops: number }
  | {
      readonly ok: false;
      readonly code: string;
      /** It would be refused with any chain and any mempool. */
      readonly permanent: boolean;
      /** Breaks a rule of consensus, whatever its witness. */
      readonly invalid: boolean;
      readonly debug: string | null;
    };

/** Two figures for each transaction, fee and sigops: objects would cost more to send than to make. */
export interface JudgeReply {
  readonly figures: Float64Array<ArrayBuffer>;
  /** Those that are refused; their fee is -1. */
  readonly refused: ReadonlyMap<number, TransactionJudgement>;
}

/** Judges every transaction of a batch; what inputs sign is hashed for many of them together. */
export function judgeBatch(batch: JudgeBatch): JudgeReply {
  const { starts } = batch;
  const figures = new Float64Array(starts.length * 2);
  const refused = new Map<number, TransactionJudgement>();
  const note = (index: number, judgement: TransactionJudgement): void => {
    figures[index * 2] = judgement.ok ? judgement.fee : -1;
    figures[index * 2 + 1] = judgement.ok ? judgement.sigops : 0;
    if (!judgement.ok) refused.set(index, judgement);
  };
  let waiting: Waiting[] = [];
  let inputs = 0;
  const runScripts = (): void => {
    hashUsualInputs(waiting);
    for (const { index, judgement, hashes } of waiting) {
      note(index, scriptsFault(batch, hashes) ?? judgement);
    }
    waiting = [];
    inputs = 0;
  };
  for (let index = 0; index < starts.length; index++) {
    const { judgement, transaction, coins } = judgeJob(batch, starts[index]!);
    if (!judgement.ok || transaction === null || batch.skipScripts) {
      note(index, judgement);
      continue;
    }
    const to = Math.min(coins.length, BATCH_MAX);
    if (inputs + to > BATCH_MAX) runScripts();
    const hashes = prepareSignatureHashes(transaction, coins);
    waiting.push({ index, judgement, hashes, from: 0, to });
    inputs += to;
  }
  runScripts();
  return { figures, refused };
}

/** A transaction whose scripts are still to be run. */
interface Waiting extends InputRange {
  readonly index: number;
  readonly judgement: TransactionJudgement;
}

/** The judgement of transaction `index` of a batch. */
export function judgementOf({ figures, refused }: JudgeReply, index: number): TransactionJudgement {
  const fee = figures[index * 2]!;
  if (fee < 0) return refused.get(index)!;
  return { ok: true, fee, sigops: figures[index * 2 + 1]! };
}

/** Virtual bytes with the signature checks' share. */
export function adjustedSize(weight: number, sigops: number): number {
  return Math.ceil(Math.max(weight, sigops * BYTES_PER_SIGOP) / 4);
}

/** The fee that a rate asks for a size, rounded up as Bitcoin Core does. */
export function feeFor(rate: number, size: number): number {
  return Math.ceil((rate * size) / 1000);
}

function readCoins(bytes: Bytes, from: number): Coin[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const coins: Coin[] = [];
  let at = from + 2;
  for (let left = readU16(bytes, from); left > 0; left--) {
    const code = readU32(bytes, at + 8);
    const length = readU32(bytes, at + 12);
    coins.push({
      value: view.getFloat64(at, true),
      height: code >>> 1,
      coinbase: (code & 1) === 1,
      script: bytes.subarray(at + 16, at + 16 + length),
    });
    at += 16 + length;
  }
  return coins;
}

interface Judged {
  readonly judgement: TransactionJudgement;
  readonly transaction: Transaction | null;
  readonly coins: readonly Coin[];
}

function judgeJob(batch: JudgeBatch, at: number): Judged {
  const bytes = batch.transactions;
  const height = readU32(bytes, at);
  const length = readU32(bytes, at + 4);
  const raw = bytes.subarray(at + 8, at + 8 + length);
  const transaction = readTransaction(new Reader(raw), true, false);
  if (transaction === null) {
    return { judgement: refuse("TX decode failed", true, true), transaction, coins: [] };
  }
  const coins = readCoins(bytes, at + 8 + length);
  return { judgement: judgeCoins(batch, transaction, coins, height), transaction, coins };
}

function refuse(
  code: string,
  permanent: boolean,
  invalid = false,
  debug: string | null = null,
): TransactionJudgement {
  return { ok: false, code, permanent, invalid, debug };
}

type Rules = Omit<JudgeBatch, "transactions" | "starts">;

/** Everything but the scripts. */
function judgeCoins(
  rules: Rules,
  transaction: Transaction,
  coins: readonly Coin[],
  height: number,
): TransactionJudgement {
  const inputs = checkInputs(transaction, coins, height);
  if (!inputs.ok) {
    const invalid = inputs.consequence === "invalid";
    return refuse(inputs.code, invalid, invalid, inputs.debug ?? null);
  }
  const { fee } = inputs;
  if (rules.requireStandard) {
    const fault = standardInputsFault(transaction, coins);
    if (fault !== null) return refuse(fault, true);
    if (fee > 0 && dustCount(transaction) > 0) {
      return refuse("dust", true, false, "tx with dust output must be 0-fee");
    }
  }
  const sigops = transactionSigopCost(transaction, coins, FLAGS_STANDARD);
  if (sigops > SIGOP_COST_MAX) {
    return refuse("bad-txns-too-many-sigops", true, false, String(sigops));
  }
  const size = adjustedSize(transactionWeight(transaction), sigops);
  const poor = feeFault(rules, fee, size);
  if (poor !== null) return poor;
  return { ok: true, fee, sigops };
}

function feeFault(rules: Rules, fee: number, size: number): TransactionJudgement | null {
  const floor = feeFor(rules.floorFeeRate, size);
  if (fee < floor && rules.floorFeeRate > rules.relayFeeRate) {
    return refuse("mempool min fee not met", false, false, `${fee} < ${floor}`);
  }
  const least = feeFor(rules.relayFeeRate, size);
  return fee < least ? refuse("min relay fee not met", false, false, `${fee} < ${least}`) : null;
}

function scriptsFault(rules: Rules, hashes: SignatureHashes): TransactionJudgement | null {
  const { transaction, coins } = hashes;
  const flags = rules.requireStandard ? FLAGS_STANDARD | rules.flags : rules.flags;
  for (let input = 0; input < coins.length; input++) {
    const error = verifyInput(transaction, input, coins, flags, hashes);
    if (error === "OK") continue;
    const byConsensus = verifyInput(transaction, input, coins, rules.flags, hashes) !== "OK";
    const code = `mempool-script-verify-flag-failed (${scriptErrorMessage(error)})`;
    return refuse(code, true, byConsensus, `input ${input}`);
  }
  return null;
}
