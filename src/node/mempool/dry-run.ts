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
  judgementOf,
  type TransactionJudgement,
} from "../../planes/execution/judge-transaction.ts";
import type { SubmitOptions, TransactionVerdict } from "../../ports/mempool.ts";
import { outpointKey, outpointKeyAt, outpointTxid, txidKey } from "../../state/admission/keys.ts";
import type { AnyOpenedChain } from "../chain/open.ts";
import { nextFlags } from "./chain-link.ts";
import { ChainCoins } from "./coin-view.ts";
import type { Entries } from "./entries.ts";
import { type Gateway, refused, rejection } from "./gateway.ts";
import type { Member } from "./topology.ts";

export interface DryRunContext {
  readonly opened: AnyOpenedChain;
  readonly entries: Entries;
  readonly gateway: Gateway;
  readonly tip: BlockId;
  readonly relayFeeRate: number;
  readonly floorFeeRate: number;
  readonly requireStandard: boolean;
}

type Made = Map<string, { value: number; script: Bytes }>;

/** A transaction that would come in by itself, but for what its fee or its relatives say. */
export interface DryMember extends Member {
  readonly size: number;
  readonly transaction: Transaction;
}

export type DryVerdict =
  | { readonly ok: true; readonly member: DryMember }
  | { readonly ok: false; readonly verdict: Extract<TransactionVerdict, { ok: false }> };

/** Judges transactions one after another; each sees the outputs of those before it. */
export class DryRun {
  readonly #context: DryRunContext;
  readonly #made: Made = new Map();

  constructor(context: DryRunContext) {
    this.#context = context;
  }

  /** `floors` false asks no fee: somebody else may pay for it. */
  async judge(raw: Bytes, floors: boolean): Promise<DryVerdict> {
    const { gateway, opened, tip } = this.#context;
    const checked = gateway.check(raw);
    if (!checked.ok) return checked;
    const { transaction, id } = checked;
    const no = (kind: "confirmed" | "missing" | "rejected", code: string): DryVerdict => ({
      ok: false,
      verdict: refused(kind, code, null),
    });
    const { index } = opened.chain;
    const height = index.height(tip) + 1;
    const median = medianTimePast(index.node(tip));
    if (!isFinal(transaction, height, median)) return no("rejected", "non-final");
    const inputs = transaction.inputs.map(({ outpointAt }) =>
      outpointKeyAt(transaction.bytes, outpointAt),
    );
    const coins = await coinsOf(transaction, inputs, height, this.#context, this.#made);
    if (coins === null) {
      const known = await new ChainCoins(opened).coin(transaction.txid, 0);
      if (known !== null) return no("confirmed", "txn-already-known");
      return no("missing", "bad-txns-inputs-missingorspent");
    }
    const medianAt = (at: number): number =>
      medianTimePast(index.node(index.ancestor(tip, Math.min(at, height - 1))));
    if (!locksAreOpen(sequenceLocks(transaction, coins, medianAt), height, median)) {
      return no("rejected", "non-BIP68-final");
    }
    const judgement = await judge(transaction, coins, height, this.#context, floors);
    if (!judgement.ok) {
      return { ok: false, verdict: rejection(judgement.code, judgement, transaction.hasWitness) };
    }
    return { ok: true, member: this.#member(transaction, id, inputs, judgement) };
  }

  #member(
    transaction: Transaction,
    id: string,
    inputs: readonly string[],
    { fee, sigops }: Extract<TransactionJudgement, { ok: true }>,
  ): DryMember {
    const { txid, wtxid, version, bytes, start, end, outputs } = transaction;
    outputs.forEach(({ value, scriptAt, scriptEnd }, number) => {
      const script = bytes.slice(scriptAt, scriptEnd);
      this.#made.set(outpointKey(txidKey(txid), number), { value, script });
    });
    const weight = transactionWeight(transaction);
    const size = adjustedSize(weight, sigops);
    const raw = bytes.subarray(start, end);
    return { id, txid, wtxid, version, weight, sigops, size, fee, raw, inputs, transaction };
  }
}

/** What would become of one transaction if it were submitted. */
export async function dryRun(
  raw: Bytes,
  options: SubmitOptions,
  context: DryRunContext,
): Promise<TransactionVerdict> {
  const judged = await new DryRun(context).judge(raw, true);
  if (!judged.ok) return judged.verdict;
  const related = context.gateway.relations.judge(judged.member);
  if (!related.ok) return refused("rejected", related.code, related.debug);
  const { txid, wtxid, size, fee } = judged.member;
  const most = options.feeRateMax ?? 0;
  if (most > 0 && fee > feeFor(most, size)) return refused("rejected", "max-fee-exceeded", null);
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
  floors: boolean,
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
  const reply = await context.opened.judges.run({
    transactions: out.take(),
    starts: new Uint32Array(1),
    flags: nextFlags(context.opened.chain, context.tip),
    relayFeeRate: floors ? relayFeeRate : 0,
    floorFeeRate: floors ? floorFeeRate : 0,
    requireStandard,
    skipScripts: false,
  });
  return judgementOf(reply, 0);
}
