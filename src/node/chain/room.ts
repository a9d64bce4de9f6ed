// What a node does about a full disk: reads go on, new writes are refused with the reason, and what
// was begun waits and is tried again until there is room. One object knows it for the whole node:
// the chain tries its writes here, the mempool's journals report to it, who serves asks it.
//
//   no room: fewer bytes are free than the reserve, or a write has found none
//   a failed flush is no lack of room: it is thrown, and ends the node
import { statfsSync } from "node:fs";
import { StorageFull } from "../../ports/storage-error.ts";
import { faultOf } from "./faults.ts";

/** Below so much free space nothing new is taken, so that what is under way can end. */
export const RESERVE_BYTES: number = 48 * 1024 * 1024;
/** Between two tries, and how old an answer about free space may be, milliseconds. */
const RETRY_MS = 500;
const LOOK_MS = 100;

export interface DiskRoomOptions {
  /** Where the files are. */
  readonly folder: string;
  readonly reserveBytes: number;
  /** True for a node that goes on: a write waits for room. False: it throws StorageFull at once. */
  readonly waits: boolean;
  /** Bytes that may still be written; by default asked of the system. */
  readonly freeBytes?: () => number;
}

interface Waiting {
  readonly retry: () => void;
  readonly end: () => void;
}

export class DiskRoom {
  readonly #options: DiskRoomOptions;
  /** Why a write is waiting, by who waits. */
  readonly #stuck = new Map<string, string>();
  readonly #waiting = new Set<Waiting>();
  readonly #listeners = new Set<(reason: string | null) => void>();
  #timer: NodeJS.Timeout | null = null;
  #low: string | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #told: string | null = null;
  #ended = false;

  constructor(options: DiskRoomOptions) {
    this.#options = options;
  }

  get freeBytes(): number {
    const { folder, freeBytes } = this.#options;
    if (freeBytes !== undefined) return freeBytes();
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  }

  /** Why nothing new may be written, in words; null when it may. */
  get refusal(): string | null {
    if (!this.#options.waits) return null;
    const now = performance.now();
    if (now - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = now;
      this.#look();
    }
    this.#tell();
    return this.#reason;
  }

  /** True while a write that was begun waits for room. */
  get isStuck(): boolean {
    return this.#stuck.size > 0;
  }

  get #reason(): string | null {
    const [stuck] = this.#stuck.values();
    return stuck ?? this.#low;
  }

  #look(): void {
    const { folder, reserveBytes } = this.#options;
    const free = this.freeBytes;
    // Numbers would make a new reason of every look.
    const megabytes = Math.ceil(reserveBytes / 1_048_576);
    this.#low =
      free < reserveBytes
        ? `less than ${megabytes} MiB are free on the disk of ${folder}: free some space`
        : null;
  }

  /** Calls back with each change of the reason; returns how to stop it. */
  subscribe(listener: (reason: string | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    const reason = this.#reason;
    if (reason === this.#told) return;
    this.#told = reason;
    for (const listener of this.#listeners) listener(reason);
  }

  /** Somebody else's write waits for room (a reason), or has found it (null). */
  report(who: string, reason: string | null): void {
    if (reason === null) this.#stuck.delete(who);
    else this.#stuck.set(who, reason);
    this.#tell();
    this.#plan();
  }

  /** Throws when nothing new may be written. */
  assertRoom(): void {
    const { refusal } = this;
    if (refusal !== null) throw new NoRoom(this.#options.folder, refusal);
  }

  /**
   * Does a write, and again until there is room for it; it must leave nothing behind when it finds
   * none. Throws everything else.
   */
  async insist<T>(write: () => T | Promise<T>): Promise<T> {
    for (;;) {
      try {
        const done = await write();
        if (this.#stuck.delete("chain")) this.#tell();
        return done;
      } catch (error) {
        const fault = faultOf(error);
        if (fault?.kind !== "full" || !this.#options.waits || this.#ended) throw error;
        this.#stuck.set("chain", fault.message);
        this.#tell();
        await this.#wait(error);
      }
    }
  }

  #wait(error: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { retry: resolve, end: () => reject(error) };
      this.#waiting.add(waiting);
      this.#plan();
    });
  }

  /** Looks again later, for who waits and for who listens. */
  #plan(): void {
    // Who waits keeps the process alive.
    if (this.#waiting.size > 0) this.#timer?.ref();
    if (this.#timer !== null || this.#ended || this.#reason === null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      for (const waiting of this.#waiting) waiting.retry();
      this.#waiting.clear();
      void this.refusal;
      this.#plan();
    }, RETRY_MS);
    if (this.#waiting.size === 0) this.#timer.unref();
  }

  /** Nothing waits any more: what does fails with the reason. */
  end(): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const waiting of this.#waiting) waiting.end();
    this.#waiting.clear();
  }
}

/** Refused before anything was written; the message is the reason. */
export class NoRoom extends StorageFull {
  constructor(folder: string, reason: string) {
    super(folder);
    this.message = reason;
  }
}
