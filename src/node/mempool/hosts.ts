// The node's end of the streams to its partition hosts: opens them, gathers what is to be sent and
// sends it once per turn, and hands on what comes back.

import { join } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { assert } from "../../base/assert.ts";
import { Writer } from "../../base/writer.ts";
import type {
  ChainStepRequest,
  StepFacts,
} from "../../planes/execution/admission-host/admission-host.ts";
import type { PackedRange } from "../../planes/execution/admission-host/segment-ranges.ts";
import { type Body, eachMessage } from "../../planes/execution/admission-host/wire.ts";
import type { AdmissionLimits } from "../../state/admission/limits.ts";
import type { AnyOpenedChain } from "../chain/open.ts";
import { hostOfPartition } from "../chain/open.ts";
import { journalsFolder } from "./old-journals.ts";

export interface HostsOptions {
  readonly folder: string;
  readonly limits: AdmissionLimits;
  readonly rewriteBytesMin: number;
  readonly segmentBits: number | null;
  readonly sequence: number;
  readonly facts: StepFacts;
  /** A message of host `host`. */
  readonly receive: (host: number, type: number, body: Body) => void;
  /** Everything of one delivery has been received. */
  readonly received: () => void;
}

export class Hosts {
  readonly #opened: AnyOpenedChain;
  readonly #options: HostsOptions;
  readonly #ports: MessagePort[] = [];
  readonly #writers: Writer[] = [];
  readonly #hostOf: readonly number[];
  readonly #marks = new Map<number, { left: number; resolve: () => void }>();
  #nextMark = 0;
  #sendPlanned = false;
  #held = 0;

  constructor(opened: AnyOpenedChain, options: HostsOptions) {
    this.#opened = opened;
    this.#options = options;
    const count = opened.hosts.length;
    const { partitionCount } = opened.files;
    this.#hostOf = Array.from({ length: partitionCount }, (_, partition) =>
      hostOfPartition(partition, partitionCount, count),
    );
  }

  /** Opens admission on every host; returns the chain positions of the partitions. */
  async open(): Promise<{ sequences: Map<number, number>; cut: number }> {
    const { hosts } = this.#opened;
    const peers = meshOf(hosts.length);
    const sequences = new Map<number, number>();
    let cut = 0;
    const { limits, rewriteBytesMin, segmentBits, sequence, facts, folder } = this.#options;
    for (let self = 0; self < hosts.length; self++) {
      const channel = new MessageChannel();
      const own = peers[self]!;
      const reply = await hosts[self]!.call(
        {
          kind: "admission-open",
          folder: join(journalsFolder(folder, hosts.length), String(self)),
          self,
          hostOf: this.#hostOf,
          limits,
          rewriteBytesMin,
          segmentBits,
          sequence,
          facts,
          node: channel.port2,
          peers: own,
        },
        [channel.port2, ...own.filter((port) => port !== null)],
      );
      assert(reply.kind === "admission", "a host answers what it was asked");
      for (const one of reply.sequences) sequences.set(one.partition, one.sequence);
      cut += reply.cut;
      this.#listen(self, channel.port1);
    }
    return { sequences, cut };
  }

  #listen(host: number, port: MessagePort): void {
    this.#ports.push(port);
    this.#writers.push(new Writer(1 << 14));
    port.on("message", (delivered: Uint8Array | number) => {
      if (typeof delivered === "number") return this.#marked(delivered);
      eachMessage(delivered, (type, body) => this.#options.receive(host, type, body));
      this.#options.received();
    });
    port.unref();
  }

  /** Where to write messages for the host of a partition; they go out soon. */
  writer(partition: number): Writer {
    if (!this.#sendPlanned) {
      this.#sendPlanned = true;
      setImmediate(() => this.send());
    }
    return this.#writers[this.#hostOf[partition]!]!;
  }

  send(): void {
    this.#sendPlanned = false;
    this.#writers.forEach((writer, host) => {
      if (writer.at === 0) return;
      const bytes = writer.take();
      this.#ports[host]!.postMessage(bytes, [bytes.buffer]);
    });
  }

  async start(): Promise<void> {
    await Promise.all(this.#opened.hosts.map((host) => host.call({ kind: "admission-start" })));
  }

  /** Gives every host a chain record; they have applied it when this settles, not yet durably. */
  async step(step: ChainStepRequest): Promise<void> {
    this.send();
    await Promise.all(
      this.#opened.hosts.map((host) => host.call({ kind: "admission-step", step })),
    );
  }

  /** The logs of all partitions; everything in them has been heard of here when this settles. */
  async segments(): Promise<PackedRange[]> {
    const replies = await Promise.all(
      this.#opened.hosts.map((host) => host.call({ kind: "segments" })),
    );
    await this.mark();
    return replies.flatMap((reply) => (reply.kind === "segments" ? reply.ranges : []));
  }

  async settle(operations: number): Promise<void> {
    await Promise.all(
      this.#opened.hosts.map((host) => host.call({ kind: "admission-settle", operations })),
    );
  }

  /** Settles when everything that the hosts did so far is durable and has been received here. */
  async mark(): Promise<void> {
    const mark = this.#nextMark++;
    const { hosts } = this.#opened;
    const arrived = new Promise<void>((resolve) => {
      this.#marks.set(mark, { left: hosts.length, resolve });
    });
    this.hold();
    await Promise.all(hosts.map((host) => host.call({ kind: "admission-mark", mark })));
    await arrived;
    this.release();
  }

  /** Somebody waits for the hosts: the process stays alive until `release`. */
  hold(): void {
    this.#held++;
    if (this.#held === 1) for (const port of this.#ports) port.ref();
  }

  release(): void {
    this.#held--;
    if (this.#held === 0) for (const port of this.#ports) port.unref();
  }

  #marked(mark: number): void {
    const waiting = this.#marks.get(mark);
    if (waiting === undefined) return;
    waiting.left--;
    if (waiting.left > 0) return;
    this.#marks.delete(mark);
    waiting.resolve();
  }

  async close(): Promise<void> {
    this.send();
    await Promise.all(this.#opened.hosts.map((host) => host.call({ kind: "admission-close" })));
    for (const port of this.#ports) port.close();
  }
}

/** A channel between every two hosts: `mesh[a][b]` is the end of a that leads to b. */
function meshOf(count: number): (MessagePort | null)[][] {
  const mesh: (MessagePort | null)[][] = Array.from({ length: count }, () =>
    new Array<MessagePort | null>(count).fill(null),
  );
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      const { port1, port2 } = new MessageChannel();
      mesh[a]![b] = port1;
      mesh[b]![a] = port2;
    }
  }
  return mesh;
}
