// The life of an epoch on the beacon chain as a pure step function: declarations queue, a freeze block
// fixes who joins and leaves, the beacon value decides, everybody recomputes the assignment, newcomers
// sync during the waiting epoch, and then the committees change.
//
//   OPEN --freeze--> FROZEN --final--> FROZEN, sets committed --beacon--> DRAWN --root--> ASSIGNED
//     ^                 |                     |
//     +--reorganised----+                     +--no value by the deadline: extended, OPEN next epoch
//
// An assignment is SYNCING until its epoch of activation begins, then ACTIVE until the next one is.
import { assert, never } from "../base/assert.ts";
import { type Bytes, bytesEqual, fromHex } from "../base/bytes.ts";
import { setsHash } from "./seed.ts";

export interface LifecycleParameters {
  /** Joins, and leaves, that pass per epoch. */
  readonly churnMax: number;
  /** Leaves that pass per shard and epoch. */
  readonly leaveLimit: number;
  /** Epochs between assignment and activation, beyond the next. */
  readonly waiting: number;
  /** Epochs for which a leaver's stake stays locked after its seat ended. */
  readonly unbond: number;
  /** Thousandths of the new seats that must be ready, else the next epoch's churn is halved. */
  readonly readyMin: number;
  /** Declarations that may wait; more are refused. */
  readonly queueMax: number;
}

export const LIFECYCLE: LifecycleParameters = {
  churnMax: 206,
  leaveLimit: 6,
  waiting: 1,
  unbond: 14,
  readyMin: 950,
  queueMax: 65_536,
};

/** A share's id in hex: here shares are keys of maps. */
export type ShareName = string;

export interface Declaration {
  readonly kind: "join" | "leave";
  readonly share: ShareName;
  readonly height: number;
}

/** An assignment that waits for its newcomers. */
export interface Syncing {
  readonly epoch: number;
  readonly activeFrom: number;
  readonly root: Bytes;
  readonly seats: ReadonlyMap<ShareName, number>;
  readonly leavers: readonly ShareName[];
  readonly moved: number;
  readonly ready: ReadonlySet<ShareName>;
}

export type Phase = "open" | "frozen" | "drawn" | "assigned";

export interface Lifecycle {
  readonly epoch: number;
  readonly phase: Phase;
  readonly queue: readonly Declaration[];
  /** Who passes in this epoch, from FROZEN on. */
  readonly joins: readonly ShareName[];
  readonly leaves: readonly ShareName[];
  readonly frozenHeight: number;
  readonly frozenFinal: boolean;
  readonly beacon: Bytes | null;
  readonly halved: boolean;
  /** Shards of the newest assignment's seats, and of the one that is active. */
  readonly seats: ReadonlyMap<ShareName, number>;
  readonly active: ReadonlyMap<ShareName, number>;
  readonly activeEpoch: number;
  readonly syncing: readonly Syncing[];
  /** Locked stake: until which epoch; Infinity while the share wants to sit. */
  readonly locks: ReadonlyMap<ShareName, number>;
}

export type LifecycleEvent =
  | { readonly kind: "declare"; readonly declaration: Declaration }
  | { readonly kind: "freeze"; readonly epoch: number; readonly height: number }
  | { readonly kind: "reorganise"; readonly height: number }
  | { readonly kind: "final"; readonly height: number }
  | { readonly kind: "beacon"; readonly epoch: number; readonly value: Bytes }
  | { readonly kind: "deadline"; readonly epoch: number }
  | {
      readonly kind: "assigned";
      readonly epoch: number;
      /** The root that the beacon block commits, and the one computed here. */
      readonly root: Bytes;
      readonly computed: Bytes;
      readonly seats: ReadonlyMap<ShareName, number>;
    }
  | { readonly kind: "ready"; readonly epoch: number; readonly share: ShareName }
  | { readonly kind: "begin"; readonly epoch: number };

export type LifecycleEffect =
  | { readonly kind: "commit-sets"; readonly epoch: number; readonly sets: Bytes }
  | {
      readonly kind: "compute";
      readonly epoch: number;
      readonly beacon: Bytes;
      readonly joins: readonly ShareName[];
      readonly leaves: readonly ShareName[];
    }
  | { readonly kind: "reject-block"; readonly epoch: number }
  | { readonly kind: "commit-committees"; readonly epoch: number; readonly activeFrom: number }
  | { readonly kind: "extended"; readonly epoch: number }
  | { readonly kind: "alarm"; readonly about: "no-beacon" | "not-ready" }
  | { readonly kind: "activate"; readonly epoch: number }
  | { readonly kind: "unlock"; readonly share: ShareName };

export type Stepped = readonly [Lifecycle, readonly LifecycleEffect[]];

/** The first epoch, with the seats of genesis active. */
export function openLifecycle(epoch: number, seats: ReadonlyMap<ShareName, number>): Lifecycle {
  const locks = new Map([...seats.keys()].map((share) => [share, Number.POSITIVE_INFINITY]));
  return {
    epoch,
    phase: "open",
    queue: [],
    joins: [],
    leaves: [],
    frozenHeight: -1,
    frozenFinal: false,
    beacon: null,
    halved: false,
    seats,
    active: seats,
    activeEpoch: epoch,
    syncing: [],
    locks,
  };
}

const SAME: readonly LifecycleEffect[] = [];

function declare(
  state: Lifecycle,
  declaration: Declaration,
  parameters: LifecycleParameters,
): Stepped {
  const { kind, share } = declaration;
  const seated = state.seats.has(share);
  const twice = state.queue.some((one) => one.share === share && one.kind === kind);
  const passing = state.joins.includes(share) || state.leaves.includes(share);
  if (twice || passing || seated === (kind === "join")) return [state, SAME];
  if (state.queue.length >= parameters.queueMax) return [state, SAME];
  // A stake that is still unbonding is not free to be locked again.
  const lock = state.locks.get(share);
  if (kind === "join" && lock !== undefined && lock !== Number.POSITIVE_INFINITY) {
    return [state, SAME];
  }
  const locks = new Map(state.locks);
  if (kind === "join") locks.set(share, Number.POSITIVE_INFINITY);
  return [{ ...state, queue: [...state.queue, declaration], locks }, SAME];
}

/** The declarations that pass now, by (height, id), within the caps. */
function passing(state: Lifecycle, parameters: LifecycleParameters): Declaration[] {
  const churn = state.halved ? Math.floor(parameters.churnMax / 2) : parameters.churnMax;
  const ordered = [...state.queue].sort(
    (a, b) => a.height - b.height || (a.share < b.share ? -1 : 1),
  );
  const perShard = new Map<number, number>();
  let joins = 0;
  let leaves = 0;
  return ordered.filter(({ kind, share }) => {
    if (kind === "join") return joins < churn && ++joins > 0;
    const shard = state.seats.get(share);
    if (shard === undefined || leaves >= churn) return false;
    // Never the whole network at once: somebody must be left to assign.
    if (state.seats.size - leaves <= 1) return false;
    const left = perShard.get(shard) ?? 0;
    if (left >= parameters.leaveLimit) return false;
    perShard.set(shard, left + 1);
    leaves++;
    return true;
  });
}

function freeze(
  state: Lifecycle,
  epoch: number,
  height: number,
  parameters: LifecycleParameters,
): Stepped {
  if (state.phase !== "open" || epoch !== state.epoch) return [state, SAME];
  const pass = passing(state, parameters);
  const passed = new Set(pass);
  const next: Lifecycle = {
    ...state,
    phase: "frozen",
    frozenHeight: height,
    frozenFinal: false,
    queue: state.queue.filter((one) => !passed.has(one)),
    joins: pass.filter((one) => one.kind === "join").map((one) => one.share),
    leaves: pass.filter((one) => one.kind === "leave").map((one) => one.share),
  };
  return [next, SAME];
}

/** Back to OPEN with everything that had passed in the queue again, in front. */
function reopen(state: Lifecycle, epoch: number): Lifecycle {
  const back: Declaration[] = [
    ...state.joins.map((share) => ({ kind: "join" as const, share, height: 0 })),
    ...state.leaves.map((share) => ({ kind: "leave" as const, share, height: 0 })),
  ];
  return {
    ...state,
    epoch,
    phase: "open",
    queue: [...back, ...state.queue],
    joins: [],
    leaves: [],
    frozenHeight: -1,
    frozenFinal: false,
    beacon: null,
  };
}

function bytesOf(shares: readonly ShareName[]): Bytes[] {
  return shares.map((share) => fromHex(share) ?? new Uint8Array(0));
}

function finalize(state: Lifecycle, height: number): Stepped {
  if (state.phase !== "frozen" || state.frozenFinal || height < state.frozenHeight) {
    return [state, SAME];
  }
  const sets = setsHash(bytesOf(state.joins), bytesOf(state.leaves));
  return [{ ...state, frozenFinal: true }, [{ kind: "commit-sets", epoch: state.epoch, sets }]];
}

function drawn(state: Lifecycle, epoch: number, value: Bytes): Stepped {
  if (state.phase !== "frozen" || !state.frozenFinal || epoch !== state.epoch) return [state, SAME];
  const { joins, leaves } = state;
  return [
    { ...state, phase: "drawn", beacon: value },
    [{ kind: "compute", epoch, beacon: value, joins, leaves }],
  ];
}

/** No value in time: the epoch is extended, nobody moves; never a fall-back seed. */
function extend(state: Lifecycle): Stepped {
  const next = reopen(state, state.epoch + 1);
  return [
    next,
    [
      { kind: "extended", epoch: state.epoch },
      { kind: "alarm", about: "no-beacon" },
    ],
  ];
}

function assigned(
  state: Lifecycle,
  event: Extract<LifecycleEvent, { kind: "assigned" }>,
  parameters: LifecycleParameters,
): Stepped {
  if (state.phase !== "drawn" || event.epoch !== state.epoch) return [state, SAME];
  if (!bytesEqual(event.root, event.computed)) {
    return [state, [{ kind: "reject-block", epoch: state.epoch }]];
  }
  const activeFrom = state.epoch + 1 + parameters.waiting;
  let moved = 0;
  for (const [share, shard] of event.seats) if (state.seats.get(share) !== shard) moved++;
  const one: Syncing = {
    epoch: state.epoch,
    activeFrom,
    root: event.root,
    seats: event.seats,
    leavers: state.leaves,
    moved,
    ready: new Set(),
  };
  const next: Lifecycle = {
    ...state,
    phase: "assigned",
    seats: event.seats,
    joins: [],
    leaves: [],
    syncing: [...state.syncing, one],
  };
  return [next, [{ kind: "commit-committees", epoch: state.epoch, activeFrom }]];
}

function noteReady(state: Lifecycle, epoch: number, share: ShareName): Stepped {
  const syncing = state.syncing.map((one) =>
    one.epoch === epoch && one.seats.has(share)
      ? { ...one, ready: new Set(one.ready).add(share) }
      : one,
  );
  return [{ ...state, syncing }, SAME];
}

/** True when a share sits in some assignment to come, or waits to come back: it stays locked. */
function wantsSeat(state: Lifecycle, share: ShareName): boolean {
  return (
    state.seats.has(share) ||
    state.syncing.some((one) => one.seats.has(share)) ||
    state.joins.includes(share) ||
    state.queue.some((one) => one.kind === "join" && one.share === share)
  );
}

/** Activates what is due at the beginning of `epoch` and releases locks that have run out. */
function activateDue(state: Lifecycle, epoch: number, parameters: LifecycleParameters): Stepped {
  const effects: LifecycleEffect[] = [];
  const locks = new Map(state.locks);
  let { active, activeEpoch } = state;
  let halved = false;
  for (const one of state.syncing) {
    if (one.activeFrom > epoch) continue;
    active = one.seats;
    activeEpoch = one.epoch;
    effects.push({ kind: "activate", epoch: one.epoch });
    for (const share of one.leavers) {
      if (!wantsSeat(state, share)) locks.set(share, epoch + parameters.unbond);
    }
    if (one.ready.size * 1000 < one.moved * parameters.readyMin) {
      halved = true;
      effects.push({ kind: "alarm", about: "not-ready" });
    }
  }
  for (const [share, until] of locks) {
    if (until > epoch) continue;
    locks.delete(share);
    effects.push({ kind: "unlock", share });
  }
  const syncing = state.syncing.filter((one) => one.activeFrom > epoch);
  return [{ ...state, active, activeEpoch, syncing, locks, halved }, effects];
}

function begin(state: Lifecycle, epoch: number, parameters: LifecycleParameters): Stepped {
  if (epoch !== state.epoch + 1) return [state, SAME];
  // An epoch that ends without an assignment was extended.
  const ended: Stepped = state.phase === "assigned" ? [reopen(state, epoch), SAME] : extend(state);
  const [next, effects] = activateDue(ended[0], epoch, parameters);
  return [next, [...ended[1], ...effects]];
}

/** One event of the beacon chain; duplicates and events of other epochs change nothing. */
export function step(
  state: Lifecycle,
  event: LifecycleEvent,
  parameters: LifecycleParameters,
): Stepped {
  switch (event.kind) {
    case "declare":
      return declare(state, event.declaration, parameters);
    case "freeze":
      return freeze(state, event.epoch, event.height, parameters);
    case "reorganise": {
      const undone =
        state.phase === "frozen" && !state.frozenFinal && event.height < state.frozenHeight;
      return [undone ? reopen(state, state.epoch) : state, SAME];
    }
    case "final":
      return finalize(state, event.height);
    case "beacon":
      return drawn(state, event.epoch, event.value);
    case "deadline": {
      const due = state.phase === "frozen" && event.epoch === state.epoch;
      if (!due) return [state, SAME];
      const [next, effects] = extend(state);
      const [moved, more] = activateDue(next, next.epoch, parameters);
      return [moved, [...effects, ...more]];
    }
    case "assigned":
      return assigned(state, event, parameters);
    case "ready":
      return noteReady(state, event.epoch, event.share);
    case "begin":
      return begin(state, event.epoch, parameters);
    default:
      return never(event);
  }
}

/** What must hold after every step; a break is our own mistake. */
export function assertLifecycle(state: Lifecycle): void {
  const seatedSets = [state.seats, state.active, ...state.syncing.map((one) => one.seats)];
  for (const seats of seatedSets) {
    for (const share of seats.keys()) assert(state.locks.has(share), "a seat has locked stake");
  }
  assert(state.activeEpoch <= state.epoch, "the active assignment was made before");
  const names = state.queue.map((one) => `${one.kind} ${one.share}`);
  assert(new Set(names).size === names.length, "a declaration waits once");
}
