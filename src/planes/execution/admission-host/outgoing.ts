// What a host has to say, to the node and to other hosts: at once what no disk must prove, the rest
// when what was written before it is durable.
import { Writer } from "../../../base/writer.ts";
import type { Envelope } from "../admission/messages.ts";

export interface OutgoingPorts {
  toNode(bytes: Uint8Array<ArrayBuffer>): void;
  /** To the host that owns the partitions of these envelopes. */
  toHost(host: number, envelopes: readonly Envelope[]): void;
}

type ToHosts = Map<number, Envelope[]>;

/** What waits for one flush. */
export interface Waiting {
  readonly toNode: Uint8Array<ArrayBuffer>;
  readonly toHosts: ToHosts;
}

export class Outgoing {
  readonly #ports: OutgoingPorts;
  /** To the node at once. */
  readonly now: Writer = new Writer(1 << 14);
  /** To the node when the journal so far is durable. */
  readonly later: Writer = new Writer(1 << 14);
  readonly #nowToHosts: ToHosts = new Map();
  #laterToHosts: ToHosts = new Map();

  constructor(ports: OutgoingPorts) {
    this.#ports = ports;
  }

  toHost(host: number, envelope: Envelope): void {
    const { type } = envelope.message;
    // What asks and answers about coins promises nothing: it may go before the flush.
    const early = type === "read" || type === "coins";
    const queues = early ? this.#nowToHosts : this.#laterToHosts;
    const queue = queues.get(host);
    if (queue === undefined) queues.set(host, [envelope]);
    else queue.push(envelope);
  }

  sendNow(): void {
    if (this.now.at > 0) this.#ports.toNode(this.now.take());
    for (const [host, envelopes] of this.#nowToHosts) this.#ports.toHost(host, envelopes);
    this.#nowToHosts.clear();
  }

  get isWaiting(): boolean {
    return this.later.at > 0 || this.#laterToHosts.size > 0;
  }

  /** Everything that waits, for `letOut` when it may go. */
  takeLater(): Waiting {
    const toHosts = this.#laterToHosts;
    this.#laterToHosts = new Map();
    return { toNode: this.later.take(), toHosts };
  }

  letOut({ toNode, toHosts }: Waiting): void {
    if (toNode.length > 0) this.#ports.toNode(toNode);
    for (const [host, envelopes] of toHosts) this.#ports.toHost(host, envelopes);
  }
}
