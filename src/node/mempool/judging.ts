// Takes the transactions whose coins their homes have read, has them judged by the verifiers in
// batches, and returns the verdicts. A batch goes out as soon as a verifier has room, so that under
// load batches grow by themselves and a lone transaction does not wait.
import type { Bytes } from "../../base/bytes.ts";
import type { VerifyHead } from "../../planes/execution/admission-host/wire.ts";
import {
  feeFor,
  type JudgeBatch,
  type JudgeReply,
  judgementOf,
  type TransactionJudgement,
} from "../../planes/execution/judge-transaction.ts";
import type { PoolPort } from "../../ports/pool.ts";
import type { UnderWay } from "./gateway.ts";
import type { Member } from "./topology.ts";

/** Jobs in one batch at most: about 4 ms of work when each has two inputs. */
const BATCH_JOBS_MAX = 48;
const BATCH_BYTES_MAX = 1 << 20;
/** Batches under way for each verifier: one that it works on and one that waits. */
const BATCHES_PER_VERIFIER = 2;

export interface JudgeRules {
  readonly relayFeeRate: number;
  readonly requireStandard: boolean;
  /** What is asked at this moment, base units per 1,000 virtual bytes. */
  floorFeeRate(): number;
}

/** A transaction with its coins, and whom to tell. */
export interface Job {
  readonly bytes: Bytes;
  readonly head: VerifyHead;
  readonly skipScripts: boolean;
  /** What its relatives are asked about. */
  readonly member: Member;
  readonly underWay: UnderWay | null;
}

export class Judging {
  readonly #pool: PoolPort<JudgeBatch, JudgeReply>;
  readonly #rules: JudgeRules;
  readonly #judged: (job: Job, judgement: TransactionJudgement) => void;
  readonly #failed: (error: unknown) => void;
  #queue: Job[] = [];
  #next = 0;
  #underWay = 0;

  constructor(
    pool: PoolPort<JudgeBatch, JudgeReply>,
    rules: JudgeRules,
    judged: (job: Job, judgement: TransactionJudgement) => void,
    failed: (error: unknown) => void,
  ) {
    this.#pool = pool;
    this.#rules = rules;
    this.#judged = judged;
    this.#failed = failed;
  }

  /** What a transaction of so many virtual bytes must pay now. */
  leastFee(size: number): number {
    const { relayFeeRate } = this.#rules;
    return feeFor(Math.max(relayFeeRate, this.#rules.floorFeeRate()), size);
  }

  get waiting(): number {
    return this.#queue.length - this.#next;
  }

  add(job: Job): void {
    this.#queue.push(job);
  }

  /** Sends what there is room for. */
  pump(): void {
    while (this.waiting > 0 && this.#underWay < this.#pool.size * BATCHES_PER_VERIFIER) {
      const jobs = this.#takeBatch();
      this.#underWay++;
      this.#run(jobs).then(
        () => {
          this.#underWay--;
          this.pump();
        },
        (error: unknown) => this.#failed(error),
      );
    }
  }

  #takeBatch(): Job[] {
    const first = this.#queue[this.#next]!;
    const jobs: Job[] = [];
    let bytes = 0;
    while (jobs.length < BATCH_JOBS_MAX && bytes < BATCH_BYTES_MAX) {
      const job = this.#queue[this.#next];
      if (job === undefined || !isOfKind(job, first)) break;
      jobs.push(job);
      bytes += job.bytes.length;
      this.#next++;
    }
    if (this.#next > 4096 && this.#next * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#next);
      this.#next = 0;
    }
    return jobs;
  }

  async #run(jobs: readonly Job[]): Promise<void> {
    const starts = new Uint32Array(jobs.length);
    let size = 0;
    for (let index = 0; index < jobs.length; index++) {
      starts[index] = size;
      size += jobs[index]!.bytes.length;
    }
    const transactions = new Uint8Array(size);
    for (let index = 0; index < jobs.length; index++) {
      transactions.set(jobs[index]!.bytes, starts[index]!);
    }
    const { head, skipScripts } = jobs[0]!;
    const { requireStandard } = this.#rules;
    const sponsored = isSponsored(jobs[0]!);
    const relayFeeRate = sponsored ? 0 : this.#rules.relayFeeRate;
    const floorFeeRate = sponsored ? 0 : this.#rules.floorFeeRate();
    const reply = await this.#pool.run({
      transactions,
      starts,
      flags: head.flags,
      relayFeeRate,
      floorFeeRate,
      requireStandard,
      skipScripts,
    });
    for (let index = 0; index < jobs.length; index++) {
      this.#judged(jobs[index]!, judgementOf(reply, index));
    }
  }
}

/** No fee is asked of it. */
const isSponsored = ({ underWay }: Job): boolean => underWay?.sponsored ?? false;

function isOfKind(job: Job, first: Job): boolean {
  const same = job.head.flags === first.head.flags && job.skipScripts === first.skipScripts;
  return same && isSponsored(job) === isSponsored(first);
}
