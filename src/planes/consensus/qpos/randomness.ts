// Reveals, commitments, the mix, the order of a round and the tie-break. No block hash enters the
// seed: a producer can choose its block's hash for free, but its reveal only by giving up the block.
// Specified in docs/internals/qpos.md; vectors in vectors/randomness.json.
import { type Bytes, hex, readU32, toHex, writeU32 } from "../../../base/bytes.ts";
import { taggedHash } from "../../../crypto/hash.ts";
import type { Digest } from "./header.ts";

function u32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, value);
  return bytes;
}

/** The nonce that a staker's block number `count` on a branch reveals; nothing needs to be stored. */
export function revealOf(secret: Bytes, signKey: string, count: number): Digest {
  return toHex(taggedHash("pando/qpos/reveal", secret, hex(signKey), u32(count)));
}

/** What a block says about the reveal of the same staker's next block. */
export function commitTo(chainId: string, signKey: string, reveal: Digest): Digest {
  return toHex(taggedHash("pando/qpos/commit", hex(chainId), hex(signKey), hex(reveal)));
}

/** The mix after a block with this reveal. */
export function mixWith(mix: Digest, reveal: Digest): Digest {
  const bytes = hex(mix);
  const more = taggedHash("pando/qpos/mix", hex(reveal));
  for (let at = 0; at < 32; at++) bytes[at]! ^= more[at]!;
  return toHex(bytes);
}

/** The seed of a round's order; `mix` is that after checkpoint(max(0, round - 2)). */
export function queueSeed(chainId: string, round: number, mix: Digest): Digest {
  return toHex(taggedHash("pando/qpos/queue", hex(chainId), u32(round), hex(mix)));
}

/** An endless row of u32 words drawn from a seed. */
function drawWords(seed: Bytes): () => number {
  let block = 0;
  let words: Bytes = new Uint8Array(0);
  let at = 0;
  return () => {
    if (at === words.length) {
      words = taggedHash("pando/qpos/draw", seed, u32(block++));
      at = 0;
    }
    at += 4;
    return readU32(words, at - 4);
  };
}

/** Fisher and Yates over ascending ids, with unbiased draws of `word` (uniform u32). */
export function shuffleWith(word: () => number, ids: readonly number[]): number[] {
  const order = [...ids];
  for (let i = order.length - 1; i >= 1; i--) {
    const count = i + 1;
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % count);
    let draw = word();
    while (draw >= limit) draw = word();
    const other = draw % count;
    const swapped = order[i]!;
    order[i] = order[other]!;
    order[other] = swapped;
  }
  return order;
}

/** The order of a round: `ids` ascending, shuffled by its seed. */
export function queueOf(seed: Digest, ids: readonly number[]): number[] {
  return shuffleWith(drawWords(hex(seed)), ids);
}

/** The tie-break among chains of equal trust; it holds nothing that the producer can choose. */
export function tieOf(seed: Digest, slot: number, stakerId: number): Digest {
  return toHex(taggedHash("pando/qpos/tie", hex(seed), u32(slot), u32(stakerId)));
}
