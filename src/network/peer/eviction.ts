// Which inbound peer gives way when all places are taken. An attacker must outdo honest peers in
// many unlike ways at once, so those that stand out in any of them are protected first (Bitcoin
// Core's node/eviction.h; the counts are data.md's). Pure.

export interface EvictionCandidate {
  readonly id: number;
  readonly connectedAt: number;
  readonly pingMsMin: number | null;
  readonly lastBlockAt: number;
  readonly lastTransactionAt: number;
  readonly relaysTransactions: boolean;
  readonly group: string;
  /** A keyed hash of the group: nobody outside can choose to have a low one. */
  readonly keyedGroup: number;
  readonly prefersEviction: boolean;
  readonly protected: boolean;
}

const BY_GROUP = 4;
const BY_PING = 8;
const BY_TRANSACTION = 4;
const BY_BLOCK = 8;
const BY_AGE = 4;

/** Takes the `count` first in the order of `compare` out of `list`. */
function protect(
  list: EvictionCandidate[],
  count: number,
  compare: (a: EvictionCandidate, b: EvictionCandidate) => number,
  only: (candidate: EvictionCandidate) => boolean = () => true,
): EvictionCandidate[] {
  const chosen = new Set(
    list
      .filter(only)
      .sort((a, b) => compare(a, b) || a.id - b.id)
      .slice(0, count),
  );
  return list.filter((candidate) => !chosen.has(candidate));
}

/** The id of the peer to let go, or null when all are protected. */
export function chooseEviction(candidates: readonly EvictionCandidate[]): number | null {
  let left = candidates.filter((candidate) => !candidate.protected);
  left = protect(left, BY_GROUP, (a, b) => a.keyedGroup - b.keyedGroup);
  left = protect(
    left,
    BY_PING,
    (a, b) => (a.pingMsMin ?? Number.POSITIVE_INFINITY) - (b.pingMsMin ?? Number.POSITIVE_INFINITY),
    (candidate) => candidate.pingMsMin !== null,
  );
  left = protect(
    left,
    BY_TRANSACTION,
    (a, b) => b.lastTransactionAt - a.lastTransactionAt,
    (candidate) => candidate.lastTransactionAt > 0,
  );
  left = protect(
    left,
    BY_BLOCK,
    (a, b) => b.lastBlockAt - a.lastBlockAt,
    (candidate) => candidate.lastBlockAt > 0,
  );
  left = protect(left, BY_AGE, (a, b) => a.connectedAt - b.connectedAt);
  left = protect(left, Math.floor(left.length / 2), (a, b) => a.connectedAt - b.connectedAt);
  if (left.some((candidate) => candidate.prefersEviction)) {
    left = left.filter((candidate) => candidate.prefersEviction);
  }
  return largestGroup(left)?.id ?? null;
}

/** The youngest of the group with the most connections; of equal groups, the younger. */
function largestGroup(list: readonly EvictionCandidate[]): EvictionCandidate | undefined {
  let best: { members: EvictionCandidate[]; youngest: EvictionCandidate } | undefined;
  for (const members of grouped(list).values()) {
    const youngest = members.reduce((a, b) => (b.connectedAt > a.connectedAt ? b : a));
    const larger =
      best === undefined ||
      members.length > best.members.length ||
      (members.length === best.members.length && youngest.connectedAt > best.youngest.connectedAt);
    if (larger) best = { members, youngest };
  }
  return best?.youngest;
}

function grouped(list: readonly EvictionCandidate[]): Map<string, EvictionCandidate[]> {
  const groups = new Map<string, EvictionCandidate[]>();
  for (const one of list) {
    const members = groups.get(one.group);
    if (members === undefined) groups.set(one.group, [one]);
    else members.push(one);
  }
  return groups;
}
