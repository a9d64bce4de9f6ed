// Packages, fee estimates and the coin set over JSON-RPC: shapes and errors as Bitcoin Core's callers
// know them, on a running node.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { toDisplayHex, toHex } from "../../src/base/bytes.ts";
import { rawTransaction, transactionWeight } from "../../src/ledger/bitcoin/transaction.ts";
import type { BuiltTransaction } from "../../src/node/generate-chain/build-transaction.ts";
import { TestChain } from "../../src/node/generate-chain/test-chain.ts";
import { startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/run.ts";

const hexOf = (built: BuiltTransaction): string => toHex(rawTransaction(built.transaction));
const txidOf = (built: BuiltTransaction): string => toDisplayHex(built.transaction.txid);
const wtxidOf = (built: BuiltTransaction): string => toDisplayHex(built.transaction.wtxid);
const sizeOf = (built: BuiltTransaction): number =>
  Math.ceil(transactionWeight(built.transaction) / 4);

test("a package over JSON-RPC", async (context) => {
  const node = await startNode({ context, folder: join(temporaryFolder(), "data") });
  const chain = new TestChain({ seed: "rpc packages" });
  const blocks = chain.mineMany(106);
  for (const block of blocks) assert.equal(await node.rpc("submitblock", toHex(block.bytes)), null);
  const parent = chain.spend([blocks[0]!.reward], { fee: 0 });
  const child = chain.spend(parent.created, { fee: 2_000 });
  const both = [hexOf(parent), hexOf(child)];

  const tried = await node.rpc<Record<string, unknown>[]>("testmempoolaccept", both);
  assert.deepEqual(
    tried.map(({ allowed, "reject-reason": reason }) => [allowed, reason]),
    [
      [false, "min relay fee not met"],
      [undefined, undefined],
    ],
  );
  const unsorted = await node.rpc<Record<string, unknown>[]>(
    "testmempoolaccept",
    [...both].reverse(),
  );
  for (const one of unsorted) assert.equal(one["package-error"], "package-not-sorted");

  const size = sizeOf(parent) + sizeOf(child);
  const rate = Number((Math.floor(2_000_000 / size) / 1e8).toFixed(8));
  const effective = {
    "effective-feerate": rate,
    "effective-includes": [wtxidOf(parent), wtxidOf(child)],
  };
  assert.deepEqual(await node.rpc("submitpackage", both), {
    package_msg: "success",
    "tx-results": {
      [wtxidOf(parent)]: {
        txid: txidOf(parent),
        vsize: sizeOf(parent),
        fees: { base: 0, ...effective },
      },
      [wtxidOf(child)]: {
        txid: txidOf(child),
        vsize: sizeOf(child),
        fees: { base: 0.00002, ...effective },
      },
    },
    "replaced-transactions": [],
  });
  const info = await node.rpc<Record<string, unknown>>("getmempoolinfo");
  assert.equal(info["unbroadcastcount"], 2, "nobody was there to ask for them");
  assert.equal(info["limitclustercount"], 64);
  assert.equal(info["limitclustersize"], 101_000);

  // A child with a rival: what it replaces is named.
  const rival = chain.spend(parent.created, { fee: 9_000 });
  const replaced = await node.rpc<Record<string, unknown>>("submitpackage", [
    hexOf(parent),
    hexOf(rival),
  ]);
  assert.equal(replaced["package_msg"], "success");
  assert.deepEqual(replaced["replaced-transactions"], [txidOf(child)]);

  // A parent that pays nothing takes a coin from both: its child pays for that, or it does not.
  const first = chain.spend([blocks[0]!.reward], { fee: 0, outputs: 2 });
  const poor = chain.spend(first.created, { fee: 8_999 });
  const tooPoor = await node.rpc<Record<string, unknown>>("submitpackage", [
    hexOf(first),
    hexOf(poor),
  ]);
  assert.deepEqual(tooPoor, {
    package_msg: `package RBF failed: insufficient anti-DoS fees, rejecting replacement ${txidOf(poor)}, less fees than conflicting txs; 0.00008999 < 0.00009`,
    "tx-results": {
      [wtxidOf(first)]: {
        txid: txidOf(first),
        error: `min relay fee not met, 0 < ${Math.ceil(sizeOf(first) / 10)}`,
      },
      [wtxidOf(poor)]: { txid: txidOf(poor), error: "bad-txns-inputs-missingorspent" },
    },
    "replaced-transactions": [],
  });
  const rich = chain.spend(first.created, { fee: 20_000 });
  const taken = await node.rpc<Record<string, unknown>>("submitpackage", [
    hexOf(first),
    hexOf(rich),
  ]);
  assert.equal(taken["package_msg"], "success");
  const expected = [txidOf(parent), txidOf(rival)].sort();
  assert.deepEqual((taken["replaced-transactions"] as string[]).sort(), expected);
  assert.deepEqual(
    (await node.rpc<string[]>("getrawmempool")).sort(),
    [txidOf(first), txidOf(rich)].sort(),
  );

  // One by itself, with Core's reason in full.
  const less = chain.spend(first.created, { fee: 20_001 });
  const reason = `insufficient fee, rejecting replacement ${txidOf(less)}, not enough additional fees to relay; 0.00000001 < ${(Math.ceil(sizeOf(less) / 10) / 1e8).toFixed(8).replace(/0+$/, "")}`;
  const [refused] = await node.rpc<Record<string, unknown>[]>("testmempoolaccept", [hexOf(less)]);
  assert.equal(refused!["reject-reason"], "insufficient fee");
  assert.equal(refused!["reject-details"], reason);
  await assert.rejects(node.rpc("sendrawtransaction", hexOf(less)), (error: Error) => {
    assert.equal(error.message, `sendrawtransaction: ${reason} (-26)`);
    return true;
  });

  const stranger = chain.spend([blocks[1]!.reward]);
  await assert.rejects(node.rpc("submitpackage", [hexOf(stranger), hexOf(child)]), {
    code: -25,
    message: /package topology disallowed\. not child-with-parents/,
  });
  await assert.rejects(node.rpc("submitpackage", []), { code: -8 });
  await assert.rejects(node.rpc("submitpackage", ["00"]), { code: -22 });

  assert.deepEqual(await node.rpc("estimatesmartfee", 6), {
    errors: ["Insufficient data or no feerate found"],
    blocks: 0,
  });
  const coins = await node.rpc<Record<string, unknown>>("gettxoutsetinfo");
  assert.equal(coins["txouts"], 106);
  assert.equal(coins["transactions"], 106);
  assert.equal(coins["total_amount"], 106 * 50);
  assert.equal(typeof coins["disk_size"], "number");
  assert.match(String(coins["muhash"]), /^[0-9a-f]{64}$/);
  assert.equal("muhash" in (await node.rpc<object>("gettxoutsetinfo", "none")), false);
});
