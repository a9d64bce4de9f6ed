// Packages that replace, and version 3 siblings that make room: cases made by hand after the scenarios of
// Bitcoin Core's test/functional/mempool_package_rbf.py and mempool_truc.py (version 31), with the
// reasons it shows.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import {
  type Bench,
  bench,
  codeOf,
  named,
  padding,
  rawOf,
  shownSorted,
  sizeOf,
} from "../../../test/support/mempool-bench.ts";
import { toDisplayHex } from "../../base/bytes.ts";
import type { PackageVerdict } from "../../ports/mempool.ts";
import type { BuiltTransaction, OwnedCoin } from "../generate-chain/build-transaction.ts";

const shown = ({ transaction }: BuiltTransaction): string => toDisplayHex(transaction.txid);
const ids = (...built: BuiltTransaction[]): string[] => built.map(shown).sort();
const replacedBy = ({ results }: PackageVerdict): string[] =>
  shownSorted(results.flatMap((result) => (result?.ok === true ? (result.replaced ?? []) : [])));
const FAILED = "package RBF failed: ";

/** Ids of everything that is unconfirmed. */
const contents = ({ view }: Bench): string[] =>
  shownSorted([...view.entries()].map(({ txid }) => txid));

type Pair = [BuiltTransaction, BuiltTransaction];

/** A parent that spends `coin`, and its child; both are new with every call. */
function pairs({
  chain,
}: Bench): (coin: OwnedCoin, fees: [number, number], extra?: number) => Pair {
  let sequence = 0xffff_fffd;
  return (coin, [parentFee, childFee], extra = 0) => {
    sequence--;
    const parent = chain.spend([coin], { fee: parentFee, sequence });
    const otherOutputs = extra > 0 ? [padding(extra)] : [];
    return [parent, chain.spend(parent.created, { fee: childFee, sequence, otherOutputs })];
  };
}

test("a child pays for what its parent replaces", async (context) => {
  const at = await bench(context);
  const pair = pairs(at);
  const coin = at.coin();
  const first = pair(coin, [1_000, 1_000]);
  assert.equal((await at.pack(...first)).message, "success");
  const second = pair(coin, [1_000, 5_000]);
  assert.match(await at.send(second[0]), /^insufficient fee$/);
  const verdict = await at.pack(...second);
  assert.equal(verdict.message, "success");
  assert.deepEqual(replacedBy(verdict), ids(...first));
  assert.deepEqual(contents(at), ids(...second));
  const [parent, child] = verdict.results;
  assert.ok(parent?.ok === true && child?.ok === true);
  assert.deepEqual([parent.replaced?.length, child.replaced?.length], [2, 0]);
  const rate = Math.floor(6_000_000 / (sizeOf(second[0]) + sizeOf(second[1])));
  assert.deepEqual([parent.effective?.rate, child.effective?.rate], [rate, rate]);
  // Of a single transaction as well, of one that pays nothing, and of what the child spends besides.
  const [one, two] = [at.coin(), at.coin()];
  const rivals = [one, two].map((spent) => at.chain.spend([spent], { fee: 2_000 }));
  for (const rival of rivals) assert.equal(await at.send(rival), "ok");
  const free = at.chain.spend([one], { fee: 0 });
  const paying = at.chain.spend([free.created[0]!, two], { fee: 9_000 });
  const both = await at.pack(free, paying);
  assert.equal(both.message, "success");
  assert.deepEqual(replacedBy(both), ids(rivals[0]!, rivals[1]!));
  assert.deepEqual(contents(at), ids(...second, free, paying));
  // A restart finds what was admitted, and a block can be made of it.
  assert.equal((await at.view.template()).transactions.length, 4);
});

test("a package pays more than it replaces, and for its own relay", async (context) => {
  const at = await bench(context);
  const pair = pairs(at);
  const coin = at.coin();
  const first = pair(coin, [1_000, 5_000], 500);
  assert.equal((await at.pack(...first)).message, "success");
  const less = pair(coin, [1_000, 4_999]);
  const less_ = await at.pack(...less);
  assert.equal(
    less_.message,
    `${FAILED}insufficient anti-DoS fees, rejecting replacement ${shown(less[1])}, less fees than conflicting txs; 0.00005999 < 0.00006`,
  );
  assert.equal(less_.policy, true);
  // What each of them is by itself stays to be read.
  assert.deepEqual(less_.results.map(codeOf), [
    "insufficient fee",
    "bad-txns-inputs-missingorspent",
  ]);
  const owed = Math.ceil((sizeOf(less[0]) + sizeOf(less[1])) / 10);
  const short = pair(coin, [1_000, 5_000 + owed - 5]);
  // No zeros at the end.
  const amounts = [owed - 5, owed].map((fee) => (fee / 1e8).toFixed(8).replace(/0+$/, ""));
  assert.equal(
    (await at.pack(...short)).message,
    `${FAILED}insufficient anti-DoS fees, rejecting replacement ${shown(short[1])}, not enough additional fees to relay; ${amounts.join(" < ")}`,
  );
  assert.deepEqual(contents(at), ids(...first));
  const enough = pair(coin, [1_000, 5_000 + owed]);
  assert.equal((await at.pack(...enough)).message, "success");
  assert.deepEqual(contents(at), ids(...enough));
});

test("a child pays more than its parent, and both of them together improve the diagram", async (context) => {
  const at = await bench(context);
  const pair = pairs(at);
  const coin = at.coin();
  const first = pair(coin, [1_000, 5_000]);
  assert.equal((await at.pack(...first)).message, "success");
  const poorChild = pair(coin, [5_500, 1_000]);
  const rate = (fee: number, ...built: BuiltTransaction[]): string => {
    const size = built.reduce((sum, one) => sum + sizeOf(one), 0);
    return `${(Math.floor((fee * 1000) / size) / 1e8).toFixed(8)} BTC/kvB`;
  };
  assert.equal(
    (await at.pack(...poorChild)).message,
    `${FAILED}package feerate is less than or equal to parent feerate, package feerate ${rate(6_500, ...poorChild)} <= parent feerate is ${rate(5_500, poorChild[0])}`,
  );
  const other = at.coin();
  const rich = pair(other, [5_000, 1_000]);
  assert.equal((await at.pack(...rich)).message, "success");
  const flat = pair(other, [4_000, 4_500]);
  assert.equal(
    (await at.pack(...flat)).message,
    `${FAILED}insufficient feerate: does not improve feerate diagram`,
  );
  assert.deepEqual(contents(at), ids(...first, ...rich));
});

test("what a parent replaced comes back when its child is refused at last", async (context) => {
  const at = await bench(context, { hostCount: 1 });
  const pair = pairs(at);
  const coin = at.coin();
  const [old, oldChild] = pair(coin, [1_000, 1_000]);
  assert.equal((await at.pack(old, oldChild)).message, "success");
  const [parent, child] = pair(coin, [0, 9_000]);
  // The operator lets the parent go the moment it is there.
  const added = new EventEmitter();
  at.view.subscribe((event) => {
    if (event.kind !== "added") return;
    const txid = toDisplayHex(event.entry.txid);
    if (txid === shown(parent)) at.view.gateway.drop(event.entry.txid);
    added.emit(txid);
  });
  const back = Promise.all([old, oldChild].map((one) => once(added, shown(one))));
  const { message, results } = await at.pack(parent, child);
  assert.equal(message, "transaction failed");
  assert.equal(codeOf(results[1]!), "bad-txns-inputs-missingorspent");
  // The threads of the mempool do not keep this one alive.
  const alive = setInterval(() => undefined, 1_000);
  await back;
  clearInterval(alive);
  assert.deepEqual(contents(at), ids(old, oldChild));
});

test("a parent that another child pays for stays when its own package is refused at last", async (context) => {
  const at = await bench(context, { hostCount: 1 });
  const { chain, view } = at;
  const [coin, other] = [at.coin(), at.coin()];
  const parent = chain.spend([coin], { fee: 0, outputs: 2 });
  const child = chain.spend([parent.created[0]!, other], { fee: 9_000 });
  const theirs = chain.spend([parent.created[1]!], { fee: 9_000 });
  const rival = chain.spend([other], { fee: 90_000 });
  // The moment the parent is there somebody else spends it too, and what its child needs is gone.
  const come: Promise<string>[] = [];
  view.subscribe((event) => {
    if (event.kind !== "added" || toDisplayHex(event.entry.txid) !== shown(parent)) return;
    come.push(at.send(rival), at.send(theirs));
  });
  const { message, results } = await at.pack(parent, child);
  assert.equal(message, "transaction failed");
  assert.equal(results[1]?.ok, false);
  assert.deepEqual(await Promise.all(come), ["ok", "ok"]);
  // What was asked of the home until now has been done when it has answered this.
  const last = chain.spend([at.coin()], { fee: 1_000 });
  assert.equal(await at.send(last), "ok");
  await at.settle();
  assert.deepEqual(contents(at), ids(parent, theirs, rival, last));
});

test("only a parent and its child replace, and without parents in the mempool", async (context) => {
  const at = await bench(context);
  const pair = pairs(at);
  const [one, two, three] = [at.coin(), at.coin(), at.coin()];
  const held = [pair(one, [1_000, 1_000]), pair(two, [1_000, 1_000])];
  for (const both of held) assert.equal((await at.pack(...both)).message, "success");
  const parents = [one, two].map((coin) => at.chain.spend([coin], { fee: 1_000, outputs: 2 }));
  const child = at.chain.spend([parents[0]!.created[0]!, parents[1]!.created[0]!], { fee: 50_000 });
  const wide = await at.pack(parents[0]!, parents[1]!, child);
  assert.equal(wide.message, `${FAILED}package must be 1-parent-1-child`);
  // A second parent comes in by itself: then the child has a parent in the mempool.
  const alone = at.chain.spend([three], { fee: 1_000 });
  const parent = at.chain.spend([one], { fee: 1_000, outputs: 3 });
  const on = at.chain.spend([parent.created[0]!, alone.created[0]!], { fee: 50_000 });
  const mixed = await at.pack(parent, alone, on);
  assert.equal(mixed.message, `${FAILED}new transaction cannot have mempool ancestors`);
  assert.deepEqual(mixed.results.map(codeOf), [
    "insufficient fee",
    "ok",
    "bad-txns-inputs-missingorspent",
  ]);
  assert.deepEqual(contents(at), ids(...held.flat(), alone));
  // One that comes in by itself first is not counted again.
  const tripled = pair(one, [3_000, 3_000]);
  assert.equal(await at.send(tripled[0]), "ok");
  assert.equal((await at.pack(...tripled)).message, "success");
  // Nor is a child whose parent is here a package.
  const cheap = at.chain.spend(tripled[0].created, { fee: 2_000 });
  const left = await at.pack(tripled[0], cheap);
  assert.equal(left.message, "transaction failed");
  assert.deepEqual(left.results.map(codeOf), ["txn-already-in-mempool", "insufficient fee"]);
});

test("a package conflicts with 100 clusters at most", async (context) => {
  const at = await bench(context, { coins: 110 });
  const coins = Array.from({ length: 102 }, () => at.coin());
  for (const coin of coins)
    assert.equal(await at.send(at.chain.spend([coin], { fee: 1_000 })), "ok");
  const pack = (parentCount: number, childCount: number): Pair => {
    const parent = at.chain.spend(coins.slice(0, parentCount), { fee: 60_000 });
    const own = coins.slice(parentCount, parentCount + childCount);
    return [parent, at.chain.spend([...parent.created, ...own], { fee: 900_000 })];
  };
  const many = pack(61, 40);
  const refused = await at.pack(...many);
  assert.equal(
    refused.message,
    `${FAILED}too many potential replacements, rejecting replacement ${shown(many[1])}; too many conflicting clusters (101 > 100)`,
  );
  const alone = pack(101, 1);
  const failed = await at.pack(...alone);
  assert.equal(failed.message, "transaction failed");
  assert.deepEqual(failed.results.map(codeOf), [
    "too many potential replacements",
    "bad-txns-inputs-missingorspent",
  ]);
  const most = await at.pack(...pack(61, 39));
  assert.equal(most.message, "success");
  assert.equal(replacedBy(most).length, 100);
  assert.equal(at.view.info().count, 4);
});

test("a dry run of several replaces nothing", async (context) => {
  const at = await bench(context);
  const coin = at.coin();
  assert.equal(await at.send(at.chain.spend([coin], { fee: 1_000 })), "ok");
  const [parent, child] = pairs(at)(coin, [9_000, 9_000]);
  const dry = await at.view.submitPackage([parent, child].map(rawOf), { dry: true });
  assert.deepEqual(dry.results.map(codeOf), ["bip125-replacement-disallowed", "-"]);
});

test("a version 3 child pushes out its sibling when it pays for it", async (context) => {
  const at = await bench(context);
  const { chain, send, reason, replace, coin } = at;
  const parent = chain.spend([coin()], { version: 3, outputs: 2, fee: 1_000 });
  const first = chain.spend([parent.created[0]!], { version: 3, fee: 2_000 });
  assert.equal(await send(parent), "ok");
  assert.equal(await send(first), "ok");
  const second = parent.created[1]!;
  const poor = chain.spend([second], { version: 3, fee: 1_000 });
  const rejecting = (built: BuiltTransaction): string =>
    `insufficient fee (including sibling eviction), rejecting replacement ${shown(built)}`;
  assert.equal(
    await reason(poor),
    `${rejecting(poor)}, less fees than conflicting txs; 0.00001 < 0.00002`,
  );
  const short = chain.spend([second], { version: 3, fee: 2_001 });
  assert.ok((await reason(short)).startsWith(`${rejecting(short)}, not enough additional fees`));
  assert.deepEqual(contents(at), ids(parent, first));
  const enough = chain.spend([second], { version: 3, fee: 4_000 });
  assert.deepEqual(await replace(enough), ids(first));
  assert.deepEqual(contents(at), ids(parent, enough));
  // A sibling and a conflict at once.
  const unrelated = coin();
  const rival = chain.spend([unrelated], { fee: 1_000 });
  assert.equal(await send(rival), "ok");
  const both = chain.spend([parent.created[0]!, unrelated], { version: 3, fee: 9_000 });
  assert.deepEqual(await replace(both), ids(enough, rival));
  assert.deepEqual(contents(at), ids(parent, both));
  // The coin of the one that was pushed out is free again.
  const back = chain.spend([second], { version: 3, fee: 20_000 });
  assert.deepEqual(await replace(back), ids(both));
  await at.settle();
  assert.equal((await at.view.template()).transactions.length, 2);
});

test("another witness that comes meanwhile does not make room for a second child of version 3", async (context) => {
  const at = await bench(context);
  const { chain, view } = at;
  const parent = chain.spend([at.coin()], { version: 3, outputs: 2, fee: 1_000 });
  const first = chain.spend([parent.created[0]!], { version: 3, fee: 2_000 });
  for (const one of [parent, first]) assert.equal(await at.send(one), "ok");
  const second = chain.spend([parent.created[1]!], { version: 3, fee: 9_000 });
  // Its home answers at once that it is at work on the first.
  const other = rawOf(second);
  other[other.length - 8]! ^= 1;
  const [verdict, refused] = await Promise.all([view.submit(rawOf(second)), view.submit(other)]);
  assert.deepEqual([verdict, refused].map(codeOf), ["ok", "busy"]);
  assert.deepEqual(replacedBy({ results: [verdict] } as unknown as PackageVerdict), ids(first));
  await at.settle();
  assert.deepEqual(contents(at), ids(parent, second));
});

test("in a package nobody is pushed out, but what comes in by itself may do it", async (context) => {
  const at = await bench(context);
  const { chain, coin, pack } = at;
  const parent = chain.spend([coin()], { version: 3, outputs: 2, fee: 1_000 });
  const first = chain.spend([parent.created[0]!], { version: 3, fee: 1_000 });
  for (const one of [parent, first]) assert.equal(await at.send(one), "ok");
  const sibling = chain.spend([parent.created[1]!], { version: 3, fee: 20_000 });
  const nephew = chain.spend(sibling.created, { version: 3, fee: 1_000 });
  const stranger = chain.spend([coin()], { version: 3 });
  for (const other of [stranger, nephew]) {
    const dry = await at.view.submitPackage([sibling, other].map(rawOf), { dry: true });
    assert.deepEqual(dry.results.map(codeOf), ["TRUC-violation", "-"]);
  }
  const mixed = await pack(sibling, nephew);
  assert.deepEqual(mixed.results.map(codeOf), ["ok", "TRUC-violation"]);
  const refused = mixed.results[1];
  assert.ok(refused?.ok === false);
  assert.equal(refused.debug, `${named(nephew)} would have too many ancestors`);
  assert.deepEqual(replacedBy(mixed), ids(first));
  assert.deepEqual(contents(at), ids(parent, sibling));
  // A child does not pay for its parent's pushing.
  const free = chain.spend([parent.created[0]!], { version: 3, fee: 0 });
  const bump = chain.spend(free.created, { version: 3, fee: 90_000 });
  const bumped = await pack(free, bump);
  assert.equal(bumped.message, "transaction failed");
  const why = bumped.results[0];
  assert.ok(why?.ok === false);
  assert.equal(why.debug, `${named(parent)} would exceed descendant count limit`);
  assert.deepEqual(contents(at), ids(parent, sibling));
  // A package of two replaces a package of two.
  const spent = coin();
  const old = chain.spend([spent], { version: 3, fee: 1_000 });
  const oldChild = chain.spend(old.created, { version: 3, fee: 1_000 });
  assert.equal((await pack(old, oldChild)).message, "success");
  const zero = chain.spend([spent], { version: 3, fee: 0 });
  const rich = chain.spend(zero.created, { version: 3, fee: 20_000 });
  const zeroed = await pack(zero, rich);
  assert.equal(zeroed.message, "success");
  assert.deepEqual(replacedBy(zeroed), ids(old, oldChild));
});

test("when a reorganisation left two children each may be replaced, and neither pushed out", async (context) => {
  const at = await bench(context);
  const { chain, view } = at;
  const parent = chain.spend([at.coin()], { version: 3, outputs: 3, fee: 1_000 });
  await at.connect([parent]);
  const children = [0, 1].map((place) =>
    chain.spend([parent.created[place]!], { version: 3, fee: 1_000 + place }),
  );
  for (const child of children) assert.equal(await at.send(child), "ok");
  await at.disconnect();
  assert.equal(view.has(parent.transaction.txid), true);
  const third = chain.spend([parent.created[2]!], { version: 3, fee: 50_000 });
  assert.equal(
    await at.reason(third),
    `TRUC-violation, ${named(parent)} would exceed descendant count limit`,
  );
  const instead = chain.spend([parent.created[0]!], { version: 3, fee: 50_000 });
  assert.deepEqual(await at.replace(instead), ids(children[0]!));
});
