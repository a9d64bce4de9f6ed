// `bench hash`: nanoseconds of the hashes of validation by message length, ours and node:crypto's.
// The lengths at which hash.ts and hash-lanes.ts change over come from here.
import { hash } from "node:crypto";
import type { Bytes } from "../../src/base/bytes.ts";
import { hash160Into } from "../../src/crypto/hash.ts";
import { hash256Batch } from "../../src/crypto/hash-lanes.ts";
import { MuHash } from "../../src/crypto/muhash.ts";
import { shortHash256Into, shortSha256Into } from "../../src/crypto/sha256.ts";
import { siphash24Hash32Into } from "../../src/crypto/siphash.ts";
import { nanosecondsPer, noise, rounded } from "../measure.ts";

const MESSAGES = 500;
const LENGTHS = [32, 64, 100, 180, 250, 400, 1000];

const native = (bytes: Bytes): Bytes => hash("sha256", bytes, "buffer");

/** `quick`: three lengths, few rounds. */
export async function run(options: { quick: boolean }): Promise<Record<string, number | string>> {
  const rounds = options.quick ? 3 : 15;
  const result: Record<string, number | string> = {};
  const out = new Uint8Array(MESSAGES * 32);
  const time = (name: string, each: (message: number) => void): void => {
    const ns = nanosecondsPer(MESSAGES, rounds, () => {
      for (let message = 0; message < MESSAGES; message++) each(message);
    });
    result[`${name}Ns`] = rounded(ns);
  };
  for (const length of options.quick ? [32, 250, 1000] : LENGTHS) {
    const bytes = noise(MESSAGES * length);
    const at = (message: number): number => message * length;
    time(`single${length}`, (m) => shortSha256Into(out, 0, bytes, at(m), at(m + 1)));
    time(`single${length}Node`, (m) => native(bytes.subarray(at(m), at(m + 1))));
    time(`double${length}`, (m) => shortHash256Into(out, 0, bytes, at(m), at(m + 1)));
    time(`double${length}Node`, (m) => native(native(bytes.subarray(at(m), at(m + 1)))));
    const ranges = Uint32Array.from({ length: MESSAGES * 2 }, (_, i) => at((i + 1) >> 1));
    const batch = nanosecondsPer(MESSAGES, rounds, () => hash256Batch(bytes, ranges, out));
    result[`double${length}BatchNs`] = rounded(batch);
  }
  const bytes = noise(MESSAGES * 33);
  time("hash160", (m) => hash160Into(out, 0, bytes, m * 33, m * 33 + 33));
  const key = new Uint32Array([1, 2, 3, 4]);
  const words = new Uint32Array(2);
  time("siphash", (m) => siphash24Hash32Into(key, bytes, m * 33, words));
  const set = new MuHash();
  time("muhash", (m) => set.insert(bytes, m * 33, m * 33 + 33));
  return result;
}
