import assert from "node:assert/strict";
import { test } from "node:test";
import { hex, toHex } from "../../base/bytes.ts";
import { isLowS, parseDerLax } from "../../crypto/der.ts";
import { checkHeaderInBranch } from "../../ledger/bitcoin/header-rules.ts";
import { REGTEST } from "../../ledger/bitcoin/networks.ts";
import { derSignature, keyFromSecret } from "./keys.ts";
import { corrupt, TestChain } from "./test-chain.ts";

test("blocks grow on the tip, branches beside it", () => {
  const chain = new TestChain();
  const blocks = chain.mineMany(3);
  assert.equal(chain.tip, blocks[2]);
  const rival = chain.mine({ parent: blocks[0]! });
  assert.equal(chain.tip, blocks[2]);
  assert.equal(rival.height, 2);
  assert.notDeepEqual(rival.hash, blocks[1]!.hash);
  assert.deepEqual(rival.branch(), [blocks[0], rival]);
  assert.equal(chain.tip.ancestor(0), chain.genesis);
  for (const block of [...blocks, rival]) {
    const { header } = block.block;
    assert.deepEqual(checkHeaderInBranch(header, REGTEST, block.parent!, header.time), {
      ok: true,
    });
  }
});

test("the same seed gives the same chain", () => {
  const tipOf = (seed: string) => {
    const chain = new TestChain({ seed });
    const [first] = chain.mineMany(101);
    return toHex(chain.mine({ transactions: [chain.spend([first!.reward])] }).hash);
  };
  assert.equal(tipOf("a"), tipOf("a"));
  assert.notEqual(tipOf("a"), tipOf("b"));
});

test("spends share the value out and pay the fee", () => {
  const chain = new TestChain();
  const [first] = chain.mineMany(1);
  const { coins, created, fee } = chain.spend([first!.reward], { outputs: 3, fee: 7 });
  assert.equal(fee, 7);
  const sum = created.reduce((total, { value }) => total + value, 0);
  assert.equal(sum, coins[0]!.value - 7);
  const links = chain.spendInChain(first!.reward, 3);
  assert.deepEqual(links[2]!.coins, links[1]!.created);
});

test("a corrupted transaction differs in one byte of its signature", () => {
  const chain = new TestChain();
  const [first] = chain.mineMany(1);
  const built = chain.spend([first!.reward]);
  const broken = corrupt(built);
  assert.deepEqual(broken.transaction.txid, built.transaction.txid);
  assert.notDeepEqual(broken.transaction.wtxid, built.transaction.wtxid);
});

test("keys give the scripts that BIP143 and BIP341 wallets know", () => {
  // The secret 1: its key is the generator.
  const key = keyFromSecret(hex(`${"00".repeat(31)}01`));
  assert.equal(
    toHex(key.publicKey),
    "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
  );
  assert.equal(toHex(key.scripts.p2wpkh), "0014751e76e8199196d454941c45d1b3a323f1433bd6");
  assert.equal(toHex(key.scripts.p2pkh), "76a914751e76e8199196d454941c45d1b3a323f1433bd688ac");
  assert.equal(toHex(key.scripts["p2sh-p2wpkh"]), "a914bcfeb728b584253d5f3f70bcb780e9ef218a68f487");
  assert.equal(
    toHex(key.scripts.p2tr),
    "5120da4710964f7852695de2da025290e24af6d8c281de5a0b902b7135fd9fd74d21",
  );
});

test("signatures are written in strict DER", () => {
  const compact = (r: string, s: string) => hex(r.padStart(64, "0") + s.padStart(64, "0"));
  assert.equal(toHex(derSignature(compact("80", "7f"), 1)), "30070202008002017f01");
  assert.equal(toHex(derSignature(compact("1", "ff00"), 3)), "30080201010203" + "00ff00" + "03");
  const some = compact("8".repeat(64), "1".repeat(64));
  const der = derSignature(some, 1);
  assert.deepEqual(parseDerLax(der.subarray(0, der.length - 1)), some);
  assert.ok(isLowS(some));
});
