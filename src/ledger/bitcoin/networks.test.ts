import assert from "node:assert/strict";
import { test } from "node:test";
import { hex, toDisplayHex, toHex } from "../../base/bytes.ts";
import { withActivation } from "./activation.ts";
import { decodeBlock } from "./block.ts";
import { checkBlock } from "./check-block.ts";
import {
  MAIN,
  NETWORKS,
  networkByMagic,
  networkByName,
  REGTEST,
  signetWithChallenge,
} from "./networks.ts";
import { bitsFromTarget } from "./work.ts";

const GENESIS_HASHES: Readonly<Record<string, string>> = {
  main: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
  testnet4: "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
  testnet3: "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
  signet: "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
  regtest: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
};

test("every network's genesis block has the known hash and passes its own checks", () => {
  assert.equal(NETWORKS.length, 5);
  for (const params of NETWORKS) {
    assert.equal(toDisplayHex(params.genesisHash), GENESIS_HASHES[params.name]);
    const block = decodeBlock(params.genesis);
    assert.ok(block.ok);
    assert.equal(block.end, params.genesis.length);
    assert.deepEqual(block.value.header.hash, params.genesisHash);
    assert.deepEqual(checkBlock(block.value, params), { ok: true }, params.name);
  }
});

test("the compact form of each limit is the limit's", () => {
  for (const { name, work } of NETWORKS) {
    assert.equal(bitsFromTarget(work.limit), work.limitBits, name);
  }
});

test("networks are found by name, by alias and by magic", () => {
  for (const params of NETWORKS) {
    assert.equal(networkByName(params.name), params);
    assert.equal(networkByMagic(params.magic), params);
  }
  assert.equal(networkByName("mainnet"), MAIN);
  assert.equal(networkByName("constructor"), null);
  assert.equal(networkByMagic(hex("00f9beb4d9"), 1), MAIN);
  assert.equal(networkByMagic(hex("f9beb4")), null);
  assert.equal(networkByMagic(hex("00000000")), null);
});

test("a signet's magic follows from its challenge", () => {
  assert.equal(toHex(networkByName("signet")!.magic), "0a03cf40");
  const own = signetWithChallenge(Uint8Array.of(0x51));
  assert.notEqual(toHex(own.magic), "0a03cf40");
  assert.deepEqual(own.seeds, []);
});

test("activation heights move on regtest, and only there", () => {
  const moved = withActivation(REGTEST, "dersig@102");
  assert.ok(moved.ok);
  assert.deepEqual(moved.params.activation, { ...REGTEST.activation, bip66: 102 });
  assert.equal(REGTEST.activation.bip66, 1);
  for (const text of ["bip34", "bip34@", "bip34@-1", "bip34@1@2", "toString@1", "csv@2147483647"]) {
    assert.equal(withActivation(REGTEST, text).ok, false, text);
  }
  assert.equal(withActivation(MAIN, "bip34@2").ok, false);
});
