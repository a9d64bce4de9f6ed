import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromDisplayHex, fromHex, toDisplayHex, toHex } from "./bytes.ts";

test("hex of any length comes back, in either order and case", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), fc.nat(300), (bytes, a, b) => {
      const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      assert.equal(toHex(bytes), text);
      assert.deepEqual(fromHex(text), Uint8Array.from(bytes));
      assert.deepEqual(fromHex(text.toUpperCase()), Uint8Array.from(bytes));
      const from = Math.min(a, b, bytes.length);
      const to = Math.min(Math.max(a, b), bytes.length);
      assert.equal(toHex(bytes, from, to), text.slice(from * 2, to * 2));
      const reversed = toHex(bytes.slice(from, to).reverse());
      assert.equal(toDisplayHex(bytes, from, to), reversed);
      assert.deepEqual(fromDisplayHex(reversed), bytes.slice(from, to));
    }),
  );
});

test("what is not hex is refused wherever it stands", () => {
  const wrong = ["g", "/", ":", "@", "G", "`", " ", "\u0130", "é", "\u{1f600}"];
  for (const bad of wrong) {
    for (const text of [`${bad}0`, `0${bad}`, `00${bad}0ff`, `${"ab".repeat(40)}${bad}0`]) {
      if (text.length % 2 === 0) assert.equal(fromHex(text), null, JSON.stringify(text));
    }
  }
  assert.equal(fromHex("abc"), null);
  assert.deepEqual(fromHex(""), new Uint8Array(0));
});
