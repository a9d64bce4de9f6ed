import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FUZZ_RUNS } from "../../../test/fuzz/runs.ts";
import { JSON_DEPTH_MAX } from "../limits.ts";
import { parseJson } from "./parse.ts";
import { Amount, amountText, type Json, NumberText, parseAmount } from "./value.ts";
import { writeJson } from "./write.ts";

test("amounts are written and read as decimals of eight places", () => {
  const cases: [number, string][] = [
    [0, "0.00000000"],
    [1, "0.00000001"],
    [-1, "-0.00000001"],
    [100_000_000, "1.00000000"],
    [2_100_000_000_000_000, "21000000.00000000"],
    [123_456_789, "1.23456789"],
  ];
  for (const [units, text] of cases) {
    assert.equal(writeJson(new Amount(units)), text);
    assert.equal(parseAmount(text), units);
  }
  assert.equal(parseAmount("1e-8"), 1);
  assert.equal(parseAmount("0.1"), 10_000_000);
  assert.equal(parseAmount("1.5e2"), 15_000_000_000);
  assert.equal(parseAmount("0.000000010"), 1);
  for (const wrong of ["", ".1", "1.", "0.000000001", "1e-9", "x", "1e99", "99999999999"]) {
    assert.equal(parseAmount(wrong), null, wrong);
  }
  fc.assert(
    fc.property(fc.nat(Number.MAX_SAFE_INTEGER), (units) => {
      assert.equal(parseAmount(amountText(units)), units);
    }),
  );
});

test("doubles are written as C++ streams write them", () => {
  const cases: [number, string][] = [
    [0, "0"],
    [1, "1"],
    [-0.5, "-0.5"],
    [4.6565423739069247e-10, "4.656542373906925e-10"],
    [1e-7, "1e-07"],
    [0.0001, "0.0001"],
    [0.1 + 0.2, "0.3"],
    [9007199254740991, "9007199254740991"],
    [8.5e20, "8.5e+20"],
    [1 / 3, "0.3333333333333333"],
    [123.456, "123.456"],
  ];
  for (const [value, text] of cases) assert.equal(writeJson(value), text);
});

test("every JSON text means what JSON.parse says, or is refused by both", () => {
  const plain = (value: Json): unknown =>
    value instanceof NumberText
      ? Number(value.text)
      : Array.isArray(value)
        ? value.map(plain)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one!)]))
          : value;
  const broken = fc
    .tuple(
      fc.json({ maxDepth: 4 }),
      fc.nat(60),
      fc.constantFrom("", "}", '"', "\\", "1", "\u0001", ","),
    )
    .map(([text, at, put]) => text.slice(0, at) + put + text.slice(at + 1));
  fc.assert(
    fc.property(fc.oneof(fc.json({ maxDepth: 4 }), broken), (text) => {
      const parsed = parseJson(text);
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        assert.equal(parsed.ok, false, text);
        return;
      }
      assert.ok(parsed.ok, text);
      assert.deepEqual(plain(parsed.value), expected);
    }),
    { numRuns: FUZZ_RUNS },
  );
});

test("depth is bounded, and numbers keep what a double would lose", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  assert.ok(parseJson(nested(JSON_DEPTH_MAX)).ok);
  assert.ok(!parseJson(nested(JSON_DEPTH_MAX + 2)).ok);
  assert.ok(!parseJson(nested(100_000)).ok);
  const parsed = parseJson('{"id":12345678901234567890,"__proto__":1}');
  assert.ok(parsed.ok);
  assert.equal(writeJson(parsed.value), '{"id":12345678901234567890,"__proto__":1}');
});
