// Relay of transactions: hear of them (inv), fetch each once, judge, tell others in small batches at
// random times so that nobody can tell where one began. Ids are witness ids between peers that agreed
// on it (BIP339).
import { type Bytes, toHex } from "../../base/bytes.ts";
import { decodeTransaction, type Transaction } from "../../ledger/bitcoin/transaction.ts";
import type { MempoolEntry, MempoolEvent, TransactionVerdict } from "../../ports/mempool.ts";
import type { Candidate } from "../compact/partial-block.ts";
import type { Core } from "../core.ts";
import {
  ANNOUNCE_PER_TURN,
  INVENTORY_COUNT_MAX,
  RECENT_REJECTS_MAX,
  TO_ANNOUNCE_MAX,
  TRANSACTION_BYTES_MAX,
} from "../limits.ts";
import { BoundedSet } from "../peer/bounded-set.ts";
import type { Peer } from "../peer/peer.ts";
import { INVENTORY, type InventoryItem } from "../wire/messages.ts";
import { Intake } from "./intake.ts";
import { type Orphan, Orphanage, parentIds } from "./orphanage.ts";
import { RequestTracker } from "./request-tracker.ts";

/** Mean time between two batches of announcements. */
const ANNOUNCE_OUTBOUND_MS = 2_000;
const ANNOUNCE_INBOUND_MS = 5_000;
const FEE_FILTER_EVERY_MS = 600_000;
/** What no peer has asked for is announced again after this, and up to half as long again. */
const REBROADCAST_MS = 600_000;

/** The fee filter while we are far behind: all the money there is. */
const NOTHING_WELCOME: number = 21_000_000 * 100_000_000;

/** A transaction under judgement. */
interface Sent {
  readonly from: number;
  readonly raw: Bytes;
  readonly wtxid: Bytes;
  /** Its sender has paid for it: it came unasked. */
  readonly charged: boolean;
}

export class TransactionRelay {
  readonly #core: Core;
  readonly #requests = new RequestTracker();
  readonly #orphans = new Orphanage();
  /** Witness ids (and ids, where that is enough) that were refused since the tip moved. */
  readonly #rejects = new BoundedSet(RECENT_REJECTS_MAX);
  readonly #intake: Intake;
  /** All inbound peers are told at the same moments: many connections learn no more than one. */
  #inboundAt = 0;
  #rebroadcastAt = 0;
  /** Multiplies the mean times; 0 announces at once (tests, regtest). */
  readonly #pace: number;

  /** `room` is called when there is room for another judgement after there was none. */
  constructor(core: Core, pace: number, room: () => void) {
    this.#core = core;
    this.#pace = pace;
    this.#intake = new Intake(core, room);
  }

  get orphanCount(): number {
    return this.#orphans.size;
  }

  get orphanBytes(): number {
    return this.#orphans.bytes;
  }

  get rejectCount(): number {
    return this.#rejects.size;
  }

  get judgedCount(): number {
    return this.#intake.count;
  }

  get judgedBytes(): number {
    return this.#intake.bytes;
  }

  /** Ids that a peer has announced and that are not here. */
  requestsOf(peer: number): number {
    return this.#requests.announced(peer);
  }

  /** What may complete a compact block beside the mempool. */
  *extra(): Iterable<Candidate> {
    yield* this.#orphans.values();
  }

  #isKnown(item: InventoryItem): boolean {
    const { mempool } = this.#core;
    const byWitness = item.kind === INVENTORY.witnessId;
    if (this.#rejects.has(toHex(item.hash))) return true;
    if (!byWitness) return mempool.has(item.hash);
    return mempool.hasWitness(item.hash) || this.#orphans.has(item.hash);
  }

  /** The peer announced transactions. */
  onInventory(peer: Peer, items: readonly InventoryItem[]): void {
    const { chain, statistics, clock } = this.#core;
    if (!this.#relaysWith(peer) || chain.initialDownload()) return;
    const now = clock.elapsed();
    const allowed = peer.budgets.inventory.take(items.length, now);
    statistics.inventoryDropped += items.length - allowed;
    for (const item of items.slice(0, allowed)) {
      const byWitness = item.kind === INVENTORY.witnessId;
      // Each peer uses one kind of id; the other kind is ignored, as in Bitcoin Core.
      if (byWitness !== peer.wtxidRelay) continue;
      peer.known.add(item.hash);
      const orphan = byWitness ? this.#orphans.get(item.hash) : null;
      // Who sent it need not give its parents: whoever has it has them.
      const decoded = orphan === null ? null : decodeTransaction(orphan.raw);
      if (decoded?.ok === true) this.#wantParents(peer, decoded.value, now);
      if (this.#isKnown(item)) continue;
      this.#want(peer, item.hash, byWitness, now);
    }
  }

  #relaysWith(peer: Peer): boolean {
    return peer.kind === "inbound" || peer.kind === "full" || peer.kind === "manual";
  }

  #want(peer: Peer, hash: Bytes, byWitness: boolean, now: number): void {
    const how = { byWitness, preferred: !peer.inbound, othersUseWitness: true };
    if (!this.#requests.announce(peer.id, toHex(hash), hash, now, how)) {
      this.#core.statistics.inventoryDropped++;
    }
  }

  onNotFound(peer: Peer, items: readonly InventoryItem[]): void {
    const now = this.#core.clock.elapsed();
    for (const { hash } of items) this.#requests.failed(peer.id, toHex(hash), now);
  }

  /** Whether the next message of a peer, which is a transaction, may be looked at now. */
  mayRead(peer: Peer): boolean {
    return this.#intake.mayRead(peer, this.#requests.pending(peer.id));
  }

  /** A transaction's bytes from a peer. */
  onTransaction(peer: Peer, bytes: Bytes): void {
    const { statistics, mempool } = this.#core;
    statistics.transactionsReceived++;
    const decoded = decodeTransaction(bytes);
    // Bytes behind the transaction would be kept and passed on with it.
    if (!decoded.ok || decoded.end !== bytes.length) {
      this.#core.fault(peer, 100, "bad-message", "tx");
      return;
    }
    const { txid, wtxid } = decoded.value;
    const key = toHex(wtxid);
    const id = toHex(txid);
    const asked = this.#requests.isAsked(peer.id, key) || this.#requests.isAsked(peer.id, id);
    if (!asked) this.#intake.charge(peer, this.#requests.pending(peer.id));
    peer.known.add(txid);
    peer.known.add(wtxid);
    this.#requests.forget(key);
    this.#requests.forget(id);
    if (this.#rejects.has(key) || mempool.hasWitness(wtxid)) return;
    if (bytes.length > TRANSACTION_BYTES_MAX) {
      this.#rejects.add(key);
      return;
    }
    this.#judge({ from: peer.id, raw: bytes, wtxid, charged: !asked });
  }

  #judge(sent: Sent): void {
    const { raw } = sent;
    this.#intake.begin(raw.length);
    this.#core.mempool.submit(raw).then(
      (verdict) => {
        this.#intake.end(raw.length, verdict.ok);
        this.#judged(sent, verdict);
      },
      (error: unknown) => {
        this.#intake.end(raw.length, false);
        this.#core.log("error", "no verdict on a transaction", { error: String(error) });
      },
    );
  }

  #judged(sent: Sent, verdict: TransactionVerdict): void {
    const { from, raw, wtxid } = sent;
    const peer = this.#core.peers.get(from);
    if (verdict.ok) {
      this.#core.statistics.transactionsAccepted++;
      if (peer !== undefined) peer.lastTransactionAt = this.#core.clock.elapsed();
      // Its announcement follows from the mempool's own event.
      for (const orphan of this.#orphans.takeChildren(verdict.txid)) this.#judgeOrphan(orphan);
      return;
    }
    switch (verdict.kind) {
      case "missing":
        // Of a peer that is gone nobody could be asked for the parents.
        if (peer === undefined) return;
        if (!sent.charged) this.#intake.charge(peer, 1);
        this.#keepOrphan(peer, raw);
        return;
      case "invalid":
        this.#rejects.add(toHex(wtxid));
        if (peer !== undefined) {
          this.#core.fault(peer, 100, "invalid-transaction", verdict.code);
        }
        return;
      case "rejected":
      case "witness":
      case "confirmed":
        this.#rejects.add(toHex(wtxid));
        return;
      case "known":
      case "busy":
        return;
    }
  }

  /** Its parent has come: it was worth keeping. */
  #judgeOrphan({ peer: from, raw, wtxid }: Orphan): void {
    const peer = this.#core.peers.get(from);
    if (peer !== undefined) this.#intake.refund(peer);
    this.#judge({ from, raw, wtxid, charged: false });
  }

  /** Keeps it until its parents are here, and asks its sender for them. */
  #keepOrphan(peer: Peer, raw: Bytes): void {
    const decoded = decodeTransaction(raw);
    if (!decoded.ok) return;
    const parents = parentIds(decoded.value);
    // A child of something worthless is worthless.
    if (parents.some((parent) => this.#rejects.has(parent))) {
      this.#rejects.add(toHex(decoded.value.wtxid));
      return;
    }
    const now = this.#core.clock.elapsed();
    const before = this.#orphans.dropped;
    this.#orphans.add(decoded.value, peer.id, now);
    this.#core.statistics.orphansDropped += this.#orphans.dropped - before;
    this.#wantParents(peer, decoded.value, now);
  }

  #wantParents(peer: Peer, { inputs, bytes }: Transaction, now: number): void {
    for (const { outpointAt } of inputs) {
      const parent = bytes.slice(outpointAt, outpointAt + 32);
      if (this.#core.mempool.has(parent) || this.#rejects.has(toHex(parent))) continue;
      this.#want(peer, parent, false, now);
    }
  }

  /** The mempool changed: what came in is announced to everyone who has not heard of it. */
  onMempool(event: MempoolEvent): void {
    if (event.kind === "removed") return;
    for (const peer of this.#core.peers.values()) this.#queue(peer, event.entry);
    if (this.#requests.size === 0) return;
    this.#requests.forget(toHex(event.entry.txid));
    this.#requests.forget(toHex(event.entry.wtxid));
  }

  #queue(peer: Peer, entry: MempoolEntry): void {
    if (!peer.ready || !peer.relaysTransactions) return;
    const hash = peer.wtxidRelay ? entry.wtxid : entry.txid;
    if (peer.known.has(hash)) return;
    if (peer.toAnnounce.size >= TO_ANNOUNCE_MAX) {
      this.#core.statistics.inventoryDropped++;
      return;
    }
    peer.toAnnounce.add(hash);
  }

  /** BIP35: everything there is. */
  onMempoolRequest(peer: Peer): void {
    for (const entry of this.#core.mempool.entries()) this.#queue(peer, entry);
  }

  /** A transaction for a peer that asks; only what is in the mempool. */
  find(_peer: Peer, item: InventoryItem): Bytes | null {
    const { mempool } = this.#core;
    const byWitness = item.kind === INVENTORY.witnessId;
    const entry = byWitness ? mempool.byWitness(item.hash) : mempool.entry(item.hash);
    if (entry === null) return null;
    mempool.requested(entry.txid);
    return entry.raw;
  }

  /** The operator's transactions that nobody has asked for are told to who has not heard of them. */
  #rebroadcast(now: number): void {
    if (now < this.#rebroadcastAt) return;
    const wait = REBROADCAST_MS * (1 + this.#core.random.fraction() / 2);
    const isFirst = this.#rebroadcastAt === 0;
    this.#rebroadcastAt = now + wait;
    if (isFirst) return;
    for (const entry of this.#core.mempool.unbroadcast()) {
      for (const peer of this.#core.peers.values()) this.#queue(peer, entry);
    }
  }

  /** New coins may have made refused transactions good. */
  onTip(): void {
    this.#rejects.clear();
  }

  dropped(peer: Peer): void {
    this.#requests.dropped(peer.id, this.#core.clock.elapsed());
    this.#orphans.forgetPeer(peer.id);
  }

  tick(): void {
    const now = this.#core.clock.elapsed();
    this.#fetch(now);
    this.#rebroadcast(now);
    const inboundTurn = now >= this.#inboundAt;
    if (inboundTurn) this.#inboundAt = now + this.#wait(ANNOUNCE_INBOUND_MS);
    for (const peer of this.#core.peers.values()) {
      if (!peer.ready) continue;
      this.#tellFeeFilter(peer, now);
      const turn = peer.inbound ? inboundTurn : now >= peer.announceAt;
      if (!turn) continue;
      if (!peer.inbound) peer.announceAt = now + this.#wait(ANNOUNCE_OUTBOUND_MS);
      this.#announce(peer);
    }
  }

  /** A random time with this mean. */
  #wait(meanMs: number): number {
    return -Math.log(1 - this.#core.random.fraction()) * meanMs * this.#pace;
  }

  #fetch(now: number): void {
    const byPeer = new Map<number, InventoryItem[]>();
    for (const { peer, hash, byWitness } of this.#requests.due(now)) {
      const items = byPeer.get(peer) ?? [];
      const kind = byWitness ? INVENTORY.witnessId : INVENTORY.witnessTransaction;
      items.push({ kind, hash });
      byPeer.set(peer, items);
    }
    this.#core.statistics.transactionRequestsExpired = this.#requests.expired;
    for (const [id, items] of byPeer) {
      const peer = this.#core.peers.get(id);
      for (let at = 0; at < items.length; at += INVENTORY_COUNT_MAX) {
        peer?.send({ type: "getdata", items: items.slice(at, at + INVENTORY_COUNT_MAX) });
      }
    }
  }

  #announce(peer: Peer): void {
    if (peer.toAnnounce.size === 0) return;
    const items: InventoryItem[] = [];
    const kind = peer.wtxidRelay ? INVENTORY.witnessId : INVENTORY.transaction;
    for (const hash of peer.toAnnounce) {
      peer.toAnnounce.delete(hash);
      const { mempool } = this.#core;
      const entry = peer.wtxidRelay ? mempool.byWitness(hash) : mempool.entry(hash);
      // Gone meanwhile, or below what the peer wants.
      if (entry === null || entry.fee * 1000 < peer.feeFilter * entry.size) continue;
      if (!peer.known.add(hash)) continue;
      items.push({ kind, hash });
      if (items.length >= ANNOUNCE_PER_TURN) break;
    }
    if (items.length > 0) peer.send({ type: "inv", items });
  }

  /** BIP133: tells what is too cheap for us. */
  #tellFeeFilter(peer: Peer, now: number): void {
    if (!peer.relaysTransactions || (peer.version?.protocol ?? 0) < 70013) return;
    const first = peer.feeFilterAt === 0;
    const far = this.#core.chain.initialDownload();
    // Who was told that nothing is welcome hears at once that the download is over.
    const over = !far && peer.feeFilterSent === NOTHING_WELCOME;
    if (!first && !over && now - peer.feeFilterAt < FEE_FILTER_EVERY_MS) return;
    peer.feeFilterAt = Math.max(1, now);
    const rate = far ? NOTHING_WELCOME : this.#core.mempool.info().feeFloor;
    if (rate === peer.feeFilterSent && !first) return;
    peer.feeFilterSent = rate;
    peer.send({ type: "feefilter", rate });
  }
}
