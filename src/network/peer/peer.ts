// One connection to a peer: its stream, what it told us, what we wait for from it, and its budgets.
// The peer knows no rules; handlers read and change its fields.

import { Budget } from "../../base/budget.ts";
import type { Bytes } from "../../base/bytes.ts";
import type { ChainHeader } from "../../ports/chain.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Stream } from "../../ports/stream.ts";
import { addressOf } from "../addresses/address-text.ts";
import type { NetworkIdentity } from "../identity.ts";
import {
  ADDRESSES_BURST,
  ADDRESSES_PER_SECOND,
  BYTES_BURST,
  BYTES_PER_SECOND,
  INVENTORY_BURST,
  INVENTORY_PER_SECOND,
  KNOWN_PER_PEER_MAX,
  MESSAGES_BURST,
  MESSAGES_PER_SECOND,
  NOT_FOUND_MS,
  NOT_FOUND_MS_MAX,
  RECEIVE_QUEUE_BYTES,
  REQUESTS_BURST,
  REQUESTS_PER_SECOND,
  SEND_BYTES_MAX,
  SEND_PAUSE_BYTES,
  UNASKED_BURST,
  UNASKED_FIRST,
  UNASKED_PER_SECOND,
} from "../limits.ts";
import type { NetworkAddress } from "../wire/address.ts";
import { encodeMessage } from "../wire/encode.ts";
import { ENVELOPE_BYTES, encodeEnvelope, type Frame, FrameReader } from "../wire/envelope.ts";
import type { InventoryItem, Message, MessageType, VersionMessage } from "../wire/messages.ts";
import { BoundedSet } from "./bounded-set.ts";
import { RecentIds } from "./recent-ids.ts";

/** So much of the stream is cut into messages at once: some hundred small ones. */
const CUT_BYTES = 8_192;

export type PeerKind =
  | "inbound"
  /** Outbound: blocks, transactions and addresses. */
  | "full"
  /** Outbound: blocks only, so that nobody learns the topology from transactions. */
  | "block-only"
  /** Named by the operator. */
  | "manual"
  /** Connected to see whether an address works. */
  | "feeler"
  /** Connected to a seed for its addresses. */
  | "seed";

export type PeerState = "greeting" | "ready" | "closed";

/** Why a peer was let go, for logs and counters: from a closed list. */
export type Farewell =
  | "closed-by-peer"
  | "handshake-timeout"
  | "protocol"
  | "misbehaved"
  | "self"
  | "obsolete"
  | "useless"
  | "duplicate"
  | "evicted"
  | "banned"
  | "discouraged"
  | "stalled"
  | "ping-timeout"
  | "send-overflow"
  | "operator"
  | "done"
  | "stopping";

export interface PeerEvents {
  /** Frames wait. */
  wake(peer: Peer): void;
  closed(peer: Peer, why: Farewell): void;
  sent(type: MessageType, bytes: number): void;
}

export interface PeerSetup {
  readonly id: number;
  readonly kind: PeerKind;
  readonly stream: Stream;
  readonly identity: NetworkIdentity;
  readonly clock: Clock;
  readonly events: PeerEvents;
  readonly messageBytesMax: number;
  /** As the operator or the address book named it. */
  readonly name: string;
}

export class Peer {
  readonly id: number;
  readonly kind: PeerKind;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly local: string;
  readonly address: NetworkAddress | null;
  readonly connectedAt: number;
  readonly connectedAtWall: number;
  readonly #stream: Stream;
  readonly #identity: NetworkIdentity;
  readonly #clock: Clock;
  readonly #events: PeerEvents;
  readonly #reader: FrameReader;
  /** Pieces of the stream that were not looked at yet: that is done when it is the peer's turn. */
  #chunks: Bytes[] = [];
  #chunkBytes = 0;
  #frames: Frame[] = [];
  #frameBytes = 0;
  #paused = false;
  readonly #messageBytesMax: number;

  state: PeerState = "greeting";
  version: VersionMessage | null = null;
  gotVerack = false;
  wtxidRelay = false;
  addressV2 = false;
  prefersHeaders = false;
  /** It speaks compact blocks, version 2. */
  compact = false;
  /** It wants new blocks in compact form without being asked. */
  highBandwidthFrom = false;
  /** We asked it for that. */
  highBandwidthTo = false;
  /** Base units per 1,000 virtual bytes below which it wants no transactions. */
  feeFilter = 0;
  /** What we last told it. */
  feeFilterSent = 0;
  feeFilterAt = 0;

  /** The best header that it has shown to have. */
  bestKnown: ChainHeader | null = null;
  /** A hash it announced whose header we do not have yet. */
  announcedUnknown: Bytes | null = null;
  headersAskedAt: number | null = null;
  /** The height that it was asked from. */
  headersAskedFrom = 0;
  headersDone = false;
  /** When it is asked once more, what it said having been of no use yet; and how long that was. */
  retryAt: number | null = null;
  retryMs = 0;
  unconnecting = 0;
  /** The best header that we sent or announced to it. */
  bestSent: ChainHeader | null = null;
  /** Blocks it is to send us, by hex of the hash. */
  readonly blocksInFlight: Map<string, number> = new Map<string, number>();
  /** Since when the lowest missing block has been awaited from it, and nothing came. */
  stallingSince: number | null = null;
  /** How often another peer was asked for what it did not send, since it last sent a block. */
  stalls = 0;
  /** Blocks that it asked for and was not sent yet. */
  readonly serveQueue: InventoryItem[] = [];
  serving = false;

  /** Transactions: what it knows, and what it is to be told. */
  readonly known: RecentIds = new RecentIds(KNOWN_PER_PEER_MAX);
  /** Ids as the mempool holds them, so that waiting costs no copy. */
  readonly toAnnounce: Set<Bytes> = new Set<Bytes>();
  announceAt = 0;
  /** It asked for our addresses. */
  askedAddresses = false;
  addressesProcessed = 0;
  addressesLimited = 0;
  /** We asked it for addresses. */
  readonly toldAddresses: BoundedSet = new BoundedSet(5_000);
  addressesExpected = false;

  misbehaviour = 0;
  pingNonce: Bytes | null = null;
  pingAt = 0;
  pingMs: number | null = null;
  pingMsMin: number | null = null;
  lastSentAt = 0;
  lastReceivedAt = 0;
  lastBlockAt = 0;
  lastTransactionAt = 0;
  bytesSent = 0;
  bytesReceived = 0;
  readonly sentPerMessage: Map<string, number> = new Map<string, number>();
  readonly receivedPerMessage: Map<string, number> = new Map<string, number>();
  readonly budgets: {
    readonly bytes: Budget;
    readonly messages: Budget;
    readonly inventory: Budget;
    readonly addresses: Budget;
    readonly requests: Budget;
    readonly unasked: Budget;
  };

  constructor(setup: PeerSetup) {
    const { stream, clock } = setup;
    this.id = setup.id;
    this.kind = setup.kind;
    this.name = setup.name;
    this.#stream = stream;
    this.#identity = setup.identity;
    this.#clock = clock;
    this.#events = setup.events;
    this.#messageBytesMax = setup.messageBytesMax;
    this.#reader = new FrameReader(setup.identity.magic, setup.messageBytesMax);
    this.host = stream.remote.host;
    this.port = stream.remote.port;
    this.local = `${stream.local.host}:${stream.local.port}`;
    this.address = addressOf(stream.remote.host, stream.remote.port);
    const now = clock.elapsed();
    this.connectedAt = now;
    this.connectedAtWall = clock.now();
    this.budgets = {
      bytes: new Budget(BYTES_PER_SECOND, BYTES_BURST, now),
      messages: new Budget(MESSAGES_PER_SECOND, MESSAGES_BURST, now),
      inventory: new Budget(INVENTORY_PER_SECOND, INVENTORY_BURST, now),
      addresses: new Budget(ADDRESSES_PER_SECOND, ADDRESSES_BURST, now),
      requests: new Budget(REQUESTS_PER_SECOND, REQUESTS_BURST, now),
      unasked: new Budget(UNASKED_PER_SECOND, UNASKED_BURST, now),
    };
    // Unasked addresses start from nothing saved up, as in Bitcoin Core.
    this.budgets.addresses.spend(ADDRESSES_BURST - 1);
    this.budgets.unasked.spend(UNASKED_BURST - UNASKED_FIRST);
  }

  /** Starts reading. */
  open(): void {
    this.#stream.open({
      data: (chunk) => this.#receive(chunk),
      closed: () => this.close("closed-by-peer"),
      drained: () => this.#events.wake(this),
    });
  }

  get inbound(): boolean {
    return this.kind === "inbound";
  }

  get ready(): boolean {
    return this.state === "ready";
  }

  get pendingBytes(): number {
    return this.#stream.pendingBytes;
  }

  /** True when there is something to be looked at. */
  get hasMore(): boolean {
    return this.#frames.length > 0 || this.#chunks.length > 0;
  }

  /** Bytes that came from it and were not processed: whole messages and the one that is coming. */
  get waitingBytes(): number {
    return this.#chunkBytes + this.#frameBytes + this.#reader.heldBytes;
  }

  /** Transactions are exchanged with it. */
  get relaysTransactions(): boolean {
    const relays = this.kind === "inbound" || this.kind === "full" || this.kind === "manual";
    return relays && this.version?.relay === true;
  }

  /**
   * Unread bytes above which the socket is not read. While our answers wait to be taken, its requests are
   * not looked at; its own answers may wait in the same way for us to read, so all of those have room.
   */
  get #chunkBytesMax(): number {
    const waits = this.pendingBytes > SEND_PAUSE_BYTES;
    return RECEIVE_QUEUE_BYTES + (waits ? SEND_PAUSE_BYTES + this.#messageBytesMax : 0);
  }

  /** Takes from the socket what there is room for. */
  readOn(): void {
    if (!this.#paused || this.#chunkBytes >= this.#chunkBytesMax / 2) return;
    this.#paused = false;
    this.#stream.resume();
  }

  #receive(chunk: Bytes): void {
    if (this.state === "closed") return;
    this.bytesReceived += chunk.length;
    this.lastReceivedAt = this.#clock.elapsed();
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
    if (this.#chunkBytes > this.#chunkBytesMax && !this.#paused) {
      this.#paused = true;
      this.#stream.pause();
    }
    this.#events.wake(this);
  }

  /** Cuts messages out of what came, a little at a time, until one is there. */
  #cut(): void {
    while (this.#frames.length === 0 && this.#chunks.length > 0) {
      const chunk = this.#chunks[0]!;
      const part = chunk.subarray(0, CUT_BYTES);
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(CUT_BYTES);
      this.#chunkBytes -= part.length;
      for (const frame of this.#reader.push(part)) {
        this.#frames.push(frame);
        this.#frameBytes += frame.payload.length;
      }
      if (this.#reader.fault !== null) this.#forgetChunks();
    }
    this.readOn();
  }

  #forgetChunks(): void {
    this.#chunks = [];
    this.#chunkBytes = 0;
  }

  /** The kind of message that is next; null when none waits. */
  get nextType(): MessageType | null {
    this.#cut();
    return this.#frames[0]?.type ?? null;
  }

  /** The next message, when the budgets allow one now. */
  next(): Frame | null {
    this.#cut();
    if (this.#frames.length === 0) {
      if (this.#reader.fault !== null) this.close("protocol");
      return null;
    }
    const now = this.#clock.elapsed();
    if (!this.budgets.messages.has(now) || !this.budgets.bytes.has(now)) return null;
    const frame = this.#frames.shift()!;
    const bytes = ENVELOPE_BYTES + frame.payload.length;
    this.budgets.messages.spend(1);
    this.budgets.bytes.spend(bytes);
    count(this.receivedPerMessage, frame.type, bytes);
    this.#frameBytes -= frame.payload.length;
    return frame;
  }

  /** What it has will be asked again after a while, each time a longer one. */
  askLater(): void {
    this.retryMs = Math.min(NOT_FOUND_MS_MAX, Math.max(NOT_FOUND_MS, this.retryMs * 2));
    this.retryAt = this.#clock.elapsed() + this.retryMs;
  }

  send(message: Message): void {
    if (this.state === "closed") return;
    const bytes = encodeEnvelope(this.#identity.magic, message.type, encodeMessage(message));
    this.lastSentAt = this.#clock.elapsed();
    this.bytesSent += bytes.length;
    count(this.sentPerMessage, message.type, bytes.length);
    this.#events.sent(message.type, bytes.length);
    this.#stream.send(bytes);
    if (this.#stream.pendingBytes > SEND_BYTES_MAX) this.close("send-overflow");
  }

  close(why: Farewell): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#frames = [];
    this.#forgetChunks();
    this.#stream.close();
    this.#events.closed(this, why);
  }
}

function count(table: Map<string, number>, name: string, bytes: number): void {
  table.set(name, (table.get(name) ?? 0) + bytes);
}
