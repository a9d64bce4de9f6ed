// The shell around the consensus core of one node: it feeds events in, performs effects in their order,
// and keeps what outlives a run. Events that come up while effects are performed wait their turn, so
// the core is never entered twice (docs/internals/staked-node.md).
//
//   peers, clock, execution, signer -> step(core, event) -> execution, signer, peers
import { never } from "../../base/assert.ts";
import { type Bytes, hex, toHex } from "../../base/bytes.ts";
import { taggedHash } from "../../crypto/hash.ts";
import { bodyAt, decodeBlock, STAKED_HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import { checkStakedCommitments } from "../../ledger/bitcoin/check-staked-block.ts";
import { encodeEvidence } from "../../planes/consensus/finality/evidence.ts";
import type { Guard } from "../../planes/consensus/finality/guard.ts";
import { encodeVote } from "../../planes/consensus/finality/vote.ts";
import { setOfRound } from "../../planes/consensus/qpos/branch.ts";
import { slotAt } from "../../planes/consensus/qpos/clock.ts";
import { createQpos, type Qpos, step } from "../../planes/consensus/qpos/core.ts";
import { encodeExtras } from "../../planes/consensus/qpos/extras.ts";
import { branchOf } from "../../planes/consensus/qpos/head.ts";
import type { Effect, Event, SealedBlock } from "../../planes/consensus/qpos/message.ts";
import { recordsOf } from "../../planes/consensus/qpos/registry.ts";
import type { Suite } from "../../planes/consensus/qpos/suite.ts";
import { forgetOrphans, markInvalid } from "../../planes/consensus/qpos/tree.ts";
import { readBlock } from "../../planes/consensus/qpos/wire.ts";
import { type BlockId, INVALID, NONE } from "../../planes/consensus/work/block-index.ts";
import type { MempoolView } from "../../ports/mempool.ts";
import type { StakedCommand, StakedHandler, StakedPeers } from "../../ports/staked-peers.ts";
import type { SignerStaker, StakerSigner } from "../../ports/staking.ts";
import type { StakedChain } from "../chain/staked-chain.ts";
import type { Logger } from "../log.ts";
import { SignerRefused } from "../stake/open-signer.ts";
import { blockBytesOf } from "./assemble.ts";
import { Doppelganger } from "./doppelganger.ts";
import { Execution } from "./execution.ts";
import { haltReason, readHalt } from "./finality-halt.ts";
import type { StakedNetwork } from "./genesis.ts";
import { Kept } from "./kept.ts";
import { operationsOf } from "./operations.ts";
import { PendingBlocks } from "./pending.ts";
import { signedHere } from "./signed-here.ts";
import { Signing } from "./signing.ts";
import { startingPoint } from "./snapshot-file.ts";
import { Sync } from "./sync.ts";

/** Nobody: blocks from disk. */
const NO_PEER = -1;
const SIGNATURE_BYTES = 64;
/** Own blocks wait this long after a start for a peer to say where it stands. */
const FIRST_STATUS_MS_MAX = 2_000;
/** Blocks that wait to be judged; with more nothing is fetched. */
const EXECUTION_WAITING_MAX = 256;
/** With more to be judged this node is behind. */
const BEHIND_BLOCKS = 8;
/** Blocks of the last slots come to who is not behind, too. */
const AHEAD_SLOTS = 2;
/** A parent that nobody has is not waited for any longer than this. */
const MISSING_MS_MAX = 10_000;
const SWEEP_EVERY_MS = 1_000;
/** After its genesis a network counts as new for so long. */
const NEW_NETWORK_MS = 60_000;

export interface ConsensusParts {
  readonly network: StakedNetwork;
  readonly chain: StakedChain;
  /** Null: this node makes no blocks and casts no votes. */
  readonly signer: StakerSigner | null;
  /** False: the operator says that the keys sign nowhere else, and never did. Default true. */
  readonly listens?: boolean;
  /** The network's folder. */
  readonly folder: string;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Milliseconds that only grow. */
  readonly elapsed: () => number;
  readonly log: Logger;
  readonly failed: (error: unknown) => void;
}

export interface ConsensusStatistics {
  reorganisations: number;
  rolledBackMax: number;
  produced: number;
  votes: number;
  invalidBlocks: number;
  /** Headers from disk that the core was given. */
  replayed: number;
}

/** What may be told of consensus as it happens. */
export type ConsensusListener = (what: "head" | "finalized") => void;

/**
 * True when the stakers may have signed before this start. A guard that has signed nothing proves it
 * only while the network is new: later it may be an old copy that was put back.
 */
function mayHaveSigned(stakers: readonly SignerStaker[], networkAgeMs: number): boolean {
  const used = stakers.some(({ guard }) => guard.actRound > 0 || guard.voteTarget > 0);
  return used || (stakers.length > 0 && networkAgeMs > NEW_NETWORK_MS);
}

export class StakedConsensus implements StakedHandler {
  readonly core: Qpos;
  readonly network: StakedNetwork;
  readonly execution: Execution;
  readonly statistics: ConsensusStatistics = {
    reorganisations: 0,
    rolledBackMax: 0,
    produced: 0,
    votes: 0,
    invalidBlocks: 0,
    replayed: 0,
  };
  readonly #parts: ConsensusParts;
  readonly #sync: Sync;
  readonly #signing: Signing | null;
  readonly #doppelganger: Doppelganger | null;
  readonly #kept: Kept;
  #mempool: MempoolView | null = null;
  #peers: StakedPeers | null = null;
  readonly #events: Event[] = [];
  #running = false;
  #replaying = false;
  #startedAt = 0;
  #sweptAt = 0;
  #closed = false;
  /** Nobody knows in what state the core was left: nothing of it is kept. */
  #hasFailed = false;
  readonly #pending = new PendingBlocks();
  /** Parents of orphans that nobody is asked for, and since when. */
  readonly #missing = new Map<string, number>();
  readonly #listeners = new Set<ConsensusListener>();
  #adopting = false;
  /** Why finality is not followed any more. */
  #haltReason: string | null = null;

  constructor(parts: ConsensusParts) {
    this.#parts = parts;
    this.network = parts.network;
    const { network, chain, signer, log, elapsed, nowMs, failed } = parts;
    const stakers = signer?.stakers ?? [];
    this.core = createQpos({
      network: { ...network.consensus, suite: this.#suite(network.consensus.suite) },
      genesis: network.genesis,
      start: startingPoint({ chain, chainId: network.chainId, folder: parts.folder, log }),
      own: stakers,
      restarted:
        parts.listens !== false &&
        mayHaveSigned(stakers, nowMs() - network.consensus.parameters.genesisMs),
      executes: true,
      forgets: true,
      memo: null,
      nowMs: nowMs(),
    });
    const { folder } = parts;
    this.#kept = new Kept({ core: this.core, chainId: network.chainId, folder, log });
    const here = signedHere(folder, this.#guards(), nowMs());
    // It still signs nothing in the round in which it starts, and listens if it sees a reason to.
    if (here && this.core.listenRounds > 0) this.core.listenRounds = 0;
    this.execution = new Execution({
      core: this.core,
      chain,
      mempool: () => {
        if (this.#mempool === null) throw new Error("blocks are made when the mempool is there");
        return this.#mempool;
      },
      log,
      nowMs,
      mayProduce: () => this.#mayProduce(),
      judged: (id, ok, operations) => {
        if (!ok) this.statistics.invalidBlocks++;
        this.#run({ type: "judged", id, ok, operations });
      },
      assembled: ({ stakerId, slot, parent }, body) =>
        this.#run({ type: "assembled", stakerId, slot, parent, body }),
      failed,
    });
    this.#signing =
      signer === null
        ? null
        : new Signing({ signer, log, failed, signed: (effect, sig) => this.#signed(effect, sig) });
    const found = (reason: string): void => this.#stopSigning(reason);
    this.#doppelganger = signer === null ? null : new Doppelganger({ signer, found, failed });
    this.#sync = new Sync({
      core: this.core,
      chain,
      peers: () => this.#reach(),
      elapsed,
      isFull: () => this.core.halted || this.execution.waiting >= EXECUTION_WAITING_MAX,
      isKnown: (id) => this.#isKnown(id),
      block: (peer, bytes) => this.#onBlock(peer, bytes),
      message: (from, message) => this.#run({ type: "message", from, message }),
    });
  }

  /** What is on disk was verified before it came there: a replay hashes and does not verify again. */
  #suite(suite: Suite): Suite {
    return {
      ...suite,
      verify: (key, digest, sig) => this.#replaying || suite.verify(key, digest, sig),
    };
  }

  #reach(): StakedPeers {
    if (this.#peers === null) throw new Error("peers are reached only when there is a network");
    return this.#peers;
  }

  /** Calls back after each change; returns how to stop it. */
  subscribe(listener: ConsensusListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** True while this node is behind its peers. */
  get catchingUp(): boolean {
    return this.#sync.catchingUp;
  }

  /** Why this node signs nothing any more, and what to do; null while it would. */
  get signingFault(): string | null {
    return this.#doppelganger?.reason ?? null;
  }

  /**
   * Another process has the key. Who has signed nothing yet ends, since it was started by mistake; a
   * node that others may rely on stays, for all but signing.
   */
  #stopSigning(reason: string): void {
    this.#signing?.stop();
    const { log, failed } = this.#parts;
    if (this.statistics.votes + this.statistics.produced === 0) failed(new SignerRefused(reason));
    else log.error(reason);
  }

  /** Why this node has stopped following finality, and what to do; null while it follows. */
  get haltReason(): string | null {
    return this.#haltReason;
  }

  // ---- Life ----

  /** Feeds what is on disk into the core: blocks in the order in which they came, then links. */
  open(mempool: MempoolView): void {
    this.#mempool = mempool;
    const { chain, log, elapsed } = this.#parts;
    const { index } = chain;
    const began = elapsed();
    this.#replaying = true;
    const { genesis } = this.core;
    const root = index.find(hex(genesis.id));
    for (let id = 1; id < index.count; id++) {
      // A peer may show it again: its votes may come first, and it is not to be judged anew.
      if (index.has(id, INVALID)) markInvalid(this.core, toHex(index.hash(id)));
      if (index.has(id, INVALID) || !chain.holds(id)) continue;
      if (index.ancestor(id, genesis.height) === root) this.#feed(id);
    }
    this.#replaying = false;
    const links = this.#kept.links();
    if (links !== null) this.#run({ type: "message", from: NO_PEER, message: links });
    this.#stayHalted();
    this.execution.wake();
    log.info("consensus is at", {
      height: this.core.head.height,
      finalized: this.core.view.finalized.branch.height,
      replayed: this.statistics.replayed,
      ms: Math.round(elapsed() - began),
    });
  }

  /** What stopped an earlier run stops this one too, until a person has decided. */
  #stayHalted(): void {
    const reason = readHalt(this.#parts.folder);
    if (reason === null) return;
    this.core.halted = true;
    this.#onHalt(reason);
  }

  #onHalt(reason: string): void {
    this.#haltReason = reason;
    this.#signing?.stop();
    this.#parts.log.error(reason);
  }

  /** Begins to take part. */
  start(peers: StakedPeers): void {
    this.#peers = peers;
    this.#startedAt = this.#parts.elapsed();
  }

  /** How often `tick` is to be called: some times in each part of a slot. */
  get tickMs(): number {
    const { slotMs } = this.network.consensus.parameters;
    return Math.min(200, Math.max(20, Math.floor(slotMs / 40)));
  }

  /** Waits until nothing is being judged, made or signed. */
  async idle(): Promise<void> {
    do {
      await this.#signing?.idle();
      await this.execution.idle();
    } while (this.#signing?.isBusy === true || this.execution.isBusy);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.execution.stop();
    await this.#signing?.idle();
    const { nowMs, signer } = this.#parts;
    if (!this.#hasFailed) this.#kept.stopped(this.#isAtPeace() ? this.#guards() : null, nowMs());
    await signer?.close();
  }

  #guards(): readonly Guard[] {
    return this.core.own.map(({ guard }) => guard);
  }

  /** True when the next start has nothing to be afraid of: nobody else was seen or listened for. */
  #isAtPeace(): boolean {
    const { own, halted, listenRounds } = this.core;
    if (own.length === 0 || halted || listenRounds > 0) return false;
    return this.#doppelganger?.holds !== true;
  }

  /** The clock has moved on. */
  tick(): void {
    if (this.#closed) return;
    this.#run({ type: "tick", nowMs: this.#parts.nowMs() });
    this.#sync.tick();
    const now = this.#parts.elapsed();
    if (now - this.#sweptAt < SWEEP_EVERY_MS) return;
    this.#sweptAt = now;
    this.#dropOrphans();
    this.#pending.keepOnlyOf(this.core);
  }

  /**
   * Orphans make the core believe that it is behind, and anybody can make one. Those whose parent
   * nobody has delivered for a while go.
   */
  #dropOrphans(): void {
    const { core } = this;
    const now = this.#parts.elapsed();
    for (const parent of this.#missing.keys()) {
      if (!core.orphans.has(parent)) this.#missing.delete(parent);
    }
    for (const parent of [...core.orphans.keys()]) {
      const isComing =
        core.entries.has(parent) || this.#pending.has(parent) || this.#sync.isWanted(parent);
      const since = this.#missing.get(parent);
      if (isComing) this.#missing.delete(parent);
      else if (since === undefined) this.#missing.set(parent, now);
      else if (now - since > MISSING_MS_MAX) {
        for (const { id } of core.orphans.get(parent) ?? []) {
          const sender = this.#pending.get(id)?.peer;
          if (sender !== undefined) this.#sync.leftGap(sender);
        }
        forgetOrphans(core, parent);
        this.#missing.delete(parent);
      }
    }
  }

  /** Not before a peer has said where it stands, and not while what it has is being fetched. */
  #mayProduce(): boolean {
    if (this.#doppelganger?.holds === true) return false;
    if (this.core.halted || this.#closed || this.#sync.catchingUp) return false;
    if (this.#parts.chain.room.refusal !== null) return false;
    if (this.execution.waiting > BEHIND_BLOCKS) return false;
    if (this.#sync.heardStatus || this.#peers === null) return this.#peers !== null;
    return this.#parts.elapsed() - this.#startedAt > FIRST_STATUS_MS_MAX;
  }

  // ---- The core ----

  #run(event: Event): void {
    this.#events.push(event);
    if (this.#running || this.#closed) return;
    this.#running = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        for (const effect of step(this.core, next)) this.#perform(effect);
      }
    } catch (error) {
      this.#closed = true;
      this.#hasFailed = true;
      this.#parts.failed(error);
    }
    this.#running = false;
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "send":
        this.#send(effect);
        return;
      case "ask":
        this.#ask(effect.peer, effect.ids);
        return;
      case "park":
      case "bonds":
        // The core keeps early blocks itself; bonds are read from the registry (bonds.ts).
        return;
      case "persist":
        this.#signing?.persist(effect.guard);
        return;
      case "sign":
        if (this.#mayProduce()) this.#signing?.sign(effect);
        else this.#signing?.drop();
        return;
      case "assemble":
        this.execution.assemble(effect);
        return;
      case "judge":
        this.#judge(effect.block.id);
        return;
      case "setHead":
        this.#onHead(effect);
        return;
      case "finalized":
        this.#onFinalized(effect);
        return;
      case "foreign":
        this.#doppelganger?.seen(effect);
        return;
      case "halted":
        this.#onHalt(haltReason(this.#parts.folder, effect));
        this.#kept.halted(this.#haltReason!);
        return;
      case "misbehaved":
        this.#parts.log.debug("misbehaved", { peer: effect.peer, why: effect.why });
        if (effect.peer !== NO_PEER) this.#reach().misbehaved(effect.peer, effect.why);
        return;
      default:
        never(effect);
    }
  }

  /** The core misses blocks. It may have let one go that is on disk: that one nobody is asked for. */
  #ask(peer: number, ids: readonly string[]): void {
    const { chain } = this.#parts;
    for (const id of ids) {
      const block = chain.index.find(hex(id));
      const stored = block !== NONE && chain.holds(block) && !chain.index.has(block, INVALID);
      if (stored) this.#feed(block);
      else if (peer !== NO_PEER) this.#sync.ask(peer, [id]);
    }
  }

  /** Gives the core a block from disk, unless it is long final. */
  #feed(block: BlockId): void {
    const { chain } = this.#parts;
    if (chain.index.height(block) <= this.core.view.finalized.branch.height) return;
    const sealed = sealedBlock(chain.readBlock(block));
    if (sealed === null) throw new Error("a stored block has its header");
    this.statistics.replayed++;
    this.#run({ type: "message", from: NO_PEER, message: { kind: "block", block: sealed } });
  }

  #send({ message, except }: Effect & { readonly type: "send" }): void {
    if (this.#replaying || this.#peers === null) return;
    switch (message.kind) {
      case "block":
        this.#sync.announce(message.block.id, except);
        return;
      case "vote":
        this.#sync.broadcast("qvote", encodeVote(message.vote), except);
        return;
      case "evidence":
        this.#sync.broadcast("qevid", encodeEvidence(message.evidence), except);
        return;
      case "links":
        // Links travel in blocks, and to who asks.
        return;
      default:
        never(message);
    }
  }

  #onHead({ rolledBack, rollbackTo, id }: Effect & { readonly type: "setHead" }): void {
    if (rolledBack > 0 && !this.#replaying) {
      this.statistics.reorganisations++;
      this.statistics.rolledBackMax = Math.max(this.statistics.rolledBackMax, rolledBack);
      this.#parts.log.info("another branch is better", {
        rolledBack,
        common: rollbackTo,
        head: id,
      });
    }
    if (!this.#replaying) this.execution.wake();
    for (const listener of this.#listeners) listener("head");
  }

  /** What was seen final stays so after a restart: the links that show it are kept. */
  #onFinalized({ round, height }: Effect & { readonly type: "finalized" }): void {
    if (!this.#replaying) {
      this.#parts.log.debug("finalized", { round, height });
      this.#kept.finalized();
      this.#adopt();
    }
    for (const listener of this.#listeners) listener("finalized");
  }

  /** Keys that waited for their registration: it is final now. */
  #adopt(): void {
    const { signer, log } = this.#parts;
    if (signer === null || signer.waiting.length === 0 || this.#adopting) return;
    const waiting = new Set(signer.waiting);
    const { registry } = this.core.view.finalized.branch;
    const found = [...recordsOf(registry)].filter(({ signKey }) => waiting.has(signKey));
    if (found.length === 0) return;
    this.#adopting = true;
    const adoptAll = async (): Promise<void> => {
      for (const { signKey, id, produced } of found) {
        const staker = await signer.adopt(signKey, id, produced);
        if (staker === null) log.warn("a key is registered and may not sign", { staker: id });
        else this.core.own.push({ ...staker, askedSlot: 0 });
      }
      this.#adopting = false;
    };
    adoptAll().catch((error: unknown) => this.#parts.failed(error));
  }

  // ---- Blocks ----

  /** The core has put a block into its tree: it is stored, and judged by its transactions. */
  #judge(id: string): void {
    const { chain } = this.#parts;
    const raw = this.#pending.get(id)?.bytes;
    const block = raw === undefined ? chain.index.find(hex(id)) : chain.store(raw);
    this.#pending.forget(id);
    if (block === NONE) throw new Error("the bytes of a block that the core judges are here");
    if (chain.hasDelta(block)) {
      const operations = operationsOf(chain, block);
      this.#run({ type: "judged", id, ok: true, operations });
    } else this.execution.judge(id, block);
  }

  #isKnown(id: string): boolean {
    return this.#pending.has(id) || this.core.invalid.has(id);
  }

  /** True when the core has a block, or will look at it again. */
  #isKept({ id, header }: SealedBlock): boolean {
    const { entries, early, orphans } = this.core;
    if (entries.has(id) || early.some((one) => one.id === id)) return true;
    return orphans.get(header.parent)?.some((one) => one.id === id) === true;
  }

  /** A block from a peer: its header must be what it names before the core sees it. */
  #onBlock(peer: number, bytes: Bytes): void {
    const block = sealedBlock(bytes);
    if (block === null || !bodyHolds(bytes) || !extrasHold(block)) {
      if (block !== null) this.#sync.failed(peer, block.id);
      this.#reach().misbehaved(peer, "mutated-block");
      return;
    }
    const { id } = block;
    const known = this.#isKnown(id) || this.core.entries.has(id);
    if (!known && this.#isGap(peer, block)) {
      this.#sync.failed(peer, id);
      return;
    }
    const isFull = this.#parts.chain.room.refusal !== null;
    if (!known && !isFull && !this.#pending.isCrowded(peer, bytes.length)) {
      this.#pending.keep(id, bytes, peer);
      this.#run({ type: "message", from: peer, message: { kind: "block", block } });
      // With another signature it may be good: these bytes must not stand in its way.
      if (!this.#isKept(block)) {
        this.#pending.forget(id);
        this.#sync.failed(peer, id);
        return;
      }
    }
    this.#sync.arrived(peer, id, !known && this.#isBehind(block));
  }

  /** True for an orphan of a peer that did not deliver the parents of earlier ones. */
  #isGap(peer: number, { header }: SealedBlock): boolean {
    const { parent } = header;
    if (this.core.entries.has(parent) || this.#pending.has(parent)) return false;
    return parent !== this.core.genesis.id && this.#sync.leavesGaps(peer);
  }

  /** True for a block that is in the tree now and was made a while ago: this node had missed it. */
  #isBehind({ id, header }: SealedBlock): boolean {
    const { core } = this;
    return (
      core.entries.has(id) &&
      header.slot + AHEAD_SLOTS < slotAt(core.network.parameters, core.nowMs)
    );
  }

  #signed(effect: Effect & { readonly type: "sign" }, sig: string): void {
    if (effect.what === "vote") {
      this.statistics.votes++;
      this.#run({ type: "signedVote", vote: { ...effect.vote, sig } });
      return;
    }
    const block = { ...effect.block, sig };
    const { core } = this;
    const parent = branchOf(core, block.header.parent);
    const raws = this.execution.takeBody(block.header.txRoot);
    if (parent === null || raws === null) return;
    const extras = encodeExtras(block.extras, (round) => setOfRound(core.network, parent, round));
    const bytes = blockBytesOf(block, extras, raws);
    this.#pending.keep(block.id, bytes, NO_PEER);
    this.statistics.produced++;
    this.#run({ type: "signedBlock", block });
  }

  // ---- Peers ----

  joined(peer: number): void {
    this.#sync.joined(peer);
  }

  left(peer: number): void {
    this.#sync.left(peer);
  }

  message(peer: number, command: StakedCommand, payload: Bytes): void {
    if (!this.#closed) this.#sync.message(peer, command, payload);
  }
}

/** What consensus needs of a block's bytes; null when they are too short. */
function sealedBlock(bytes: Bytes): SealedBlock | null {
  if (bytes.length < STAKED_HEADER_BYTES + SIGNATURE_BYTES + 4) return null;
  return readBlock(bytes.subarray(0, bodyAt(bytes, 0, "staked")));
}

function bodyHolds(bytes: Bytes): boolean {
  const decoded = decodeBlock(bytes, 0, bytes.length, "staked");
  if (!decoded.ok || decoded.end !== bytes.length) return false;
  return checkStakedCommitments(decoded.value).ok;
}

/** The id covers the extras by their hash alone: others may stand behind a good header. */
function extrasHold({ header, extras }: SealedBlock): boolean {
  if (!(extras instanceof Uint8Array)) return false;
  return toHex(taggedHash("pando/qpos/extras", extras)) === header.extrasRoot;
}
