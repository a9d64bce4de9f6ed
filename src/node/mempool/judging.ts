// Takes the transactions whose coins their homes have read, has them judged by the verifiers in
// batches, and returns the verdicts. A batch goes out as soon as a verifier has room, so that under
// load batches grow by themselves and a lone transaction does not wait.
import type { Bytes } from "../../base/bytes.ts";
import type {
  JudgeBatch,
  JudgeReply,
  TransactionJudgement,
} from "../../planes/execution/judge-transaction.ts";
import type { PoolPort } from "../../ports/pool.ts";

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

interface Job {
  readonly bytes: Bytes;
  readonly flags: number;
  readonly skipScripts: boolean;
  /** No fee is asked: a child that comes with it pays for it. */
  readonly sponsored: boolean;
  readonly done: (judgement: TransactionJudgement) => void;
}

export class Judging {
  readonly #pool: PoolPort<JudgeBatch, JudgeReply>;
  readonly #rules: JudgeRules;
  readonly #failed: (error: unknown) => void;
  #queue: Job[] = [];
  #next = 0;
  #underWay = 0;

  constructor(
    pool: PoolPort<JudgeBatch, JudgeReply>,
    rules: JudgeRules,
    failed: (error: unknown) => void,
  ) {
    this.#pool = pool;
    this.#rules = rules;
    this.#failed = failed;
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
    const starts: number[] = [];
    let size = 0;
    for (const { bytes } of jobs) {
      starts.push(size);
      size += bytes.length;
    }
    const transactions = new Uint8Array(size);
    jobs.forEach(({ bytes }, index) => {
      transactions.set(bytes, starts[index]!);
    });
    const { flags, skipScripts, sponsored } = jobs[0]!;
    const { requireStandard } = this.#rules;
    const relayFeeRate = sponsored ? 0 : this.#rules.relayFeeRate;
    const floorFeeRate = sponsored ? 0 : this.#rules.floorFeeRate();
    const { judgements } = await this.#pool.run({
      transactions,
      starts,
      flags,
      relayFeeRate,
      floorFeeRate,
      requireStandard,
      skipScripts,
    });
    jobs.forEach(({ done }, index) => {
      done(judgements[index]!);
    });
  }
}

function isOfKind(job: Job, { flags, skipScripts, sponsored }: Job): boolean {
  const same = job.flags === flags && job.skipScripts === skipScripts;
  return same && job.sponsored === sponsored;
}
