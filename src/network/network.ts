// The peer-to-peer part as one thing: it dials and accepts, gives every peer its turn, and hands each
// message to the handler whose business it is. Time comes in through `tick`, so that tests run it
// under a clock of their own.
//
//   stream -> Peer (frames, budgets) -> turn() -> handler -> ChainView / MempoolView
//   ChainEvent, MempoolEvent -> handlers -> peers
import { join } from "node:path";
import { fromHex } from "../base/bytes.ts";
import { siphash24Into } from "../crypto/siphash.ts";
import type { ChainView } from "../ports/chain.ts";
import type { Clock, Random } from "../ports/clock.ts";
import type { MempoolView } from "../ports/mempool.ts";
import type { StakedHandler, StakedPeers } from "../ports/staked-peers.ts";
import type { Endpoint, Listener, Stream, Transport } from "../ports/stream.ts";
import { AddressRelay } from "./addresses/address-relay.ts";
import { addressOf, groupOf, isLoopback, parseEndpoint } from "./addresses/address-text.ts";
import { AddressBook } from "./addresses/book.ts";
import { loadAnchors, loadBans, loadBook, saveBook, writeJsonFile } from "./addresses/book-file.ts";
import { type Bound, boundsOf } from "./bounds.ts";
import { ClockOffsets } from "./clock-offsets.ts";
import { Bans } from "./connect/bans.ts";
import { type Dial, Planner, type PlannerOptions } from "./connect/planner.ts";
import { WaitingRoom } from "./connect/waiting-room.ts";
import type { Core, Fault, Log } from "./core.ts";
import type { NetworkIdentity } from "./identity.ts";
import {
  ANCHOR_COUNT,
  CONNECT_MS_MAX,
  HANDSHAKE_MS_MAX,
  INBOUND_MAX,
  INBOUND_PER_HOST_MAX,
  MANUAL_MAX,
  MESSAGE_BYTES_MAX,
  MESSAGES_PER_TURN,
  MISBEHAVIOUR_MAX,
  PING_EVERY_MS,
  PONG_MS_MAX,
  SEND_PAUSE_BYTES,
  TURN_MS_MAX,
} from "./limits.ts";
import { chooseEviction } from "./peer/eviction.ts";
import {
  type Greeting,
  keepAlive,
  onFeature,
  onPong,
  onVerack,
  onVersion,
  sendPing,
  sendVersion,
} from "./peer/handshake.ts";
import { type Farewell, Peer, type PeerKind } from "./peer/peer.ts";
import { TransactionRelay } from "./relay/transaction-relay.ts";
import { countUp, type NetworkStatistics, newStatistics } from "./statistics.ts";
import { Announcer } from "./sync/announce.ts";
import { BlockDownload, type DownloadState } from "./sync/block-download.ts";
import { CompactRelay } from "./sync/compact-relay.ts";
import type { PresyncBounds } from "./sync/header-presync.ts";
import { HeaderSync } from "./sync/header-sync.ts";
import { BlockServer } from "./sync/serve.ts";
import { type SyncWait, WaitLog } from "./sync/wait.ts";
import { decodeMessage } from "./wire/decode.ts";
import {
  INVENTORY,
  type InventoryItem,
  type Message,
  SERVICE_NETWORK,
  SERVICE_NETWORK_LIMITED,
  SERVICE_WITNESS,
} from "./wire/messages.ts";

export interface NetworkOptions {
  readonly identity: NetworkIdentity;
  readonly chain: ChainView;
  readonly mempool: MempoolView;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly log: Log;
  readonly userAgent: string;
  /** Where to listen; null: nowhere. */
  readonly bind: Endpoint | null;
  /** Dial these and keep dialling them. */
  readonly addNode: readonly string[];
  readonly planner: PlannerOptions;
  readonly inboundMax?: number;
  readonly dnsSeeds: boolean;
  /** No transactions from peers. */
  readonly blocksOnly: boolean;
  /** Where the address book, anchors and bans are kept; null: nowhere. */
  readonly folder: string | null;
  /** Multiplies the mean waiting times of transaction relay; 0 tells at once. */
  readonly relayPace: number;
  readonly messageBytesMax?: number;
  /** Of branches of little work; tests have shorter ones. */
  readonly presyncBounds?: PresyncBounds;
  /** Runs a task soon; `setImmediate` in the node. */
  readonly schedule: (task: () => void) => void;
  /** Addresses at which others can reach us. */
  readonly external?: readonly string[];
  /** On a network of stakers: who reads its messages. Blocks come by no other way there. */
  readonly staked?: StakedHandler;
}

const SAVE_EVERY_MS = 900_000;
/** What no honest node sends is worth half of a peer's standing: one such message may be our own fault. */
const STAKED_FAULT_POINTS = 50;

export class Network {
  readonly statistics: NetworkStatistics = newStatistics();
  readonly book: AddressBook;
  readonly clockOffsets: ClockOffsets = new ClockOffsets();
  readonly bans: Bans = new Bans();
  readonly #options: NetworkOptions;
  readonly #waitingRoom = new WaitingRoom();
  readonly #peers = new Map<number, Peer>();
  readonly #core: Core;
  readonly #greeting: Greeting;
  readonly #planner: Planner;
  readonly #headers: HeaderSync;
  readonly #download: BlockDownload;
  readonly #compact: CompactRelay;
  readonly #announcer: Announcer;
  readonly #server: BlockServer;
  readonly #transactions: TransactionRelay;
  readonly #addresses: AddressRelay;
  readonly #groupKey: Uint32Array;
  readonly #waitLog: WaitLog;
  #listener: Listener | null = null;
  #nextId = 0;
  /** The peer that had its turn last. */
  #lastTurn = -1;
  #scheduled = false;
  #stopping = false;
  #active = true;
  #seeded = false;
  #isolated: ReadonlySet<string> = new Set();
  #savedAt: number;
  #unsubscribe: (() => void)[] = [];

  constructor(options: NetworkOptions) {
    this.#options = options;
    const { random, clock } = options;
    this.#savedAt = clock.elapsed();
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
    this.#groupKey = new Uint32Array(random.bytes(16).slice().buffer);
    this.#planner = new Planner(this.#core, this.book, options.planner);
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
    this.#restoreLists();
    for (const name of options.addNode) this.addNode(name);
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
      fault: (peer, points, fault, detail) => this.#fault(peer, points, fault, detail),
      disconnect: (peer, why) => peer.close(why),
    };
  }

  #restoreLists(): void {
    const { folder } = this.#options;
    if (folder === null) return;
    for (const ban of loadBans(join(folder, "bans.json"))) this.bans.add(ban);
    const anchors = loadAnchors(join(folder, "anchors.json"));
    this.#planner.setAnchors(anchors.slice(0, ANCHOR_COUNT));
  }

  /** Listens and begins to follow the chain and the mempool. Dialling begins with the first tick. */
  async start(): Promise<void> {
    const { bind, transport, chain, mempool, external, identity } = this.#options;
    this.#unsubscribe.push(
      chain.subscribe((event) => {
        if (this.#options.staked === undefined) this.#announcer.onEvent(event);
        if (event.kind !== "tip") return;
        this.#transactions.onTip();
        this.#download.schedule();
      }),
      mempool.subscribe((event) => this.#transactions.onMempool(event)),
    );
    if (bind !== null) {
      this.#listener = await transport.listen(bind, (stream) => this.#receive(stream));
    }
    for (const text of external ?? []) {
      const where = parseEndpoint(text, this.#listener?.local.port ?? identity.port);
      const address = where === null ? null : addressOf(where.host, where.port);
      if (address !== null) this.#addresses.setOwn(address, this.#greeting.services);
    }
  }

  /** Where it listens, once started. */
  get local(): Endpoint | null {
    return this.#listener?.local ?? null;
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
    return this.#active;
  }

  setActive(active: boolean): void {
    this.#active = active;
    if (!active) for (const peer of [...this.#peers.values()]) peer.close("operator");
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const stop of this.#unsubscribe) stop();
    this.save(true);
    this.#waitingRoom.close();
    for (const peer of [...this.#peers.values()]) peer.close("stopping");
    await this.#listener?.close();
  }

  /** Writes the address book, the bans and, at the end, the anchors. */
  save(anchors = false): void {
    const { folder, clock } = this.#options;
    this.#savedAt = clock.elapsed();
    if (folder === null) return;
    try {
      this.#saveIn(folder, anchors);
    } catch (error) {
      // A full disk: the old files stay, and it is tried again the next time.
      this.#options.log("warn", "the address book was not saved", { error: String(error) });
    }
  }

  #saveIn(folder: string, anchors: boolean): void {
    const { clock } = this.#options;
    saveBook(join(folder, "peers.json"), this.book.state());
    writeJsonFile(join(folder, "bans.json"), this.bans.list(Math.floor(clock.now() / 1000)));
    if (!anchors) return;
    const best = [...this.#peers.values()].filter(
      (peer) => peer.ready && (peer.kind === "block-only" || peer.kind === "full"),
    );
    best.sort((a, b) => Number(b.kind === "block-only") - Number(a.kind === "block-only"));
    const kept = best.slice(0, ANCHOR_COUNT).map(({ host, port }) => ({ host, port }));
    writeJsonFile(join(folder, "anchors.json"), kept);
  }

  // ---- Connections ----

  #peer(stream: Stream, kind: PeerKind, name: string): Peer {
    const { identity, clock } = this.#options;
    const peer = new Peer({
      id: this.#nextId++,
      kind,
      stream,
      identity,
      clock,
      name,
      messageBytesMax: this.#core.messageBytesMax,
      events: {
        wake: () => this.#wake(),
        closed: (gone, why) => this.#closed(gone, why),
        sent: (_type, bytes) => {
          this.statistics.bytesSent += bytes;
        },
      },
    });
    this.#peers.set(peer.id, peer);
    this.statistics.connectionsMade++;
    peer.open();
    return peer;
  }

  /** A connection from outside; of an address that was just shut out it is left alone for a while. */
  #receive(stream: Stream): void {
    const now = this.#options.clock.elapsed();
    if (!this.#waitingRoom.isFor(stream.remote.host, now)) this.#accept(stream);
    else if (!this.#waitingRoom.enter(stream, now)) this.#refuse(stream);
  }

  #refuse(stream: Stream): void {
    this.statistics.connectionsRefused++;
    stream.close();
  }

  #accept(stream: Stream): void {
    const { host } = stream.remote;
    const seconds = Math.floor(this.#options.clock.now() / 1000);
    const inbound = [...this.#peers.values()].filter((peer) => peer.inbound);
    const most = this.#options.inboundMax ?? INBOUND_MAX;
    const full = inbound.length >= most;
    const fromHost = inbound.filter((peer) => peer.host === host).length;
    const crowded = fromHost >= INBOUND_PER_HOST_MAX && !isLoopback(host);
    const unwelcome = full && this.bans.isDiscouraged(host);
    const refused =
      this.#stopping || !this.#active || crowded || unwelcome || this.bans.isBanned(host, seconds);
    if (refused || (full && !this.#evictOne(inbound))) {
      this.#refuse(stream);
      return;
    }
    const { port } = stream.remote;
    this.#peer(stream, "inbound", host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
  }

  #keyedGroup(group: string): number {
    const bytes = new TextEncoder().encode(group);
    const out = new Uint32Array(2);
    siphash24Into(this.#groupKey, bytes, 0, bytes.length, out);
    return out[0]!;
  }

  #evictOne(inbound: readonly Peer[]): boolean {
    const id = chooseEviction(
      inbound.map((peer) => {
        const group = peer.address === null ? "?" : groupOf(peer.address);
        return {
          id: peer.id,
          connectedAt: peer.connectedAt,
          pingMsMin: peer.pingMsMin,
          lastBlockAt: peer.lastBlockAt,
          lastTransactionAt: peer.lastTransactionAt,
          relaysTransactions: peer.relaysTransactions,
          group,
          keyedGroup: this.#keyedGroup(group),
          prefersEviction: this.bans.isDiscouraged(peer.host),
          protected: false,
        };
      }),
    );
    const peer = id === null ? undefined : this.#peers.get(id);
    peer?.close("evicted");
    return peer !== undefined;
  }

  #closed(peer: Peer, why: Farewell): void {
    this.#peers.delete(peer.id);
    this.statistics.bytesReceived += peer.bytesReceived;
    countUp(this.statistics.farewells, why);
    this.#headers.dropped(peer);
    if (peer.gotVerack) this.#options.staked?.left(peer.id);
    this.#download.dropped(peer);
    this.#compact.dropped(peer);
    this.#transactions.dropped(peer);
    if (peer.address !== null && peer.gotVerack && !peer.inbound) {
      this.book.connected(peer.address, Math.floor(this.#options.clock.now() / 1000));
    }
    if (why === "protocol" && !isLoopback(peer.host)) this.bans.discourage(peer.host);
    if (peer.inbound && (why === "protocol" || why === "misbehaved")) {
      this.#waitingRoom.offended(peer.host, this.#options.clock.elapsed());
    }
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

  #dial(dial: Dial): void {
    const { transport, clock, log } = this.#options;
    transport.connect({ host: dial.host, port: dial.port }, CONNECT_MS_MAX).then(
      (stream) => {
        this.#planner.ended(dial, true);
        const seconds = Math.floor(clock.now() / 1000);
        const banned = dial.kind !== "manual" && this.bans.isBanned(stream.remote.host, seconds);
        if (this.#stopping || !this.#active || banned) stream.close();
        else sendVersion(this.#core, this.#greeting, this.#peer(stream, dial.kind, dial.name));
      },
      (error: unknown) => {
        this.#planner.ended(dial, false);
        this.statistics.connectionsFailed++;
        log("debug", "no connection", { to: dial.name, error: String(error) });
      },
    );
  }

  async #askSeeds(): Promise<void> {
    const { identity, transport, clock, random, log } = this.#options;
    for (const seed of identity.seeds) {
      const hosts = await transport.resolve(`x9.${seed}`).catch(() => []);
      const plain = hosts.length > 0 ? hosts : await transport.resolve(seed).catch(() => []);
      const seconds = Math.floor(clock.now() / 1000);
      let added = 0;
      for (const host of plain.slice(0, 256)) {
        const address = addressOf(host, identity.port);
        if (address === null) continue;
        const age = 3 * 86_400 + random.below(4 * 86_400);
        const services = SERVICE_NETWORK | SERVICE_WITNESS;
        if (this.book.add({ address, services, time: seconds - age }, seed, seconds)) added++;
      }
      log("info", "addresses from a DNS seed", { seed, added });
    }
  }

  // ---- Time ----

  /** To be called about ten times a second. */
  tick(): void {
    if (this.#stopping) return;
    const { clock } = this.#options;
    const now = clock.elapsed();
    if (this.#active) this.#connectMore();
    for (const stream of this.#waitingRoom.leave(now)) this.#accept(stream);
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
    if (now - this.#savedAt > SAVE_EVERY_MS) this.save();
    this.#wake();
  }

  #connectMore(): void {
    for (let dial = this.#planner.next(); dial !== null; dial = this.#planner.next()) {
      this.#dial(dial);
    }
    if (this.#options.dnsSeeds && !this.#seeded && this.#planner.wantsSeeds()) {
      this.#seeded = true;
      void this.#askSeeds();
    }
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
      this.#lastTurn = peer.id;
      if (clock.elapsed() - begun < TURN_MS_MAX || number === peers.length - 1) continue;
      more = true;
      break;
    }
    if (more) this.#wake();
  }

  /** Handles some messages of a peer; true when there are more that can be handled now. */
  #serve(peer: Peer): boolean {
    for (let left = MESSAGES_PER_TURN; left > 0 && peer.state !== "closed"; left--) {
      if (peer.pendingBytes > SEND_PAUSE_BYTES) return false;
      if (peer.nextType === "tx" && !this.#transactions.mayRead(peer)) return false;
      const frame = peer.next();
      if (frame === null) return false;
      const decoded = decodeMessage(frame.type, frame.payload);
      if (decoded.ok) this.#handle(peer, decoded.message);
      else this.#fault(peer, 100, "bad-message", `${frame.type}: ${decoded.code}`);
    }
    return peer.hasMore;
  }

  // ---- Messages ----

  #handle(peer: Peer, message: Message): void {
    switch (message.type) {
      case "version":
        onVersion(this.#core, this.#greeting, peer, message);
        if (peer.version === message && !peer.inbound) {
          this.clockOffsets.add(message.time - Math.floor(this.#options.clock.now() / 1000));
        }
        if (this.#isIsolated(peer)) peer.close("operator");
        return;
      case "verack":
        if (onVerack(this.#core, peer)) this.#ready(peer);
        return;
      case "wtxidrelay":
      case "sendaddrv2":
        if (peer.version !== null) onFeature(this.#core, peer, message.type);
        return;
      case "sendheaders":
        peer.prefersHeaders = true;
        return;
      case "sendcmpct":
        if (message.version !== 2) return;
        peer.compact = true;
        peer.highBandwidthFrom = message.highBandwidth;
        return;
      default:
        // Before the handshake is done nothing else counts.
        if (peer.ready) this.#handleReady(peer, message);
    }
  }

  #handleReady(peer: Peer, message: Message): void {
    switch (message.type) {
      case "ping":
        peer.send({ type: "pong", nonce: message.nonce });
        return;
      case "pong":
        onPong(this.#core, peer, message.nonce);
        return;
      case "feefilter":
        if (message.rate >= 0) peer.feeFilter = message.rate;
        return;
      case "getaddr":
        this.#addresses.onGetAddresses(peer);
        return;
      case "addr":
      case "addrv2":
        this.#addresses.onAddresses(peer, message.addresses);
        return;
      case "inv":
        this.#onInventory(peer, message.items);
        return;
      case "tx":
        if (!this.#options.blocksOnly) this.#transactions.onTransaction(peer, message.bytes);
        return;
      case "mempool":
        this.#transactions.onMempoolRequest(peer);
        return;
      case "notfound":
        this.#transactions.onNotFound(peer, message.items);
        this.#download.onNotFound(peer, message.items);
        return;
      default:
        if (this.#options.staked === undefined) this.#handleBlocks(peer, message);
        else this.#handleStaked(this.#options.staked, peer, message);
    }
  }

  /** Consensus reads its own messages; of the others only transactions are served. */
  #handleStaked(staked: StakedHandler, peer: Peer, message: Message): void {
    if ("payload" in message) staked.message(peer.id, message.type, message.payload);
    else if (message.type === "getdata") {
      this.#server.onGetData(peer, message.items.filter(isTransaction));
    }
  }

  #handleBlocks(peer: Peer, message: Message): void {
    switch (message.type) {
      case "headers":
        this.#headers.onHeaders(peer, message.headers);
        return;
      case "block":
        this.#download.receive(message.bytes, { peer, compact: false });
        return;
      case "cmpctblock":
        this.#compact.onCompactBlock(peer, message);
        return;
      case "blocktxn":
        this.#compact.onBlockTransactions(peer, message);
        return;
      case "getheaders":
        if (this.#mayAsk(peer)) this.#server.onGetHeaders(peer, message);
        return;
      case "getblocks":
        if (this.#mayAsk(peer)) this.#server.onGetBlocks(peer, message);
        return;
      case "getdata":
        this.#server.onGetData(peer, message.items);
        return;
      case "getblocktxn":
        if (!this.#mayAsk(peer)) return;
        this.#server.onGetBlockTransactions(peer, message).catch((error: unknown) => {
          this.#options.log("error", "a block could not be read", { error: String(error) });
        });
        return;
      default:
        return;
    }
  }

  /** Costly requests have a budget of their own; beyond it they are not answered. */
  #mayAsk(peer: Peer): boolean {
    if (peer.budgets.requests.take(1, this.#options.clock.elapsed()) > 0) return true;
    this.#fault(peer, 1, "bad-request", "too many requests");
    return false;
  }

  #onInventory(peer: Peer, items: readonly InventoryItem[]): void {
    let block: InventoryItem | null = null;
    const transactions: InventoryItem[] = [];
    for (const item of items) {
      if (item.kind === INVENTORY.block) block = item;
      else if (item.kind === INVENTORY.transaction || item.kind === INVENTORY.witnessId) {
        transactions.push(item);
      }
    }
    // Headers tell the rest: only the last announced block matters.
    const byHeaders = this.#options.staked === undefined;
    if (block !== null && byHeaders) this.#headers.onAnnounced(peer, block.hash);
    if (transactions.length > 0 && !this.#options.blocksOnly) {
      this.#transactions.onInventory(peer, transactions);
    }
  }

  #ready(peer: Peer): void {
    const { clock } = this.#options;
    if (!peer.inbound && peer.address !== null && peer.version !== null) {
      this.book.good(peer.address, peer.version.services, Math.floor(clock.now() / 1000));
    }
    if (peer.kind === "feeler") {
      peer.close("done");
      return;
    }
    this.#addresses.onReady(peer);
    sendPing(this.#core, peer);
    if (this.#options.staked === undefined) this.#headers.tick();
    else this.#options.staked.joined(peer.id);
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
      waitingConnections: this.#waitingRoom.size,
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
    const where = parseEndpoint(name, this.#options.identity.port);
    if (where === null || this.#planner.names().length >= MANUAL_MAX) return false;
    return this.#planner.addNamed(name, where.host, where.port);
  }

  removeNode(name: string): boolean {
    return this.#planner.removeNamed(name);
  }

  addedNodes(): string[] {
    return this.#planner.names();
  }

  /** `addnode onetry`. */
  dialOnce(name: string): boolean {
    const where = parseEndpoint(name, this.#options.identity.port);
    if (where === null) return false;
    this.#dial({ kind: "manual", ...where, name, address: null });
    return true;
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
    const seconds = Math.floor(this.#options.clock.now() / 1000);
    if (!this.bans.add({ subnet, created: seconds, until: untilSeconds })) return false;
    for (const peer of [...this.#peers.values()]) {
      if (this.bans.isBanned(peer.host, seconds)) peer.close("banned");
    }
    this.save();
    return true;
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

function isTransaction({ kind }: InventoryItem): boolean {
  const { transaction, witnessId, witnessTransaction } = INVENTORY;
  return kind === transaction || kind === witnessId || kind === witnessTransaction;
}

/** The name in a user agent such as "/Pando:1.0.0(n3)/"; null without one. */
export function nodeNameOf(userAgent: string): string | null {
  return /\(([^()]+)\)\/$/.exec(userAgent)?.[1] ?? null;
}

/** The services as getpeerinfo names them. */
export function serviceNames(services: bigint): string[] {
  const names: [bigint, string][] = [
    [1n, "NETWORK"],
    [4n, "BLOOM"],
    [8n, "WITNESS"],
    [64n, "COMPACT_FILTERS"],
    [1024n, "NETWORK_LIMITED"],
    [2048n, "P2P_V2"],
  ];
  return names.filter(([bit]) => (services & bit) !== 0n).map(([, name]) => name);
}
