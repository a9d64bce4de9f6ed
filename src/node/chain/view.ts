// The chain as its neighbours see it (ports/chain.ts): headers as objects, headers-first acceptance,
// events. What it calls active is what the last event said, which is durable; the chain itself may
// be some blocks ahead while it writes.
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { HEADER_BYTES, type Header, readHeader } from "../../ledger/bitcoin/block.ts";
import { checkHeader, checkHeaderInBranch } from "../../ledger/bitcoin/header-rules.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { workOfBits } from "../../ledger/bitcoin/work.ts";
import {
  type BlockId,
  type BlockIndex,
  CHECKED,
  HAS_DATA,
  INVALID,
  NONE,
} from "../../planes/consensus/work/block-index.ts";
import type {
  BlockStanding,
  BlockVerdict,
  ChainEvent,
  ChainHeader,
  ChainView,
  HeadersVerdict,
} from "../../ports/chain.ts";
import type { TipChange } from "./archive.ts";
import type { ChainBase } from "./base.ts";
import { Chain } from "./chain.ts";

export interface HeaderBounds {
  /**
   * Headers without blocks beside the best branch, 200 bytes of memory and 80 of disk each: above it
   * only branches with more work than the best one are taken.
   */
  readonly beside: number;
}

const HEADER_BOUNDS: HeaderBounds = { beside: 200_000 };
/** As in Bitcoin Core's GetAntiDoSWorkThreshold. */
const NEAR_TIP_BLOCKS = 144;
/** A tip older than this means that we are still downloading (Bitcoin Core's DEFAULT_MAX_TIP_AGE). */
const TIP_AGE_SECONDS_MAX: number = 24 * 60 * 60;

/** Faults of the header itself: no other bytes can make the block good. */
const HEADER_FAULTS: ReadonlySet<string> = new Set([
  "high-hash",
  "bad-diffbits",
  "time-too-old",
  "time-timewarp-attack",
  "bad-prevblk",
  "duplicate-invalid",
]);

/** On networks of stakers blocks come by way of consensus, with the messages of their own. */
const NOT_HERE = { ok: false, code: "staked-network", debug: null, permanent: false } as const;

/** A header that reads its fields out of the index, so that a million of them cost little. */
class KnownHeader implements ChainHeader {
  readonly #index: BlockIndex;
  readonly id: BlockId;
  readonly height: number;

  constructor(index: BlockIndex, id: BlockId) {
    this.#index = index;
    this.id = id;
    this.height = index.height(id);
  }

  get hash(): Bytes {
    return this.#index.hash(this.id).slice();
  }

  get bytes(): Bytes {
    return this.#index.header(this.id).slice();
  }

  get work(): bigint {
    return this.#index.work(this.id);
  }
}

interface NewHeader {
  readonly header: Header;
  readonly work: bigint;
}

export class NodeChainView implements ChainView {
  readonly #chain: ChainBase;
  readonly #index: BlockIndex;
  readonly #params: Params;
  /** Seconds since 1970. */
  readonly #now: () => number;
  readonly #bounds: HeaderBounds;
  readonly #headers: KnownHeader[] = [];
  readonly #listeners = new Set<(event: ChainEvent) => void>();
  readonly #unsubscribe: () => void;
  #tip: KnownHeader;
  #downloading = true;

  readonly #isBehind: (() => boolean) | null;

  /** `isBehind` tells on a network of stakers what age and work of the tip tell elsewhere. */
  constructor(
    chain: ChainBase,
    now: () => number,
    bounds: HeaderBounds = HEADER_BOUNDS,
    isBehind: (() => boolean) | null = null,
  ) {
    this.#isBehind = isBehind;
    this.#chain = chain;
    this.#index = chain.index;
    this.#params = chain.params;
    this.#now = now;
    this.#bounds = bounds;
    this.#tip = this.#header(chain.tipId);
    this.#unsubscribe = chain.subscribe({
      tip: (change) => this.#onTip(change),
      seen: (id, bytes) => this.#onSeen(id, bytes),
    });
  }

  close(): void {
    this.#unsubscribe();
    this.#listeners.clear();
  }

  #header(id: BlockId): KnownHeader {
    assert(id >= 0 && id < this.#index.count, "a header's number is in the index");
    const known = this.#headers[id];
    if (known !== undefined) return known;
    const header = new KnownHeader(this.#index, id);
    this.#headers[id] = header;
    return header;
  }

  #find(hash: Bytes): BlockId {
    return hash.length === 32 ? this.#index.find(hash) : NONE;
  }

  tip(): ChainHeader {
    return this.#tip;
  }

  bestHeader(): ChainHeader {
    return this.#header(this.#index.bestHeader);
  }

  header(hash: Bytes): ChainHeader | null {
    const id = this.#find(hash);
    return id === NONE ? null : this.#header(id);
  }

  headerAt(height: number): ChainHeader | null {
    const id = this.#index.ancestor(this.#tip.id, height);
    return id === NONE ? null : this.#header(id);
  }

  ancestor(of: ChainHeader, height: number): ChainHeader | null {
    const from = of instanceof KnownHeader ? of.id : this.#find(of.hash);
    if (from === NONE) return null;
    const id = this.#index.ancestor(from, height);
    return id === NONE ? null : this.#header(id);
  }

  #isActive(id: BlockId): boolean {
    return this.#index.ancestor(this.#tip.id, this.#index.height(id)) === id;
  }

  standing(hash: Bytes): BlockStanding | null {
    const id = this.#find(hash);
    if (id === NONE) return null;
    if (this.#isActive(id)) return "active";
    if (this.#index.has(id, INVALID)) return "invalid";
    if (!this.#index.has(id, HAS_DATA)) return "headers-only";
    return this.#index.has(id, CHECKED) ? "valid-fork" : "stored";
  }

  hasBlock(hash: Bytes): boolean {
    const id = this.#find(hash);
    return id !== NONE && this.#index.has(id, HAS_DATA);
  }

  async blockBytes(hash: Bytes): Promise<Bytes | null> {
    const id = this.#find(hash);
    if (id === 0) return this.#params.genesis;
    if (id === NONE || !this.#index.has(id, HAS_DATA)) return null;
    return this.#chain.readBlock(id);
  }

  tips(): readonly ChainHeader[] {
    const ends = new Set([this.#tip.id, ...this.#index.leaves]);
    return [...ends].map((id) => this.#header(id));
  }

  /** Bitcoin Core's threshold: what the network is known to have, and a day behind our own tip. */
  headerWorkMin(): bigint {
    const { work, id } = this.#tip;
    const near = work - BigInt(NEAR_TIP_BLOCKS) * workOfBits(this.#index.bits(id));
    return near > this.#params.minimumWork ? near : this.#params.minimumWork;
  }

  acceptHeaders(headers: Bytes, shown = 0n): HeadersVerdict {
    if (!(this.#chain instanceof Chain)) return { ...NOT_HERE, punish: false };
    assert(headers.length % HEADER_BYTES === 0, "headers have 80 bytes each");
    let last: BlockId = NONE;
    const fresh: NewHeader[] = [];
    for (let at = 0; at < headers.length; at += HEADER_BYTES) {
      const header = readHeader(headers.slice(at, at + HEADER_BYTES));
      const known = this.#index.find(header.hash);
      if (known === NONE) {
        const own = checkHeader(header, this.#params);
        if (!own.ok) return { ok: false, code: own.code, punish: true };
        fresh.push({ header, work: workOfBits(header.bits) });
      } else if (this.#index.has(known, INVALID)) {
        return this.#onInvalid(known, "duplicate-invalid");
      } else last = known;
    }
    const refused = this.#checkBounds(fresh, shown);
    if (refused !== null) return { ok: false, code: refused, punish: false };
    const before = this.#index.count;
    for (const one of fresh) {
      const added = this.#addHeader(one);
      if (!added.ok) {
        this.#chain.keepHeaders(before);
        return added;
      }
      last = added.id;
    }
    this.#chain.keepHeaders(before);
    return { ok: true, last: last === NONE ? null : this.#header(last), added: fresh.length };
  }

  /** A header on a branch that is not followed; its sender is innocent when only we refused it. */
  #onInvalid(id: BlockId, code: string): HeadersVerdict & { ok: false } {
    return { ok: false, code, punish: !this.#chain.refusedByOperator(id) };
  }

  /**
   * Headers cost memory and disk for good, so their work must buy it: the branch has to come near
   * the tip's work and to the least that the network has.
   */
  #checkBounds(fresh: readonly NewHeader[], shown: bigint): string | null {
    const first = fresh[0];
    if (first === undefined) return null;
    const parent = this.#index.find(first.header.previous);
    if (parent === NONE) return "prev-blk-not-found";
    let work = this.#index.work(parent);
    for (const one of fresh) work += one.work;
    const leadsTo = work > shown ? work : shown;
    if (leadsTo < this.headerWorkMin()) return "too-little-chainwork";
    if (leadsTo > this.#index.work(this.#index.bestHeader)) return null;
    return this.#beside() + fresh.length > this.#bounds.beside ? "too-many-headers" : null;
  }

  /** Headers without blocks that are not on the way from the tip to the best header. */
  #beside(): number {
    const index = this.#index;
    const best = index.bestHeader;
    const ahead = index.height(best) - index.height(index.fork(best, this.#tip.id));
    return Math.max(0, index.withoutData - ahead);
  }

  #addHeader({
    header,
    work,
  }: NewHeader): { ok: true; id: BlockId } | (HeadersVerdict & { ok: false }) {
    const index = this.#index;
    const again = index.find(header.hash);
    if (again !== NONE) return { ok: true, id: again };
    const parent = index.find(header.previous);
    if (parent === NONE) return { ok: false, code: "prev-blk-not-found", punish: false };
    if (index.has(parent, INVALID)) return this.#onInvalid(parent, "bad-prevblk");
    const verdict = checkHeaderInBranch(header, this.#params, index.node(parent), this.#now());
    if (!verdict.ok) {
      return { ok: false, code: verdict.code, punish: verdict.consequence !== "future" };
    }
    return { ok: true, id: index.add(header.bytes, header.hash, parent, work) };
  }

  async acceptBlock(bytes: Bytes): Promise<BlockVerdict> {
    if (!(this.#chain instanceof Chain)) return NOT_HERE;
    const { hash, verdict, reason } = await this.#chain.submit(bytes);
    if (verdict !== "rejected") return { ok: true, state: verdict };
    const code = reason ?? "rejected";
    return { ok: false, code, debug: null, permanent: this.#isPermanent(hash, code) };
  }

  refusal(): string | null {
    return this.#chain.room.refusal;
  }

  #isPermanent(hash: Bytes | null, code: string): boolean {
    const id = hash === null ? NONE : this.#index.find(hash);
    if (id !== NONE) return this.#index.has(id, INVALID);
    return HEADER_FAULTS.has(code) || code.startsWith("bad-version");
  }

  #onSeen(id: BlockId, bytes: Bytes): void {
    // Nobody relays while everything is still downloading: the copy is saved.
    if (this.#listeners.size === 0 || this.initialDownload()) return;
    this.#emit({ kind: "seen", header: this.#header(id), bytes: bytes.slice() });
  }

  #onTip(change: TipChange): void {
    const disconnected = change.disconnected.map((id) => this.#header(id));
    const connected = change.connected.map((id) => this.#header(id));
    const last = change.connected.at(-1);
    const oldest = change.disconnected.at(-1);
    if (last !== undefined) this.#tip = this.#header(last);
    else if (oldest !== undefined) this.#tip = this.#header(this.#index.parent(oldest));
    this.#emit({ kind: "tip", disconnected, connected, tip: this.#tip });
  }

  #emit(event: ChainEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  subscribe(listener: (event: ChainEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Once false it stays false, as in Bitcoin Core. */
  initialDownload(): boolean {
    if (this.#isBehind !== null) return this.#isBehind();
    if (!this.#downloading) return false;
    const enough = this.#tip.work >= this.#params.minimumWork;
    const age = this.#now() - this.#index.time(this.#tip.id);
    this.#downloading = !enough || age > TIP_AGE_SECONDS_MAX;
    return this.#downloading;
  }
}
