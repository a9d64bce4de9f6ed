// A partition host in a worker thread: opens the LMDB stores of its partitions and serves them.
import { workerData } from "node:worker_threads";
import { LmdbEngine } from "../../engines/lmdb/lmdb-engine.ts";
import {
  type HostReply,
  type HostRequest,
  PartitionHost,
} from "../../planes/execution/partition-host.ts";
import { EngineCoinStore } from "../../state/engine-coin-store.ts";
import { Partition } from "../../state/partition.ts";
import { Placement } from "../../state/placement.ts";
import { serve } from "./serve.ts";

export interface PartitionHostData {
  /** Folder of the stores. */
  readonly folder: string;
  readonly partitions: readonly number[];
  readonly partitionCount: number;
  readonly salt: Uint8Array;
}

function start(): (request: HostRequest) => HostReply {
  const { salt, partitionCount, folder, partitions } = workerData as PartitionHostData;
  const placement = new Placement(salt, partitionCount);
  const engine = new LmdbEngine(folder);
  const host = new PartitionHost(
    partitions.map(
      (number) => new Partition(number, new EngineCoinStore(engine, number), placement),
    ),
  );
  return (request) => host.handle(request);
}

serve<HostRequest, HostReply>(start, (reply) =>
  reply.kind === "staged" ? reply.deltas.map((delta) => delta.buffer) : [],
);
