// A partition host in a worker thread: opens the LMDB stores of its partitions and serves them, and
// runs the admission of unconfirmed transactions over them once the node has opened it.
import { type MessagePort, workerData } from "node:worker_threads";
import { LmdbEngine } from "../../engines/lmdb/lmdb-engine.ts";
import { PartitionHost } from "../../planes/execution/partition-host.ts";
import { EngineCoinStore } from "../../state/engine-coin-store.ts";
import { Partition } from "../../state/partition.ts";
import { Placement } from "../../state/placement.ts";
import { AdmissionThread, type NodeHostReply, type NodeHostRequest } from "./admission-thread.ts";
import { serve } from "./serve.ts";

export interface PartitionHostData {
  /** Folder of the stores. */
  readonly folder: string;
  readonly partitions: readonly number[];
  readonly partitionCount: number;
  readonly salt: Uint8Array;
}

/** Changes in one transaction of each store; at 4 KiB a page all stores together keep 32 MiB. */
const FLUSH_COUNT_ALL = 8_192;
const FLUSH_COUNT_MIN = 512;

type Handle = (request: NodeHostRequest<MessagePort>) => NodeHostReply;

function start(): Handle {
  const data = workerData as PartitionHostData;
  const placement = new Placement(data.salt, data.partitionCount);
  const engine = new LmdbEngine(data.folder);
  const flushCount = Math.max(FLUSH_COUNT_MIN, Math.floor(FLUSH_COUNT_ALL / data.partitionCount));
  const partitions = data.partitions.map((number) => {
    const store = new EngineCoinStore(engine, number);
    return new Partition(number, store, placement, flushCount);
  });
  const host = new PartitionHost(partitions);
  const admission = new AdmissionThread(partitions, placement, data.salt);
  return (request) =>
    admission.handle(request) ?? admission.noted(request, (plain) => host.handle(plain));
}

serve<NodeHostRequest<MessagePort>, NodeHostReply>(start, (reply) => {
  if (reply.kind === "staged") return reply.deltas.map((delta) => delta.buffer);
  return reply.kind === "segments" ? reply.ranges.map(({ ids }) => ids.buffer) : [];
});
