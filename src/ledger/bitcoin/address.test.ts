import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hex, toHex } from "../../base/bytes.ts";
import { addressScript, decodeSecretKey, encodeSecretKey, scriptAddress } from "./address.ts";
import { MAIN, NETWORKS, REGTEST } from "./networks.ts";

test("the addresses of BIP173 and BIP350 and of the first block", () => {
  const cases: [string, string][] = [
    ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"],
    ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"],
    ["bc1sw50qgdz25j", "6002751e"],
    [
      "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
      "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ],
  ];
  for (const [address, script] of cases) {
    assert.equal(toHex(addressScript(address, MAIN.address)!), script);
    assert.equal(scriptAddress(hex(script), MAIN.address), address);
    assert.equal(addressScript(address, REGTEST.address), null);
  }
});

test("every script of a known form survives, on every network", () => {
  const twenty = fc.uint8Array({ minLength: 20, maxLength: 20 });
  const scripts = fc.oneof(
    twenty.map((hash) => Uint8Array.of(0x76, 0xa9, 20, ...hash, 0x88, 0xac)),
    twenty.map((hash) => Uint8Array.of(0xa9, 20, ...hash, 0x87)),
    twenty.map((hash) => Uint8Array.of(0, 20, ...hash)),
    fc
      .tuple(fc.integer({ min: 0x51, max: 0x60 }), fc.uint8Array({ minLength: 2, maxLength: 40 }))
      .map(([opcode, program]) => Uint8Array.of(opcode, program.length, ...program)),
  );
  fc.assert(
    fc.property(scripts, fc.constantFrom(...NETWORKS), (script, { address: params }) => {
      const address = scriptAddress(script, params);
      assert.ok(address !== null);
      assert.deepEqual(addressScript(address, params), script);
    }),
  );
});

test("scripts of no known form have no address", () => {
  for (const script of ["", "51", "6a0100", "001500".padEnd(46, "0")]) {
    assert.equal(scriptAddress(hex(script), MAIN.address), null);
  }
});

test("secret keys survive; zero and the order of the curve are none", () => {
  const secret = new Uint8Array(32).fill(9);
  for (const compressed of [true, false]) {
    const text = encodeSecretKey(secret, compressed, MAIN.address);
    assert.deepEqual(decodeSecretKey(text, MAIN.address), { secret, compressed });
    assert.equal(decodeSecretKey(text, REGTEST.address), null);
  }
  const order = hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
  for (const none of [new Uint8Array(32), order]) {
    assert.equal(decodeSecretKey(encodeSecretKey(none, true, MAIN.address), MAIN.address), null);
  }
});
