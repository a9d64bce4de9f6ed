// I12: at SETTLED the whole admitted set, in assembly order and without cones that are just leaving by
// policy, is one connectable block on the tip.

import { LogFeed } from "../../../planes/execution/rounds-feed.ts";
import { assembleSegments, restoredLog } from "../../../planes/execution/segment-assemble.ts";
import { outpointTxid, type Txid, txidInto } from "../../../state/admission/keys.ts";
import {
  type AdmissionRecord,
  compareOrder,
  isChainCause,
  sameAttempt,
} from "../../../state/admission/records.ts";
import type { MemoryPartitionStore } from "../../../state/admission/store.ts";
import { apply, judge } from "../model.ts";
import { type Checker, durableRecords, type Sight, seqOf, short } from "./checker.ts";

/** Every partition is at the same record and owes nothing of the chain's making: seen at one moment. */
export function settledSeq({ cluster, templateAfterSettled }: Sight): number | null {
  const seq = seqOf(cluster.durable[0]!);
  for (const store of cluster.durable) {
    if (seqOf(store) !== seq) return null;
    if (templateAfterSettled && owesChain(store)) return null;
  }
  return seq;
}

function owesChain(store: MemoryPartitionStore): boolean {
  for (const { cause } of store.outboxMap.values()) if (isChainCause(cause)) return true;
  return false;
}

/** The admitted set in assembly order, without cones that are leaving. */
export function template(sight: Sight): AdmissionRecord[] {
  const { cluster } = sight;
  const gone = new Set<Txid>();
  const records = new Map<Txid, AdmissionRecord>();
  for (const { record } of durableRecords(sight)) records.set(record.txid, record);
  for (const store of cluster.durable) {
    for (const txid of store.leavingMap.keys()) if (!records.has(txid)) gone.add(txid);
    for (const { child, attempt, cause } of store.outboxMap.values()) {
      if (isChainCause(cause)) continue;
      const record = records.get(child);
      if (record !== undefined && sameAttempt(record.attempt, attempt)) gone.add(child);
    }
  }
  const kept: AdmissionRecord[] = [];
  for (const record of [...records.values()].sort(compareOrder)) {
    const lost = record.candidate.inputs.some(({ outpoint }) => gone.has(outpointTxid(outpoint)));
    if (lost) gone.add(record.txid);
    if (!gone.has(record.txid)) kept.push(record);
  }
  return kept;
}

/**
 * SETTLED as a node learns it: each partition says so at some moment, never all at once. It holds
 * because an outbox entry is acknowledged only when its whole cone is gone.
 */
export function templateConnects(): Checker {
  let seq = 0;
  let next = 0;
  return {
    rule: "I12",
    rest: judgeLayout,
    sample(sight) {
      const { durable } = sight.cluster;
      const newest = sight.chain.last.seq;
      if (seq !== newest) next = 0;
      seq = newest;
      // One partition is asked at a time.
      const asked = durable[next];
      if (asked !== undefined) {
        if (seqOf(asked) !== seq) return;
        if (!sight.templateAfterSettled || !owesChain(asked)) next++;
        if (next < durable.length) return;
      }
      if (durable.every((store) => seqOf(store) === seq)) judgeTemplate(sight, seq);
    },
  };
}

function judgeTemplate(sight: Sight, seq: number): void {
  const { coins: tip, facts } = sight.chain.at(seq);
  const coins = new Map(tip);
  for (const { candidate } of template(sight)) {
    const fault = judge(candidate, coins, facts);
    if (fault !== null) {
      sight.fail("I12", `the template at ${seq} fails at ${short(candidate.txid)}: ${fault}`);
      return;
    }
    apply(candidate, coins, facts.height + 1);
  }
}

const SEGMENT_BITS = 2;

/** At rest: the block that the layout makes of the logs connects as well. */
function judgeLayout(sight: Sight): void {
  const seq = settledSeq(sight);
  if (seq === null) return;
  const feeds = sight.cluster.durable.map(
    (store, partition) =>
      new LogFeed(partition, SEGMENT_BITS, store.salt, idsOf, store.records(), (record) => record),
  );
  const restored = sight.cluster.durable
    .flatMap((store) => [...store.recordMap.values()])
    .filter(({ order }) => order.restoredBy > 0)
    .sort(compareOrder);
  const log = restoredLog(restored.map((record) => ({ ...idsOf(record), entry: record })));
  const ranges = feeds.flatMap((feed) => feed.ranges());
  const { segments } = assembleSegments(log, ranges, SEGMENT_BITS);
  const { coins: tip, facts } = sight.chain.at(seq);
  const coins = new Map(tip);
  const entries = segments.flatMap((segment) => [...segment.entries()]).slice(1);
  for (const { log: from, position } of entries) {
    const { candidate } = from.entries[position] as AdmissionRecord;
    const fault = judge(candidate, coins, facts);
    if (fault !== null) {
      sight.fail("I12", `the layout fails at ${short(candidate.txid)}: ${fault}`);
      return;
    }
    apply(candidate, coins, facts.height + 1);
  }
}

function idsOf({ txid }: AdmissionRecord): { txid: Uint8Array; wtxid: Uint8Array } {
  const bytes = new Uint8Array(32);
  txidInto(bytes, 0, txid);
  return { txid: bytes, wtxid: bytes };
}
