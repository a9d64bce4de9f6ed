// What an epoch's randomness is bound to: the sets of joins and leaves, the chain, the beacon value,
// the assignment before it and the rule's parameters. Layouts in docs/internals/resharding.md.
import { type Bytes, compareBytes, concatBytes } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import { label, u32be, u64be } from "./bytes-be.ts";
import type { Ratio, RuleParameters } from "./types.ts";

/** Commits to who joins and who leaves; fixed before the beacon value can be known. */
export function setsHash(joins: readonly Bytes[], leaves: readonly Bytes[]): Bytes {
  const sorted = (ids: readonly Bytes[]) => [...ids].sort(compareBytes);
  return sha256(
    concatBytes(
      label("pando/sets/1", 16),
      u32be(joins.length),
      ...sorted(joins),
      u32be(leaves.length),
      ...sorted(leaves),
    ),
  );
}

export interface SeedParts {
  readonly chain: Bytes;
  readonly epoch: number;
  readonly beacon: Bytes;
  readonly sets: Bytes;
  readonly previousRoot: Bytes;
  readonly parameters: Bytes;
}

/** The seed of an epoch's assignment. */
export function epochSeed(parts: SeedParts): Bytes {
  return sha256(
    concatBytes(
      label("pando/seed/1", 16),
      parts.chain,
      u64be(parts.epoch),
      parts.beacon,
      parts.sets,
      parts.previousRoot,
      parts.parameters,
    ),
  );
}

function isRatio(value: object): value is Ratio {
  return "num" in value && "den" in value;
}

function valueText(value: string | number | boolean | Ratio | null): string {
  if (value === null) return "none";
  if (typeof value === "object") return isRatio(value) ? `${value.num}/${value.den}` : "none";
  return String(value);
}

/** "name=value" lines ascending by name, each ended by a newline: what `parametersHash` hashes. */
export function parametersText(parameters: RuleParameters): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${valueText(value)}\n`)
    .sort()
    .join("");
}

/** The hash of a rule's name and parameters that goes into the seed. */
export function parametersHash(parameters: RuleParameters): Bytes {
  const text = parametersText(parameters);
  return sha256(concatBytes(label("pando/params/1", 16), label(text, text.length)));
}
