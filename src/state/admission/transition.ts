// The transition of one partition to the next chain record: undo, redo, re-judge, each a pure
// function of the durable state and the record, so that every partition does the same without a
// message. A reorganisation restores in place: a returning coin is never free for a stranger.

import { type ClaimContext, condemn } from "./claims.ts";
import { type OutpointKey, outpointTxid, type Txid } from "./keys.ts";
import { leave, type Places } from "./leave.ts";
import { isFinal, isMature, isRelativeLockRipe } from "./locks.ts";
import {
  type AdmissionRecord,
  type Attempt,
  type Candidate,
  type CoinRecord,
  type LeaveCause,
  NO_ROUND,
  restoredAttempt,
  UNCONFIRMED,
} from "./records.ts";

/** A coin that a block makes here, spent again in the same block or not. */
export interface BlockCreate {
  readonly outpoint: OutpointKey;
  readonly coin: CoinRecord;
}

/** A coin of this partition that a block spends, with its content before. */
export interface BlockSpend {
  readonly outpoint: OutpointKey;
  readonly coin: CoinRecord;
  readonly spender: Txid;
  readonly vin: number;
  readonly lock: number;
}

/** A transaction of a block whose home is here. */
export interface BlockTransaction {
  readonly txid: Txid;
  readonly position: number;
  readonly candidate: Candidate;
  readonly fee: number;
  readonly sigops: number;
}

/** What one block does in one partition; coinbase transactions are not in `transactions`. */
export interface BlockPart {
  readonly height: number;
  readonly creates: readonly BlockCreate[];
  readonly spends: readonly BlockSpend[];
  readonly transactions: readonly BlockTransaction[];
  /** Script flags its transactions were judged under. */
  readonly flags: number;
}

/** A chain record as one partition applies it. */
export interface ChainStep {
  readonly seq: number;
  readonly reset: boolean;
  /** Tip first. */
  readonly disconnect: readonly BlockPart[];
  readonly connect: readonly BlockPart[];
}

export interface TransitionContext extends ClaimContext {
  readonly places: Places;
  readonly self: number;
  /** Chain time, for the expiry of what is restored. */
  readonly time: number;
}

/** A transaction that left its home during a transition. */
export interface Departure {
  readonly txid: Txid;
  readonly attempt: Attempt;
  readonly cause: LeaveCause;
}

/** What the handlers must react to after a transition. */
export interface TransitionReport {
  /** Transactions whose coins may have appeared: their waiters are woken. */
  readonly appeared: Txid[];
  readonly confirmed: Txid[];
  readonly restored: Txid[];
  readonly left: Departure[];
}

/** Applies the whole record to the view; `context.seq` and `context.chain` are already the new ones. */
export function applyChainStep(context: TransitionContext, step: ChainStep): TransitionReport {
  const report: TransitionReport = { appeared: [], confirmed: [], restored: [], left: [] };
  if (step.reset) reset(context, report);
  for (const block of step.disconnect) undoBlock(context, step.seq, block, report);
  for (const block of step.connect) redoBlock(context, block, report);
  for (const [txid] of [...context.view.store.releases()]) context.view.putReleased(txid, null);
  if (context.rules.rejudge) rejudge(context, report);
  context.view.putMeta("seq", step.seq);
  return report;
}

/** Drops everything unconfirmed. */
function reset({ view }: TransitionContext, report: TransitionReport): void {
  // Gathered first: a scan does not promise to meet what changes meanwhile.
  for (const [txid, { attempt }] of view.store.records()) {
    report.left.push({ txid, attempt, cause: "reset" });
  }
  for (const { txid } of report.left) view.putRecord(txid, null);
  for (const [txid] of [...view.store.tombstones()]) view.putLeaving(txid, null);
  for (const [id] of [...view.store.outbox()]) view.dropOutbox(id);
  const claims = Array.from(view.store.claims(), ([outpoint]) => outpoint);
  for (const outpoint of claims) view.putClaim(outpoint, null);
  const coins: OutpointKey[] = [];
  for (const [outpoint, { height }] of view.store.unconfirmedCoins()) {
    if (height === UNCONFIRMED) coins.push(outpoint);
  }
  for (const outpoint of coins) view.putCoin(outpoint, null);
}

function undoBlock(
  context: TransitionContext,
  seq: number,
  block: BlockPart,
  report: TransitionReport,
): void {
  const { view, rules } = context;
  const attempt = rules.restoredAttemptHigh ? restoredAttempt(seq) : restoredAttempt(0);
  for (const { outpoint, coin, spender, vin, lock } of block.spends) {
    view.putCoin(outpoint, coin);
    if (!rules.restoreClaims) continue;
    view.putClaim(outpoint, { spender, vin, attempt, mode: "held", lock });
  }
  for (const { outpoint, coin } of block.creates) {
    if (coin.coinbase) {
      removeVanished(context, outpoint);
      continue;
    }
    view.putCoin(outpoint, {
      ...coin,
      height: UNCONFIRMED,
      round: NO_ROUND,
      ancestors: 1,
      attempt,
      open: true,
    });
  }
  for (const { txid, position, candidate, fee, sigops } of block.transactions) {
    view.putRecord(txid, {
      txid,
      attempt,
      order: {
        restoredBy: rules.restoredNewestFirst ? seq : 1,
        major: block.height,
        minor: position,
      },
      round: NO_ROUND,
      position: -1,
      fee,
      sigops,
      ancestors: 0,
      flags: block.flags,
      since: context.time,
      candidate,
    });
    report.restored.push(txid);
    report.appeared.push(txid);
  }
}

/** A coinbase of a disconnected block is no transaction any more: who claimed it must leave. */
function removeVanished(context: TransitionContext, outpoint: OutpointKey): void {
  condemn(context, outpoint, "chain", null, null);
  context.view.putCoin(outpoint, null);
}

function redoBlock(context: TransitionContext, block: BlockPart, report: TransitionReport): void {
  const { view, rules } = context;
  for (const { outpoint, coin } of block.creates) {
    view.putCoin(outpoint, coin);
    report.appeared.push(outpointTxid(outpoint));
  }
  for (const { outpoint, spender } of block.spends) {
    const claim = view.claim(outpoint);
    if (claim?.spender === spender) view.putClaim(outpoint, null);
    else if (rules.blockTakesClaims) condemn(context, outpoint, "chain", null, spender);
    view.putCoin(outpoint, null);
  }
  for (const { txid } of block.transactions) {
    if (view.hasRecord(txid)) view.putRecord(txid, null);
    report.confirmed.push(txid);
  }
}

/** Maturity, relative locks and absolute locks against the new tip. */
function rejudge(context: TransitionContext, report: TransitionReport): void {
  const { view, chain, coinbaseMaturity } = context;
  for (const outpoint of [...view.guarded.keys()].sort()) {
    const coin = view.coinFacts(outpoint);
    const claim = view.claim(outpoint);
    if (coin === null || claim === null) continue;
    const ripe =
      isMature(coin, coinbaseMaturity, chain) && isRelativeLockRipe(coin, claim.lock, chain);
    if (!ripe) condemn(context, outpoint, "lock", null, null);
  }
  for (const txid of [...view.locked.keys()].sort()) {
    const record = view.record(txid)!;
    if (!isFinal(record.candidate, chain)) leaveBy(context, record, "lock", report);
  }
  const outdated: Txid[] = [];
  for (const [txid, { flags }] of view.store.records()) {
    if (flags !== chain.flags) outdated.push(txid);
  }
  for (const txid of outdated.sort()) leaveBy(context, view.record(txid)!, "rules", report);
}

function leaveBy(
  context: TransitionContext,
  record: AdmissionRecord,
  cause: LeaveCause,
  report: TransitionReport,
): void {
  const { txid, attempt } = record;
  leave(context, context.places, context.self, record, cause, null);
  report.left.push({ txid, attempt, cause });
}
