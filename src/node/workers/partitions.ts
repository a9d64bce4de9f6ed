// A partition host in a worker thread: opens the LMDB stores of its partitions and serves them.
import { workerData } from "node:worker_threads";
import { LmdbCoinStore } from "../../engines/lmdb/coin-store.ts";
import {
  type HostReply,
  type HostRequest,
  PartitionHost,
} from "../../planes/execution/partition-host.ts";
import { Partition } from "../../state/partition.ts";
import { Placement } from "../../state/placement.ts";
import { serve } from "./serve.ts";

export interface PartitionHostData {
  /** Folder of the stores, or null for a host that keeps its coins in memory only. */
  readonly folder: string;
  readonly partitions: readonly number[];
  readonly partitionCount: number;
  readonly salt: Uint8Array;
}

const data = workerData as PartitionHostData;
const placement = new Placement(data.salt, data.partitionCount);
const host = new PartitionHost(
  data.partitions.map(
    (number) => new Partition(number, LmdbCoinStore.open(data.folder, number), placement),
  ),
);

serve<HostRequest, HostReply>(
  (request) => host.handle(request),
  (reply) => (reply.kind === "staged" ? reply.deltas.map((delta) => delta.buffer) : []),
);
