// Admission inside a partition host's thread: opens its journal, ties it to the ports, and keeps it
// told of what the chain does to the partitions.

import type { MessagePort } from "node:worker_threads";
import { readU32, toHex } from "../../base/bytes.ts";
import { COINBASE_MATURITY } from "../../ledger/bitcoin/limits.ts";
import type { Envelope } from "../../planes/execution/admission/messages.ts";
import {
  AdmissionHost,
  type AdmissionPorts,
} from "../../planes/execution/admission-host/admission-host.ts";
import type {
  AdmissionReply,
  AdmissionRequest,
  FoundStoredCoin,
} from "../../planes/execution/admission-host/requests.ts";
import type { HostReply, HostRequest } from "../../planes/execution/partition-host.ts";
import { StorageFailed, StorageFull } from "../../ports/storage-error.ts";
import { SALT_WORDS } from "../../state/admission/key-table.ts";
import { outpointIndex, txidInto } from "../../state/admission/keys.ts";
import type { Places } from "../../state/admission/leave.ts";
import { keyedRank } from "../../state/admission/places.ts";
import type { Partition } from "../../state/partition.ts";
import type { Placement } from "../../state/placement.ts";
import { openJournal } from "./journal-file.ts";

export type NodeHostRequest<Port> = HostRequest | AdmissionRequest<Port>;
export type NodeHostReply = HostReply | AdmissionReply;

/** Coins returned by one search at most. */
const FOUND_COUNT_MAX = 1_000_000;

type Open = Extract<AdmissionRequest<MessagePort>, { kind: "admission-open" }>;

export class AdmissionThread {
  readonly #partitions: readonly Partition[];
  readonly #placement: Placement;
  readonly #salt: Uint8Array;
  #host: AdmissionHost | null = null;
  #node: MessagePort | null = null;
  #peers: readonly (MessagePort | null)[] = [];

  constructor(partitions: readonly Partition[], placement: Placement, salt: Uint8Array) {
    this.#partitions = partitions;
    this.#placement = placement;
    this.#salt = salt;
  }

  /** The answer to a request about admission; null for any other. */
  handle(request: NodeHostRequest<MessagePort>): NodeHostReply | null {
    switch (request.kind) {
      case "admission-open":
        return this.#open(request);
      case "admission-start":
        this.#host?.start();
        return DONE;
      case "admission-step":
        this.#host?.step(request.step);
        return DONE;
      case "admission-settle":
        this.#host?.settleOperations(request.operations);
        return DONE;
      case "admission-mark":
        void this.#host?.flushed().then(() => this.#node?.postMessage(request.mark));
        return DONE;
      case "admission-close":
        // What matters is durable: the node asked for a mark before.
        void this.#host?.close();
        this.#node?.close();
        for (const peer of this.#peers) peer?.close();
        return DONE;
      case "segments":
        return { kind: "segments", ranges: this.#host?.ranges() ?? [] };
      case "recorded-coins":
        return { kind: "coins", coins: request.keys.map((key) => this.#recordedCoin(key)) };
      case "find-coins":
        return this.#find(request.scripts);
      default:
        return null;
    }
  }

  /** Lets `serve` deal with a request and tells admission what it did to the partitions. */
  noted(
    request: NodeHostRequest<MessagePort>,
    serve: (request: HostRequest) => HostReply,
  ): HostReply {
    const plain = request as HostRequest;
    const reply = serve(plain);
    if (this.#host === null) return reply;
    if (plain.kind === "stage" && reply.kind === "staged") {
      this.#host.noteOperation("stage", (partition) => ofPartition(reply.deltas, partition));
    } else if (plain.kind === "undo" || plain.kind === "redo") {
      this.#host.noteOperation(plain.kind, (partition) => ofPartition(plain.deltas, partition));
    }
    return reply;
  }

  #open(request: Open): AdmissionReply {
    const { file, cut } = openJournal(request.folder, request.rewriteBytesMin);
    const { limits, rewriteBytesMin, segmentBits, sequence, facts, self, hostOf } = request;
    this.#node = request.node;
    this.#peers = request.peers;
    const key = Uint32Array.from({ length: 4 }, (_, word) => readU32(this.#salt, word * 4));
    const host = new AdmissionHost(
      {
        partitions: this.#partitions.map((coins) => ({ number: coins.number, coins })),
        hostOf,
        self,
        places: placesOf(this.#placement),
        rank: keyedRank(key),
        salt: crypto.getRandomValues(new Uint32Array(SALT_WORDS)),
        limits,
        rewriteBytesMin,
        segmentBits,
        coinbaseMaturity: COINBASE_MATURITY,
        sequence,
        facts,
      },
      portsOf(request),
      file,
    );
    this.#host = host;
    request.node.on("message", (bytes: Uint8Array) => host.receive(bytes));
    for (const peer of request.peers) {
      peer?.on("message", (envelopes: Envelope[]) => host.receiveEnvelopes(envelopes));
    }
    return { kind: "admission", sequences: host.sequences(), cut };
  }

  #recordedCoin(key: string): Uint8Array | null {
    const txid = new Uint8Array(32);
    txidInto(txid, 0, key);
    this.#placement.hash(txid, 0);
    const number = this.#placement.partition;
    const partition = this.#partitions.find((one) => one.number === number);
    if (partition === undefined) return null;
    if (this.#host !== null) return this.#host.confirmed(number, key);
    return partition.get(txid, outpointIndex(key));
  }

  #find(scripts: ReadonlySet<string>): AdmissionReply {
    const coins: FoundStoredCoin[] = [];
    let visited = 0;
    for (const partition of this.#partitions) {
      partition.scan((key, value) => {
        visited++;
        if (coins.length >= FOUND_COUNT_MAX || !scripts.has(toHex(value, 12))) return;
        coins.push({ key: key.slice(), value: value.slice() });
      });
    }
    return { kind: "found", coins, visited };
  }
}

const DONE: HostReply = { kind: "done", memoryBytes: 0 };

function ofPartition(deltas: readonly Uint32Array[], partition: number): readonly Uint32Array[] {
  return deltas.filter((delta) => delta[0] === partition);
}

/** Where transactions and coins lie: by txid, as the coin set does. */
function placesOf(placement: Placement): Places {
  const bytes = new Uint8Array(32);
  // An outpoint's key begins with its txid.
  const home = (key: string): number => {
    if (placement.partitionCount === 1) return 0;
    txidInto(bytes, 0, key);
    placement.hash(bytes, 0);
    return placement.partition;
  };
  return { home, coin: home, outputsAtHome: true };
}

function portsOf({ node, peers }: Open): AdmissionPorts {
  return {
    now: () => performance.now(),
    random: () => Math.random(),
    soon: (callback) => void setImmediate(callback),
    later: (ms, callback) => void setTimeout(callback, ms),
    toNode: (bytes) => node.postMessage(bytes, [bytes.buffer]),
    toHost: (host, envelopes) => peers[host]?.postMessage(envelopes),
    storageFault: (error) => {
      if (error instanceof StorageFull) return "full";
      return error instanceof StorageFailed ? "failed" : null;
    },
  };
}
