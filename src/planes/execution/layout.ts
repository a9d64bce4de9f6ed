// From logs to a block: one deterministic layout, shared by the assembler and by receivers, so that a
// block is a list of ranges. Whole segments of one log stay as they were sealed; what is left over is
// carried in seam segments, so that every segment but the last is full and no child stands before its
// parent. Specified in docs/internals/data.md, from logs to a block.

/** A run of one log: whole segments from its start, then fewer entries than a segment holds. */
export interface LayoutRange<Whole, Entry> {
  readonly round: number;
  /** Partition of the log, then the first position: the order of ranges inside a round. */
  readonly log: number;
  readonly start: number;
  /** `entries` counts towards nothing but the choice of what is dissolved. */
  readonly whole: readonly Whole[];
  readonly tail: readonly Entry[];
}

/** Entries of one log (round, partition) that stand together; the coinbase and restored ones: null. */
export interface SeamPiece<Entry> {
  readonly log: string | null;
  readonly entries: readonly Entry[];
}

export type LaidSegment<Whole, Entry> =
  | { readonly kind: "whole"; readonly whole: Whole }
  | { readonly kind: "seam"; readonly pieces: readonly SeamPiece<Entry>[]; readonly count: number };

/** Entries on their way into seams, in order. */
class Carry<Entry> {
  private pieces: SeamPiece<Entry>[] = [];
  count = 0;

  add(log: string | null, entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    this.pieces.push({ log, entries });
    this.count += entries.length;
  }

  /** Takes the first `count` entries; what is of one log stands together. */
  cut(count: number): SeamPiece<Entry>[] {
    return merge(this.take(count));
  }

  private take(count: number): SeamPiece<Entry>[] {
    const taken: SeamPiece<Entry>[] = [];
    let left = count;
    while (left > 0) {
      const { log, entries } = this.pieces[0]!;
      if (entries.length <= left) {
        taken.push(this.pieces.shift()!);
        left -= entries.length;
        continue;
      }
      taken.push({ log, entries: entries.slice(0, left) });
      this.pieces[0] = { log, entries: entries.slice(left) };
      left = 0;
    }
    this.count -= count;
    return taken;
  }
}

function merge<Entry>(pieces: readonly SeamPiece<Entry>[]): SeamPiece<Entry>[] {
  const merged = new Map<string | null, Entry[]>();
  for (const { log, entries } of pieces) {
    const before = merged.get(log);
    if (before === undefined) merged.set(log, [...entries]);
    else before.push(...entries);
  }
  return [...merged].map(([log, entries]) => ({ log, entries }));
}

function logKey({ round, log }: { readonly round: number; readonly log: number }): string {
  return `${round}/${log}`;
}

/**
 * Lays out a block of segments of `size` = 2^n. `first` is the coinbase and what a reorganisation
 * restored, in their order; `dissolve` gives the entries of a whole segment, sorted as sealed.
 */
export function layout<Whole, Entry>(
  first: readonly Entry[],
  ranges: readonly LayoutRange<Whole, Entry>[],
  size: number,
  dissolve: (whole: Whole) => readonly Entry[],
): LaidSegment<Whole, Entry>[] {
  const laid: LaidSegment<Whole, Entry>[] = [];
  const carry = new Carry<Entry>();
  const cutFull = (): void => {
    while (carry.count >= size) {
      laid.push({ kind: "seam", pieces: carry.cut(size), count: size });
    }
  };
  carry.add(null, first);
  cutFull();
  for (const group of byRound(ranges)) {
    const held = carry.count > 0;
    const whole = group.map((range) => range.whole.slice());
    for (const range of group) carry.add(logKey(range), range.tail);
    const longest = longestOf(whole);
    // Older entries may be parents of what is emitted now: they must be out before it.
    if (held && carry.count < size && longest >= 0) {
      carry.add(logKey(group[longest]!), dissolve(whole[longest]!.pop()!));
    }
    cutFull();
    for (const segments of whole) {
      for (const one of segments) laid.push({ kind: "whole", whole: one });
    }
  }
  const { count } = carry;
  if (count > 0) laid.push({ kind: "seam", pieces: carry.cut(count), count });
  return laid;
}

/** Ranges of one round each, rounds ascending, ranges in the order (log, start). */
function byRound<Whole, Entry>(
  ranges: readonly LayoutRange<Whole, Entry>[],
): LayoutRange<Whole, Entry>[][] {
  const sorted = [...ranges].sort(
    (a, b) => a.round - b.round || a.log - b.log || a.start - b.start,
  );
  const groups: LayoutRange<Whole, Entry>[][] = [];
  for (const range of sorted) {
    const last = groups.at(-1);
    if (last?.[0]?.round === range.round) last.push(range);
    else groups.push([range]);
  }
  return groups;
}

/** Index of the range with most whole segments, the first of equals; -1 when there are none. */
function longestOf(whole: readonly (readonly unknown[])[]): number {
  let best = -1;
  for (let index = 0; index < whole.length; index++) {
    const { length } = whole[index]!;
    if (length > 0 && (best < 0 || length > whole[best]!.length)) best = index;
  }
  return best;
}
