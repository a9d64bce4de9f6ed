// Inputs for decoders: valid encodings, changed in a few places, spliced with one another, cut or
// extended. The same seed gives the same inputs.
import { type Bytes, concatBytes, writeU32 } from "../../src/base/bytes.ts";
import type { Random } from "../../src/ports/clock.ts";

/** Longer inputs show nothing that shorter ones do not, and take their time. */
const BYTES_MAX = 4_096;

/** Values at which lengths, counts and signs turn over. */
const EDGES: readonly number[] = [
  0, 1, 2, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x1ffffff,
  0x2000000, 0x2000001, 0x7fffffff, 0x80000000, 0xffffffff,
];

type Operation = (bytes: Bytes, random: Random, corpus: readonly Bytes[]) => Bytes;

const pick = <T>(items: readonly T[], random: Random): T => items[random.below(items.length)]!;

/** The part that can come to be in an input: half a megabyte is not copied for each operation. */
const front = (bytes: Bytes): Bytes => bytes.subarray(0, 2 * BYTES_MAX);

/** Two places in order, at most `most` apart. */
function span(length: number, random: Random, most = 64): [number, number] {
  const from = random.below(length + 1);
  return [from, Math.min(length, from + random.below(most))];
}

const OPERATIONS: readonly Operation[] = [
  (bytes, random) => {
    const out = bytes.slice();
    if (out.length > 0) out[random.below(out.length)]! ^= 1 << random.below(8);
    return out;
  },
  (bytes, random) => {
    const out = bytes.slice();
    if (out.length > 0) out[random.below(out.length)] = pick(EDGES, random) & 255;
    return out;
  },
  (bytes, random) => {
    if (bytes.length < 4) return bytes;
    const out = bytes.slice();
    writeU32(out, random.below(out.length - 3), pick(EDGES, random));
    return out;
  },
  (bytes, random) => {
    const [from, to] = span(bytes.length, random);
    return concatBytes(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, random) => {
    const at = random.below(bytes.length + 1);
    const more = random.bytes(random.below(16));
    return concatBytes(bytes.subarray(0, at), more, bytes.subarray(at));
  },
  (bytes, random) => {
    const [from, to] = span(bytes.length, random);
    return concatBytes(bytes.subarray(0, to), bytes.subarray(from, to), bytes.subarray(to));
  },
  (bytes, random, corpus) => {
    const other = front(pick(corpus, random));
    const from = random.below(other.length + 1);
    return concatBytes(bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(from));
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
];

/** One input made from the corpus; now and then as it stands there, or noise. */
export function mutated(corpus: readonly Bytes[], random: Random): Bytes {
  const chance = random.below(64);
  if (chance === 0) return random.bytes(random.below(200));
  let bytes = pick(corpus, random);
  if (chance === 1) return bytes.slice();
  bytes = front(bytes);
  for (let left = 1 + random.below(4); left > 0; left--) {
    bytes = pick(OPERATIONS, random)(bytes, random, corpus);
  }
  return bytes.slice(0, BYTES_MAX);
}
