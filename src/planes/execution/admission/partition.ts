// One partition as the handlers see it: its view of the store, its place in the chain, and what is
// volatile: transactions being prepared, parked children, waiters, timers. Losing the volatile part
// is always safe, so a crash is a new Partition over the same store with a higher owner epoch.
import { BinaryHeap } from "../../../base/binary-heap.ts";
import type { Claimant, ClaimContext } from "../../../state/admission/claims.ts";
import type { OutpointKey, Txid } from "../../../state/admission/keys.ts";
import type { Part, Places } from "../../../state/admission/leave.ts";
import type { AdmissionLimits } from "../../../state/admission/limits.ts";
import type { ChainFacts } from "../../../state/admission/locks.ts";
import type { RateHeap } from "../../../state/admission/rate-heap.ts";
import type {
  Attempt,
  Candidate,
  Claim,
  CoinRecord,
  Heir,
  OutboxEntry,
  Tombstone,
} from "../../../state/admission/records.ts";
import type { ProtocolRules } from "../../../state/admission/rules.ts";
import type { Change, PartitionStore } from "../../../state/admission/store.ts";
import type { TransitionContext } from "../../../state/admission/transition.ts";
import { TxidMap } from "../../../state/admission/txid-map.ts";
import { PartitionView } from "../../../state/admission/view.ts";
import type { AdmissionEvent, Envelope, Message, Standing, Token, Verdict } from "./messages.ts";

export interface PartitionConfig {
  readonly self: number;
  readonly places: Places;
  /** Keyed rank of a txid: who waits and who gives way when two hold each other's coins. */
  rank(txid: Txid): number;
  readonly limits: AdmissionLimits;
  readonly rules: ProtocolRules;
  readonly coinbaseMaturity: number;
  readonly replace: "off" | "feerate";
  /** 0 … 1, for jitter and for choosing whom to drop. */
  random(): number;
  /** The chain as of a chain position. */
  chain(seq: number): ChainFacts;
  /** Least round of new logs: raised by splits. */
  readonly openRound: number;
  /** True when an announced segment holds it: it is not dropped by policy. */
  isSealed(txid: Txid): boolean;
  /** Partitions of the same host, by number: they share its journal, its fence and its life. */
  readonly siblings: ReadonlyMap<number, Partition>;
}

export type PartState = "idle" | "asked" | "done" | "refused";

/** One partition's share of a preparing transaction. */
export interface PreparingPart extends Part {
  state: PartState;
  /** A HOLD of some attempt went there, so there may be claims to release. */
  mayHold: boolean;
  round: number;
  ancestors: number;
  claimants: readonly Claimant[];
}

export type Stage = "read" | "verify" | "hold" | "pause";

/** PREPARING: an attempt in flight at its home. */
export interface Preparing {
  readonly candidate: Candidate;
  readonly source: number;
  readonly tokens: Token[];
  attempt: Attempt;
  stage: Stage;
  readonly parts: PreparingPart[];
  /** A new list for each attempt. */
  coins: (CoinRecord | null)[];
  /** Coins came with the transaction and may be lies. */
  given: readonly CoinRecord[] | null;
  verdict: Verdict | null;
  /** Flags the verdict is for. */
  flags: number;
  readonly deadline: number;
  retries: number;
  delayMs: number;
  /** When what is unanswered is asked for again; infinite when no timer runs. */
  againAt: number;
  /** Replacement: standing of the transactions in the way and of their descendants; null = asked. */
  cone: Map<Txid, Standing | null>;
  /** Of these, who has been asked to leave since the last look at everything; null: nobody. */
  yielded: Set<Txid> | null;
  /** How it was parked before this attempt: deadline and delay go on. */
  readonly parked: Parked | null;
}

/** A child that waits for its parents, or a replaced transaction that waits for its heir's fate. */
export interface Parked {
  readonly candidate: Candidate;
  readonly source: number;
  readonly deadline: number;
  delayMs: number;
  triedAt: number;
  heir: Heir | null;
}

export type Timer =
  | { readonly kind: "again"; readonly txid: Txid; readonly attempt: Attempt }
  | { readonly kind: "parked"; readonly txid: Txid }
  | { readonly kind: "sweep" | "audit" | "resend" | "pressure" };

export class Partition {
  readonly config: PartitionConfig;
  readonly view: PartitionView;
  readonly epoch: number;
  now = 0;
  seq: number;
  chain: ChainFacts;
  counter = 0;
  /** The longest at it first. */
  readonly preparing: TxidMap<Preparing>;
  readonly preparingBySource: Map<number, number> = new Map();
  readonly parked: Map<Txid, Parked> = new Map();
  parkedBytes = 0;
  readonly parkedBySource: Map<number, number> = new Map();
  /** Missing parent (or outpoint) -> child -> its home. */
  readonly waiters: Map<string, Map<Txid, number>> = new Map();
  waiterCount = 0;
  readonly timers: BinaryHeap<Timer> = new BinaryHeap();
  /** Partitions that acknowledged a tombstone. */
  readonly acknowledged: Map<Txid, Set<number>> = new Map();
  /** Who waits for a cone to be gone: child -> entries; parent -> home of the tombstone. */
  readonly evictWaiting: Map<Txid, Map<number, Set<number>>> = new Map();
  readonly releaseWaiting: Map<Txid, { to: number; attempt: Attempt }> = new Map();
  /** When a contended claimant was last asked about. */
  readonly askedAt: Map<Txid, number> = new Map();
  /** Where the audit of SPENT claims stands. */
  audit: Iterator<readonly [OutpointKey, Claim]> | null = null;
  /** Admitted transactions, cheapest first, once memory was short; what no longer holds is skipped. */
  cheapest: RateHeap | null = null;
  floor = { rate: 0, at: 0 };
  /** Where the repetition of tombstones and outbox stands. */
  tombstones: Iterator<readonly [Txid, Tombstone]> | null = null;
  outbox: Iterator<readonly [number, OutboxEntry]> | null = null;
  private out: Envelope[] = [];
  private siblingGroups: SiblingGroup[] = [];
  private knownContext: (ClaimContext & TransitionContext) | null = null;
  private events: AdmissionEvent[] = [];
  private resendAt = Number.POSITIVE_INFINITY;

  constructor(config: PartitionConfig, store: PartitionStore, epoch: number, now: number) {
    this.config = config;
    this.view = new PartitionView(store);
    this.preparing = new TxidMap(store.salt);
    this.epoch = epoch;
    this.now = now;
    this.seq = store.meta("seq");
    this.chain = config.chain(this.seq);
    this.timers.push(now, { kind: "sweep" });
    this.timers.push(now + config.limits.auditMs, { kind: "audit" });
    this.wantResend(0);
  }

  get self(): number {
    return this.config.self;
  }

  get context(): ClaimContext & TransitionContext {
    const known = this.knownContext;
    if (known !== null && known.seq === this.seq && known.chain === this.chain) return known;
    const { config } = this;
    this.knownContext = {
      view: this.view,
      rules: config.rules,
      chain: this.chain,
      seq: this.seq,
      coinbaseMaturity: config.coinbaseMaturity,
      childCountMax: config.limits.childCountMax,
      places: config.places,
      self: config.self,
      time: this.chain.medianTime,
    };
    return this.knownContext;
  }

  /** The partition, when it is this one or of the same host and at the same chain position. */
  ownerHere(partition: number): Partition | null {
    if (partition === this.config.self) return this;
    const sibling = this.config.siblings.get(partition);
    return sibling !== undefined && sibling.seq === this.seq ? sibling : null;
  }

  /** What this step wrote in a sibling becomes durable with this step's own group. */
  takeGroupOf(sibling: Partition): void {
    const group = sibling.view.takeGroup();
    if (group.length > 0) this.siblingGroups.push({ partition: sibling.self, group });
  }

  send(to: number, message: Message): void {
    this.out.push({ from: this.config.self, to, message });
  }

  emit(event: AdmissionEvent): void {
    this.events.push(event);
  }

  after(ms: number, timer: Timer): void {
    this.timers.push(this.now + ms, timer);
  }

  /** Makes sure that tombstones and outbox are sent again after `ms`. */
  wantResend(ms: number): void {
    const at = this.now + ms;
    if (this.resendAt <= at) return;
    this.resendAt = at;
    this.timers.push(at, { kind: "resend" });
  }

  resendDone(): void {
    this.resendAt = Number.POSITIVE_INFINITY;
  }

  /** A preparing transaction whose time is over, or null: all wait equally long. */
  lateOne(): Preparing | null {
    const oldest = this.preparing.first();
    return oldest === null || oldest.deadline > this.now ? null : oldest;
  }

  /** Jittered: between half of `ms` and all of it. */
  jitter(ms: number): number {
    return ms * (0.5 + this.config.random() / 2);
  }

  /** When the next timer is due. */
  get wakeAt(): number {
    const deadline = this.preparing.first()?.deadline ?? Number.POSITIVE_INFINITY;
    return Math.min(this.timers.peekKey() ?? Number.POSITIVE_INFINITY, deadline);
  }

  takeEffects(): Effects {
    const effects = {
      siblings: this.siblingGroups,
      group: this.view.takeGroup(),
      messages: this.out,
      events: this.events,
    };
    if (this.siblingGroups.length > 0) this.siblingGroups = [];
    if (this.out.length > 0) this.out = [];
    if (this.events.length > 0) this.events = [];
    return effects;
  }
}

/** Changes of another partition of the same host. */
export interface SiblingGroup {
  readonly partition: number;
  readonly group: readonly Change[];
}

/**
 * What a step wants done. The group, with those of siblings, is one durable unit; the messages and events go out only when it,
 * and every group before it in the same journal, is durable.
 */
export interface Effects {
  readonly siblings: readonly SiblingGroup[];
  readonly group: readonly Change[];
  readonly messages: readonly Envelope[];
  readonly events: readonly AdmissionEvent[];
}
