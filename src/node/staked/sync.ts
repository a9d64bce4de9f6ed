// How blocks travel between nodes of a staked network: announced by id and fetched; whoever has been
// away finds the last common block by a locator and fetches what follows, oldest first, from one
// peer. Nothing here judges anything; bounds stand at the top.
//
//   joined -> qstat both ways -> (head unknown) qfind -> qids -> qget ... -> qblock
//   new block -> qinv -> qget -> qblock
import { assert } from "../../base/assert.ts";
import { type Bytes, hex, readU32, toHex, writeU32 } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import {
  encodeEvidence,
  offenceKey,
  offenceOf,
  readEvidence,
} from "../../planes/consensus/finality/evidence.ts";
import { votesAbove } from "../../planes/consensus/finality/view.ts";
import { decodeVote, encodeVote, VOTE_BYTES } from "../../planes/consensus/finality/vote.ts";
import { setOfRound } from "../../planes/consensus/qpos/branch.ts";
import type { Qpos } from "../../planes/consensus/qpos/core.ts";
import { locatorOf } from "../../planes/consensus/qpos/head.ts";
import type { Message } from "../../planes/consensus/qpos/message.ts";
import { encodeLinks, finalityProof, readLinks } from "../../planes/consensus/qpos/wire.ts";
import { INVALID, NONE } from "../../planes/consensus/work/block-index.ts";
import type { StakedCommand, StakedPeers } from "../../ports/staked-peers.ts";
import type { StakedChain } from "../chain/staked-chain.ts";
import { decodeIds, decodeStatus, encodeIds, encodeStatus, type PeerStatus } from "./wire.ts";

/** Ids in one answer to `qfind`. */
const IDS_MAX = 500;
const INV_MAX = 64;
const GET_MAX = 16;
const LOCATOR_MAX = 101;
/** Blocks asked of one peer at a time. */
const IN_FLIGHT_MAX = 16;
/** Blocks that one peer may make this node want: each has its own, so that none can use up another's. */
const WANTED_MAX = 128;
/** Requests of one peer that wait to be served; more are not answered. */
const SERVE_MAX = 256;
/** An answer that takes longer is asked of another. */
const ANSWER_MS_MAX = 5_000;
const STATUS_EVERY_MS = 5_000;
/** Between two tries to follow a peer whose head did not come: doubles up to the second. */
const FOLLOW_AGAIN_MS = 5_000;
const FOLLOW_AGAIN_MS_MAX = 60_000;
/** A peer this many blocks ahead is followed by its own list of ids. */
const FAR_BLOCKS = 2;
/** After so many empty promises in a row nobody's holds this node up before it delivers. */
const EMPTY_PROMISES_MAX = 3;
const VOTES_AT_JOIN_MAX = 4_096;

export interface SyncParts {
  readonly core: Qpos;
  readonly chain: StakedChain;
  readonly peers: () => StakedPeers;
  readonly elapsed: () => number;
  /** Execution is so far behind that nothing more is to be fetched now. */
  readonly isFull: () => boolean;
  /** A block that was handed to the core, or is on its way to it. */
  readonly isKnown: (id: string) => boolean;
  readonly block: (peer: number, bytes: Bytes) => void;
  readonly message: (peer: number, message: Message) => void;
}

interface PeerState {
  readonly id: number;
  status: PeerStatus | null;
  /** Ids it is to be sent, in order. */
  readonly serve: string[];
  /** Asked of it, and when. */
  readonly inFlight: Map<string, number>;
  /** What it is said to have and this node wants, in the order in which it is asked. */
  wanted: Set<string>;
  /** It promised a better chain and delivered nothing: it does not hold this node up again. */
  barren: boolean;
  /** It sent a block and not its parent: its blocks are taken parents first. */
  gaps: boolean;
  /** When it is followed again, should its head still be missing then. */
  againAt: number;
  againMs: number;
}

interface Wanted {
  readonly sources: Set<number>;
  askedOf: number | null;
}

export class Sync {
  readonly #parts: SyncParts;
  readonly #peers = new Map<number, PeerState>();
  readonly #wanted = new Map<string, Wanted>();
  /** Who is followed until its head is ours. */
  #leader: { readonly peer: number; askedAt: number; more: boolean; delivered: number } | null =
    null;
  #emptyPromises = 0;
  #toldAt = 0;
  #toldHead = "";
  heardStatus = false;

  constructor(parts: SyncParts) {
    this.#parts = parts;
  }

  /** True while blocks of a peer that is ahead are being fetched. */
  get catchingUp(): boolean {
    if (this.#leader === null || this.#isBarren(this.#leader.peer)) return false;
    return this.#leader.delivered > 0 || this.#emptyPromises < EMPTY_PROMISES_MAX;
  }

  #isBarren(peer: number): boolean {
    return this.#peers.get(peer)?.barren === true;
  }

  joined(peer: number): void {
    this.#peers.set(peer, {
      id: peer,
      status: null,
      serve: [],
      inFlight: new Map(),
      wanted: new Set(),
      barren: false,
      gaps: false,
      againAt: 0,
      againMs: FOLLOW_AGAIN_MS,
    });
    this.#tell(peer);
  }

  left(peer: number): void {
    const state = this.#peers.get(peer);
    if (this.#leader?.peer === peer) this.#endLead();
    for (const id of state?.wanted ?? []) this.#answered(peer, id, false);
    this.#peers.delete(peer);
    this.#pump();
  }

  #send(peer: number, command: StakedCommand, payload: Bytes): void {
    this.#parts.peers().send(peer, command, payload);
  }

  #tell(peer: number): void {
    const { head, view } = this.#parts.core;
    const finalizedRound = view.finalized.round;
    const status = { height: head.height, finalizedRound, head: head.id };
    this.#send(peer, "qstat", encodeStatus(status));
  }

  /** Tells all peers but one of a block that is here. */
  announce(id: string, except: number | null): void {
    for (const peer of this.#peers.keys()) {
      if (peer !== except) this.#send(peer, "qinv", hex(id));
    }
  }

  broadcast(command: StakedCommand, payload: Bytes, except: number | null): void {
    for (const peer of this.#peers.keys()) {
      if (peer !== except) this.#send(peer, command, payload);
    }
  }

  /** The core misses these blocks, and a peer has shown that it has them. */
  ask(peer: number, ids: readonly string[]): void {
    for (const id of ids) this.#want(id, peer, { first: true });
    const state = this.#peers.get(peer);
    const height = state?.status?.height ?? 0;
    if (height > this.#parts.core.head.height + FAR_BLOCKS) this.#follow(peer);
    this.#pump();
  }

  #has(id: string): boolean {
    const { chain, isKnown } = this.#parts;
    const block = chain.index.find(hex(id));
    if (block !== NONE && (chain.holds(block) || chain.index.has(block, INVALID))) return true;
    return isKnown(id);
  }

  #want(id: string, peer: number, { first = false, most = WANTED_MAX } = {}): void {
    const state = this.#peers.get(peer);
    if (state === undefined || state.wanted.has(id) || this.#has(id)) return;
    if (state.wanted.size >= most) return;
    if (first) state.wanted = new Set([id, ...state.wanted]);
    else state.wanted.add(id);
    const known = this.#wanted.get(id);
    if (known === undefined) this.#wanted.set(id, { sources: new Set([peer]), askedOf: null });
    else known.sources.add(peer);
  }

  /** True for a block that somebody is, or will be, asked for. */
  isWanted(id: string): boolean {
    return this.#wanted.has(id);
  }

  /** Asks for what is wanted and not yet asked. */
  #pump(): void {
    if (this.#parts.isFull()) return;
    const now = this.#parts.elapsed();
    for (const { id: peer, inFlight, wanted } of this.#peers.values()) {
      const ids: string[] = [];
      for (const id of wanted) {
        if (inFlight.size >= IN_FLIGHT_MAX) break;
        const one = this.#wanted.get(id)!;
        if (one.askedOf !== null) continue;
        inFlight.set(id, now);
        one.askedOf = peer;
        ids.push(id);
      }
      if (ids.length > 0) this.#send(peer, "qget", encodeIds(ids));
    }
  }

  /** An answer came, or will not: the block is no longer asked of the peer. */
  #answered(peer: number, id: string, found: boolean): void {
    const state = this.#peers.get(peer);
    state?.inFlight.delete(id);
    const wanted = this.#wanted.get(id);
    if (wanted === undefined) return;
    if (wanted.askedOf === peer) wanted.askedOf = null;
    for (const source of found ? wanted.sources : [peer]) {
      wanted.sources.delete(source);
      this.#peers.get(source)?.wanted.delete(id);
    }
    if (wanted.sources.size === 0) this.#wanted.delete(id);
  }

  /** Fetches the chain of a peer that is ahead. */
  #follow(peer: number): void {
    // A peer that has disappointed is followed while nobody else is there, and holds nothing up.
    const gives = this.#leader !== null && this.#isBarren(this.#leader.peer);
    if (this.#leader !== null && (!gives || this.#isBarren(peer))) return;
    const now = this.#parts.elapsed();
    this.#leader = { peer, askedAt: now, more: true, delivered: 0 };
    const state = this.#peers.get(peer);
    if (state !== undefined) {
      state.againAt = now + state.againMs;
      state.againMs = Math.min(FOLLOW_AGAIN_MS_MAX, state.againMs * 2);
    }
    this.#find(peer);
  }

  /**
   * A peer has said that it is ahead, and its blocks did not come: an answer was late, or there was no
   * room for them. Its head may stand still, so it need not say so again.
   */
  #followAgain(now: number): void {
    if (this.#leader !== null || this.#parts.isFull()) return;
    for (const { id, status, wanted, againAt } of this.#peers.values()) {
      if (status === null || wanted.size > 0 || now < againAt) continue;
      if (status.height <= this.#parts.core.head.height || this.#has(status.head)) continue;
      this.#follow(id);
      return;
    }
  }

  #find(peer: number): void {
    const { core, chain } = this.#parts;
    const locator = locatorOf(core).slice(0, LOCATOR_MAX - 1);
    const genesis = toHex(chain.index.hash(0));
    if (!locator.includes(genesis)) locator.push(genesis);
    this.#send(peer, "qfind", encodeIds(locator));
  }

  /** To be called some times a second. */
  tick(): void {
    const now = this.#parts.elapsed();
    for (const { id: peer, inFlight } of this.#peers.values()) {
      for (const [id, at] of inFlight) {
        if (now - at > ANSWER_MS_MAX) this.#answered(peer, id, false);
      }
      this.#serve(peer);
    }
    // What was not asked for because there is no room is nobody's delay.
    if (this.#leader !== null && this.#parts.isFull()) this.#leader.askedAt = now;
    if (this.#leader !== null && now - this.#leader.askedAt > ANSWER_MS_MAX) this.#endLead();
    this.#leadOn();
    this.#followAgain(now);
    const { core } = this.#parts;
    if (now - this.#toldAt > STATUS_EVERY_MS && core.head.id !== this.#toldHead) {
      this.#toldAt = now;
      this.#toldHead = core.head.id;
      for (const peer of this.#peers.keys()) this.#tell(peer);
    }
    this.#pump();
  }

  /** The leader's blocks have all come: asks for more, or is done. */
  #leadOn(): void {
    if (this.#leader === null) return;
    const { peer, more } = this.#leader;
    const state = this.#peers.get(peer);
    if (state !== undefined && (more || state.wanted.size > 0)) return;
    this.#endLead();
  }

  #endLead(): void {
    if (this.#leader === null) return;
    const state = this.#peers.get(this.#leader.peer);
    const head = state?.status?.head ?? null;
    const delivered = this.#leader.delivered > 0;
    const kept = delivered || head === null || this.#has(head);
    if (state !== undefined && !kept && !state.barren) {
      state.barren = true;
      this.#emptyPromises++;
    }
    if (delivered) this.#emptyPromises = 0;
    this.#leader = null;
  }

  message(peer: number, command: StakedCommand, payload: Bytes): void {
    const state = this.#peers.get(peer);
    if (state === undefined) return;
    const good = this.#take(state, command, payload);
    if (!good) this.#parts.peers().misbehaved(peer, `malformed ${command}`);
  }

  /** False for what no honest node sends. */
  #take(state: PeerState, command: StakedCommand, payload: Bytes): boolean {
    switch (command) {
      case "qstat":
        return this.#onStatus(state, payload);
      case "qinv":
        return this.#withIds(payload, INV_MAX, (ids) => this.#onAnnounced(state, ids));
      case "qget":
        return this.#withIds(payload, GET_MAX, (ids) => this.#onGet(state, ids));
      case "qnone":
        return this.#withIds(payload, GET_MAX, (ids) => {
          for (const id of ids) this.#answered(state.id, id, false);
          this.#pump();
        });
      case "qfind":
        return this.#withIds(payload, LOCATOR_MAX, (ids) => this.#onFind(state.id, ids));
      case "qids":
        return this.#withIds(payload, IDS_MAX, (ids) => this.#onIds(state.id, ids));
      case "qblock":
        this.#parts.block(state.id, payload);
        this.#leadOn();
        this.#pump();
        return true;
      case "qvote":
        return this.#onVote(state.id, payload);
      case "qevid":
        return this.#onEvidence(state.id, payload);
      case "qgetfin":
        return this.#onGetLinks(state.id, payload);
      case "qfin":
        return this.#onLinks(state.id, payload);
    }
  }

  #withIds(payload: Bytes, most: number, use: (ids: readonly string[]) => void): boolean {
    const ids = decodeIds(payload, most);
    if (ids !== null) use(ids);
    return ids !== null;
  }

  #onStatus(state: PeerState, payload: Bytes): boolean {
    const status = decodeStatus(payload);
    if (status === null) return false;
    const first = state.status === null;
    state.status = status;
    this.heardStatus = true;
    const { core } = this.#parts;
    if (first) this.#welcome(state.id, status);
    // At first always: it may have a complete link about a round whose votes nobody keeps any more.
    if (first || status.finalizedRound > core.view.finalized.round) this.#askLinks(state.id);
    if (this.#has(status.head)) return true;
    if (status.height > core.head.height + FAR_BLOCKS || first) this.#follow(state.id);
    else this.#want(status.head, state.id);
    this.#pump();
    return true;
  }

  #askLinks(peer: number): void {
    const from = new Uint8Array(4);
    writeU32(from, 0, this.#parts.core.view.finalized.round);
    this.#send(peer, "qgetfin", from);
  }

  /** A peer that comes back may have missed votes, and evidence. */
  #welcome(peer: number, { finalizedRound }: PeerStatus): void {
    const { core } = this.#parts;
    for (const vote of votesAbove(core.view, finalizedRound).slice(-VOTES_AT_JOIN_MAX)) {
      this.#send(peer, "qvote", encodeVote(vote));
    }
    for (const evidence of core.evidence.values()) {
      this.#send(peer, "qevid", encodeEvidence(evidence));
    }
  }

  #onAnnounced(state: PeerState, ids: readonly string[]): void {
    for (const id of ids) this.#want(id, state.id);
    this.#pump();
  }

  #onGet(state: PeerState, ids: readonly string[]): void {
    for (const id of ids) if (state.serve.length < SERVE_MAX) state.serve.push(id);
    this.#serve(state.id);
  }

  #serve(peer: number): void {
    const { chain, peers } = this.#parts;
    const state = this.#peers.get(peer);
    while (state !== undefined && state.serve.length > 0 && !peers().isCongested(peer)) {
      const id = state.serve.shift()!;
      const block = chain.index.find(hex(id));
      if (block === NONE || !chain.holds(block)) this.#send(peer, "qnone", hex(id));
      else this.#send(peer, "qblock", chain.readBlock(block));
    }
  }

  #onFind(peer: number, locator: readonly string[]): void {
    const { chain } = this.#parts;
    const { index, tipId } = chain;
    let common = 0;
    for (const id of locator) {
      const block = index.find(hex(id));
      const isActive = block !== NONE && index.ancestor(tipId, index.height(block)) === block;
      if (isActive) common = Math.max(common, index.height(block));
    }
    const ids: string[] = [];
    const last = Math.min(index.height(tipId), common + IDS_MAX);
    for (let height = common + 1; height <= last; height++) {
      const block = index.ancestor(tipId, height);
      assert(block !== NONE, "every height of the active chain has its block");
      ids.push(toHex(index.hash(block)));
    }
    this.#send(peer, "qids", encodeIds(ids));
  }

  #onIds(peer: number, ids: readonly string[]): void {
    // Ids are no blocks: they do not put off the end of a leader who delivers nothing.
    if (this.#leader?.peer !== peer || !this.#leader.more) return;
    this.#leader.more = false;
    for (const id of ids) this.#want(id, peer, { most: WANTED_MAX + IDS_MAX });
    const head = this.#peers.get(peer)?.status?.head ?? null;
    // It has no better chain of its own than ours: its head is on a side branch.
    if (ids.length === 0 && head !== null) this.#want(head, peer);
    this.#pump();
    this.#leadOn();
  }

  /** The parent of a block that this peer sent was not to be had. */
  leftGap(peer: number): void {
    const state = this.#peers.get(peer);
    if (state !== undefined) state.gaps = true;
  }

  leavesGaps(peer: number): boolean {
    return this.#peers.get(peer)?.gaps === true;
  }

  /** What came under a block's id was something else: another may have it right. */
  failed(peer: number, id: string): void {
    this.#answered(peer, id, false);
  }

  /**
   * A block came and was handed on. With `ahead` it was one that this node missed: only such a block
   * shows that a leader leads; what is known, or just made, anybody can send.
   */
  arrived(peer: number, id: string, ahead: boolean): void {
    this.#answered(peer, id, true);
    if (this.#leader?.peer !== peer) return;
    if (ahead) {
      this.#peers.get(peer)!.againMs = FOLLOW_AGAIN_MS;
      this.#leader.delivered++;
      this.#leader.askedAt = this.#parts.elapsed();
    }
    const state = this.#peers.get(peer);
    if (state === undefined || state.wanted.size > 0 || this.#leader.more) return;
    if (state.status !== null && !this.#has(state.status.head)) {
      this.#leader.more = true;
      this.#find(peer);
    }
  }

  #onVote(peer: number, payload: Bytes): boolean {
    const vote = payload.length === VOTE_BYTES ? decodeVote(payload) : null;
    if (vote !== null) this.#parts.message(peer, { kind: "vote", vote });
    return vote !== null;
  }

  #onEvidence(peer: number, payload: Bytes): boolean {
    const reader = new Reader(payload);
    const evidence = readEvidence(reader);
    if (evidence === null || reader.at !== reader.end) return false;
    const key = offenceKey(offenceOf(evidence));
    if (!this.#parts.core.evidence.has(key))
      this.#parts.message(peer, { kind: "evidence", evidence });
    return true;
  }

  #onGetLinks(peer: number, payload: Bytes): boolean {
    if (payload.length !== 4) return false;
    const { core } = this.#parts;
    const links = finalityProof(core, readU32(payload, 0));
    if (links.length === 0) return true;
    const setOf = (round: number) => setOfRound(core.network, core.head, round);
    const known = links.filter(({ targetRound }) => setOf(targetRound) !== null);
    this.#send(peer, "qfin", encodeLinks(known, setOf));
    return true;
  }

  #onLinks(peer: number, payload: Bytes): boolean {
    const links = readLinks(this.#parts.core, payload);
    // Read against the sets of one's own head: not to be read is no fault of the peer.
    if (links !== null) this.#parts.message(peer, { kind: "links", links });
    return true;
  }
}
