// Packages, version 3, clusters and ephemeral dust against cases made by hand after the facts of
// Bitcoin Core's functional tests (rpc_packages, mempool_truc, mempool_cluster, mempool_ephemeral_dust).
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bench,
  codeOf,
  named,
  padding,
  rawOf,
  sizeOf,
} from "../../../test/support/mempool-bench.ts";
import { toHex } from "../../base/bytes.ts";
import type { BuiltTransaction } from "../generate-chain/build-transaction.ts";

test("a child pays for a parent that pays nothing", async (context) => {
  const { chain, view, coin, send, pack } = await bench(context);
  const parent = chain.spend([coin()], { fee: 0 });
  const child = chain.spend(parent.created, { fee: 2_000 });
  assert.equal(await send(parent), "min relay fee not met");
  const { message, results } = await pack(parent, child);
  assert.equal(message, "success");
  const rate = Math.floor(2_000_000 / (sizeOf(parent) + sizeOf(child)));
  for (const result of results) {
    assert.ok(result?.ok === true);
    assert.equal(result.effective?.rate, rate);
    assert.deepEqual(
      result.effective?.includes.map((id) => toHex(id)),
      [toHex(parent.transaction.wtxid), toHex(child.transaction.wtxid)],
    );
  }
  assert.equal(view.info().count, 2);
  // A second time they are known, and the template takes both.
  const again = await pack(parent, child);
  assert.equal(again.message, "success");
  assert.deepEqual(again.results.map(codeOf), ["txn-already-in-mempool", "txn-already-in-mempool"]);
  assert.equal((await view.template()).transactions.length, 2);
});

test("what pays by itself comes in by itself, and does not pay for its child", async (context) => {
  const { chain, view, coin, pack } = await bench(context);
  const rich = chain.spend([coin()], { fee: 50_000 });
  const poor = chain.spend(rich.created, { fee: 0 });
  const { message, results } = await pack(rich, poor);
  assert.equal(message, "transaction failed");
  assert.deepEqual(results.map(codeOf), ["ok", "min relay fee not met"]);
  assert.ok(results[0]?.ok === true && results[0].effective === undefined);
  assert.equal(view.info().count, 1);
  const two = [chain.spend([coin()], { fee: 0 }), chain.spend([coin()], { fee: 1_000 })];
  const child = chain.spend([...two[0]!.created, ...two[1]!.created], { fee: 1_000 });
  const mixed = await pack(...two, child);
  assert.equal(mixed.message, "success");
  const [free, paying, last] = mixed.results;
  assert.ok(free?.ok === true && paying?.ok === true && last?.ok === true);
  assert.equal(paying.effective, undefined);
  assert.equal(free.effective?.includes.length, 2);
});

test("together too little: the child is refused, and nothing is left", async (context) => {
  const { chain, view, coin, pack, settle } = await bench(context);
  const parent = chain.spend([coin()], { fee: 0 });
  const child = chain.spend(parent.created, { fee: 15 });
  const { message, results } = await pack(parent, child);
  assert.equal(message, "transaction failed");
  assert.deepEqual(results.map(codeOf), ["min relay fee not met", "min relay fee not met"]);
  const last = results[1];
  assert.ok(last?.ok === false);
  assert.match(last.debug!, /^15 < \d\d$/);
  await settle();
  assert.equal(view.info().count, 0);
  // A child whose signature is wrong takes its parent with it.
  const orphan = chain.spend([coin()], { fee: 0 });
  const elsewhere = chain.spend([coin()], { fee: 0 });
  const stranger = chain.spend([...orphan.created, ...elsewhere.created], { fee: 9_000 });
  const lacking = await pack(orphan, stranger);
  assert.equal(lacking.message, "transaction failed");
  assert.deepEqual(lacking.results.map(codeOf), [
    "min relay fee not met",
    "bad-txns-inputs-missingorspent",
  ]);
  await settle();
  assert.equal(view.info().count, 0);
});

test("what is no package is refused as a whole", async (context) => {
  const { chain, view, coin, pack } = await bench(context, { coins: 40 });
  const parent = chain.spend([coin()], { fee: 1_000, outputs: 2 });
  const child = chain.spend([parent.created[0]!]);
  const rival = chain.spend([parent.created[0]!], { fee: 3_000 });
  const message = async (...built: BuiltTransaction[]): Promise<string> => {
    const verdict = await pack(...built);
    assert.equal(verdict.policy, true);
    assert.ok(verdict.results.every((result) => result === null));
    return verdict.message;
  };
  assert.equal(await message(child, parent), "package-not-sorted");
  assert.equal(await message(parent, parent), "package-contains-duplicates");
  assert.equal(await message(parent, child, rival), "conflict-in-package");
  assert.equal(await message(parent, chain.spend([coin()])), "package-not-child-with-parents");
  const many = Array.from({ length: 26 }, () => chain.spend([coin()]));
  assert.equal(await message(...many), "package-too-many-transactions");
  assert.equal(view.info().count, 0);
  const dry = await view.submitPackage([child, parent].map(rawOf), { dry: true });
  assert.equal(dry.message, "package-not-sorted");
  const fine = await view.submitPackage([parent, child].map(rawOf), { dry: true });
  assert.deepEqual(fine.results.map(codeOf), ["ok", "ok"]);
  const free = chain.spend([coin()], { fee: 0 });
  const paying = chain.spend(free.created, { fee: 9_000 });
  const test_ = await view.submitPackage([free, paying].map(rawOf), { dry: true });
  assert.deepEqual(test_.results.map(codeOf), ["min relay fee not met", "-"]);
  assert.equal(view.info().count, 0);
});

test("a cluster has 64 transactions at most, however they come", async (context) => {
  const { chain, view, coin, send, reason, settle } = await bench(context);
  const links = chain.spendInChain(coin(), 65);
  for (const link of links.slice(0, 64)) assert.equal(await send(link), "ok");
  assert.equal(await reason(links[64]!), "too-large-cluster, null");
  // It may be replaced by one that keeps to the limit.
  const end = chain.spend(links[62]!.created, { fee: 9_000 });
  assert.equal(await send(end), "ok");
  // All at once: the ones that are still being decided count.
  const fan = chain.spend([coin()], { outputs: 80, fee: 50_000 });
  assert.equal(await send(fan), "ok");
  const children = fan.created.map((created) => chain.spend([created]));
  const codes = await Promise.all(children.map(send));
  assert.equal(codes.filter((code) => code === "ok").length, 63);
  assert.equal(codes.filter((code) => code === "too-large-cluster").length, 17);
  // Children that wait for their parent come in with it, as many as there is place for.
  const before = view.info().count;
  const late = chain.spend([coin()], { outputs: 80, fee: 50_000 });
  for (const created of late.created) await send(chain.spend([created]));
  assert.equal(await send(late), "ok");
  await settle();
  await settle();
  assert.ok(view.info().count - before <= 64, `${view.info().count - before} in one cluster`);
});

test("a cluster has 101,000 virtual bytes at most", async (context) => {
  const { chain, coin, send } = await bench(context);
  const root = chain.spend([coin()], { outputs: 3, fee: 10_000 });
  assert.equal(await send(root), "ok");
  const large = root.created.map((created) =>
    chain.spend([created], { fee: 100_000, otherOutputs: [padding(40_800)] }),
  );
  assert.equal(await send(large[0]!), "ok");
  assert.equal(await send(large[1]!), "ok");
  assert.equal(await send(large[2]!), "too-large-cluster");
});

test("version 3: two of a kind, and a small child", async (context) => {
  const { chain, view, coin, send, reason, pack } = await bench(context);
  const plain = chain.spend([coin()], { outputs: 2 });
  const parent = chain.spend([coin()], { version: 3, outputs: 3 });
  assert.equal(await send(plain), "ok");
  assert.equal(await send(parent), "ok");
  const onPlain = chain.spend([plain.created[0]!], { version: 3 });
  assert.equal(
    await reason(onPlain),
    `TRUC-violation, version=3 ${named(onPlain)} cannot spend from non-version=3 ${named(plain)}`,
  );
  const onTruc = chain.spend([parent.created[0]!]);
  assert.equal(
    await reason(onTruc),
    `TRUC-violation, non-version=3 ${named(onTruc)} cannot spend from version=3 ${named(parent)}`,
  );
  const long = chain.spend([parent.created[0]!], { version: 3, otherOutputs: [padding(1_000)] });
  assert.equal(
    await reason(long),
    `TRUC-violation, version=3 child ${named(long)} is too big: ${sizeOf(long)} > 1000 virtual bytes`,
  );
  const child = chain.spend([parent.created[0]!], { version: 3 });
  assert.equal(await send(child), "ok");
  const second = chain.spend([parent.created[1]!], { version: 3, fee: 2_000 });
  // It may push its sibling out: package-replacement.test.ts.
  assert.equal(await send(second), "ok");
  assert.equal(view.has(child.transaction.txid), false);
  const grandchild = chain.spend(second.created, { version: 3 });
  assert.equal(
    await reason(grandchild),
    `TRUC-violation, ${named(grandchild)} would have too many ancestors`,
  );
  const instead = chain.spend([parent.created[0]!, parent.created[1]!], { version: 3, fee: 9_000 });
  assert.equal(await send(instead), "ok");
  assert.equal(view.has(second.transaction.txid), false);
  const huge = chain.spend([coin()], {
    version: 3,
    fee: 100_000,
    otherOutputs: [padding(10_000)],
  });
  assert.match(await reason(huge), /^TRUC-violation, version=3 tx .* is too big: \d+ > 10000/);
  const two = [1, 2].map(() => chain.spend([coin()], { version: 3, fee: 0 }));
  const both = chain.spend([two[0]!.created[0]!, two[1]!.created[0]!], { version: 3, fee: 9_000 });
  const refused = await pack(...two, both);
  assert.equal(refused.message, `TRUC-violation, ${named(both)} would have too many ancestors`);
});

test("dust is made by one that pays nothing, and spent by its child", async (context) => {
  const { chain, view, coin, send, pack } = await bench(context);
  // Pay to anchor, one unit.
  const dust = { value: 1, script: Uint8Array.of(0x51, 0x02, 0x4e, 0x73) };
  const paying = chain.spend([coin()], { version: 3, fee: 1_000, otherOutputs: [dust] });
  assert.equal(await send(paying), "dust");
  const parent = chain.spend([coin()], { version: 3, fee: 0, otherOutputs: [dust] });
  const leaving = chain.spend(parent.created, { version: 3, fee: 9_000 });
  const refused = await pack(parent, leaving);
  assert.equal(refused.message, "unspent-dust");
  const last = refused.results[1];
  assert.ok(last?.ok === false);
  assert.equal(
    `${last.code}, ${last.debug}`,
    `missing-ephemeral-spends, ${named(leaving)} did not spend parent's ephemeral dust`,
  );
  assert.equal(view.info().count, 0);
});

test("a replacement that a heavy parent dilutes makes nobody better off", async (context) => {
  const { chain, coin, send, reason } = await bench(context);
  const spent = coin();
  const first = chain.spend([spent], { fee: 1_000 });
  const heavy = chain.spend([coin()], { fee: 600, otherOutputs: [padding(5_000)] });
  assert.equal(await send(first), "ok");
  assert.equal(await send(heavy), "ok");
  // Its own rate is the highest, and its fee is more than what it replaces.
  const diluted = chain.spend([spent, heavy.created[0]!], { fee: 3_000 });
  assert.equal(
    await reason(diluted),
    "replacement-failed, insufficient feerate: does not improve feerate diagram",
  );
  const lifting = chain.spend([spent, heavy.created[0]!], { fee: 90_000 });
  assert.equal(await send(lifting), "ok");
});
