import assert from "node:assert/strict";
import { test } from "node:test";
import { fromDisplayHex } from "../../base/bytes.ts";
import { mustCheckBip30 } from "./bip30.ts";
import { MAIN, REGTEST } from "./networks.ts";

const OTHER = new Uint8Array(32).fill(1);
const REPEAT = fromDisplayHex("00000000000a4d0a398161ffc163c503763b1f4360639393e0e4c8e300e0caec")!;

test("the two blocks of the main network that repeat a coinbase are let through", () => {
  assert.equal(mustCheckBip30(MAIN, 91_842, REPEAT, null), false);
  assert.equal(mustCheckBip30(MAIN, 91_842, OTHER, null), true);
  assert.equal(mustCheckBip30(MAIN, 91_880, REPEAT, null), true);
});

test("on the chain where BIP34 began ids cannot repeat, until old heights come true", () => {
  assert.equal(mustCheckBip30(MAIN, 227_930, OTHER, null), true);
  assert.equal(mustCheckBip30(MAIN, 300_000, OTHER, MAIN.bip34Hash), false);
  assert.equal(mustCheckBip30(MAIN, 300_000, OTHER, OTHER), true);
  assert.equal(mustCheckBip30(MAIN, 1_983_701, OTHER, MAIN.bip34Hash), false);
  assert.equal(mustCheckBip30(MAIN, 1_983_702, OTHER, MAIN.bip34Hash), true);
});

test("networks without a known BIP34 block always check", () => {
  assert.equal(mustCheckBip30(REGTEST, 500, OTHER, OTHER), true);
  assert.equal(mustCheckBip30(REGTEST, 500, OTHER, new Uint8Array(32)), true);
});
