// The peer-to-peer part as one thing: what it is made of, the turn of every peer, and what the
// operator and staked consensus may ask of it. Time comes in through `tick`, so that tests run it under
// a clock of their own.
//
//   stream -> Connections -> Peer (frames, budgets) -> turn() -> router -> handler -> ChainView / MempoolView
//   ChainEvent, MempoolEvent -> handlers -> peers
import { join } from "node:path";
import { fromHex } from "../base/bytes.ts";
import type { StakedPeers } from "../ports/staked-peers.ts";
import type { Endpoint } from "../ports/stream.ts";
import { AddressRelay } from "./addresses/address-relay.ts";
import { addressOf, isLoopback, parseEndpoint } from "./addresses/address-text.ts";
import { AddressBook } from "./addresses/book.ts";
import { loadBook } from "./addresses/book-file.ts";
import { type Bound, boundsOf } from "./bounds.ts";
import { ClockOffsets } from "./clock-offsets.ts";
import type { Bans } from "./connect/bans.ts";
import { Connections } from "./connect/connections.ts";
import type { Core, Fault } from "./core.ts";
import {
  HANDSHAKE_MS_MAX,
  MESSAGE_BYTES_MAX,
  MESSAGES_PER_TURN,
  MISBEHAVIOUR_MAX,
  PING_EVERY_MS,
  PONG_MS_MAX,
  SEND_PAUSE_BYTES,
  TURN_MS_MAX,
  WAITING_BLOCK_BYTES_MAX,
} from "./limits.ts";
import type { NetworkOptions } from "./options.ts";
import { type Greeting, keepAlive, sendPing } from "./peer/handshake.ts";
import { nodeNameOf } from "./peer/names.ts";
import type { Farewell, Peer } from "./peer/peer.ts";
import { TransactionRelay } from "./relay/transaction-relay.ts";
import { MessageRouter } from "./router.ts";
import { countUp, type NetworkStatistics, newStatistics } from "./statistics.ts";
import { Announcer } from "./sync/announce.ts";
import { BlockDownload, type DownloadState } from "./sync/block-download.ts";
import { CompactRelay } from "./sync/compact-relay.ts";
import { HeaderSync } from "./sync/header-sync.ts";
import { BlockServer } from "./sync/serve.ts";
import { type SyncWait, WaitLog } from "./sync/wait.ts";
import { decodeMessage } from "./wire/decode.ts";
import { SERVICE_NETWORK, SERVICE_NETWORK_LIMITED, SERVICE_WITNESS } from "./wire/messages.ts";

/** What no honest node sends is worth half of a peer's standing: one such message may be our own fault. */
const STAKED_FAULT_POINTS = 50;

export class Network {
  readonly statistics: NetworkStatistics = newStatistics();
  readonly book: AddressBook;
  readonly clockOffsets: ClockOffsets = new ClockOffsets();
  readonly #options: NetworkOptions;
  readonly #peers = new Map<number, Peer>();
  readonly #core: Core;
  readonly #greeting: Greeting;
  readonly #connections: Connections;
  readonly #router: MessageRouter;
  readonly #headers: HeaderSync;
  readonly #download: BlockDownload;
  readonly #compact: CompactRelay;
  readonly #announcer: Announcer;
  readonly #server: BlockServer;
  readonly #transactions: TransactionRelay;
  readonly #addresses: AddressRelay;
  readonly #waitLog: WaitLog;
  /** The peer that had its turn last. */
  #lastTurn = -1;
  #scheduled = false;
  #stopping = false;
  #isolated: ReadonlySet<string> = new Set();
  #unsubscribe: (() => void)[] = [];

  constructor(options: NetworkOptions) {
    this.#options = options;
    const { random, clock } = options;
    const stored = options.folder === null ? null : loadBook(join(options.folder, "peers.json"));
    this.book = new AddressBook(stored?.key ?? random.bytes(32), random);
    if (stored !== null) this.book.restore(stored.entries, Math.floor(clock.now() / 1000));
    this.#core = this.#makeCore();
    this.#greeting = {
      services: SERVICE_NETWORK | SERVICE_WITNESS | SERVICE_NETWORK_LIMITED,
      userAgent: options.userAgent,
      nonces: new Set(),
      blocksOnly: options.blocksOnly,
    };
    this.#connections = new Connections({
      options,
      core: this.#core,
      peers: this.#peers,
      book: this.book,
      greeting: this.#greeting,
      wake: () => this.#wake(),
      closed: (peer, why) => this.#closed(peer, why),
    });
    this.#download = new BlockDownload(this.#core);
    this.#headers = new HeaderSync(
      this.#core,
      () => this.#download.schedule(),
      options.presyncBounds,
    );
    this.#transactions = new TransactionRelay(this.#core, options.relayPace, () => this.#wake());
    this.#compact = new CompactRelay(this.#core, this.#headers, this.#download, () =>
      this.#transactions.extra(),
    );
    this.#announcer = new Announcer(this.#core);
    this.#server = new BlockServer(this.#core, this.#announcer, (peer, item) =>
      this.#transactions.find(peer, item),
    );
    this.#addresses = new AddressRelay(this.#core, this.book);
    this.#download.onVerdict = (header, verdict, from) =>
      this.#compact.onVerdict(header, verdict, from);
    this.#waitLog = new WaitLog(options.log);
    this.#router = new MessageRouter({
      core: this.#core,
      greeting: this.#greeting,
      book: this.book,
      clockOffsets: this.clockOffsets,
      headers: this.#headers,
      download: this.#download,
      compact: this.#compact,
      server: this.#server,
      transactions: this.#transactions,
      addresses: this.#addresses,
      staked: options.staked,
      blocksOnly: options.blocksOnly,
      introduced: (peer) => {
        if (this.#isIsolated(peer)) peer.close("operator");
      },
    });
  }

  #makeCore(): Core {
    const { identity, chain, mempool, clock, random, log } = this.#options;
    return {
      identity,
      chain,
      mempool,
      clock,
      random,
      log,
      statistics: this.statistics,
      peers: this.#peers,
      messageBytesMax: this.#options.messageBytesMax ?? MESSAGE_BYTES_MAX,
      blockBytesMax: this.#options.blockBytesMax ?? WAITING_BLOCK_BYTES_MAX,
      fault: (peer, points, fault, detail) => this.#fault(peer, points, fault, detail),
      disconnect: (peer, why) => peer.close(why),
    };
  }

  /** Listens and begins to follow the chain and the mempool. Dialling begins with the first tick. */
  async start(): Promise<void> {
    const { bind, chain, mempool, external, identity } = this.#options;
    this.#unsubscribe.push(
      chain.subscribe((event) => {
        if (this.#options.staked === undefined) this.#announcer.onEvent(event);
        this.#server.onEvent(event);
        if (event.kind !== "tip") return;
        this.#transactions.onTip();
        this.#download.onTip(event.connected);
      }),
      mempool.subscribe((event) => this.#transactions.onMempool(event)),
    );
    if (bind !== null) await this.#connections.listen(bind);
    for (const text of external ?? []) {
      const where = parseEndpoint(text, this.local?.port ?? identity.port);
      const address = where === null ? null : addressOf(where.host, where.port);
      if (address !== null) this.#addresses.setOwn(address, this.#greeting.services);
    }
  }

  /** Where it listens, once started. */
  get local(): Endpoint | null {
    return this.#connections.local;
  }

  get bans(): Bans {
    return this.#connections.bans;
  }

  get services(): bigint {
    return this.#greeting.services;
  }

  get userAgent(): string {
    return this.#greeting.userAgent;
  }

  get external(): readonly string[] {
    return this.#options.external ?? [];
  }

  /** False when the operator has switched the network off. */
  get active(): boolean {
    return this.#connections.active;
  }

  setActive(active: boolean): void {
    this.#connections.setActive(active);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const stop of this.#unsubscribe) stop();
    await this.#connections.close();
  }

  // ---- Peers ----

  #closed(peer: Peer, why: Farewell): void {
    this.#peers.delete(peer.id);
    this.statistics.bytesReceived += peer.bytesReceived;
    countUp(this.statistics.farewells, why);
    this.#headers.dropped(peer);
    if (peer.gotVerack) this.#options.staked?.left(peer.id);
    this.#download.dropped(peer);
    this.#compact.dropped(peer);
    this.#transactions.dropped(peer);
    this.#connections.left(peer, why);
    // Who dialled us may come and go as often as it likes: that is no news, and fills no log.
    const usual = peer.inbound || why === "closed-by-peer" || why === "done";
    this.#options.log(usual ? "debug" : "info", "peer left", {
      peer: peer.id,
      why,
    });
    if (!this.#stopping) this.#wake();
  }

  #fault(peer: Peer, points: number, fault: Fault, detail?: string): void {
    countUp(this.statistics.faults, fault);
    peer.misbehaviour += points;
    this.#options.log("debug", "peer misbehaved", { peer: peer.id, fault, points, detail });
    if (peer.misbehaviour < MISBEHAVIOUR_MAX) return;
    if (!isLoopback(peer.host) && peer.kind !== "manual") this.bans.discourage(peer.host);
    peer.close("misbehaved");
  }

  // ---- Time ----

  /** To be called about ten times a second. */
  tick(): void {
    if (this.#stopping) return;
    const { clock } = this.#options;
    const now = clock.elapsed();
    this.#connections.tick(now);
    for (const peer of [...this.#peers.values()]) {
      if (peer.state === "greeting") {
        if (now - peer.connectedAt > HANDSHAKE_MS_MAX) peer.close("handshake-timeout");
      } else if (!keepAlive(this.#core, peer, PING_EVERY_MS, PONG_MS_MAX)) {
        peer.close("ping-timeout");
      }
      this.#server.pump(peer);
    }
    if (this.#options.staked === undefined) {
      this.#headers.tick();
      this.#download.tick();
    }
    this.#transactions.tick();
    this.#waitLog.tick(this.waiting, now);
    this.#wake();
  }

  #wake(): void {
    if (this.#scheduled || this.#stopping) return;
    this.#scheduled = true;
    this.#options.schedule(() => {
      this.#scheduled = false;
      this.turn();
    });
  }

  /**
   * Gives every peer its turn, beginning behind the last one that had it: who else needs the thread
   * waits for no more than a part of the round.
   */
  turn(): void {
    const { clock } = this.#options;
    const begun = clock.elapsed();
    const peers = [...this.#peers.values()];
    const first = Math.max(
      0,
      peers.findIndex(({ id }) => id > this.#lastTurn),
    );
    let more = false;
    for (let number = 0; number < peers.length; number++) {
      const peer = peers[(first + number) % peers.length]!;
      if (this.#serve(peer)) more = true;
      this.#server.pump(peer);
      // After a whole round the next one begins behind who began: what all share, such as the budget of
      // what nobody asked for, would else always go to the first.
      const isWhole = number === peers.length - 1;
      this.#lastTurn = isWhole ? peers[first]!.id : peer.id;
      if (clock.elapsed() - begun < TURN_MS_MAX || isWhole) continue;
      more = true;
      break;
    }
    if (more) this.#wake();
  }

  /** Handles some messages of a peer; true when there are more that can be handled now. */
  #serve(peer: Peer): boolean {
    for (let left = MESSAGES_PER_TURN; left > 0 && peer.state !== "closed"; left--) {
      if (peer.pendingBytes > SEND_PAUSE_BYTES) {
        peer.readOn();
        return false;
      }
      if (peer.nextType === "tx" && !this.#transactions.mayRead(peer)) return false;
      const frame = peer.next();
      if (frame === null) return false;
      const decoded = decodeMessage(frame.type, frame.payload);
      if (decoded.ok) this.#router.handle(peer, decoded.message);
      else this.#fault(peer, 100, "bad-message", `${frame.type}: ${decoded.code}`);
    }
    return peer.hasMore;
  }

  // ---- For staked consensus ----

  /** The peers as consensus sees them. */
  stakedPeers(): StakedPeers {
    const readyPeer = (id: number): Peer | null => {
      const peer = this.#peers.get(id);
      return peer?.ready === true ? peer : null;
    };
    return {
      ready: () => [...this.#peers.values()].filter(({ ready }) => ready).map(({ id }) => id),
      send: (id, type, payload) => {
        const peer = readyPeer(id);
        peer?.send({ type, payload });
        return peer !== null;
      },
      isCongested: (id) => (readyPeer(id)?.pendingBytes ?? 0) > SEND_PAUSE_BYTES,
      misbehaved: (id, why) => {
        const peer = readyPeer(id);
        if (peer !== null) this.#fault(peer, STAKED_FAULT_POINTS, "bad-staked-message", why);
      },
    };
  }

  #isIsolated(peer: Peer): boolean {
    if (this.#isolated.size === 0 || peer.version === null) return false;
    const name = nodeNameOf(peer.version.userAgent);
    return name !== null && this.#isolated.has(name);
  }

  /** Drops and refuses peers by their node names, until it is called again. For devnets. */
  isolate(names: readonly string[]): void {
    this.#isolated = new Set(names);
    for (const peer of [...this.#peers.values()]) {
      if (this.#isIsolated(peer)) peer.close("operator");
    }
  }

  get isolated(): readonly string[] {
    return [...this.#isolated];
  }

  // ---- For the operator ----

  get peers(): ReadonlyMap<number, Peer> {
    return this.#peers;
  }

  get downloadState(): DownloadState {
    return this.#download.state();
  }

  /** Branches of headers that have not shown their work, and the bytes held for them. */
  get presyncs(): { readonly count: number; readonly bytes: number } {
    return this.#headers.presyncs;
  }

  /** How full everything is that strangers can fill. */
  get bounds(): readonly Bound[] {
    const { inboundMax, messageBytesMax } = this.#options;
    return boundsOf({
      peers: this.#peers.values(),
      inboundMax,
      messageBytesMax,
      waitingConnections: this.#connections.waitingCount,
      transactions: this.#transactions,
      waitingBytes: this.#download.state().waitingBytes,
      partialBlocks: this.#compact.partialCount,
      presync: this.#headers.presyncs,
      bans: this.bans,
    });
  }

  get orphanCount(): number {
    return this.#transactions.orphanCount;
  }

  /** What the sync waits for, and on whom. */
  get waiting(): SyncWait {
    return this.#headers.waiting() ?? this.#download.waiting();
  }

  /** The same in a sentence. */
  get why(): string {
    return this.waiting.text;
  }

  /** `addnode add`: false when it is on the list, or the text is no address. */
  addNode(name: string): boolean {
    return this.#connections.addNode(name);
  }

  removeNode(name: string): boolean {
    return this.#connections.removeNode(name);
  }

  addedNodes(): string[] {
    return this.#connections.addedNodes();
  }

  /** `addnode onetry`. */
  dialOnce(name: string): boolean {
    return this.#connections.dialOnce(name);
  }

  /** Lets one peer go, by id or by name; false when there is none. */
  disconnect(which: number | string): boolean {
    const found = [...this.#peers.values()].filter(
      (peer) => peer.id === which || peer.name === which || `${peer.host}:${peer.port}` === which,
    );
    for (const peer of found) peer.close("operator");
    return found.length > 0;
  }

  /** Bans a subnet and lets its peers go; false when it is no subnet or banned already. */
  ban(subnet: string, untilSeconds: number): boolean {
    return this.#connections.ban(subnet, untilSeconds);
  }

  /** Writes the address book and the bans. */
  save(): void {
    this.#connections.save();
  }

  pingAll(): void {
    for (const peer of this.#peers.values()) if (peer.ready) sendPing(this.#core, peer);
  }

  /** Asks one peer for a block whose header is known; the error's text, or null. */
  fetchBlock(hashHex: string, id: number): string | null {
    const hash = fromHex(hashHex);
    const header = hash === null ? null : this.#options.chain.header(hash);
    if (header === null) return "Block header missing";
    if (this.#options.chain.hasBlock(header.hash)) return "Block already downloaded";
    const peer = this.#peers.get(id);
    if (peer === undefined || !peer.ready) return "Peer does not exist";
    this.#download.askWhole(peer, header);
    return null;
  }
}
