// The state of a branch at a final block as text, so that a node need not apply every block again to
// know it. Only what a core that was never stopped still knows is kept: what lies below the block is
// forgotten there too (head.ts). A field that is added to Branch or Registry does not compile without
// its place here; then FORMAT counts up, and older snapshots are made anew.
import type { Checkpoint } from "../finality/view.ts";
import type { Branch, Justified } from "./branch.ts";
import type { Qpos } from "./core.ts";
import { isSettled } from "./head.ts";
import { NO_LEDGER_CHANGES, type Registry, recordsOf, registryOf } from "./registry.ts";
import { electorate, type StakerSet } from "./staker-set.ts";

/** Names the form of the text: another one is not read. */
export const SNAPSHOT_FORMAT = "pando consensus snapshot 1";

type StoredSet = Pick<StakerSet, "version" | "activation" | "ids" | "weights"> & {
  readonly rear: Pick<StakerSet, "ids" | "weights"> | null;
};

type StoredRegistry = Omit<Registry, "chunks" | "nextId"> & {
  readonly records: Parameters<typeof registryOf>[0];
};

type Plain =
  | "id"
  | "height"
  | "slot"
  | "round"
  | "index"
  | "stakerId"
  | "start"
  | "length"
  | "queue"
  | "seed"
  | "trust"
  | "mix"
  | "hits"
  | "resolved"
  | "previousHits"
  | "previousTotal"
  | "registryRoot"
  | "finalizedRound"
  | "finalizedId";

/** Sets by their version; justified checkpoints from the highest down. */
type StoredBranch = Pick<Branch, Plain> & {
  readonly set: number;
  readonly next: number;
  readonly justified: readonly (readonly [round: number, id: string])[];
};

interface Stored {
  /** The round of the checkpoint, which may be after that of its block. */
  readonly round: number;
  /** Oldest first, each following the one before. */
  readonly sets: readonly StoredSet[];
  readonly registry: StoredRegistry;
  readonly base: StoredBranch;
  /** The last block of an earlier round: it gives the next order, and is asked for its id. */
  readonly last: StoredBranch | null;
}

function storedBranch(branch: Branch): StoredBranch {
  const { id, height, slot, round, index, stakerId, start, length, queue, seed, trust } = branch;
  const { mix, hits, resolved, previousHits, previousTotal, registryRoot } = branch;
  const { finalizedRound, finalizedId } = branch;
  const justified: [number, string][] = [];
  for (let at: Justified | null = branch.justified; at !== null; at = at.below) {
    justified.push([at.round, at.id]);
  }
  return {
    ...{ id, height, slot, round, index, stakerId, start, length, queue, seed, trust },
    ...{ mix, hits, resolved, previousHits, previousTotal, registryRoot },
    ...{ finalizedRound, finalizedId, justified },
    set: branch.set.version,
    next: branch.next.version,
  };
}

/** The versions that rounds from the oldest justified one on have, oldest first. */
function storedSets(base: Branch): StoredSet[] {
  let oldest = base.last?.round ?? 0;
  for (let at: Justified | null = base.justified; at !== null; at = at.below) {
    oldest = Math.min(oldest, at.round);
  }
  const sets: StoredSet[] = [];
  for (let at: StakerSet | null = base.next; at !== null; at = at.before) {
    const { version, activation, ids, weights } = at;
    const rear = at.rear === null ? null : { ids: at.rear.ids, weights: at.rear.weights };
    sets.push({ version, activation, ids, weights, rear });
    if (activation <= oldest) break;
  }
  return sets.reverse();
}

/** The newest final state of a core; null while its block is not executed, or is the first one. */
export function encodeSnapshot(core: Qpos): string | null {
  const { branch: base, round } = core.view.finalized;
  if (base.height === 0 || core.halted || !isSettled(core, base)) return null;
  const { changes, due, exits, offences, slashings } = base.registry;
  const stored: Stored = {
    round,
    sets: storedSets(base),
    registry: {
      records: [...recordsOf(base.registry)],
      ...{ changes, due, exits, offences, slashings },
    },
    base: storedBranch(base),
    last: base.last === null ? null : storedBranch(base.last),
  };
  return JSON.stringify(stored);
}

function setsOf(stored: readonly StoredSet[]): Map<number, StakerSet> {
  const sets = new Map<number, StakerSet>();
  let before: StakerSet | null = null;
  for (const { version, activation, ids, weights, rear } of stored) {
    const set: StakerSet = {
      ...electorate(ids, weights),
      version,
      activation,
      rear: before ?? (rear === null ? null : electorate(rear.ids, rear.weights)),
      before,
      roots: null,
    };
    sets.set(version, set);
    before = set;
  }
  return sets;
}

function branchOf(
  stored: StoredBranch,
  sets: ReadonlyMap<number, StakerSet>,
  registry: Registry,
  last: Branch | null,
): Branch {
  const [highest, ...others] = stored.justified;
  const below = others
    .reverse()
    .reduce<Justified | null>((under, [round, id]) => ({ round, id, below: under }), null);
  return {
    ...stored,
    set: sets.get(stored.set)!,
    next: sets.get(stored.next)!,
    justified: { round: highest![0], id: highest![1], below },
    parent: null,
    last,
    registry,
    ledger: NO_LEDGER_CHANGES,
    closed: null,
    aheadRound: -1,
    aheadSeed: "",
    aheadQueue: stored.queue,
    tie: null,
  };
}

/** The final checkpoint in a text that `encodeSnapshot` made. */
export function decodeSnapshot(text: string): Checkpoint {
  const stored = JSON.parse(text) as Stored;
  const { records, ...waiting } = stored.registry;
  const registry: Registry = { ...registryOf(records), ...waiting };
  const sets = setsOf(stored.sets);
  // Nobody asks the block before for its registry; its set may be older than those that are kept.
  const { base } = stored;
  const last =
    stored.last === null
      ? null
      : branchOf(
          {
            ...stored.last,
            set: sets.has(stored.last.set) ? stored.last.set : base.set,
            next: base.set,
          },
          sets,
          registry,
          null,
        );
  return { round: stored.round, branch: branchOf(base, sets, registry, last) };
}
