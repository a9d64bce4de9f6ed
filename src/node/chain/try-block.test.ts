import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../../../test/support/run.ts";
import type { BlockEdits } from "../generate-chain/build-block.ts";
import { TestChain } from "../generate-chain/test-chain.ts";
import { openChain } from "./open.ts";
import { tryBlock } from "./try-block.ts";

const NOW = 2_000_000_000;

test("a proposal is judged like a block but for its work, first by itself, and leaves nothing", async (context) => {
  const chain = new TestChain({ seed: "proposals" });
  const base = chain.mineMany(102);
  const { chain: ours, ...opened } = await openChain({
    folder: join(temporaryFolder(), "data"),
    params: chain.params,
    partitionCount: 2,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => NOW,
    skipScripts: () => false,
  });
  context.after(() => opened.close());
  for (const { bytes } of base) await ours.submit(bytes);
  const spend = chain.spend([base[0]!.reward]);
  const reason = async (edits: BlockEdits, time = chain.tip.time + 1): Promise<string | null> => {
    const { bytes } = chain.mine({ transactions: [spend], edits, time, advance: false });
    const verdict = await tryBlock(ours, bytes, NOW);
    return verdict.ok ? null : verdict.code;
  };
  assert.equal(await reason({ work: false }), null);
  assert.equal(await reason({ version: 1 }), "bad-version(0x00000001)");
  assert.equal(await reason({}, base[0]!.time), "time-too-old");
  // Bitcoin Core before 30.0 named the header first.
  const merkleRoot = new Uint8Array(32);
  assert.equal(await reason({ version: 1, merkleRoot }), "bad-txnmrklroot");
  assert.equal(await reason({ merkleRoot }, base[0]!.time), "bad-txnmrklroot");
  assert.equal(await reason({ version: 1, coinbaseScript: new Uint8Array(1) }), "bad-cb-length");
  assert.equal(await reason({ version: 1, extraReward: 1 }), "bad-version(0x00000001)");
  assert.equal(await reason({ extraReward: 1, commitment: "wrong" }), "bad-witness-merkle-match");
  assert.equal(await reason({ extraReward: 1 }), "bad-cb-amount");
  const aside = chain.mine({ parent: base[100]!, edits: { merkleRoot } });
  const verdict = await tryBlock(ours, aside.bytes, NOW);
  assert.equal(verdict.ok ? null : verdict.code, "inconclusive-not-best-prevblk");
  assert.equal(ours.tip.height, 102);
  assert.equal(await reason({}), null);
});
