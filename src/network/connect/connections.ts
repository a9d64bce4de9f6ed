// Connections to peers: taken from outside and dialled, within their places; who is refused, evicted,
// left waiting; and the lists that outlive the process: address book, anchors, bans.
import { join } from "node:path";
import { siphash24Into } from "../../crypto/siphash.ts";
import type { Endpoint, Listener, Stream } from "../../ports/stream.ts";
import { addressOf, groupOf, isLoopback, parseEndpoint } from "../addresses/address-text.ts";
import type { AddressBook } from "../addresses/book.ts";
import { loadAnchors, loadBans, saveBook, writeJsonFile } from "../addresses/book-file.ts";
import type { Core } from "../core.ts";
import {
  ANCHOR_COUNT,
  CONNECT_MS_MAX,
  INBOUND_MAX,
  INBOUND_PER_HOST_MAX,
  MANUAL_MAX,
} from "../limits.ts";
import type { NetworkOptions } from "../options.ts";
import { chooseEviction } from "../peer/eviction.ts";
import { type Greeting, sendVersion } from "../peer/handshake.ts";
import { type Farewell, Peer, type PeerKind } from "../peer/peer.ts";
import { SERVICE_NETWORK, SERVICE_WITNESS } from "../wire/messages.ts";
import { Bans } from "./bans.ts";
import { type Dial, Planner } from "./planner.ts";
import { WaitingRoom } from "./waiting-room.ts";

const SAVE_EVERY_MS = 900_000;

interface ConnectionParts {
  readonly options: NetworkOptions;
  readonly core: Core;
  /** Those of the core, to be added to. */
  readonly peers: Map<number, Peer>;
  readonly book: AddressBook;
  readonly greeting: Greeting;
  readonly wake: () => void;
  readonly closed: (peer: Peer, why: Farewell) => void;
}

export class Connections {
  readonly bans: Bans = new Bans();
  readonly #parts: ConnectionParts;
  readonly #options: NetworkOptions;
  readonly #core: Core;
  readonly #peers: Map<number, Peer>;
  readonly #book: AddressBook;
  readonly #waitingRoom = new WaitingRoom();
  readonly #planner: Planner;
  readonly #groupKey: Uint32Array;
  #listener: Listener | null = null;
  #nextId = 0;
  #isClosed = false;
  #active = true;
  #seeded = false;
  #savedAt: number;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#options = parts.options;
    this.#core = parts.core;
    this.#peers = parts.peers;
    this.#book = parts.book;
    const { random, clock, planner, addNode } = parts.options;
    this.#savedAt = clock.elapsed();
    this.#groupKey = new Uint32Array(random.bytes(16).slice().buffer);
    this.#planner = new Planner(parts.core, parts.book, planner);
    this.#restoreLists();
    for (const name of addNode) this.addNode(name);
  }

  #restoreLists(): void {
    const { folder } = this.#options;
    if (folder === null) return;
    for (const ban of loadBans(join(folder, "bans.json"))) this.bans.add(ban);
    const anchors = loadAnchors(join(folder, "anchors.json"));
    this.#planner.setAnchors(anchors.slice(0, ANCHOR_COUNT));
  }

  async listen(at: Endpoint): Promise<void> {
    const { transport } = this.#options;
    this.#listener = await transport.listen(at, (stream) => this.#receive(stream));
  }

  /** Where it listens. */
  get local(): Endpoint | null {
    return this.#listener?.local ?? null;
  }

  /** False when the operator has switched the network off. */
  get active(): boolean {
    return this.#active;
  }

  setActive(active: boolean): void {
    this.#active = active;
    if (!active) for (const peer of [...this.#peers.values()]) peer.close("operator");
  }

  get waitingCount(): number {
    return this.#waitingRoom.size;
  }

  tick(now: number): void {
    if (this.#active) this.#connectMore();
    for (const stream of this.#waitingRoom.leave(now)) this.#accept(stream);
    if (now - this.#savedAt > SAVE_EVERY_MS) this.save();
  }

  /** Saves the lists and lets everybody go. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.save(true);
    this.#waitingRoom.close();
    for (const peer of [...this.#peers.values()]) peer.close("stopping");
    await this.#listener?.close();
  }

  /** A peer is gone: its address is remembered for what it was worth. */
  left(peer: Peer, why: Farewell): void {
    const { clock } = this.#options;
    if (peer.address !== null && peer.gotVerack && !peer.inbound) {
      this.#book.connected(peer.address, Math.floor(clock.now() / 1000));
    }
    if (why === "protocol" && !isLoopback(peer.host)) this.bans.discourage(peer.host);
    if (peer.inbound && (why === "protocol" || why === "misbehaved")) {
      this.#waitingRoom.offended(peer.host, clock.elapsed());
    }
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
    saveBook(join(folder, "peers.json"), this.#book.state());
    writeJsonFile(join(folder, "bans.json"), this.bans.list(Math.floor(clock.now() / 1000)));
    if (!anchors) return;
    const best = [...this.#peers.values()].filter(
      (peer) => peer.ready && (peer.kind === "block-only" || peer.kind === "full"),
    );
    best.sort((a, b) => Number(b.kind === "block-only") - Number(a.kind === "block-only"));
    const kept = best.slice(0, ANCHOR_COUNT).map(({ host, port }) => ({ host, port }));
    writeJsonFile(join(folder, "anchors.json"), kept);
  }

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
        wake: () => this.#parts.wake(),
        closed: (gone, why) => this.#parts.closed(gone, why),
        sent: (_type, bytes) => {
          this.#core.statistics.bytesSent += bytes;
        },
      },
    });
    this.#peers.set(peer.id, peer);
    this.#core.statistics.connectionsMade++;
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
    this.#core.statistics.connectionsRefused++;
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
      this.#isClosed || !this.#active || crowded || unwelcome || this.bans.isBanned(host, seconds);
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

  #dial(dial: Dial): void {
    const { transport, clock, log } = this.#options;
    transport.connect({ host: dial.host, port: dial.port }, CONNECT_MS_MAX).then(
      (stream) => {
        this.#planner.ended(dial, true);
        const seconds = Math.floor(clock.now() / 1000);
        const banned = dial.kind !== "manual" && this.bans.isBanned(stream.remote.host, seconds);
        if (this.#isClosed || !this.#active || banned) stream.close();
        else
          sendVersion(this.#core, this.#parts.greeting, this.#peer(stream, dial.kind, dial.name));
      },
      (error: unknown) => {
        this.#planner.ended(dial, false);
        this.#core.statistics.connectionsFailed++;
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
        if (this.#book.add({ address, services, time: seconds - age }, seed, seconds)) added++;
      }
      log("info", "addresses from a DNS seed", { seed, added });
    }
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
}
