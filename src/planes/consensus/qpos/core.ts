// The core of one node: the tree of blocks it knows, its head, what it has seen of finality, and
// what its own stakers may do. `step(core, event)` returns effects as values; it is synchronous and
// total, and the same events give the same effects everywhere. The record is updated in place and
// belongs to its caller; the state of a branch inside it is immutable.
import type { Certificate } from "../finality/certificate.ts";
import type { Evidence, SignedHeader } from "../finality/evidence.ts";
import type { Guard } from "../finality/guard.ts";
import { type Checkpoint, emptyView, type View } from "../finality/view.ts";
import type { Block } from "./block.ts";
import type { Branch, Network } from "./branch.ts";
import type { Id } from "./header.ts";
import { blockJudged } from "./judged.ts";
import type { Effect, Event, Peer, SealedBlock } from "./message.ts";
import { noteStart } from "./own-signatures.ts";
import { assembled, ownBlock, produceIfDue } from "./produce.ts";
import { receiveBlock, tickTree } from "./tree.ts";
import type { BlockVerdict } from "./validate.ts";
import {
  ownVote,
  receiveEvidence,
  receiveLinks,
  receiveVote,
  turnRound,
  voteIfDue,
} from "./voting.ts";

/** A staker whose key this node may use. */
export interface OwnStaker {
  readonly id: number;
  /** Its public key: signatures by it that are seen are compared with the guard. "": they are not. */
  readonly signKey: string;
  /** Makes the reveals; not the signing key. */
  readonly revealSecret: string;
  guard: Guard;
  /** The slot for which a block was last asked of the assembler. */
  askedSlot: number;
}

export interface Entry {
  readonly block: Block;
  branch: Branch;
  /** The execution plane has found it good. */
  judged: boolean;
}

/** What judging a block gave, shared between simulated nodes because it depends on nothing else. */
export interface BlockMemo {
  get(id: Id): Branch | BlockVerdict | undefined;
  set(id: Id, result: Branch | BlockVerdict): unknown;
}

export interface Qpos {
  readonly network: Network;
  /** Grows when a key is registered while the process runs. */
  readonly own: OwnStaker[];
  /** The root of what is known: the first block, or the final one that a start began at. */
  readonly genesis: Branch;
  readonly executes: boolean;
  readonly forgets: boolean;
  readonly memo: BlockMemo | null;
  nowMs: number;
  /** The slot in which this process began to listen, its first at first; -1 before the first tick. */
  startSlot: number;
  /** Its round, once the head has come so far; -1 before. */
  startRound: number;
  /** Rounds after that of `startSlot` in which nothing is signed; -1 when they are over. */
  listenRounds: number;
  readonly entries: Map<Id, Entry>;
  readonly invalid: Set<Id>;
  /** Blocks whose parent is unknown, by that parent. */
  readonly orphans: Map<Id, SealedBlock[]>;
  orphanCount: number;
  early: SealedBlock[];
  tips: Branch[];
  head: Branch;
  readonly view: View;
  /** The headers that stakers signed, by round: the first of each, and how many others. */
  readonly acts: Map<number, Map<number, SignedHeader>>;
  readonly evidence: Map<string, Evidence>;
  /** Blocks below this height are forgotten. */
  forgottenHeight: number;
  /** The links in the blocks from the last forgotten one up to a head, as last read. */
  carried: { readonly head: Branch; readonly links: readonly Certificate[] } | null;
  /** The finalized round that was last told. */
  toldRound: number;
  /** The round for which votes were last cast. */
  votedRound: number;
  /** The round by the clock in which what is bounded by rounds began anew. */
  turnedRound: number;
  /** Signatures of each peer in that round that did not hold and prove nothing. */
  readonly doubts: Map<Peer, number>;
  /** Literal rule only: blocks dropped by the own will; production waits for a better chain. */
  readonly dropped: Set<Id>;
  stopped: boolean;
  /** Finality is for an invalid block: nothing but the clock moves any more. */
  halted: boolean;
  /** Own slots let pass because the staker had acted in that round on another branch. */
  skippedActs: number;
  /** The round of `nowMs` on the head's branch, as last computed. */
  readonly clock: { head: Branch | null; nowMs: number; round: number };
  out: Effect[];
}

export interface QposOptions {
  readonly network: Network;
  readonly genesis: Branch;
  /** A final checkpoint to begin at instead: what lies below it is forgotten. */
  readonly start?: Checkpoint | null;
  readonly own: readonly {
    readonly id: number;
    readonly signKey?: string;
    readonly revealSecret: string;
    readonly guard: Guard;
  }[];
  /** The process was started with keys that may have signed before: listen first. */
  readonly restarted: boolean;
  /** Every block waits for a `judged` event; else transactions are not this core's business. */
  readonly executes: boolean;
  /** Blocks below the finalized one are forgotten. */
  readonly forgets: boolean;
  readonly memo: BlockMemo | null;
  /** The clock before the first tick, so that stored blocks can be fed in before anything is signed. */
  readonly nowMs?: number;
}

/** A core that knows only the block it starts at. */
export function createQpos(options: QposOptions): Qpos {
  const { network } = options;
  const start = options.start ?? { round: 0, branch: options.genesis };
  const genesis = start.branch;
  return {
    network,
    own: options.own.map((staker) => ({ signKey: "", ...staker, askedSlot: 0 })),
    genesis,
    executes: options.executes,
    forgets: options.forgets,
    memo: options.memo,
    nowMs: options.nowMs ?? network.parameters.genesisMs,
    startSlot: -1,
    startRound: -1,
    listenRounds: options.restarted ? network.parameters.doppelgangerRounds : -1,
    entries: new Map(),
    invalid: new Set(),
    orphans: new Map(),
    orphanCount: 0,
    early: [],
    tips: [genesis],
    head: genesis,
    view: emptyView(start),
    acts: new Map(),
    evidence: new Map(),
    forgottenHeight: genesis.height,
    carried: null,
    toldRound: start.round,
    votedRound: 0,
    turnedRound: 0,
    doubts: new Map(),
    dropped: new Set(),
    stopped: false,
    halted: false,
    skippedActs: 0,
    clock: { head: null, nowMs: 0, round: 0 },
    out: [],
  };
}

function perform(core: Qpos, event: Event): void {
  switch (event.type) {
    case "tick":
      core.nowMs = event.nowMs;
      noteStart(core);
      turnRound(core);
      tickTree(core);
      produceIfDue(core);
      voteIfDue(core);
      return;
    case "message": {
      const { message, from } = event;
      if (message.kind === "block") receiveBlock(core, message.block, from);
      else if (message.kind === "vote") receiveVote(core, message.vote, from);
      else if (message.kind === "links") receiveLinks(core, message.links, from);
      else receiveEvidence(core, message.evidence, from);
      return;
    }
    case "judged":
      blockJudged(core, event.id, event.ok, event.operations);
      return;
    case "assembled":
      assembled(core, event.stakerId, event.slot, event.parent, event.body);
      return;
    case "signedBlock":
      ownBlock(core, event.block);
      return;
    case "signedVote":
      ownVote(core, event.vote);
      return;
  }
}

/** One event in, effects out, to be performed in their order. */
export function step(core: Qpos, event: Event): readonly Effect[] {
  const out: Effect[] = [];
  core.out = out;
  if (!core.halted) perform(core, event);
  else if (event.type === "tick") core.nowMs = event.nowMs;
  return out;
}
