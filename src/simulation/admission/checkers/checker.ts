// What a checker is: one invariant, told what happens, free to look at everything. Each stands in a
// file of its own; the table of them is docs/internals/admission.md, invariants.

import type {
  AdmissionEvent,
  AnswerMessage,
  Incoming,
} from "../../../planes/execution/admission/messages.ts";
import { keyHex } from "../../../state/admission/keys.ts";
import type { AdmissionRecord } from "../../../state/admission/records.ts";
import type { MemoryPartitionStore } from "../../../state/admission/store.ts";
import type { ChainLog } from "../chain-log.ts";
import type { Cluster, Entry, Instance } from "../cluster.ts";
import type { Client } from "../workload.ts";

/** What checkers look at. */
export interface Sight {
  readonly cluster: Cluster;
  readonly chain: ChainLog;
  readonly clients: readonly Client[];
  /** False for the mutant that makes templates early. */
  readonly templateAfterSettled: boolean;
  /** Something must hold and does not. */
  fail(rule: string, text: string): void;
}

export interface Checker {
  readonly rule: string;
  /** A group has become durable. */
  durable?(sight: Sight, entry: Entry): void;
  /** A partition has processed a message, or something else (null). */
  stepped?(sight: Sight, instance: Instance, message: Incoming | null): void;
  answered?(sight: Sight, answer: AnswerMessage): void;
  happened?(sight: Sight, event: AdmissionEvent): void;
  /** From time to time. */
  sample?(sight: Sight): void;
  /** Faults have stopped and everything has come to rest. */
  rest?(sight: Sight): void;
}

export interface DurableRecord {
  readonly partition: number;
  readonly seq: number;
  readonly record: AdmissionRecord;
}

export function seqOf(store: MemoryPartitionStore): number {
  return store.meta("seq");
}

/** Every durable record of every partition. */
export function* durableRecords({ cluster }: Sight): Generator<DurableRecord> {
  for (let partition = 0; partition < cluster.durable.length; partition++) {
    const store = cluster.durable[partition]!;
    const seq = seqOf(store);
    for (const record of store.recordMap.values()) yield { partition, seq, record };
  }
}

export function short(txid: string): string {
  return keyHex(txid).slice(0, 6);
}
