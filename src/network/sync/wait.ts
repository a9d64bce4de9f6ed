// What the sync waits for: why, on whom, at which height and since when. It is what people see in
// logs, over RPC, in the metrics and in progress bars, so that a sync never stands still in silence.
import type { Log } from "../core.ts";
import { WAIT_TOLD_MS, WAIT_TOLD_MS_MAX } from "../limits.ts";

/** Every reason there is; also the metric's labels. */
export const WAIT_REASONS = [
  /** Nothing is missing. */
  "in-step",
  "no-peer",
  /** Headers were asked for. */
  "headers",
  /** Headers of a branch that has not shown enough work to be kept. */
  "headers-counted",
  /** The same once more, now to be kept. */
  "headers-again",
  /** A block is on its way. */
  "block",
  /** Blocks are here and not decided. */
  "judging",
  /** There is no room on the disk, or another reason not to take blocks. */
  "no-room",
  /** Nobody connected has the next block. */
  "block-nowhere",
] as const;

export type WaitReason = (typeof WAIT_REASONS)[number];

export interface SyncWait {
  readonly reason: WaitReason;
  /** The peer that is waited for. */
  readonly peer: { readonly id: number; readonly name: string } | null;
  /** The height of what is waited for, or behind which it lies. */
  readonly height: number | null;
  /** How long it has been asked for. */
  readonly ms: number | null;
  /** The same in a sentence. */
  readonly text: string;
}

/** Tells the log when the sync has waited for one thing for long, and when that is over. */
export class WaitLog {
  readonly #log: Log;
  #key = "";
  #since = 0;
  #next = WAIT_TOLD_MS;
  #told = false;

  constructor(log: Log) {
    this.#log = log;
  }

  tick(wait: SyncWait, now: number): void {
    const key = `${wait.reason} ${wait.peer?.id ?? ""} ${wait.height ?? ""}`;
    if (key !== this.#key) {
      if (this.#told) this.#log("info", "sync goes on", { now: wait.text });
      this.#key = key;
      this.#since = now;
      this.#next = WAIT_TOLD_MS;
      this.#told = false;
      return;
    }
    if (wait.reason === "in-step" || now - this.#since < this.#next) return;
    // Less and less often, so that a night without a network is a few lines.
    this.#next = Math.min(this.#next * 2, this.#next + WAIT_TOLD_MS_MAX);
    this.#told = true;
    this.#log("info", "sync waits", {
      reason: wait.reason,
      peer: wait.peer?.id,
      name: wait.peer?.name,
      height: wait.height,
      seconds: Math.round((now - this.#since) / 1000),
      why: wait.text,
    });
  }
}
