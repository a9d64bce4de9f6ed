// Connecting one block: stage it on every partition, judge its coins, verify its scripts, and say
// yes with the deltas or no with the reason. Nothing is recorded here: the caller appends the chain
// record, or undoes the deltas. Calls of `stage` reach the partitions in call order, so a block may
// be staged on one that is not decided yet.
import type { Block } from "../../ledger/bitcoin/block.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import { scriptErrorMessage } from "../../ledger/bitcoin/script/script-error.ts";
import { rejectScript, type Verdict } from "../../ledger/bitcoin/verdict.ts";
import type { PoolPort, WorkerPort } from "../../ports/pool.ts";
import type { Duplicates } from "../../state/partition.ts";
import type { Placement } from "../../state/placement.ts";
import { buildFrame, type Frame, FramePool } from "./frame.ts";
import { type BranchFacts, judgeCoins } from "./judge.ts";
import type { HostReply, HostRequest } from "./partition-host.ts";
import { VERIFIED_KEY_WORDS, type VerifiedCache } from "./verified-cache.ts";
import {
  firstFailure,
  JOB_WORDS,
  packWork,
  planVerification,
  type VerifyBatch,
  type VerifyFailure,
  type VerifyPlan,
} from "./verify-batch.ts";

export interface ConnectRequest {
  /** The block, decoded from the start of `memory`. */
  readonly block: Block;
  readonly memory: SharedArrayBuffer;
  readonly facts: BranchFacts;
  readonly duplicates: Duplicates;
  readonly skipScripts: boolean;
  /** Whether the cache learns the scripts: they may be asked for again, after a reorganisation. */
  readonly remember: boolean;
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
  /** Milliseconds: until all partitions answered, in the judge, and until all scripts were run. */
  readonly stageMs: number;
  readonly judgeMs: number;
  readonly verifyMs: number;
}

export interface ConnectPorts {
  readonly hosts: readonly WorkerPort<HostRequest, HostReply>[];
  readonly verifiers: PoolPort<VerifyBatch, VerifyFailure | null>;
  readonly placement: Placement;
  readonly cache: VerifiedCache;
  readonly now: () => number;
}

/** The partitions' answers. */
interface StagedCoins {
  readonly deltas: readonly Uint32Array[];
  readonly duplicate: number;
}

/** What else is known when they have answered. */
interface Planned {
  readonly operation: number;
  /** Null when no script is to be run. */
  readonly plan: VerifyPlan | null;
}

/** What the verifiers found. */
interface ScriptsVerdict {
  readonly verdict: Verdict;
  readonly scripts: number;
}

export class Connector {
  readonly #ports: ConnectPorts;
  readonly pool: FramePool = new FramePool();
  /** Bytes that the partitions hold in memory, host by host, as last heard. */
  readonly #memory: number[];
  #operations = 0;
  /** The stores were read through and not written since. */
  #verified = false;

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

  connect(request: ConnectRequest): Promise<Connected> {
    const started = this.#ports.now();
    const frame = buildFrame(this.pool, request.memory, request.block, this.#ports.placement);
    const operation = ++this.#operations;
    const staged = this.#stage(frame, request);
    // While the partitions work; this thread would only wait.
    const plan = request.skipScripts ? null : this.#plan(request);
    return staged.then((answers) =>
      this.#judge(request, frame, { ...answers, operation, plan }, started),
    );
  }

  #plan({ block, facts, remember }: ConnectRequest): VerifyPlan {
    return planVerification(block, { cache: this.#ports.cache, flags: facts.flags, remember });
  }

  /**
   * Judges a staged block and has its scripts run. Nothing that waits for the verifiers holds the
   * decoded block: many blocks wait at once, and the garbage collector would have to keep and move
   * all their small objects.
   */
  #judge(
    request: ConnectRequest,
    frame: Frame,
    { deltas, duplicate, operation, plan }: StagedCoins & Planned,
    started: number,
  ): Promise<Connected> {
    const { now } = this.#ports;
    const stagedAt = now();
    const judged = judgeCoins(request.block, frame, deltas, duplicate, request.facts);
    const { fees } = judged;
    const judgedAt = now();
    const times = { stageMs: stagedAt - started, judgeMs: judgedAt - stagedAt };
    const known = { deltas, inputs: frame.inputCount, fees, operation, ...times };
    if (!judged.verdict.ok || plan === null) {
      this.pool.release(frame.memory);
      return Promise.resolve({ verdict: judged.verdict, scripts: 0, verifyMs: 0, ...known });
    }
    return this.#verifyScripts(plan, request.facts, frame, judged.coins).then((verified) => {
      return { ...verified, ...known, verifyMs: now() - judgedAt };
    });
  }

  async #stage(frame: Frame, request: ConnectRequest): Promise<StagedCoins> {
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

  /** Reads every store through, unless that was done since the last flush. */
  async verifyStores(): Promise<void> {
    if (this.#verified) return;
    await this.#all({ kind: "verify" });
    this.#verified = true;
  }

  /** Writes changes to the stores, durably; coins from the height `keepFrom` on stay in memory. */
  async flush(
    position: Uint8Array,
    keepFrom: number,
    only: readonly number[] | null = null,
  ): Promise<void> {
    this.#verified = false;
    await this.#all({ kind: "flush", position, keepFrom, only });
  }

  #verifyScripts(
    plan: VerifyPlan,
    facts: BranchFacts,
    frame: Frame,
    coins: readonly Coin[],
  ): Promise<ScriptsVerdict> {
    const work = packWork(plan, coins, (bytes) => this.pool.acquire(bytes));
    const { memory, blockBytes } = frame;
    const batch: VerifyBatch = {
      memory,
      blockBytes,
      work,
      chunkCount: plan.chunkEnds.length,
      jobCount: plan.jobs.length / JOB_WORDS,
      flags: facts.flags,
    };
    return this.#runScripts(batch, plan.inputs, plan.keys);
  }

  /** Sends the batch to every verifier that can find work in it. */
  async #runScripts(
    batch: VerifyBatch,
    scripts: number,
    keys: Uint32Array,
  ): Promise<ScriptsVerdict> {
    const { cache, verifiers } = this.#ports;
    const count = Math.min(verifiers.size, batch.chunkCount);
    const failures = await Promise.all(Array.from({ length: count }, () => verifiers.run(batch)));
    this.pool.release(batch.work);
    this.pool.release(batch.memory);
    const failed = firstFailure(failures);
    if (failed !== null) {
      return { verdict: rejectScript(scriptErrorMessage(failed.error)), scripts };
    }
    for (let at = 0; at < keys.length; at += VERIFIED_KEY_WORDS) cache.addKey(keys, at);
    return { verdict: { ok: true }, scripts };
  }
}
