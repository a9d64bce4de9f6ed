import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, concatBytes, hex, toHex } from "../base/bytes.ts";
import { isLowS, parseDerLax, parseDerLaxInto } from "./der.ts";

const ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const word = (text: string): string => text.padStart(64, "0");
const compact = (text: string): string | null => {
  const parsed = parseDerLax(hex(text.replaceAll(" ", "")));
  return parsed === null ? null : toHex(parsed);
};

test("lax forms that strict DER forbids are read", () => {
  const both = word("01") + word("02");
  for (const [what, text] of [
    ["plain", "30 06 020101 020102"],
    ["sequence length too great", "30 7f 020101 020102"],
    ["sequence length ignored", "30 00 020101 020102"],
    ["long sequence length", "30 82 0006 020101 020102"],
    ["long integer length", "30 0a 02 82 0001 01 02 81 01 02"],
    ["zeroes before the length", "30 00 02 85 0000000001 01 02 01 02"],
    ["leading zeroes", "30 00 02 05 0000000001 02 02 0002"],
    ["bytes behind", "30 06 020101 020102 ffff"],
  ] as const) {
    assert.equal(compact(text), both, what);
  }
  assert.equal(compact(`30 00 0200 020102`), word("") + word("02"), "empty integer is zero");
  assert.equal(
    compact(`30 00 0201ff 020102`),
    word("ff") + word("02"),
    "negative is taken as positive",
  );
});

test("broken forms are refused", () => {
  for (const text of [
    "",
    "30",
    "31 06 020101 020102",
    "30 06",
    "30 06 030101 020102",
    "30 06 0202",
    "30 06 020101",
    "30 06 020101 02",
    "30 06 020101 0202 01",
    "30 86 0000",
    "30 00 02 84 01000000 01 020102",
    "30 00 02 85 01",
    "30 00 02 82",
  ]) {
    assert.equal(compact(text), null, text);
  }
});

test("numbers too large give the zero signature", () => {
  const zero = word("") + word("");
  assert.equal(compact(`30 00 0221 00${ORDER} 020101`), zero);
  assert.equal(compact(`30 00 020101 0221 00${ORDER}`), zero);
  assert.equal(compact(`30 00 0221 01${word("")} 020101`), zero);
  const most = ORDER.replace(/41$/, "40");
  assert.equal(compact(`30 00 0220 ${most} 0220 ${most}`), most + most);
});

test("a range of a larger buffer is read as if it were alone", () => {
  const signature = hex("3006020101020102");
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 20 }),
      fc.uint8Array({ maxLength: 20 }),
      (before, after) => {
        const out: Bytes = new Uint8Array(64);
        const all = concatBytes(before, signature, after);
        const to = before.length + signature.length;
        assert.ok(parseDerLaxInto(out, all, before.length, to));
        assert.equal(toHex(out), word("01") + word("02"));
        assert.ok(!parseDerLaxInto(out, all, before.length, to - 1));
      },
    ),
  );
});

test("any bytes are read or refused without reading beyond them", () => {
  const pieces = fc.constantFrom(0, 1, 2, 3, 0x20, 0x30, 0x80, 0x81, 0x82, 0x84, 0xff);
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 24 }), (tail) => {
      const bytes = new Uint8Array([0x30, ...tail]);
      const parsed = parseDerLax(bytes);
      if (parsed !== null) assert.ok(bytes.length >= 6);
    }),
    { numRuns: 2000 },
  );
});

test("low s is at most half the order", () => {
  const half = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";
  assert.ok(isLowS(hex(word("01") + half)));
  assert.ok(!isLowS(hex(word("01") + half.replace(/a0$/, "a1"))));
  assert.ok(isLowS(new Uint8Array(64)));
});
