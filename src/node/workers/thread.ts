// Worker threads behind the pool port. A request is numbered, its reply carries the number back; an
// error inside a worker is a mistake of ours or a failed disk, and rejects the call.
import { type ResourceLimits, type TransferListItem, Worker } from "node:worker_threads";
import type { PoolPort, Transfer, WorkerPort } from "../../ports/pool.ts";

/** The number of the first message: all modules and native libraries are loaded. */
export const READY = -1;

interface Envelope<T> {
  readonly number: number;
  readonly body: T;
}

/** An error inside a worker; `code` is the store contract's class where it has one. */
export interface WorkerFault {
  readonly code: string | null;
  readonly message: string;
  readonly stack: string;
}

export class WorkerError extends Error {
  readonly code: string | null;
  constructor(fault: WorkerFault) {
    super(fault.message);
    this.code = fault.code;
    this.stack = fault.stack;
  }
}

/** What a worker sends back; first of all, that it stands. */
export type Answer<Reply> =
  | { readonly number: typeof READY }
  | { readonly number: number; readonly ok: true; readonly body: Reply }
  | { readonly number: number; readonly ok: false; readonly error: WorkerFault };

interface Waiting<Reply> {
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

export class ThreadWorker<Request, Reply> implements WorkerPort<Request, Reply> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting<Reply>>();
  #next = 0;
  #failed: unknown = null;
  /** close() was called: the process stays until the thread has ended. */
  #leaving = false;
  #closing = false;
  /** Settles when the worker stands or has failed. */
  readonly #started: Promise<void>;
  #onStarted: () => void = () => {};
  #onFault: (error: unknown) => void = () => {};

  /** `file`: URL of the built worker; `data` reaches it as workerData. */
  constructor(file: URL, data: unknown, limits: ResourceLimits = {}) {
    this.#worker = new Worker(file, { workerData: data, resourceLimits: limits });
    this.#started = new Promise((resolve) => {
      this.#onStarted = resolve;
    });
    this.#worker.on("message", (answer: Answer<Reply>) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", (code) => {
      if (!this.#closing) this.#fail(new Error(`a worker ended with code ${code}`));
    });
    this.#worker.unref();
  }

  get pending(): number {
    return this.#waiting.size;
  }

  /** Why it answers nothing any more; null while it does. */
  get fault(): string | null {
    if (this.#failed === null) return null;
    return this.#failed instanceof Error ? this.#failed.message : String(this.#failed);
  }

  /** Calls back, once, when it ends unasked: also when nobody waits for an answer of it. */
  onFault(listener: (error: unknown) => void): void {
    this.#onFault = listener;
    if (this.#failed !== null && !this.#closing) listener(this.#failed);
  }

  call(request: Request, transfer: readonly Transfer[] = []): Promise<Reply> {
    if (this.#failed !== null) return Promise.reject(this.#failed);
    const number = this.#next++;
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) this.#worker.ref();
      this.#waiting.set(number, { resolve, reject });
      const envelope: Envelope<Request> = { number, body: request };
      this.#worker.postMessage(envelope, transfer as TransferListItem[]);
    });
  }

  #settle(answer: Answer<Reply>): void {
    if (answer.number === READY) {
      this.#onStarted();
      return;
    }
    const waiting = this.#waiting.get(answer.number);
    this.#waiting.delete(answer.number);
    if (this.#waiting.size === 0 && !this.#leaving) this.#worker.unref();
    if (!("ok" in answer)) return;
    if (answer.ok) waiting?.resolve(answer.body);
    else waiting?.reject(new WorkerError(answer.error));
  }

  #fail(error: unknown): void {
    const isFirst = this.#failed === null;
    this.#failed ??= error;
    this.#onStarted();
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    if (isFirst && !this.#closing) this.#onFault(error);
  }

  /** Ends the thread. One that is still loading a native library must not be torn down. */
  async close(): Promise<void> {
    this.#leaving = true;
    this.#worker.ref();
    await this.#started;
    this.#closing = true;
    await this.#worker.terminate();
    this.#fail(new Error("the worker was closed"));
  }
}

/** Requests a worker has in hand: one that it works on and one that waits, so that it never idles. */
const IN_HAND_MAX = 2;

export class ThreadPool<Request, Reply> implements PoolPort<Request, Reply> {
  readonly #workers: ThreadWorker<Request, Reply>[];
  readonly #queue: { request: Request; waiting: Waiting<Reply> }[] = [];

  constructor(workers: ThreadWorker<Request, Reply>[]) {
    this.#workers = workers;
  }

  get size(): number {
    return this.#workers.length;
  }

  run(request: Request): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, waiting: { resolve, reject } });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      let idlest = this.#workers[0]!;
      for (const worker of this.#workers) if (worker.pending < idlest.pending) idlest = worker;
      if (idlest.pending >= IN_HAND_MAX) return;
      const { request, waiting } = this.#queue.shift()!;
      idlest.call(request).then(
        (reply) => {
          waiting.resolve(reply);
          this.#dispatch();
        },
        (error: unknown) => {
          waiting.reject(error);
          this.#dispatch();
        },
      );
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}
