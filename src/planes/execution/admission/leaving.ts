// Eviction on the wire: a tombstone repeats RELEASE, the outbox repeats EVICT, and an EVICT is
// acknowledged only when the whole cone below it is gone, so that an empty outbox proves it.
import { release } from "../../../state/admission/claims.ts";
import type { Txid } from "../../../state/admission/keys.ts";
import { leave, outputKeys } from "../../../state/admission/leave.ts";
import {
  type AdmissionRecord,
  compareAttempts,
  type Heir,
  type LeaveCause,
  type OutboxEntry,
  sameAttempt,
  type Tombstone,
} from "../../../state/admission/records.ts";
import type { Evict, Evicted, Released, ReleaseLeaving } from "./messages.ts";
import type { Partition } from "./partition.ts";
import { restartAfter } from "./preparing.ts";

/** An admitted transaction leaves, and everybody who must know is told. */
export function leaveAndTell(
  p: Partition,
  record: AdmissionRecord,
  cause: LeaveCause,
  by: Txid | null,
  heir: Heir | null = null,
): void {
  const before = p.view.store.meta("outboxNext");
  const { tombstone, handed } = leave(p.context, p.config.places, p.self, record, cause, heir);
  p.emit({ type: "evicted", txid: record.txid, attempt: record.attempt, cause, by });
  if (heir !== null && handed.length > 0) tellHeir(p, heir, record.txid);
  p.acknowledged.delete(record.txid);
  if (tombstone !== null) sendReleases(p, record.txid, tombstone);
  else if (!p.config.rules.tombstone) sendOnce(p, record, cause);
  sendEntriesFrom(p, before);
  coneChanged(p, record.txid);
}

function tellHeir(p: Partition, heir: Heir, left: Txid): void {
  const { txid, attempt } = heir;
  p.send(p.config.places.home(txid), { type: "handed", txid, attempt, left });
}

/** Only in the mutant without tombstones: RELEASE once, and hope. */
function sendOnce(p: Partition, record: AdmissionRecord, cause: LeaveCause): void {
  const { txid, attempt, candidate } = record;
  const inputs = candidate.inputs.map((input) => input.outpoint);
  const partitions = [...new Set(inputs.map((key) => p.config.places.coin(key)))];
  const outputCount = candidate.outputs.length;
  const seq = p.seq;
  const tombstone = { attempt, cause, seq, partitions, inputs, outputCount, heir: null };
  sendReleases(p, txid, tombstone);
}

function sendReleases(p: Partition, txid: Txid, tombstone: Tombstone): void {
  const done = p.acknowledged.get(txid);
  for (const partition of tombstone.partitions) {
    if (partition === p.self || done?.has(partition) === true) continue;
    sendRelease(p, txid, tombstone, partition);
  }
  p.wantResend(p.config.limits.resendMs);
}

/** The tombstone's RELEASE to one partition. */
export function sendRelease(
  p: Partition,
  txid: Txid,
  tombstone: Tombstone,
  partition: number,
): void {
  const { attempt, seq, cause, heir, outputCount } = tombstone;
  const { places } = p.config;
  const every = Array.from({ length: outputCount }, (_, index) => index);
  const inputs = tombstone.inputs.filter((key) => places.coin(key) === partition);
  const outputs = outputKeys(txid, every).filter((key) => places.coin(key) === partition);
  const what = { txid, attempt, inputs, outputs, seq, cause, heir };
  p.send(partition, { type: "release-leaving", ...what });
}

/**
 * An acknowledgement that writes nothing would pass the fence even when an old owner gives it, from a
 * stale copy that knows nothing of the claim or the record: so it always writes.
 */
function proveOwner(p: Partition): void {
  if (p.view.group.length > 0 || !p.config.rules.acknowledgeFenced) return;
  p.view.putMeta("acknowledged", p.epoch);
}

/** At a partition with inputs or outputs of a leaving transaction. */
export function onReleaseLeaving(p: Partition, from: number, message: ReleaseLeaving): void {
  // An answer from before this chain position would be undone when the block that spent the coin is
  // (flaw 5): silence until then, the tombstone asks again.
  if (p.config.rules.waitForSeq && p.seq < message.seq) return;
  const { txid, attempt, inputs, outputs, cause, heir } = message;
  const before = p.view.store.meta("outboxNext");
  const handed = release(p.context, { txid, attempt, inputs, outputs, cause, heir });
  if (handed.length > 0 && heir !== null) tellHeir(p, heir, txid);
  if (outputs.length > 0 && attempt.seq === p.seq) {
    const released = p.view.store.released(txid);
    if (released === null || compareAttempts(released, attempt) < 0) {
      p.view.putReleased(txid, attempt);
    }
  }
  sendEntriesFrom(p, before);
  if (p.view.hasOutboxOf(txid) && p.config.rules.treeAcknowledgement) {
    p.releaseWaiting.set(txid, { to: from, attempt });
  } else {
    proveOwner(p);
    p.send(from, { type: "released", txid, attempt });
  }
}

export function onReleased(p: Partition, from: number, message: Released): void {
  const { txid, attempt } = message;
  const tombstone = p.view.leaving(txid);
  if (tombstone === null || !sameAttempt(tombstone.attempt, attempt)) return;
  let done = p.acknowledged.get(txid);
  if (done === undefined) {
    done = new Set();
    p.acknowledged.set(txid, done);
  }
  done.add(from);
  if (!tombstone.partitions.every((partition) => done.has(partition))) return;
  p.view.putLeaving(txid, null);
  p.acknowledged.delete(txid);
  coneChanged(p, txid);
}

/** Sends outbox entries made in this step. */
export function sendEntriesFrom(p: Partition, first: number): void {
  const next = p.view.store.meta("outboxNext");
  for (let key = first; key < next; key++) {
    const entry = p.view.store.outboxEntry(key);
    if (entry === null) continue;
    sendEntry(p, key, entry);
    if (!p.config.rules.durableOutbox) p.view.dropOutbox(key);
  }
}

function sendEntry(p: Partition, key: number, entry: OutboxEntry): void {
  const { child, attempt, seq, cause, by } = entry;
  const to = p.config.places.home(child);
  p.send(to, { type: "evict", txid: child, attempt, entry: key, seq, cause, by });
  p.wantResend(p.config.limits.resendMs);
}

/** At the home of a transaction that lost a claim or a parent. */
export function onEvict(p: Partition, from: number, message: Evict): void {
  if (p.config.rules.waitForSeq && p.seq < message.seq) return;
  const { txid, attempt, entry, cause, by } = message;
  const { evictComparesAttempt, treeAcknowledgement } = p.config.rules;
  const record = p.view.record(txid);
  if (record !== null && (!evictComparesAttempt || sameAttempt(record.attempt, attempt))) {
    leaveAndTell(p, record, cause, by);
  }
  const preparing = p.preparing.get(txid);
  if (preparing !== undefined && sameAttempt(preparing.attempt, attempt)) {
    // It lost a claim that it already counts on: this attempt may not decide any more.
    restartAfter(p, preparing, 0);
  }
  if (!treeAcknowledgement || isConeGone(p, txid)) {
    proveOwner(p);
    p.send(from, { type: "evicted", txid, entry });
    return;
  }
  let waiting = p.evictWaiting.get(txid);
  if (waiting === undefined) {
    waiting = new Map();
    p.evictWaiting.set(txid, waiting);
  }
  const entries = waiting.get(from) ?? new Set();
  waiting.set(from, entries.add(entry));
}

export function onEvicted(p: Partition, message: Evicted): void {
  const entry = p.view.dropOutbox(message.entry);
  if (entry?.parent != null) coneChanged(p, entry.parent);
}

function isConeGone(p: Partition, txid: Txid): boolean {
  return p.view.leaving(txid) === null && !p.view.hasOutboxOf(txid);
}

/** Answers who waited for this transaction's cone, when it is gone. */
function coneChanged(p: Partition, txid: Txid): void {
  if (!p.view.hasOutboxOf(txid)) {
    const waiting = p.releaseWaiting.get(txid);
    p.releaseWaiting.delete(txid);
    if (waiting !== undefined) {
      p.send(waiting.to, { type: "released", txid, attempt: waiting.attempt });
    }
  }
  const waiting = p.evictWaiting.get(txid);
  if (waiting === undefined || !isConeGone(p, txid)) return;
  p.evictWaiting.delete(txid);
  for (const [from, entries] of waiting) {
    for (const entry of entries) p.send(from, { type: "evicted", txid, entry });
  }
}

/** Repeats what is not acknowledged, a bounded number in one turn; the next turn goes on from there. */
export function onResendTimer(p: Partition): void {
  p.resendDone();
  let left = p.config.limits.resendCountMax;
  p.tombstones ??= p.view.store.tombstones()[Symbol.iterator]();
  while (p.tombstones !== null && left-- > 0) {
    const next = p.tombstones.next();
    if (next.done === true) p.tombstones = null;
    else sendReleases(p, ...next.value);
  }
  p.outbox ??= p.view.store.outbox()[Symbol.iterator]();
  while (p.outbox !== null && left-- > 0) {
    const next = p.outbox.next();
    if (next.done === true) p.outbox = null;
    else sendEntry(p, ...next.value);
  }
  if (left <= 0) p.wantResend(p.config.limits.resendMs / 4);
}
