// " (did you mean X?)" for names that are nearly right.

/** Insertions, deletions, changes and swaps of neighbours that turn `a` into `b`. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(change, row[j]! + 1, next[j - 1]! + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, before[j - 2]! + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

export function nearest(given: string, known: readonly string[]): string {
  let best: { name: string; far: number } | null = null;
  for (const name of known) {
    const far = distance(given, name);
    if (best === null || far < best.far) best = { name, far };
  }
  const near = best !== null && best.far <= Math.max(1, given.length / 3);
  return near ? ` (did you mean ${best!.name}?)` : "";
}
