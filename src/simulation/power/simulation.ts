// One simulated network: real cores under a deterministic world. It performs their effects: spreads
// messages over the links that are up, signs, keeps guards, bans. Time is driven by slot-run.ts or
// event-run.ts. Nothing here decides a consensus question.
//
// Hot: performs every effect of every core.
import { assert } from "../../base/assert.ts";
import { freshGuard, type Guard } from "../../planes/consensus/finality/guard.ts";
import { votesAbove } from "../../planes/consensus/finality/view.ts";
import type { ResolvedOperation } from "../../planes/consensus/qpos/apply-operation.ts";
import type { Branch } from "../../planes/consensus/qpos/branch.ts";
import { type BlockMemo, createQpos, type Qpos, step } from "../../planes/consensus/qpos/core.ts";
import { blockOf, branchOf } from "../../planes/consensus/qpos/head.ts";
import type { Body, Effect, Message } from "../../planes/consensus/qpos/message.ts";
import { Random } from "../world/random.ts";
import { Trace } from "../world/trace.ts";
import type { PowerConfig } from "./config.ts";
import { type Genesis, genesisOf } from "./genesis.ts";
import { Links } from "./links.ts";
import { FinalityChecker } from "./metrics.ts";

export interface SimNode {
  readonly index: number;
  core: Qpos;
  /** A hostile staker's instance on the side of honest node `home`. */
  readonly hostile: boolean;
  readonly home: number;
  readonly stakerId: number;
  /** Hostile instances that listen at this node. */
  readonly clones: SimNode[];
  alive: boolean;
  skewMs: number;
  readonly points: number[];
  /** The guard on disk, and the ones it replaced with the slot of writing, for stale copies. */
  disk: Guard;
  readonly past: { readonly slot: number; readonly guard: Guard }[];
}

/** What is heard of a run while it runs; the pictures and tests use it. */
export interface Observer {
  slotEnded(slot: number, simulation: Simulation): void;
}

const EMPTY: Body = { txRoot: "", witnessRoot: "", txCount: 1, segmentBits: 0, coinSetHash: "" };
const ZERO = "00".repeat(32);
const FULL_BODY: Body = { ...EMPTY, txRoot: ZERO, witnessRoot: ZERO, coinSetHash: ZERO };

export const BAN_POINTS = 100;
export const MISDEED_POINTS = 20;

/** Trace kinds. */
const KIND = { block: 1, vote: 2, head: 3, finalized: 4, ban: 5 } as const;

/** How messages travel: within the slot, or with delays. */
export interface Delivery {
  send(from: SimNode, to: SimNode, message: Message): void;
  /** An own vote leaves. */
  vote(from: SimNode, message: Message): void;
}

export class Simulation {
  readonly config: PowerConfig;
  readonly seed: number;
  readonly genesis: Genesis;
  readonly links: Links;
  readonly nodes: SimNode[] = [];
  readonly honest: SimNode[] = [];
  readonly trace: Trace;
  readonly finality: FinalityChecker = new FinalityChecker();
  delivery!: Delivery;
  slot = 0;
  timeMs = 0;
  bans = 0;
  maxReorg = 0;
  maxReorgTrust = 0;
  maxDrop = 0;
  blocks = 0;
  certificates = 0;
  refusals = 0;
  messages = 0;
  bytes = 0;
  events = 0;
  /** Trust of each node's head as last noted. */
  private readonly headTrust: number[] = [];
  private readonly full: boolean;
  private readonly suppress: boolean;
  private seen: Map<object, Uint8Array> = new Map();
  private seenBefore: Map<object, Uint8Array> = new Map();

  /** Registry operations in the blocks of given slots; null: blocks carry no transactions. */
  private readonly operations: ReadonlyMap<number, readonly ResolvedOperation[]> | null;

  constructor(
    config: PowerConfig,
    seed: number,
    traceConfig: string,
    share = true,
    operations: ReadonlyMap<number, readonly ResolvedOperation[]> | null = null,
  ) {
    this.operations = operations;
    this.config = config;
    this.seed = seed;
    this.genesis = genesisOf(config, seed);
    this.links = new Links(config, new Random(seed, "links"));
    this.trace = new Trace(traceConfig);
    this.full = config.crypto === "full";
    this.suppress = this.genesis.network.rules.schedule === "branch";
    // Judging a block depends on nothing but its branch, so simulated nodes may share the result.
    const memo: BlockMemo | null = share && operations === null ? new Map() : null;
    this.makeNodes(memo, new Random(seed, "clocks"));
  }

  private makeNodes(memo: BlockMemo | null, random: Random): void {
    const { config } = this;
    const honest = config.nodes - config.hostile;
    for (let index = 0; index < honest; index++) {
      const node = this.makeNode(index, index, false, memo);
      if (config.faults.skewMs > 0) {
        node.skewMs = random.below(2 * config.faults.skewMs + 1) - config.faults.skewMs;
      }
      this.honest.push(node);
    }
    for (let bad = 0; bad < config.hostile; bad++) {
      for (const home of this.honest.slice(0, honest)) {
        home.clones.push(this.makeNode(honest + bad, home.index, true, memo));
      }
    }
  }

  private makeNode(
    staker: number,
    home: number,
    hostile: boolean,
    memo: BlockMemo | null,
  ): SimNode {
    const guard = freshGuard(this.genesis.chainId, staker + 1);
    const node: SimNode = {
      index: this.nodes.length,
      core: this.makeCore(staker, guard, false, memo),
      hostile,
      home,
      stakerId: staker + 1,
      clones: [],
      alive: true,
      skewMs: 0,
      points: [],
      disk: guard,
      past: [],
    };
    this.nodes.push(node);
    return node;
  }

  makeCore(staker: number, guard: Guard, restarted: boolean, memo: BlockMemo | null): Qpos {
    const { revealSecret } = this.genesis.keys[staker]!;
    const seen = this.genesis.network.rules.membership === "seen";
    let core: Qpos | null = null;
    const network = seen
      ? {
          ...this.genesis.network,
          seenFinalizedRound: () => core?.view.finalized.round ?? 0,
        }
      : this.genesis.network;
    core = createQpos({
      network,
      genesis: this.genesis.branch,
      own: [{ id: staker + 1, revealSecret, guard }],
      restarted,
      executes: this.operations !== null,
      forgets: false,
      memo: seen ? null : memo,
    });
    return core;
  }

  /** The local time of a node at world time `timeMs`. */
  tick(node: SimNode, timeMs: number): void {
    this.events++;
    this.perform(node, step(node.core, { type: "tick", nowMs: timeMs + node.skewMs }));
  }

  /** A message arrives. */
  deliver(from: SimNode, to: SimNode, message: Message): void {
    if (!to.alive || (this.bans > 0 && this.links.isBanned(from.index, to.index))) return;
    this.events++;
    this.messages++;
    this.bytes += messageBytes(message);
    this.perform(to, step(to.core, { type: "message", from: from.index, message }));
  }

  private perform(node: SimNode, effects: readonly Effect[]): void {
    for (let at = 0; at < effects.length; at++) this.performOne(node, effects[at]!);
  }

  private performOne(node: SimNode, effect: Effect): void {
    switch (effect.type) {
      case "send":
        this.spread(node, effect.except, effect.message);
        return;
      case "setHead":
        this.noteHead(node, effect);
        return;
      case "sign":
        this.sign(node, effect);
        return;
      case "assemble": {
        const { stakerId, slot, parent } = effect;
        const body = this.full ? FULL_BODY : EMPTY;
        this.perform(node, step(node.core, { type: "assembled", stakerId, slot, parent, body }));
        return;
      }
      case "persist":
        if (this.config.faults.crashes.length > 0) {
          node.past.push({ slot: this.slot, guard: node.disk });
        }
        node.disk = effect.guard;
        return;
      case "ask":
        this.answer(node, effect.peer, effect.ids);
        return;
      case "finalized":
        if (node.hostile) return;
        this.trace.add(this.timeMs * 1_000, node.index, KIND.finalized, effect.id);
        this.finality.add(branchOf(node.core, effect.id)!, effect.round, this.slot);
        return;
      case "judge": {
        const { id, header } = effect.block;
        const operations = this.operations?.get(header.slot) ?? [];
        this.perform(node, step(node.core, { type: "judged", id, ok: true, operations }));
        return;
      }
      case "misbehaved":
        this.punish(node, effect.peer);
        return;
      default:
        return;
    }
  }

  private sign(node: SimNode, effect: Effect & { readonly type: "sign" }): void {
    const sig = this.genesis.keys[node.stakerId - 1]!.sign(effect.digest);
    if (effect.what === "vote") {
      this.trace.add(this.timeMs * 1_000, node.index, KIND.vote, effect.vote.targetId);
      const vote = this.full ? { ...effect.vote, sig } : effect.vote;
      this.perform(node, step(node.core, { type: "signedVote", vote }));
      return;
    }
    this.trace.add(this.timeMs * 1_000, node.index, KIND.block, effect.block.id);
    this.blocks++;
    if (effect.block.extras.restart !== null) this.certificates++;
    const block = this.full ? { ...effect.block, sig } : effect.block;
    this.perform(node, step(node.core, { type: "signedBlock", block }));
  }

  /** Which nodes a message has been sent to. */
  private seenOf(message: Message): Uint8Array {
    const subject =
      message.kind === "block"
        ? message.block
        : message.kind === "vote"
          ? message.vote
          : message.kind === "evidence"
            ? message.evidence
            : message.links;
    let seen = this.seen.get(subject) ?? this.seenBefore.get(subject);
    if (seen === undefined) {
      seen = new Uint8Array(this.nodes.length);
      this.seen.set(subject, seen);
    }
    return seen;
  }

  /** Forgets who was sent what, a while ago: a repeated message does no harm. */
  forgetSeen(): void {
    this.seenBefore = this.seen;
    this.seen = new Map();
  }

  private spread(node: SimNode, except: number | null, message: Message): void {
    if (message.kind === "vote" && except === null && message.vote.stakerId === node.stakerId) {
      this.delivery.vote(node, message);
      return;
    }
    this.spreadNow(node, except, message);
  }

  /** Sends a message over all links of a node that are up, to who has not been sent it yet. */
  spreadNow(node: SimNode, except: number | null, message: Message): void {
    const seen = this.seenOf(message);
    seen[node.index] = 1;
    if (node.hostile) {
      this.sendOnce(node, this.nodes[node.home]!, except, seen, message);
      return;
    }
    const out = this.links.out[node.index]!;
    for (let at = 0; at < out.length; at++) {
      const to = this.nodes[out[at]!]!;
      if (!to.hostile) this.sendOnce(node, to, except, seen, message);
    }
    for (const clone of node.clones) this.sendOnce(node, clone, except, seen, message);
  }

  private sendOnce(
    from: SimNode,
    to: SimNode,
    except: number | null,
    seen: Uint8Array,
    message: Message,
  ): void {
    if (to.index === except || !to.alive) return;
    if (this.suppress && seen[to.index] === 1) return;
    if (this.delivery === undefined) return;
    seen[to.index] = 1;
    this.delivery.send(from, to, message);
  }

  /** A node whose message was lost may be sent it again. */
  unsee(to: SimNode, message: Message): void {
    this.seenOf(message)[to.index] = 0;
  }

  private isLinked(from: SimNode, to: SimNode): boolean {
    if (from.hostile || to.hostile) return from.home === to.home;
    return this.links.up[from.index * this.links.count + to.index] === 1;
  }

  private answer(node: SimNode, peer: number, ids: readonly string[]): void {
    const from = this.nodes[peer]!;
    if (!from.alive || !this.isLinked(from, node)) return;
    for (const id of ids) {
      const block = blockOf(from.core, id);
      if (block !== null) this.delivery.send(from, node, { kind: "block", block });
    }
  }

  /** What `from` tells `to` when a link between them comes up: its chain, votes, evidence. */
  sync(from: SimNode, to: SimNode): void {
    if (!from.alive || !to.alive) return;
    const { core } = from;
    const missing: Branch[] = [];
    for (let at: Branch | null = core.head; at !== null && branchOf(to.core, at.id) === null; ) {
      missing.push(at);
      at = at.parent;
    }
    if (!this.suppress) missing.length = Math.min(1, missing.length);
    for (let at = missing.length - 1; at >= 0; at--) {
      const block = blockOf(core, missing[at]!.id)!;
      this.seenOf({ kind: "block", block })[to.index] = 1;
      this.delivery.send(from, to, { kind: "block", block });
    }
    for (const vote of votesAbove(core.view, to.core.view.finalized.round)) {
      const message: Message = { kind: "vote", vote };
      const seen = this.seenOf(message);
      if (seen[to.index] === 1) continue;
      seen[to.index] = 1;
      this.delivery.send(from, to, message);
    }
    for (const [key, evidence] of core.evidence) {
      if (to.core.evidence.has(key)) continue;
      this.delivery.send(from, to, { kind: "evidence", evidence });
    }
  }

  private noteHead(node: SimNode, effect: Effect & { readonly type: "setHead" }): void {
    if (node.hostile) return;
    this.trace.add(this.timeMs * 1_000, node.index, KIND.head, effect.id);
    const before = this.headTrust[node.index] ?? 0;
    this.headTrust[node.index] = branchOf(node.core, effect.id)!.trust;
    if (effect.rolledBack === 0) return;
    if (effect.dropped) {
      this.maxDrop = Math.max(this.maxDrop, effect.rolledBack);
      return;
    }
    this.maxReorg = Math.max(this.maxReorg, effect.rolledBack);
    const kept = branchOf(node.core, effect.rollbackTo);
    assert(kept !== null, "the common ancestor of two heads is known");
    this.maxReorgTrust = Math.max(this.maxReorgTrust, before - kept.trust);
  }

  private punish(node: SimNode, peer: number): void {
    this.refusals++;
    const points = (node.points[peer] ?? 0) + MISDEED_POINTS;
    node.points[peer] = points;
    if (points < BAN_POINTS || node.hostile || this.nodes[peer]!.hostile) return;
    if (points - MISDEED_POINTS >= BAN_POINTS) return;
    this.bans++;
    this.trace.add(this.timeMs * 1_000, node.index, KIND.ban, "");
    this.links.ban(node.index, peer);
  }

  heads(): Branch[] {
    return this.honest.map((node) => node.core.head);
  }
}

function messageBytes(message: Message): number {
  if (message.kind === "vote") return 140;
  if (message.kind === "evidence") return message.evidence.kind === 1 ? 585 : 289;
  const links = message.kind === "links" ? message.links : [];
  let bytes = message.kind === "block" ? 288 + 69 : 0;
  const { extras } = message.kind === "block" ? message.block : { extras: null };
  if (extras !== null && !(extras instanceof Uint8Array)) {
    if (extras.restart !== null) bytes += 42 + 64 * extras.restart.groups.length * 2;
    for (const link of extras.links) bytes += 90 + 64 * link.groups[0]!.voters.length;
  }
  for (const link of links) bytes += 90 + 64 * link.groups[0]!.voters.length;
  return bytes;
}
