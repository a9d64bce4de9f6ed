// Memory: above the first watermark the floor fee rises and the cheapest childless transactions
// leave; above the second the gateway is told to come back later. Expiry by chain time. What an
// announced segment holds stays.
import { outpointKey, type Txid } from "../../../state/admission/keys.ts";
import { RateHeap } from "../../../state/admission/rate-heap.ts";
import type { AdmissionRecord } from "../../../state/admission/records.ts";
import { leaveAndTell } from "./leaving.ts";
import type { Partition } from "./partition.ts";

function feeRate(record: AdmissionRecord): number {
  return record.fee / record.candidate.size;
}

/** The fee rate below which nothing is admitted now; the raised floor halves with time. */
export function floorRate(p: Partition): number {
  const { feeRateMin, floorHalfLifeMs } = p.config.limits;
  const halvings = (p.now - p.floor.at) / floorHalfLifeMs;
  // Linear between the halvings: the same on every machine.
  const whole = Math.floor(halvings);
  const rate = whole >= 50 ? 0 : (p.floor.rate / 2 ** whole) * (1 - (halvings - whole) / 2);
  return Math.max(feeRateMin, rate);
}

export function isFull(p: Partition): boolean {
  const { bytesHigh, recordCountMax } = p.config.limits;
  return p.view.bytes >= bytesHigh || p.view.store.recordCount >= recordCountMax;
}

function cheapestFirst(p: Partition): RateHeap {
  const heap = new RateHeap();
  for (const [txid, record] of p.view.store.records()) heap.push(feeRate(record), txid);
  return heap;
}

/** More than so many for each record, and the heap is made anew when it is needed again. */
const HEAP_FACTOR = 2;
const HEAP_COUNT_MIN = 4_096;

/** A new record takes its place among the cheapest, where that is kept. */
export function noteRate(p: Partition, record: AdmissionRecord): void {
  if (p.cheapest === null) return;
  const { size } = p.cheapest;
  // What has left stays in the heap until it is popped: that may be never.
  if (size > HEAP_COUNT_MIN && size > p.view.store.recordCount * HEAP_FACTOR) p.cheapest = null;
  else p.cheapest.push(feeRate(record), record.txid);
}

/** Parents and sealed ones that are looked at, and kept, in one turn. */
const KEPT_COUNT_MAX = 1_024;

/** Lets the cheapest childless transactions leave, a bounded number in one turn; goes on later. */
export function relievePressure(p: Partition): void {
  const { limits } = p.config;
  if (p.view.bytes <= limits.bytesLow) return;
  p.cheapest ??= cheapestFirst(p);
  const { cheapest } = p;
  const kept: Txid[] = [];
  let left = limits.policyLeaveCountMax;
  while (p.view.bytes > limits.bytesLow && left > 0 && kept.length < KEPT_COUNT_MAX) {
    const txid = cheapest.pop();
    if (txid === null) break;
    const record = p.view.record(txid);
    if (record === null) continue;
    if (p.config.isSealed(txid) || hasChildren(p, record)) {
      kept.push(txid);
      continue;
    }
    left--;
    const rate = Math.max(floorRate(p), feeRate(record) + limits.incrementalFeeRate);
    p.floor = { rate, at: p.now };
    leaveAndTell(p, record, "policy", null);
  }
  for (const txid of kept) {
    const record = p.view.record(txid);
    if (record !== null) cheapest.push(feeRate(record), txid);
  }
  if (p.view.bytes > limits.bytesLow && left === 0) p.after(limits.repeatMs, { kind: "pressure" });
}

function hasChildren(p: Partition, { txid, candidate }: AdmissionRecord): boolean {
  for (let index = 0; index < candidate.outputs.length; index++) {
    if (p.view.hasClaim(outpointKey(txid, index))) return true;
  }
  return false;
}

/**
 * What is older than the limit by chain time leaves: the oldest first, and of one age in the order
 * of txids, a bounded number at each chain record. Looked for only when something may be as old.
 */
export function expire(p: Partition): void {
  const oldest = p.chain.medianTime - p.config.limits.expirySeconds;
  if (p.view.since >= oldest) return;
  const due: { readonly txid: Txid; readonly since: number }[] = [];
  let kept = Number.POSITIVE_INFINITY;
  for (const [txid, { since }] of p.view.store.records()) {
    if (since < oldest) due.push({ txid, since });
    else kept = Math.min(kept, since);
  }
  due.sort((a, b) => a.since - b.since || (a.txid < b.txid ? -1 : 1));
  const leaving = due.slice(0, p.config.limits.policyLeaveCountMax);
  p.view.since = due[leaving.length]?.since ?? kept;
  for (const { txid } of leaving) {
    const record = p.view.record(txid);
    if (record !== null) leaveAndTell(p, record, "expired", null);
  }
}

/** The host wants it gone. */
export function onDrop(p: Partition, txid: Txid): void {
  const record = p.view.record(txid);
  if (record !== null && !p.config.isSealed(txid)) leaveAndTell(p, record, "policy", null);
}
