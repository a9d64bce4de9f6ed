// Set versions: only finality that is written in the branch may change who has a slot. Decided at
// the close of a round that holds a block, in use two rounds later; a round without any block
// decides nothing, so a halt of days is one step (docs/internals/qpos.md, "Membership").
import type { QposParameters } from "./params.ts";
import { STATUS, WANTS_ACTIVE } from "./record.ts";
import type { Change, RegistryDraft } from "./registry.ts";
import { nextSet, type StakerSet } from "./staker-set.ts";
import { stakerWeight } from "./weight.ts";

export interface Close {
  /** The round that closes. */
  readonly round: number;
  /** The highest round finalized in the branch. */
  readonly finalizedRound: number;
  /** The newest version: that of round + 1. */
  readonly newest: StakerSet;
  /** First slot of round + 2. */
  readonly startAfterNext: number;
  readonly nextId: number;
}

/** True when a version may and must follow `newest` at this close. */
function isDue(parameters: QposParameters, close: Close, changes: readonly Change[]): boolean {
  if (close.finalizedRound < close.newest.activation) return false;
  if (close.round - close.newest.activation >= parameters.reweightRounds) return true;
  return changes.some((change) => change.round <= close.finalizedRound);
}

interface Members {
  readonly ids: Set<number>;
  joins: number;
  leaves: number;
}

/** Applies one change if its limit allows; false when it must wait for the next version. */
function applyChange(
  draft: RegistryDraft,
  parameters: QposParameters,
  close: Close,
  members: Members,
  change: Change,
): boolean {
  const record = draft.get(change.id);
  if (change.kind === "join") {
    const wants = (record.flags & WANTS_ACTIVE) !== 0 && record.freeSlot === 0;
    if (!wants || members.ids.has(change.id)) return true;
    if (members.joins === 0 || members.ids.size >= parameters.activeMax) return false;
    members.joins--;
    members.ids.add(change.id);
    draft.set(change.id, { status: STATUS.active });
    return true;
  }
  if (change.kind === "slash") {
    members.ids.delete(change.id);
    return true;
  }
  if (!members.ids.has(change.id)) return true;
  if (members.leaves === 0 || members.ids.size === 1) return false;
  members.leaves--;
  members.ids.delete(change.id);
  if (record.status === STATUS.leaving) {
    const freeSlot = close.startAfterNext + parameters.unbondSlots;
    draft.leave(change.id, STATUS.leaving, freeSlot);
  } else if (record.status === STATUS.active) draft.set(change.id, { status: STATUS.paused });
  return true;
}

/** The set of round + 2 and later, decided at the close of `close.round`. */
export function decideSet(
  draft: RegistryDraft,
  parameters: QposParameters,
  close: Close,
): StakerSet {
  const changes = draft.currentChanges();
  const { newest } = close;
  if (!isDue(parameters, close, changes)) return newest;
  const limit = Math.max(1, Math.floor(newest.ids.length / parameters.churnDivisor));
  const members: Members = { ids: new Set(newest.ids), joins: limit, leaves: limit };
  draft.changes = changes.filter(
    (change) =>
      change.round > close.finalizedRound ||
      !applyChange(draft, parameters, close, members, change),
  );
  const ids = [...members.ids].sort((a, b) => a - b);
  const weights = ids.map((id) =>
    stakerWeight(parameters.weightRule, draft.get(id), close.nextId, parameters.weightMax),
  );
  // Everybody slashed: nobody could ever sign again; the last honest set is no better, keep it.
  return ids.length === 0 ? newest : nextSet(newest, close.round + 2, ids, weights);
}
