// The weaker strategies over counts: a uniform hostile share outside one group.
import type { Words } from "./random.ts";

/** The group of a uniform hostile share outside group `avoid`, or -1 when there is none. */
export function chooseGroup(groupHostile: Int32Array, avoid: number, words: Words): number {
  let total = 0;
  for (let g = 0; g < groupHostile.length; g++) if (g !== avoid) total += groupHostile[g]!;
  if (total === 0) return -1;
  let pick = words.below(total);
  for (let g = 0; g < groupHostile.length; g++) {
    if (g === avoid) continue;
    if (pick < groupHostile[g]!) return g;
    pick -= groupHostile[g]!;
  }
  return -1;
}

/** The group with the greatest hostile fraction, lowest number on ties. */
export function worstGroup(groupHostile: Int32Array, groupSize: Int32Array): number {
  let worst = 0;
  for (let g = 1; g < groupSize.length; g++) {
    if (groupHostile[g]! * groupSize[worst]! > groupHostile[worst]! * groupSize[g]!) worst = g;
  }
  return worst;
}
