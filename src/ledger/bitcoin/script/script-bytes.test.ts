import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes, hex, toHex } from "../../../base/bytes.ts";
import {
  isMinimalPush,
  isPushOnly,
  lastPush,
  operationEnd,
  pushOf,
  withoutPattern,
  witnessVersion,
} from "./script-bytes.ts";
import { isTrue, readScriptNumber, scriptNumber } from "./script-number.ts";

test("operations that are cut off have no end", () => {
  for (const script of ["01", "4c", "4c01", "4d00", "4d0100", "4e000000", "4e01000000"]) {
    assert.equal(operationEnd(hex(script), 0), -1, script);
  }
  assert.equal(operationEnd(hex("4effffffff"), 0), -1);
  assert.equal(operationEnd(hex("4c0100"), 0), 3);
  assert.equal(operationEnd(hex("4d000051"), 0), 3);
});

test("a push of any length reads back and is minimal", () => {
  for (const length of [0, 2, 75, 76, 255, 256, 520, 65535, 65536]) {
    const item = new Uint8Array(length).fill(3);
    const script = pushOf(item);
    assert.equal(operationEnd(script, 0), script.length);
    assert.deepEqual(lastPush(script), item);
    assert.ok(isPushOnly(script));
    assert.ok(isMinimalPush(item, script[0]!));
  }
  assert.equal(isMinimalPush(Uint8Array.of(16), 1), false);
  assert.equal(isMinimalPush(Uint8Array.of(0x81), 1), false);
  assert.equal(isMinimalPush(new Uint8Array(75), 0x4c), false);
});

test("a pattern is taken out only where an operation begins, and again where that joins", () => {
  const without = (script: string, pattern: string): string =>
    toHex(withoutPattern(hex(script), hex(pattern)));
  // The cases of Bitcoin Core's FindAndDelete test.
  assert.equal(without("5152", ""), "5152");
  assert.equal(without("515253", "52"), "5153");
  assert.equal(without("535153535353545353", "53"), "5154");
  assert.equal(without("0302ff03", "0302ff03"), "");
  assert.equal(without("0302ff030302ff03", "0302ff03"), "");
  assert.equal(without("0302ff030302ff03", "02"), "0302ff030302ff03");
  assert.equal(without("0302ff030302ff03", "ff"), "0302ff030302ff03");
  assert.equal(without("0302ff030302ff03", "03"), "02ff0302ff03");
  assert.equal(without("02feed5169", "feed51"), "02feed5169");
  assert.equal(without("02feed5169", "02feed51"), "69");
  assert.equal(without("516902feed5169", "feed51"), "516902feed5169");
  assert.equal(without("516902feed5169", "02feed51"), "516969");
  assert.equal(without("00005151", "0051"), "0051");
  assert.equal(without("000051005151", "0051"), "0051");
  assert.equal(without("0003feed", "03feed"), "00");
});

test("witness programs: 2 to 40 bytes behind OP_0 or OP_1 to OP_16", () => {
  assert.equal(witnessVersion(hex("0014".padEnd(44, "0"))), 0);
  assert.equal(witnessVersion(hex("60020000")), 16);
  assert.equal(witnessVersion(hex("4f020000")), -1);
  assert.equal(witnessVersion(hex("510100")), -1);
  assert.equal(witnessVersion(hex("5129".padEnd(86, "0"))), -1);
  assert.equal(witnessVersion(hex("51030000")), -1);
});

test("numbers survive in the shortest form, and only that is minimal", () => {
  fc.assert(
    fc.property(fc.integer({ min: -0x7fff_ffff * 2, max: 0x7fff_ffff * 2 }), (value) => {
      const item = scriptNumber(value);
      assert.equal(readScriptNumber(item, true, 5), value);
      if (value === 0) return;
      const negative = item[item.length - 1]! >= 0x80;
      const longer = concatBytes(item, Uint8Array.of(negative ? 0x80 : 0));
      longer[item.length - 1]! &= 0x7f;
      assert.equal(readScriptNumber(longer, false, 6), value);
      assert.ok(Number.isNaN(readScriptNumber(longer, true, 6)));
    }),
  );
  assert.ok(Number.isNaN(readScriptNumber(new Uint8Array(5), false, 4)));
  assert.ok(Number.isNaN(readScriptNumber(hex("80"), true, 4)));
  assert.equal(readScriptNumber(hex("ff00"), true, 4), 255);
});

test("true is any bit but the sign of a zero", () => {
  for (const item of ["", "00", "80", "0000", "000080"]) assert.equal(isTrue(hex(item)), false);
  for (const item of ["01", "81", "8000", "0100", "000081"]) assert.equal(isTrue(hex(item)), true);
});
