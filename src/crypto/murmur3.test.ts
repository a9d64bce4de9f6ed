import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vectorsFolder } from "../../test/vectors.ts";
import { concatBytes, hex } from "../base/bytes.ts";
import { murmur3 } from "./murmur3.ts";

const vectors = vectorsFolder();
if (vectors === null) console.log("SKIPPED: public vectors not found (set PANDO_VECTORS)");

test("the public vectors", { skip: vectors === null }, () => {
  const cases = JSON.parse(readFileSync(join(vectors!, "json", "murmur3.json"), "utf8"));
  assert.ok(cases.length > 10);
  for (const { expected, seed, data } of cases)
    assert.equal(murmur3(seed, hex(data)), expected, data);
});

test("every tail length, in the middle of a buffer", () => {
  const answers: [number, string, number][] = [
    [0x00000000, "", 0],
    [0xfba4c795, "", 0x6a396f08],
    [0x00000000, "00", 0x514e28b7],
    [0x00000000, "0011", 0x16c6b7ab],
    [0x00000000, "001122", 0x8eb51c3d],
    [0x00000000, "00112233", 0xb4471bf8],
    [0x00000000, "0011223344556677", 0x8034d2a0],
    [0x00000000, "001122334455667788", 0xb4698def],
  ];
  for (const [seed, data, expected] of answers) {
    const bytes = concatBytes(hex("ffee"), hex(data), hex("cc"));
    assert.equal(murmur3(seed, bytes, 2, bytes.length - 1), expected, data);
  }
});
