// Draws by hash: each random choice of a rule is one SHA-256 of (seed, tag, share, a, b), so the order
// of inputs cannot matter and one share's choice can be checked alone, in any language.
// Hot: one call per share and epoch. Layout in docs/internals/resharding.md, "Draws".
import { type Bytes, writeU32BE } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import { label, readU32BE } from "./bytes-be.ts";
import { SHARE_BYTES } from "./types.ts";

export const TAG = {
  order: 1,
  place: 2,
  evict: 3,
  move: 4,
  position: 5,
  tie: 6,
  round: 7,
  vet: 8,
  deal: 9,
  quota: 10,
  shuffle: 11,
} as const;
export type Tag = (typeof TAG)[keyof typeof TAG];

const TAG_AT = 64;
const ID_AT = 65;
const A_AT = ID_AT + SHARE_BYTES;
const B_AT = A_AT + 4;
const MESSAGE_BYTES = B_AT + 4;
const TWO_48 = 2 ** 48;

/** The message of a draw, all of it fixed but the last 45 bytes. */
export interface Draws {
  readonly message: Bytes;
}

export function createDraws(seed: Bytes): Draws {
  const message = new Uint8Array(MESSAGE_BYTES);
  message.set(label("pando/reshard/1", 16));
  message.set(seed, 16);
  return { message };
}

/** D(tag, id, a, b) for the id in row `row` of `ids`; row -1 is "no id": 36 zero bytes. */
export function draw(draws: Draws, tag: Tag, ids: Bytes, row: number, a: number, b: number): Bytes {
  const { message } = draws;
  message[TAG_AT] = tag;
  if (row < 0) message.fill(0, ID_AT, A_AT);
  else {
    const from = row * SHARE_BYTES;
    for (let at = 0; at < SHARE_BYTES; at++) message[ID_AT + at] = ids[from + at]!;
  }
  writeU32BE(message, A_AT, a);
  writeU32BE(message, B_AT, b);
  return sha256(message);
}

function first48(digest: Bytes): number {
  return readU32BE(digest, 0) * 0x1_0000 + digest[4]! * 256 + digest[5]!;
}

/** A fair number in [0, n), 1 <= n <= 2^32: draws again while the sample falls into the cut end. */
export function uniform(
  draws: Draws,
  tag: Tag,
  ids: Bytes,
  row: number,
  a: number,
  n: number,
): number {
  const end = TWO_48 - (TWO_48 % n);
  for (let b = 0; ; b++) {
    const x = first48(draw(draws, tag, ids, row, a, b));
    if (x < end) return x % n;
  }
}

/** First four bytes of D(tag, id, a, 0) as a number: a point on the ring. */
export function drawPoint(draws: Draws, tag: Tag, ids: Bytes, row: number, a: number): number {
  return readU32BE(draw(draws, tag, ids, row, a, 0), 0);
}

/** Sorts `rows` by digest (first six bytes as `key`, all of it on a tie), then by id. */
function sortByDigest(rows: Uint32Array, keys: Float64Array, digests: Bytes): Uint32Array {
  const index = Uint32Array.from(rows, (_, at) => at);
  index.sort((x, y) => {
    const difference = keys[x]! - keys[y]!;
    if (difference !== 0) return difference;
    for (let at = 0; at < 32; at++) {
      const byte = digests[x * 32 + at]! - digests[y * 32 + at]!;
      if (byte !== 0) return byte;
    }
    return rows[x]! - rows[y]!;
  });
  return index.map((at) => rows[at]!);
}

/** The given rows of `ids` (rows ascend by id), ascending by (D(tag, id, a, 0), id). */
export function order(
  draws: Draws,
  tag: Tag,
  ids: Bytes,
  rows: Uint32Array,
  a: number,
): Uint32Array {
  const keys = new Float64Array(rows.length);
  const digests = new Uint8Array(rows.length * 32);
  for (let at = 0; at < rows.length; at++) {
    const digest = draw(draws, tag, ids, rows[at]!, a, 0);
    keys[at] = first48(digest);
    digests.set(digest, at * 32);
  }
  return sortByDigest(rows, keys, digests);
}

/** Numbers 0 ... count - 1 ascending by (D(tag, none, number, 0), number). */
export function orderNumbers(draws: Draws, tag: Tag, count: number): Uint32Array {
  const none = new Uint8Array(0);
  const numbers = Uint32Array.from({ length: count }, (_, number) => number);
  const keys = new Float64Array(count);
  const digests = new Uint8Array(count * 32);
  for (let number = 0; number < count; number++) {
    const digest = draw(draws, tag, none, -1, number, 0);
    keys[number] = first48(digest);
    digests.set(digest, number * 32);
  }
  return sortByDigest(numbers, keys, digests);
}
