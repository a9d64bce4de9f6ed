// What the durable groups of one partition mean for its logs: an admitted transaction takes its place,
// one that left or was confirmed gives it up. The host feeds every group once it is durable; at start
// the logs are rebuilt from the records, positions and all.
import type { Bytes } from "../../base/bytes.ts";
import type { Txid } from "../../state/admission/keys.ts";
import { type AdmissionRecord, compareOrder } from "../../state/admission/records.ts";
import type { Change } from "../../state/admission/store.ts";
import { type LogRange, PartitionLogs } from "./rounds.ts";

/** Both ids of a transaction, in hash order. */
export interface Ids {
  readonly txid: Bytes;
  readonly wtxid: Bytes;
}

interface Place {
  readonly round: number;
  readonly position: number;
}

export class LogFeed {
  readonly logs: PartitionLogs;
  private readonly idsOf: (record: AdmissionRecord) => Ids;
  private readonly places: Map<Txid, Place> = new Map();
  /** Restored transactions stand in no log. */
  private readonly restored: Map<Txid, AdmissionRecord> = new Map();

  constructor(
    partition: number,
    bits: number,
    idsOf: (record: AdmissionRecord) => Ids,
    records: Iterable<AdmissionRecord>,
  ) {
    this.logs = new PartitionLogs(partition, bits);
    this.idsOf = idsOf;
    for (const record of [...records].sort((a, b) => a.position - b.position)) this.put(record);
  }

  /** Takes in a durable group. */
  apply(group: readonly Change[]): void {
    for (const change of group) {
      if (change.space !== "record") continue;
      this.drop(change.key);
      if (change.value !== null) this.put(change.value);
    }
  }

  private put(record: AdmissionRecord): void {
    const { txid, round, position } = record;
    if (record.order.restoredBy > 0) {
      this.restored.set(txid, record);
      return;
    }
    const ids = this.idsOf(record);
    this.logs.log(round).add(ids.txid, ids.wtxid, record, position);
    this.places.set(txid, { round, position });
  }

  private drop(txid: Txid): void {
    this.restored.delete(txid);
    const place = this.places.get(txid);
    if (place === undefined) return;
    this.places.delete(txid);
    this.logs.log(place.round).remove(place.position);
  }

  ranges(): LogRange[] {
    return this.logs.ranges();
  }

  /** Restored transactions of this partition; those of all partitions are sorted by compareOrder. */
  restoredRecords(): AdmissionRecord[] {
    return [...this.restored.values()].sort(compareOrder);
  }
}
