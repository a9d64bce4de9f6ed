// Connecting one block: stage it on every partition, judge its coins, verify its scripts, and say
// yes with the deltas or no with the reason. Nothing is recorded here: the caller appends the chain
// record, or undoes the deltas. Calls of `stage` reach the partitions in call order, so a block may
// be staged on one that is not decided yet.
import type { Block } from "../../ledger/bitcoin/block.ts";
import { scriptErrorMessage } from "../../ledger/bitcoin/script/script-error.ts";
import { rejectScript, type Verdict } from "../../ledger/bitcoin/verdict.ts";
import type { PoolPort, WorkerPort } from "../../ports/pool.ts";
import type { Duplicates } from "../../state/partition.ts";
import type { Placement } from "../../state/placement.ts";
import { buildFrame, type Frame, FramePool } from "./frame.ts";
import { type BranchFacts, type Judged, judgeCoins } from "./judge.ts";
import type { HostReply, HostRequest } from "./partition-host.ts";
import type { VerifiedCache } from "./verified-cache.ts";
import { packCoins, type VerifyBatch, type VerifyFailure } from "./verify-batch.ts";

/** Inputs in one request to a verifier: about 4 ms of work, so that the cores end together. */
const BATCH_INPUTS = 96;

export interface ConnectRequest {
  /** The block, decoded from the start of `memory`. */
  readonly block: Block;
  readonly memory: SharedArrayBuffer;
  readonly facts: BranchFacts;
  readonly duplicates: Duplicates;
  readonly skipScripts: boolean;
}

export interface Connected {
  readonly verdict: Verdict;
  /** What the block changed, partition by partition: to be recorded, or undone. */
  readonly deltas: readonly Uint32Array[];
  readonly inputs: number;
  /** Inputs whose scripts were run, not found in the cache. */
  readonly scripts: number;
  readonly fees: number;
  /** Number of the request that staged it (see `operations`). */
  readonly operation: number;
  /** Milliseconds from request to each answer. */
  readonly stageMs: number;
  readonly verifyMs: number;
}

export interface ConnectPorts {
  readonly hosts: readonly WorkerPort<HostRequest, HostReply>[];
  readonly verifiers: PoolPort<VerifyBatch, VerifyFailure | null>;
  readonly placement: Placement;
  readonly cache: VerifiedCache;
  readonly now: () => number;
}

/** A batch and the transactions of its jobs. */
interface Batch {
  readonly jobs: number[];
  readonly transactions: number[];
  inputs: number;
}

export class Connector {
  readonly #ports: ConnectPorts;
  readonly pool: FramePool = new FramePool();
  /** Bytes that the partitions hold in memory, host by host, as last heard. */
  readonly #memory: number[];
  #operations = 0;

  constructor(ports: ConnectPorts) {
    this.#ports = ports;
    this.#memory = ports.hosts.map(() => 0);
  }

  /** Requests sent to the hosts that changed their coins: blocks staged, deltas undone or redone. */
  get operations(): number {
    return this.#operations;
  }

  /** Counts anew; the caller has made sure that nothing is under way. */
  countOperationsFrom(first: number): void {
    this.#operations = first;
  }

  get placement(): Placement {
    return this.#ports.placement;
  }

  get cache(): VerifiedCache {
    return this.#ports.cache;
  }

  get memoryBytes(): number {
    return this.#memory.reduce((sum, bytes) => sum + bytes, 0);
  }

  async connect(request: ConnectRequest): Promise<Connected> {
    const { now } = this.#ports;
    const started = now();
    const { block, facts } = request;
    const frame = buildFrame(this.pool, request.memory, block, this.#ports.placement);
    const operation = ++this.#operations;
    const { deltas, duplicate } = await this.#stage(frame, request);
    const staged = now();
    const judged = judgeCoins(block, frame, deltas, duplicate, facts);
    const run = judged.verdict.ok && !request.skipScripts;
    const verified = run
      ? await this.#verifyScripts(block, frame, judged, facts.flags)
      : { verdict: judged.verdict, scripts: 0 };
    this.pool.release(frame.memory);
    return {
      verdict: verified.verdict,
      deltas,
      inputs: frame.inputCount,
      scripts: verified.scripts,
      fees: judged.fees,
      operation,
      stageMs: staged - started,
      verifyMs: now() - staged,
    };
  }

  async #stage(
    frame: Frame,
    request: ConnectRequest,
  ): Promise<{ deltas: Uint32Array[]; duplicate: number }> {
    const { memory, bytes: _bytes, ...layout } = frame;
    const replies = await this.#all({
      kind: "stage",
      memory,
      layout,
      height: request.facts.height,
      duplicates: request.duplicates,
    });
    const deltas: Uint32Array[] = [];
    let duplicate = -1;
    for (const reply of replies) {
      if (reply.kind !== "staged") continue;
      deltas.push(...reply.deltas);
      if (reply.duplicate >= 0) duplicate = reply.duplicate;
    }
    return { deltas, duplicate };
  }

  /** Sends one request to every host, at once and in call order. */
  async #all(request: HostRequest): Promise<readonly HostReply[]> {
    const replies = await Promise.all(this.#ports.hosts.map((host) => host.call(request)));
    for (let host = 0; host < replies.length; host++) {
      const reply = replies[host]!;
      if ("memoryBytes" in reply) this.#memory[host] = reply.memoryBytes;
    }
    return replies;
  }

  /** Takes blocks back, newest first, or applies recorded ones again, oldest first. */
  async apply(kind: "undo" | "redo", deltas: readonly Uint32Array[]): Promise<void> {
    this.#operations += 1;
    await this.#all({ kind, deltas });
  }

  async flush(position: Uint8Array, keepFrom: number): Promise<void> {
    await this.#all({ kind: "flush", position, keepFrom });
  }

  async #verifyScripts(
    block: Block,
    frame: Frame,
    judged: Judged,
    flags: number,
  ): Promise<{ verdict: Verdict; scripts: number }> {
    const { cache, verifiers } = this.#ports;
    const { batches, wanted } = planBatches(block, (wtxid) => cache.has(wtxid, flags));
    if (batches.length === 0) return { verdict: { ok: true }, scripts: 0 };
    const coins = packCoins(
      judged.coins.map((coin, input) => (wanted[input] === 1 ? coin : undefined)),
      (bytes) => this.pool.acquire(bytes),
    );
    const failures = await Promise.all(
      batches.map((batch) =>
        verifiers.run({
          memory: frame.memory,
          blockBytes: frame.blockBytes,
          coins,
          jobs: Int32Array.from(batch.jobs),
          flags,
        }),
      ),
    );
    this.pool.release(coins);
    let scripts = 0;
    for (const batch of batches) scripts += batch.inputs;
    const failed = failures.findIndex((failure) => failure !== null);
    if (failed >= 0) {
      return { verdict: rejectScript(scriptErrorMessage(failures[failed]!.error)), scripts };
    }
    for (const batch of batches) {
      for (const t of batch.transactions) cache.add(block.transactions[t]!.wtxid, flags);
    }
    return { verdict: { ok: true }, scripts };
  }
}

/** Cuts the block's uncached scripts into batches of about BATCH_INPUTS inputs. */
function planBatches(
  block: Block,
  known: (wtxid: Uint8Array) => boolean,
): { batches: Batch[]; wanted: Uint8Array } {
  const batches: Batch[] = [];
  let batch: Batch = { jobs: [], transactions: [], inputs: 0 };
  let first = 0;
  let total = 0;
  for (let t = 1; t < block.transactions.length; t++) total += block.transactions[t]!.inputs.length;
  const wanted = new Uint8Array(total);
  for (let t = 1; t < block.transactions.length; t++) {
    const transaction = block.transactions[t]!;
    const count = transaction.inputs.length;
    if (!known(transaction.wtxid)) {
      wanted.fill(1, first, first + count);
      batch.transactions.push(t);
      for (let from = 0; from < count; ) {
        const to = Math.min(count, from + BATCH_INPUTS - batch.inputs);
        batch.jobs.push(transaction.start, first, from, to);
        batch.inputs += to - from;
        from = to;
        if (batch.inputs === BATCH_INPUTS) {
          batches.push(batch);
          batch = { jobs: [], transactions: [], inputs: 0 };
        }
      }
    }
    first += count;
  }
  if (batch.jobs.length > 0) batches.push(batch);
  return { batches, wanted };
}
