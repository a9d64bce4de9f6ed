// Replacement of one transaction by another: cases made by hand after the scenarios of Bitcoin Core's
// test/functional/feature_rbf.py as of cluster mempools (version 31), with the reasons it shows; and
// small clusters drawn at random against a judge that tries every set of transactions.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  bench,
  codeOf,
  padding,
  shownSorted,
  sizeOf,
} from "../../../test/support/mempool-bench.ts";
import { toDisplayHex } from "../../base/bytes.ts";
import { Writer } from "../../base/writer.ts";
import {
  decodeTransaction,
  rawTransaction,
  transactionWeight,
} from "../../ledger/bitcoin/transaction.ts";
import { feeFor } from "../../planes/execution/judge-transaction.ts";
import { outpointKeyAt, type Txid, txidKey } from "../../state/admission/keys.ts";
import type { BuiltTransaction } from "../generate-chain/build-transaction.ts";
import { Entries } from "./entries.ts";
import { Relations } from "./relations.ts";
import type { Member } from "./topology.ts";

const shown = ({ transaction }: BuiltTransaction): string => toDisplayHex(transaction.txid);
const rejecting = (built: BuiltTransaction): string => `rejecting replacement ${shown(built)}`;
const coins = (amount: number): string => (amount / 1e8).toFixed(8);

test("a double spend pays for itself and for what it replaces; no signal is needed", async (context) => {
  const { chain, view, coin, send, reason, replace } = await bench(context);
  const spent = coin();
  const first = chain.spend([spent], { fee: 10_000, sequence: 0xffff_ffff });
  assert.equal(await send(first), "ok");
  const same = chain.spend([spent], { fee: 10_000, outputs: 2 });
  const owed = coins(Math.ceil(sizeOf(same) / 10));
  assert.equal(
    await reason(same),
    `insufficient fee, ${rejecting(same)}, not enough additional fees to relay; 0.00 < ${owed}`,
  );
  const least = chain.spend([spent], { fee: 10_000 + Math.ceil(sizeOf(same) / 10) });
  assert.deepEqual(await replace(least), [shown(first)]);
  assert.equal(view.has(first.transaction.txid), false);
  assert.equal(view.info().count, 1);
});

test("what hangs on a conflict is paid for as well", async (context) => {
  const { chain, view, coin, reason, replace, send, settle } = await bench(context);
  const spent = coin();
  const links = chain.spendInChain(spent, 64);
  for (const link of links) assert.equal(await send(link), "ok");
  let fees = 0;
  for (const entry of view.entries()) fees += entry.fee;
  const poor = chain.spend([spent], { fee: fees - 1 });
  const amounts = `${coins(fees - 1)} < ${coins(fees).replace(/0+$/, "")}`;
  assert.equal(
    await reason(poor),
    `insufficient fee, ${rejecting(poor)}, less fees than conflicting txs; ${amounts}`,
  );
  const enough = chain.spend([spent], { fee: fees + 1_000 });
  assert.deepEqual(
    await replace(enough),
    shownSorted(links.map(({ transaction }) => transaction.txid)),
  );
  await settle();
  assert.equal(view.info().count, 1);
});

test("a higher fee at a lower rate does not improve the diagram", async (context) => {
  const { chain, coin, send, reason } = await bench(context);
  const spent = coin();
  assert.equal(await send(chain.spend([spent], { fee: 10_000 })), "ok");
  const heavy = chain.spend([spent], { fee: 20_000, otherOutputs: [padding(5_000)] });
  assert.equal(
    await reason(heavy),
    "replacement-failed, insufficient feerate: does not improve feerate diagram",
  );
});

test("a rate below a conflict's own is enough where the conflict pays for its parent", async (context) => {
  const { chain, view, coin, send, replace } = await bench(context);
  const [spent, other] = [coin(), coin()];
  const parent = chain.spend([other], { fee: 60, otherOutputs: [padding(200)] });
  const child = chain.spend([spent, parent.created[0]!], { fee: 10_000 });
  assert.equal(await send(parent), "ok");
  assert.equal(await send(child), "ok");
  const rival = chain.spend([spent], { fee: 10_500, otherOutputs: [padding(150)] });
  assert.ok(10_500 / sizeOf(rival) < 10_000 / sizeOf(child), "a lower rate");
  assert.deepEqual(await replace(rival), [shown(child)]);
  assert.equal(view.has(parent.transaction.txid), true);
});

test("it spends nothing of what it replaces, but may spend what is new", async (context) => {
  const { chain, view, coin, send, reason, replace } = await bench(context);
  const [one, two] = [coin(), coin()];
  const conflict = chain.spend([one], { fee: 1_000, outputs: 2 });
  assert.equal(await send(conflict), "ok");
  const direct = chain.spend([one, two, conflict.created[0]!], { fee: 90_000 });
  assert.equal(
    await reason(direct),
    `bad-txns-spends-conflicting-tx, ${shown(direct)} spends conflicting transaction ${shown(conflict)}`,
  );
  const between = chain.spend([conflict.created[0]!], { fee: 1_000 });
  assert.equal(await send(between), "ok");
  const indirect = chain.spend([one, two, between.created[0]!], { fee: 90_000 });
  assert.equal(
    await reason(indirect),
    `bad-txns-spends-conflicting-tx, ${shown(indirect)} spends conflicting transaction ${shown(conflict)}`,
  );
  // Its own fees are looked at first.
  const poor = chain.spend([one, between.created[0]!], { fee: 500 });
  assert.match(await reason(poor), /^insufficient fee, /);
  const fresh = chain.spend([two], { fee: 1_000 });
  assert.equal(await send(fresh), "ok");
  const joined = chain.spend([one, fresh.created[0]!], { fee: 90_000 });
  assert.deepEqual(await replace(joined), [shown(conflict), shown(between)].sort());
  assert.equal(view.info().count, 2);
});

test("100 clusters may be conflicted with, however many transactions they are", async (context) => {
  const { chain, view, coin, send, reason, replace, settle } = await bench(context, { coins: 110 });
  const spent = Array.from({ length: 101 }, () => coin());
  const singles = spent.map((one) => chain.spend([one], { fee: 1_000, outputs: 2 }));
  for (const single of singles) assert.equal(await send(single), "ok");
  for (const { created } of singles.slice(0, 10)) {
    for (const part of created) assert.equal(await send(chain.spend([part], { fee: 1_000 })), "ok");
  }
  const all = chain.spend(spent, { fee: 1_000_000 });
  assert.equal(
    await reason(all),
    `too many potential replacements, ${rejecting(all)}; too many conflicting clusters (101 > 100)`,
  );
  const most = chain.spend(spent.slice(0, 100), { fee: 2_000_000 });
  assert.equal((await replace(most)).length, 120);
  await settle();
  assert.equal(view.info().count, 2);
});

test("fees are as prioritised, of both sides", async (context) => {
  const { chain, view, coin, send, reason, replace } = await bench(context);
  const [one, two] = [coin(), coin()];
  const first = chain.spend([one], { fee: 50_000 });
  assert.equal(await send(first), "ok");
  const heavy = chain.spend([one], { fee: 60_000, otherOutputs: [padding(4_000)] });
  assert.match(await reason(heavy), /^replacement-failed, /);
  view.prioritise(first.transaction.txid, -50_000);
  assert.deepEqual(await replace(heavy), [shown(first)]);
  const second = chain.spend([two], { fee: 50_000 });
  assert.equal(await send(second), "ok");
  const lower = chain.spend([two], { fee: 40_000 });
  assert.match(await reason(lower), /less fees than conflicting txs; 0\.0004 < 0\.0005$/);
  view.prioritise(lower.transaction.txid, 50_000);
  assert.deepEqual(await replace(lower), [shown(second)]);
});

test("what pays too little for itself is told so first", async (context) => {
  const { chain, coin, send, reason } = await bench(context);
  const spent = coin();
  assert.equal(await send(chain.spend([spent], { fee: 1_000 })), "ok");
  assert.match(await reason(chain.spend([spent], { fee: 1 })), /^min relay fee not met, 1 < \d\d$/);
});

test("wide replacements without end are turned away, narrow ones are not", async (context) => {
  const { chain, view, coin, send } = await bench(context, { coins: 70 });
  const spent = Array.from({ length: 60 }, coin);
  for (const one of spent) assert.equal(await send(chain.spend([one], { fee: 1_000 })), "ok");
  // They pay enough, and their signatures are worth nothing.
  const forged = Array.from({ length: 30 }, (_, number) => {
    const raw = rawTransaction(chain.spend(spent, { fee: 90_000 + number }).transaction).slice();
    raw[raw.length - 8]! ^= 1;
    return raw;
  });
  const verdicts = await Promise.all(forged.map((raw) => view.submit(raw)));
  const codes = verdicts.map(codeOf);
  assert.ok(verdicts.every((one) => one.ok || (one.kind === "busy") === (one.code === "busy")));
  const busy = codes.filter((code) => code === "busy").length;
  assert.ok(busy > 0 && busy < 30, codes.join());
  assert.equal(await send(chain.spend(spent.slice(0, 4), { fee: 90_000 })), "ok");
});

// --- Against every set -------------------------------------------------------------------------

interface Drawn {
  readonly fee: number;
  readonly extra: number;
  /** Bits: which of those before it are its parents. */
  readonly parents: number;
}

interface Node {
  readonly id: Txid;
  readonly fee: number;
  readonly weight: number;
  readonly parents: readonly number[];
  readonly raw: Uint8Array;
}

/** A transaction without signatures; `number` makes it unlike all others. */
function rawOf(number: number, outpoints: readonly [Uint8Array, number][], extra: number) {
  const out = new Writer(1_024);
  out.u32(2);
  out.u8(outpoints.length);
  for (const [txid, index] of outpoints) {
    out.raw(txid);
    out.u32(index);
    out.u8(0);
    out.u32(0xffff_fffd);
  }
  out.u8(16);
  for (let output = 0; output < 16; output++) {
    out.f64(0);
    const bytes = output === 0 ? 300 + extra : 0;
    out.u8(bytes === 0 ? 0 : 253);
    if (bytes > 0) out.u16(bytes);
    if (bytes > 0) out.raw(new Uint8Array(bytes).fill(0x6a));
  }
  out.u32(number);
  return out.take();
}

/** A confirmed coin that only `number` spends, and whoever is in its way. */
function ownCoin(number: number): [Uint8Array, number] {
  return [new Uint8Array(32).fill(0xee), number];
}

function draw(list: readonly Drawn[], conflicts: number): { nodes: Node[]; coming: Node } {
  const nodes: Node[] = [];
  const txids: Uint8Array[] = [];
  const make = ({ fee, extra, parents }: Drawn, taken: readonly [Uint8Array, number][]): Node => {
    const own = nodes.flatMap((_, at) => ((parents >> at) & 1 ? [at] : []));
    const spent = own.map((at): [Uint8Array, number] => [txids[at]!, nodes.length]);
    const raw = rawOf(nodes.length, [...taken, ...spent], extra);
    const decoded = decodeTransaction(raw);
    assert.ok(decoded.ok);
    txids.push(decoded.value.txid);
    const weight = transactionWeight(decoded.value);
    return { id: txidKey(decoded.value.txid), fee, weight, parents: own, raw };
  };
  list.slice(0, -1).forEach((one, at) => {
    nodes.push(make(one, [ownCoin(at)]));
  });
  const taken = nodes.flatMap((_, at) => ((conflicts >> at) & 1 ? [ownCoin(at)] : []));
  return { nodes, coming: make(list.at(-1)!, [...taken, ownCoin(99)]) };
}

/** Everything joined with `start` by parents and children among `among`. */
function clusterOf(
  nodes: readonly Node[],
  start: Iterable<number>,
  among: (at: number) => boolean,
) {
  const found = new Set<number>(start);
  for (const at of found) {
    nodes.forEach((node, other) => {
      const joined = node.parents.includes(at) || nodes[at]!.parents.includes(other);
      if (joined && among(other)) found.add(other);
    });
  }
  return found;
}

/** The most fees in the first so many units: the hull over all sets that hold their parents. */
function hullOf(nodes: readonly Node[], places: readonly number[]): [number, number][] {
  const points: [number, number][] = [];
  for (let bits = 0; bits < 1 << places.length; bits++) {
    const set = places.filter((_, at) => (bits >> at) & 1);
    const closed = set.every((at) =>
      nodes[at]!.parents.every((one) => set.includes(one) || !places.includes(one)),
    );
    if (!closed) continue;
    let [size, fee] = [0, 0];
    for (const at of set) {
      size += nodes[at]!.weight;
      fee += nodes[at]!.fee;
    }
    points.push([size, fee]);
  }
  return points;
}

/** Value at `size` of the least concave line over the points, which goes on level behind the last. */
function heightAt(points: readonly [number, number][], size: number): number {
  let best = 0;
  for (const [x0, y0] of points) {
    if (x0 <= size) best = Math.max(best, y0);
    for (const [x1, y1] of points) {
      if (x0 > size || x1 <= size) continue;
      best = Math.max(best, y0 + ((y1 - y0) * (size - x0)) / (x1 - x0));
    }
  }
  return best;
}

/** What becomes of `coming`, by trying every set. */
function reference(nodes: readonly Node[], coming: Node, conflicts: number): string {
  const leaving = new Set(nodes.flatMap((_, at) => ((conflicts >> at) & 1 ? [at] : [])));
  const direct = [...leaving];
  for (const at of leaving) {
    nodes.forEach(({ parents }, other) => {
      if (parents.includes(at)) leaving.add(other);
    });
  }
  let fees = 0;
  for (const at of leaving) fees += nodes[at]!.fee;
  const increment = feeFor(100, Math.ceil(coming.weight / 4));
  if (coming.fee < fees + increment) return "insufficient fee";
  const before = clusterOf(nodes, [...direct, ...coming.parents], () => true);
  const all = [...nodes, coming];
  const after = [...before].filter((at) => !leaving.has(at)).concat(nodes.length);
  const [old, fresh] = [hullOf(nodes, [...before]), hullOf(all, after)];
  let isMore = false;
  for (const [size] of [...old, ...fresh]) {
    const gain = heightAt(fresh, size) - heightAt(old, size);
    if (gain < -1e-6) return "replacement-failed";
    if (gain > 1e-6) isMore = true;
  }
  if (!isMore) return "replacement-failed";
  const ancestors = new Set(coming.parents);
  for (const at of ancestors) for (const one of nodes[at]!.parents) ancestors.add(one);
  return direct.some((at) => ancestors.has(at)) ? "bad-txns-spends-conflicting-tx" : "ok";
}

function admit(entries: Entries, { id, raw, fee }: Node): void {
  const attempt = { seq: 0, epoch: 0, counter: 0 };
  const order = { restoredBy: 0, major: 0, minor: 0 };
  const place = { partition: 0, round: 0, position: 0, order, attempt, since: 0, how: 0 };
  entries.add({ txid: id, raw, fee, sigops: 0, ...place } as never, null, 0, 0);
}

test("a replacement is taken if and only if every set of transactions says so", () => {
  const drawn = fc.record({
    fee: fc.oneof(fc.nat(200), fc.nat(5_000)),
    extra: fc.oneof(fc.constant(0), fc.nat(600)),
    parents: fc.nat(63).map((bits) => bits & (bits >> 1)),
  });
  const counts = new Map<string, number>();
  fc.assert(
    fc.property(
      fc.array(drawn, { minLength: 2, maxLength: 7 }),
      fc.nat(),
      fc.double({ min: 0.9, max: 3, noNaN: true }),
      (list, bits, share) => {
        const count = list.length - 1;
        const conflicts = bits % (1 << count) || 1;
        // Fees about as high as what leaves, so that neither rule decides everything.
        const sum = list.reduce((all, { fee }) => all + fee, 0);
        const last = { ...list[count]!, fee: Math.floor((sum * share) / 2) + 150 };
        const { nodes, coming } = draw([...list.slice(0, -1), last], conflicts);
        const entries = new Entries();
        for (const node of nodes) admit(entries, node);
        const { id, raw, fee, weight } = coming;
        const decoded = decodeTransaction(raw);
        assert.ok(decoded.ok);
        const { txid, wtxid, version, inputs } = decoded.value;
        const keys = inputs.map(({ outpointAt }) => outpointKeyAt(raw, outpointAt));
        const member: Member = {
          id,
          txid,
          wtxid,
          version,
          weight,
          sigops: 0,
          fee,
          raw,
          inputs: keys,
        };
        const judged = new Relations(entries, false).judge(member);
        const expected = reference(nodes, coming, conflicts);
        counts.set(expected, (counts.get(expected) ?? 0) + 1);
        assert.equal(judged.ok ? "ok" : judged.code, expected);
      },
    ),
    { numRuns: 1_500 },
  );
  for (const code of ["ok", "replacement-failed", "insufficient fee"]) {
    assert.ok((counts.get(code) ?? 0) > 30, `${code}: ${JSON.stringify([...counts])}`);
  }
});

function version3(number: number, outpoints: readonly [Uint8Array, number][]): Member {
  const raw = rawOf(number, outpoints, 0);
  raw[0] = 3;
  const decoded = decodeTransaction(raw);
  assert.ok(decoded.ok);
  const { txid, wtxid, version, inputs } = decoded.value;
  const weight = transactionWeight(decoded.value);
  const keys = inputs.map(({ outpointAt }) => outpointKeyAt(raw, outpointAt));
  const own = { id: txidKey(txid), txid, wtxid, version, weight };
  return { ...own, sigops: 0, fee: 5_000, raw, inputs: keys };
}

test("what its home refuses without telling anybody takes no place for good", () => {
  const entries = new Entries();
  const parent = version3(0, [ownCoin(0)]);
  admit(entries, { ...parent, parents: [] });
  const relations = new Relations(entries, false);
  const [lost, other] = [1, 2].map((number) => version3(number, [[parent.txid, number]]));
  relations.turn();
  relations.comes(lost!);
  relations.turn();
  const judged = relations.judge(other!);
  assert.equal(judged.ok ? "ok" : judged.code, "TRUC-violation", "it may still be decided");
  relations.turn();
  assert.equal(relations.judge(other!).ok, true);
});

test("two that replace the only child of version 3 at once do not both come in", () => {
  const entries = new Entries();
  const parent = version3(0, [ownCoin(0)]);
  const child = version3(1, [[parent.txid, 1]]);
  for (const { id, raw } of [parent, child]) {
    admit(entries, { id, raw, fee: 500, weight: 0, parents: [] });
  }
  const relations = new Relations(entries, false);
  const beside = version3(2, [[parent.txid, 2]]);
  const [instead, again] = [3, 4].map((number) => version3(number, [[parent.txid, 1]]));
  const codeOf = (member: Member): string => {
    const judged = relations.judge(member);
    if (judged.ok) relations.comes(member, judged.replacement);
    return judged.ok ? "ok" : judged.code;
  };
  assert.deepEqual([beside, instead!].map(codeOf), ["ok", "TRUC-violation"]);
  relations.decided(beside.id);
  // Those that spend the same coin can come both: their homes see to it that one is admitted.
  assert.deepEqual([instead!, again!, beside].map(codeOf), ["ok", "ok", "TRUC-violation"]);
});
