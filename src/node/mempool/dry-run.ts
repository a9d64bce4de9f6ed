// What would become of transactions if they were submitted (testmempoolaccept): judged against the
// coins of the last record and the index, with scripts, and nothing is left behind. Transactions of
// one call see those before them.

import type { Bytes } from "../../base/bytes.ts";
import { Writer } from "../../base/writer.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import { medianTimePast } from "../../ledger/bitcoin/header-rules.ts";
import { isFinal, locksAreOpen, sequenceLocks } from "../../ledger/bitcoin/locks.ts";
import {
  decodeTransaction,
  type Transaction,
  transactionWeight,
} from "../../ledger/bitcoin/transaction.ts";
import type { BlockId } from "../../planes/consensus/work/block-index.ts";
import {
  adjustedSize,
  feeFor,
  type TransactionJudgement,
} from "../../planes/execution/judge-transaction.ts";
import type { SubmitOptions, TransactionVerdict } from "../../ports/mempool.ts";
import { outpointKey, outpointKeyAt, outpointTxid, txidKey } from "../../state/admission/keys.ts";
import type { OpenedChain } from "../chain/open.ts";
import { nextFlags } from "./chain-link.ts";
import { ChainCoins } from "./coin-view.ts";
import type { Entries } from "./entries.ts";
import { type Gateway, refused, rejection } from "./gateway.ts";
import { replacementFault } from "./replacement.ts";

export interface DryRunContext {
  readonly opened: OpenedChain;
  readonly entries: Entries;
  readonly gateway: Gateway;
  readonly tip: BlockId;
  readonly relayFeeRate: number;
  readonly floorFeeRate: number;
  readonly requireStandard: boolean;
}

type Made = Map<string, { value: number; script: Bytes }>;

export async function dryRun(
  raws: readonly Bytes[],
  options: SubmitOptions,
  context: DryRunContext,
): Promise<TransactionVerdict[]> {
  const made: Made = new Map();
  const verdicts: TransactionVerdict[] = [];
  for (const raw of raws) verdicts.push(await judgeOne(raw, options, context, made));
  return verdicts;
}

async function judgeOne(
  raw: Bytes,
  options: SubmitOptions,
  context: DryRunContext,
  made: Made,
): Promise<TransactionVerdict> {
  const checked = context.gateway.check(raw);
  if (!checked.ok) return checked.verdict;
  const { transaction, id } = checked;
  const { index } = context.opened.chain;
  const height = index.height(context.tip) + 1;
  const median = medianTimePast(index.node(context.tip));
  if (!isFinal(transaction, height, median)) return refused("rejected", "non-final", null);
  const inputs = transaction.inputs.map(({ outpointAt }) =>
    outpointKeyAt(transaction.bytes, outpointAt),
  );
  const coins = await coinsOf(transaction, inputs, height, context, made);
  if (coins === null) {
    const known = await new ChainCoins(context.opened).coin(transaction.txid, 0);
    if (known !== null) return refused("confirmed", "txn-already-known", null);
    return refused("missing", "bad-txns-inputs-missingorspent", null);
  }
  const medianAt = (at: number): number =>
    medianTimePast(index.node(index.ancestor(context.tip, Math.min(at, height - 1))));
  if (!locksAreOpen(sequenceLocks(transaction, coins, medianAt), height, median)) {
    return refused("rejected", "non-BIP68-final", null);
  }
  const judgement = await judge(transaction, coins, height, context);
  if (!judgement.ok) return rejection(judgement.code, judgement, transaction.hasWitness);
  return conclude(transaction, id, inputs, judgement, options, context, made);
}

function conclude(
  transaction: Transaction,
  id: string,
  inputs: readonly string[],
  { fee, sigops }: Extract<TransactionJudgement, { ok: true }>,
  options: SubmitOptions,
  context: DryRunContext,
  made: Made,
): TransactionVerdict {
  const size = adjustedSize(transactionWeight(transaction), sigops);
  const parents = new Set(inputs.map((outpoint) => outpointTxid(outpoint)));
  const conflicts = context.entries.conflicts(inputs, id);
  const fault = replacementFault(conflicts, { fee, size, parents });
  if (fault !== null) return refused("rejected", fault.code, fault.debug);
  const most = options.feeRateMax ?? 0;
  if (most > 0 && fee > feeFor(most, size)) return refused("rejected", "max-fee-exceeded", null);
  const { txid, wtxid, bytes } = transaction;
  transaction.outputs.forEach(({ value, scriptAt, scriptEnd }, number) => {
    made.set(outpointKey(txidKey(txid), number), {
      value,
      script: bytes.slice(scriptAt, scriptEnd),
    });
  });
  return { ok: true, txid, wtxid, size, fee };
}

/** The coin of each input: of this call, of the mempool, of the chain; null when one is missing. */
async function coinsOf(
  transaction: Transaction,
  inputs: readonly string[],
  height: number,
  { opened, entries }: DryRunContext,
  made: Made,
): Promise<Coin[] | null> {
  const confirmed = new ChainCoins(opened);
  const coins: Coin[] = [];
  for (let number = 0; number < inputs.length; number++) {
    const key = inputs[number]!;
    const { previousIndex, outpointAt } = transaction.inputs[number]!;
    const own = made.get(key) ?? outputOf(entries, key, previousIndex);
    if (own !== null) {
      coins.push({ ...own, height, coinbase: false });
      continue;
    }
    const txid = transaction.bytes.slice(outpointAt, outpointAt + 32);
    const coin = await confirmed.coin(txid, previousIndex);
    if (coin === null) return null;
    coins.push(coin);
  }
  return coins;
}

function outputOf(
  entries: Entries,
  key: string,
  index: number,
): { value: number; script: Bytes } | null {
  const entry = entries.byId.get(outpointTxid(key));
  const decoded = entry === undefined ? null : decodeTransaction(entry.raw);
  const output = decoded?.ok === true ? decoded.value.outputs[index] : undefined;
  if (output === undefined || entry === undefined) return null;
  return { value: output.value, script: entry.raw.slice(output.scriptAt, output.scriptEnd) };
}

async function judge(
  transaction: Transaction,
  coins: readonly Coin[],
  height: number,
  context: DryRunContext,
): Promise<TransactionJudgement> {
  const out = new Writer(1 << 12);
  out.u32(height);
  out.sized(transaction.bytes.subarray(transaction.start, transaction.end));
  out.u16(coins.length);
  for (const { value, script, height: made, coinbase } of coins) {
    out.f64(value);
    out.u32(made * 2 + (coinbase ? 1 : 0));
    out.sized(script);
  }
  const { relayFeeRate, floorFeeRate, requireStandard } = context;
  const { judgements } = await context.opened.judges.run({
    transactions: out.take(),
    starts: [0],
    flags: nextFlags(context.opened.chain, context.tip),
    relayFeeRate,
    floorFeeRate,
    requireStandard,
    skipScripts: false,
  });
  return judgements[0]!;
}
