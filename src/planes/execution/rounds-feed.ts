// What the durable groups of one partition mean for its logs: an admitted transaction takes its place,
// one that left or was confirmed gives it up. The host feeds every group once it is durable; at start
// the logs are rebuilt from the records, positions and all.
import type { Bytes } from "../../base/bytes.ts";
import { Writer } from "../../base/writer.ts";
import { KeyTable } from "../../state/admission/key-table.ts";
import { TXID_UNITS, type Txid } from "../../state/admission/keys.ts";
import type { AdmissionRecord } from "../../state/admission/records.ts";
import type { Change } from "../../state/admission/store.ts";
import { type LogRange, PartitionLogs } from "./rounds.ts";

/** Both ids of a transaction, in hash order. */
export interface Ids {
  readonly txid: Bytes;
  readonly wtxid: Bytes;
}

const PRESENT = {};

export class LogFeed {
  readonly logs: PartitionLogs;
  private readonly idsOf: (record: AdmissionRecord) => Ids;
  /** Round and position, two i32, by txid. */
  private readonly places: KeyTable;
  private readonly place: Writer = new Writer(8);
  private readonly entryOf: (record: AdmissionRecord) => object;

  constructor(
    partition: number,
    bits: number,
    salt: Uint32Array,
    idsOf: (record: AdmissionRecord) => Ids,
    records: Iterable<readonly [Txid, AdmissionRecord]>,
    entryOf: (record: AdmissionRecord) => object = () => PRESENT,
  ) {
    this.logs = new PartitionLogs(partition, bits);
    this.places = new KeyTable(TXID_UNITS, salt);
    this.idsOf = idsOf;
    this.entryOf = entryOf;
    const ordered = Array.from(records, ([, record]) => record);
    for (const record of ordered.sort((a, b) => a.position - b.position)) this.put(record);
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
    // Restored transactions stand in no log.
    if (record.order.restoredBy > 0) return;
    const ids = this.idsOf(record);
    this.logs.log(round).add(ids.txid, ids.wtxid, this.entryOf(record), position);
    this.place.at = 0;
    this.place.i32(round);
    this.place.i32(position);
    this.places.put(txid, this.place.bytes, 0, this.place.at);
  }

  private drop(txid: Txid): void {
    const address = this.places.find(txid);
    if (address < 0) return;
    const { view } = this.places.page(address);
    const at = this.places.at(address);
    this.logs.log(view.getInt32(at, true)).remove(view.getInt32(at + 4, true));
    this.places.delete(txid);
  }

  ranges(): LogRange[] {
    return this.logs.ranges();
  }
}
