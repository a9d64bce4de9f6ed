// Proof of work: the compact form of a target, the work of a block, and which target the next block
// must have (Bitcoin Core's pow.cpp, chain.cpp and arith_uint256.cpp; testnet4: BIP94). Targets are
// 256-bit integers and appear seldom, so they are bigints; the check of a hash is plain arithmetic.
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { type Params, retargetInterval, type WorkParams } from "./params.ts";

const MASK_256 = (1n << 256n) - 1n;
const SIGN_BIT = 0x800000;

/** What the rules need to know of an accepted header and of those before it. */
export interface HeaderNode {
  readonly height: number;
  readonly time: number;
  readonly bits: number;
  /** The header of its branch at `height`, from 0 to its own. */
  ancestor(height: number): HeaderNode;
}

function isOverflow(mantissa: number, size: number): boolean {
  if (mantissa === 0) return false;
  return size > 34 || (mantissa > 0xff && size > 33) || (mantissa > 0xffff && size > 32);
}

/** The target that `bits` stands for, or null when it is negative, zero or over 256 bits. */
export function targetFromBits(bits: number): bigint | null {
  const size = bits >>> 24;
  const mantissa = bits & 0x7fffff;
  if ((bits & SIGN_BIT) !== 0 || isOverflow(mantissa, size)) return null;
  const target =
    size <= 3
      ? BigInt(mantissa >>> (8 * (3 - size)))
      : (BigInt(mantissa) << BigInt(8 * (size - 3))) & MASK_256;
  return target === 0n ? null : target;
}

/** The compact form of `target`, cut to its leading 23 or so bits. */
export function bitsFromTarget(target: bigint): number {
  assert(target >= 0n && target <= MASK_256, "a target has 256 bits");
  let size = target === 0n ? 0 : Math.ceil(target.toString(16).length / 2);
  let mantissa =
    size <= 3 ? Number(target) << (8 * (3 - size)) : Number(target >> BigInt(8 * (size - 3)));
  if ((mantissa & SIGN_BIT) !== 0) {
    mantissa >>>= 8;
    size++;
  }
  return (mantissa | (size << 24)) >>> 0;
}

/** True when `hash`, as a little-endian number, is at most the target of valid, positive `bits`. */
function isAtMost(hash: Bytes, mantissa: number, size: number): boolean {
  // hash = head * 256^(size-3) + tail; compare the head with the mantissa.
  for (let at = 31; at >= size; at--) if (hash[at] !== 0) return false;
  let head = 0;
  for (let at = size - 1; at >= Math.max(0, size - 3); at--) head = head * 256 + (hash[at] ?? 0);
  const wanted = size < 3 ? mantissa >>> (8 * (3 - size)) : mantissa;
  if (head !== wanted) return head < wanted;
  for (let at = size - 4; at >= 0; at--) if (hash[at] !== 0) return false;
  return true;
}

/** A target as a double, which is exact: 23 bits and a power of 256. */
function targetNumber(bits: number): number {
  const size = bits >>> 24;
  const mantissa = bits & 0x7fffff;
  return size <= 3 ? mantissa >>> (8 * (3 - size)) : mantissa * 2 ** (8 * (size - 3));
}

/** True when `bits` is a target the network allows and `hash` (hash order) meets it. */
export function hasWork(hash: Bytes, bits: number, work: WorkParams): boolean {
  const size = bits >>> 24;
  const mantissa = bits & 0x7fffff;
  if ((bits & SIGN_BIT) !== 0 || isOverflow(mantissa, size)) return false;
  const target = targetNumber(bits);
  // `limitBits` is the greatest target in compact form that is not above `limit`.
  if (target === 0 || target > targetNumber(work.limitBits)) return false;
  return isAtMost(hash, mantissa, size);
}

/** How many hashes a block with `bits` takes on average; 0 for an impossible target. */
export function workOfBits(bits: number): bigint {
  const target = targetFromBits(bits);
  return target === null ? 0n : (MASK_256 - target) / (target + 1n) + 1n;
}

/** `bits` after a period that took `seconds`: at most four times harder or easier. */
export function retarget(bits: number, seconds: number, work: WorkParams): number {
  const { timespan, limit } = work;
  const bounded = Math.min(Math.max(seconds, Math.floor(timespan / 4)), timespan * 4);
  const target = targetFromBits(bits) ?? 0n;
  const next = ((target * BigInt(bounded)) & MASK_256) / BigInt(timespan);
  return bitsFromTarget(next > limit ? limit : next);
}

/** Testnet's rule within a period: easy after 20 silent minutes, else the last real target. */
function bitsWithMinDifficulty(work: WorkParams, previous: HeaderNode, time: number): number {
  if (time > previous.time + work.spacing * 2) return work.limitBits;
  const interval = retargetInterval(work);
  let node = previous;
  while (node.height > 0 && node.height % interval !== 0 && node.bits === work.limitBits) {
    node = node.ancestor(node.height - 1);
  }
  return node.bits;
}

/** The bits that the block after `previous` must have, when its time is `time`. */
export function nextBits(params: Params, previous: HeaderNode, time: number): number {
  const { work } = params;
  const interval = retargetInterval(work);
  if ((previous.height + 1) % interval !== 0) {
    return work.allowMinDifficulty ? bitsWithMinDifficulty(work, previous, time) : previous.bits;
  }
  if (work.noRetargeting) return previous.bits;
  // The period's first block, not the last of the period before: Bitcoin's off-by-one is the rule.
  const first = previous.ancestor(previous.height - (interval - 1));
  const base = work.bip94 ? first.bits : previous.bits;
  return retarget(base, previous.time - first.time, work);
}

/**
 * True when `bits` may follow `previousBits` at `height` whatever the times of the headers between
 * are (Bitcoin Core's PermittedDifficultyTransition): all that can be said without them. A network
 * with easy blocks permits everything.
 */
export function mayFollow(
  work: WorkParams,
  height: number,
  previousBits: number,
  bits: number,
): boolean {
  if (work.allowMinDifficulty) return true;
  if (height % retargetInterval(work) !== 0) return bits === previousBits;
  const target = targetFromBits(bits);
  const easiest = targetFromBits(retarget(previousBits, work.timespan * 4, work));
  const hardest = targetFromBits(retarget(previousBits, Math.floor(work.timespan / 4), work));
  if (target === null || easiest === null || hardest === null) return false;
  return target <= easiest && target >= hardest;
}
