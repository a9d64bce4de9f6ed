import assert from "node:assert/strict";
import { test } from "node:test";
import { readJsonVector } from "../../../test/read-vector.ts";
import { concatBytes, hex } from "../../base/bytes.ts";
import { TestChain } from "../../node/generate-chain/test-chain.ts";
import { decodeBlock } from "./block.ts";
import { checkBlock } from "./check-block.ts";
import { REGTEST, SIGNET } from "./networks.ts";
import { checkSignetSolution } from "./signet.ts";

interface SignetVector {
  readonly challenge: string;
  readonly blocks: readonly string[];
}

test("the first ten blocks of the public signet satisfy its challenge, changed ones do not", (context) => {
  const vector = readJsonVector<SignetVector>(context, "chains/signet_1_10.json");
  if (vector === null) return;
  assert.deepEqual(SIGNET.signetChallenge, hex(vector.challenge));
  assert.equal(vector.blocks.length, 10);
  for (const text of vector.blocks) {
    const bytes = hex(text);
    const block = decodeBlock(bytes);
    assert.ok(block.ok);
    assert.deepEqual(checkBlock(block.value, SIGNET), { ok: true });
    // Another time is another message, whatever its work.
    bytes[68] = bytes[68]! ^ 1;
    const changed = decodeBlock(bytes);
    assert.ok(changed.ok);
    const verdict = checkSignetSolution(changed.value, SIGNET);
    assert.equal(verdict.ok ? "ok" : verdict.code, "bad-signet-blksig");
  }
});

const anyone = { ...REGTEST, signetChallenge: Uint8Array.of(0x51) };
const code = (challenge: readonly number[], edits = {}): string => {
  const block = new TestChain().mine({ edits }).block;
  const params = { ...REGTEST, signetChallenge: Uint8Array.from(challenge) };
  const verdict = checkSignetSolution(block, params);
  return verdict.ok ? "ok" : verdict.code;
};

test("a challenge that anyone satisfies needs no solution, but a commitment", () => {
  assert.equal(code([0x51]), "ok");
  assert.equal(code([0x00]), "bad-signet-blksig");
  assert.equal(code([0x51], { commitment: "none" }), "bad-signet-blksig");
});

test("a solution is a scriptSig and a witness stack, and nothing behind them", () => {
  // The challenge asks for the number 2 from the scriptSig: OP_2 OP_EQUAL.
  const script = (solution: readonly number[]) => {
    const item = concatBytes(hex("ecc7daa2"), Uint8Array.from(solution));
    const commitment = concatBytes(hex("6a24aa21a9ed"), new Uint8Array(32));
    return concatBytes(commitment, Uint8Array.of(item.length), item);
  };
  const edits = (solution: readonly number[]) => ({
    commitment: "none",
    coinbaseOutputs: [{ value: 0, script: script(solution) }],
  });
  assert.equal(code([0x52, 0x87], edits([1, 0x52, 0])), "ok");
  assert.equal(code([0x52, 0x87], edits([1, 0x53, 0])), "bad-signet-blksig");
  assert.equal(code([0x52, 0x87], edits([1, 0x52, 0, 0])), "bad-signet-blksig");
  assert.equal(code([0x52, 0x87], edits([1, 0x52])), "bad-signet-blksig");
  assert.equal(code([0x52, 0x87], edits([0xfd, 0xff, 0xff])), "bad-signet-blksig");
});

test("the genesis block needs no solution", () => {
  const genesis = new TestChain().genesis.block;
  assert.deepEqual(checkSignetSolution(genesis, anyone), { ok: true });
});
