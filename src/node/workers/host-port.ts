// A partition host as the node talks to it: about coins and blocks, and about admission.
import type { MessagePort } from "node:worker_threads";
import type {
  AdmissionReply,
  AdmissionRequest,
} from "../../planes/execution/admission-host/requests.ts";
import type { HostReply, HostRequest } from "../../planes/execution/partition-host.ts";
import type { Transfer } from "../../ports/pool.ts";
import { ThreadWorker } from "./thread.ts";

export interface HostPort {
  call(request: HostRequest): Promise<HostReply>;
  call(
    request: AdmissionRequest<MessagePort>,
    transfer?: readonly Transfer[],
  ): Promise<AdmissionReply | HostReply>;
  /** Why it answers nothing any more; null while it does. */
  readonly fault: string | null;
  /** Calls back, once, when it has ended unasked. */
  onFault(listener: (error: unknown) => void): void;
  close(): Promise<void>;
}

/** Most of what admission makes is gone after a moment: it must not be promoted before. */
const YOUNG_MEGABYTES = 64;

/** A host in a worker thread. */
export class HostThread implements HostPort {
  readonly #worker: ThreadWorker<
    HostRequest | AdmissionRequest<MessagePort>,
    HostReply | AdmissionReply
  >;

  constructor(file: URL, data: unknown) {
    this.#worker = new ThreadWorker(file, data, { maxYoungGenerationSizeMb: YOUNG_MEGABYTES });
  }

  call(request: HostRequest): Promise<HostReply>;
  call(
    request: AdmissionRequest<MessagePort>,
    transfer?: readonly Transfer[],
  ): Promise<AdmissionReply | HostReply>;
  call(
    request: HostRequest | AdmissionRequest<MessagePort>,
    transfer: readonly Transfer[] = [],
  ): Promise<HostReply> {
    // A host answers requests about coins with replies about coins.
    return this.#worker.call(request, transfer) as Promise<HostReply>;
  }

  get fault(): string | null {
    return this.#worker.fault;
  }

  onFault(listener: (error: unknown) => void): void {
    this.#worker.onFault(listener);
  }

  close(): Promise<void> {
    return this.#worker.close();
  }
}
