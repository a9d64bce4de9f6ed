// Chance that follows from the devnet's seed, a stream of its own for each use.
import type { Bytes } from "../../base/bytes.ts";
import { Prng } from "../../base/prng.ts";
import { taggedHash } from "../../crypto/hash.ts";
import type { Random } from "../../ports/clock.ts";

export function seededPrng(seed: string, what: string): Prng {
  return new Prng(taggedHash("pando/devnet", new TextEncoder().encode(`${what}/${seed}`)));
}

/** For keys that guard nothing but play money. */
export function seededRandom(prng: Prng): Random {
  return {
    bytes: (count): Bytes => Uint8Array.from({ length: count }, () => prng.below(256)),
    below: (below) => prng.below(below),
    fraction: () => prng.u32() / 2 ** 32,
  };
}
