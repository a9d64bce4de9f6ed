import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { vectorsFolder } from "../../test/vectors.ts";
import { hex, toHex } from "../base/bytes.ts";
import { base58CheckDecode, base58CheckEncode, base58Decode, base58Encode } from "./base58.ts";

const vectors = vectorsFolder();
if (vectors === null) console.log("SKIPPED: public vectors not found (set PANDO_VECTORS)");

test("the public vectors", { skip: vectors === null }, () => {
  const file = join(vectors!, "json", "base58_encode_decode.json");
  const cases = JSON.parse(readFileSync(file, "utf8")) as [string, string][];
  assert.ok(cases.length > 10);
  for (const [bytes, text] of cases) {
    assert.equal(base58Encode(hex(bytes)), text);
    assert.equal(toHex(base58Decode(text, 512)!), bytes.toLowerCase());
  }
});

test("the address of the genesis block", () => {
  const payload = hex("0062e907b15cbf27d5425399ebf6f0fb50ebb88f18");
  assert.equal(base58CheckEncode(payload), "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa");
  assert.deepEqual(base58CheckDecode("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), payload);
});

test("any bytes survive, and a changed letter does not", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(), (bytes, place) => {
      assert.deepEqual(base58Decode(base58Encode(bytes)), bytes);
      const text = base58CheckEncode(bytes);
      assert.deepEqual(base58CheckDecode(text), bytes);
      const at = place % text.length;
      const other = text[at] === "2" ? "3" : "2";
      assert.equal(base58CheckDecode(text.slice(0, at) + other + text.slice(at + 1)), null);
    }),
  );
});

test("foreign letters and texts too long are refused", () => {
  for (const text of ["0", "O", "I", "l", " 1", "1 ", "é", "2g\u0000"]) {
    assert.equal(base58Decode(text), null, JSON.stringify(text));
  }
  assert.equal(base58CheckDecode(""), null);
  for (const length of [20, 21, 128, 129]) {
    for (const fill of [0, 1, 0xff]) {
      const text = base58Encode(new Uint8Array(length).fill(fill));
      assert.equal(base58Decode(text, 20) === null, length > 20);
      assert.equal(base58Decode(text) === null, length > 128);
    }
  }
  assert.equal(base58Decode("z".repeat(1_000_000)), null);
});
