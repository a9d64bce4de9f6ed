import type { Bytes } from "../base/bytes.ts";
import { hash256Into } from "./hash.ts";

/** Placeholder until the crypto branch is merged. */
export function merkleRoot(hashes: Bytes, count: number): { root: Bytes; mutated: boolean } {
  const level = new Uint8Array((count + 1) * 32);
  level.set(hashes.subarray(0, count * 32));
  let mutated = false;
  for (let width = count; width > 1; width = Math.ceil(width / 2)) {
    for (let at = 0; at + 1 < width; at += 2) {
      let equal = true;
      for (let b = 0; b < 32; b++)
        if (level[at * 32 + b] !== level[at * 32 + 32 + b]) equal = false;
      mutated ||= equal;
    }
    if (width % 2 === 1) level.copyWithin(width * 32, (width - 1) * 32, width * 32);
    for (let at = 0; at * 2 < width; at++)
      hash256Into(level, at * 32, level, at * 64, at * 64 + 64);
  }
  return { root: level.slice(0, 32), mutated };
}
