// The book against a small model: nodes with mempools and chains of their own, some of which lose
// blocks again. Whatever happens, no coin is spent twice, nothing is spent that its node cannot
// know, no value appears, and what was acknowledged is kept until it is everywhere.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Prng } from "../../../base/prng.ts";
import {
  ANCESTORS_MAX,
  CLUSTER_MAX,
  feeOf,
  type Payment,
  PaymentBook,
  type PaymentPlan,
} from "./payment-book.ts";

const NODES = 3;
const TARGET = 12;
const nodeOfAccount = [0, 0, 1, 1, 2, 2];

function prngOf(seed: number): Prng {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setUint32(0, seed);
  return new Prng(bytes);
}

function fundedBook(): PaymentBook {
  const book = new PaymentBook({ nodeOfAccount, coinsTarget: TARGET });
  for (let node = 0; node < NODES; node++) {
    const value = 50_000_000;
    const txid = `fund${node}`;
    book.addCoin({ id: `${txid}:0`, txid, index: 0, value, account: node * 2, node });
  }
  return book;
}

class Model {
  readonly book = fundedBook();
  readonly #prng: Prng;
  readonly spent = new Set<string>();
  readonly made: Payment[] = [];
  /** Blocks of each node, lists of txids. */
  readonly chains: string[][][] = Array.from({ length: NODES }, () => []);
  /** Of all that was acknowledged. */
  readonly acknowledged = new Set<string>();
  slot = 0;

  constructor(seed: number) {
    this.#prng = prngOf(seed);
  }

  onChain(node: number): Set<string> {
    return new Set(this.chains[node]!.flat());
  }

  #unconfirmedBelow(payment: Payment, node: number): Set<string> {
    const confirmed = this.onChain(node);
    const found = new Set<string>();
    const visit = (txid: string): void => {
      const own = this.made.find((one) => one.txid === txid);
      if (own === undefined || confirmed.has(txid) || found.has(txid)) return;
      found.add(txid);
      for (const { txid: parent } of own.inputs) visit(parent);
    };
    visit(payment.txid);
    return found;
  }

  #check(plan: PaymentPlan, payment: Payment): void {
    const sum = (list: readonly { value: number }[]): number =>
      list.reduce((total, { value }) => total + value, 0);
    const fee = sum(plan.inputs) - sum(plan.outputs);
    assert.ok(fee >= feeOf(plan.inputs.length, plan.outputs.length), "it pays its fee");
    assert.ok(fee <= feeOf(plan.inputs.length, plan.outputs.length) + 100, "and no more");
    const confirmed = this.onChain(plan.node);
    for (const coin of plan.inputs) {
      assert.equal(coin.node, plan.node, "a teller spends its own");
      assert.ok(!this.spent.has(coin.id), `${coin.id} is spent once`);
      this.spent.add(coin.id);
      const parent = this.made.find(({ txid }) => txid === coin.txid);
      const known =
        parent === undefined ||
        confirmed.has(parent.txid) ||
        (parent.node === plan.node && this.acknowledged.has(parent.txid));
      assert.ok(known, `node ${plan.node} knows ${coin.txid}`);
    }
    const below = this.#unconfirmedBelow(payment, plan.node).size;
    assert.ok(below <= ANCESTORS_MAX, `${below} unconfirmed in a row`);
    const together = this.#cluster(payment, plan.node);
    assert.ok(together <= CLUSTER_MAX, `${together} unconfirmed hang together`);
  }

  /** How many unconfirmed payments hang together with one, itself included. */
  #cluster(payment: Payment, node: number): number {
    const confirmed = this.onChain(node);
    const open = this.made.filter(({ txid }) => !confirmed.has(txid));
    const found = new Set([payment.txid]);
    for (let before = 0; before < found.size; ) {
      before = found.size;
      for (const { txid, inputs } of open) {
        const parents = inputs.map((coin) => coin.txid).filter((id) => !confirmed.has(id));
        const linked = found.has(txid) || parents.some((id) => found.has(id));
        if (!linked) continue;
        found.add(txid);
        for (const id of parents) if (open.some((one) => one.txid === id)) found.add(id);
      }
    }
    return found.size;
  }

  pay(node: number): void {
    const plan = this.book.next(node, this.#prng);
    if (plan === null) return;
    const payment = this.book.made(plan, `tx${this.made.length}`, "", this.slot);
    this.made.push(payment);
    this.#check(plan, payment);
    this.book.accepted(payment);
    this.acknowledged.add(payment.txid);
  }

  /** A block on one node with everything that its mempool can have, and on all that agree with it. */
  block(node: number, all: boolean): void {
    const confirmed = this.onChain(node);
    const txids = this.made
      .filter((one) => (all || one.node === node) && !confirmed.has(one.txid))
      .map(({ txid }) => txid);
    // Parents of other nodes may be missing on a branch of its own; the model only asks for ids.
    this.chains[node]!.push(txids);
    this.book.connected(node, txids, this.chains[node]!.length);
  }

  /** A node takes over another's chain. */
  follow(node: number, other: number): void {
    const mine = this.chains[node]!;
    const theirs = this.chains[other]!;
    let same = 0;
    while (same < mine.length && mine[same] === theirs[same]) same += 1;
    for (const txids of mine.splice(same).reverse()) this.book.disconnected(node, txids);
    for (const txids of theirs.slice(same)) {
      mine.push(txids);
      this.book.connected(node, txids, mine.length);
    }
  }

  settle(): void {
    const height = Math.min(...this.chains.map(({ length }) => length));
    this.book.settle([0, 1, 2], height);
  }
}

const step = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.constant("pay" as const), fc.nat(NODES - 1), fc.nat(0)) },
  { weight: 3, arbitrary: fc.tuple(fc.constant("block" as const), fc.nat(NODES - 1), fc.nat(1)) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constant("follow" as const), fc.nat(NODES - 1), fc.nat(NODES - 1)),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant("settle" as const), fc.nat(0), fc.nat(0)) },
);

test("property: no coin twice, no coin unknown, no value made, nothing acknowledged forgotten", () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.array(step, { maxLength: 250 }), (seed, steps) => {
      const model = new Model(seed);
      for (const [kind, a, b] of steps) {
        model.slot += 1;
        if (kind === "pay") model.pay(a);
        else if (kind === "block") model.block(a, b === 1);
        else if (kind === "follow" && a !== b) model.follow(a, b);
        else if (kind === "settle") model.settle();
      }
      const everywhere = [0, 1, 2].map((node) => model.onChain(node));
      const open = new Set(model.book.unconfirmed([0, 1, 2]).map(({ txid }) => txid));
      for (const txid of model.acknowledged) {
        if (model.book.payment(txid) === null) continue;
        assert.equal(open.has(txid), !everywhere.every((chain) => chain.has(txid)), txid);
      }
      assert.equal(model.book.acknowledged, model.acknowledged.size);
      assert.equal(model.book.settled + model.book.paymentCount, model.made.length);
    }),
  );
});

test("one large coin becomes many, then payments keep their number near the target", () => {
  const model = new Model(1);
  for (let round = 0; round < 60; round++) {
    for (let node = 0; node < NODES; node++) for (let n = 0; n < 3; n++) model.pay(node);
    model.block(0, true);
    for (const node of [1, 2]) model.follow(node, 0);
    model.settle();
  }
  assert.ok(model.made.length > 400, `${model.made.length} payments`);
  for (let node = 0; node < NODES; node++) {
    const count = model.book.coins(node).length;
    assert.ok(count >= TARGET / 2 && count <= TARGET * 2, `${count} coins`);
  }
  assert.ok(model.book.paymentCount < 40, "what is deep is forgotten");
});

test("refused before it was acknowledged: gone; after: lost, and said so", () => {
  const book = fundedBook();
  const prng = prngOf(7);
  const plan = book.next(0, prng)!;
  const payment = book.made(plan, "a", "raw", 1);
  book.rejected(payment);
  assert.deepEqual([book.refused, book.lost.size, book.paymentCount], [1, 0, 0]);
  assert.equal(book.next(0, prng), null, "its coin is not ours any more");
  const other = book.made(book.next(1, prng)!, "b", "raw", 1);
  book.accepted(other);
  book.rejected(other);
  assert.deepEqual([...book.lost], ["b"]);
  assert.equal(book.unconfirmed([1]).length, 1);
});

test("what an earlier run left in a mempool is not spent again", () => {
  const book = new PaymentBook({ nodeOfAccount, coinsTarget: TARGET });
  const outputs = [{ value: 40_000, account: 0 }];
  const base = { raw: "", node: 0, outputs };
  book.adopt([
    { ...base, txid: "one", spends: ["fund0:0"] },
    { ...base, txid: "two", spends: ["one:0"] },
  ]);
  book.addCoin({ id: "fund0:0", txid: "fund0", index: 0, value: 1, account: 0, node: 0 });
  assert.deepEqual(
    book.coins(0).map(({ id }) => id),
    ["two:0"],
  );
  assert.equal(book.next(0, prngOf(1)), null, "how long its chain is, is not known");
  book.connected(0, ["one", "two"], 5);
  assert.deepEqual(
    book.next(0, prngOf(1))?.inputs.map(({ id }) => id),
    ["two:0"],
  );
});

test("sent again: only what is acknowledged, unconfirmed and old, the oldest first", () => {
  const model = new Model(3);
  for (let n = 0; n < 5; n++) {
    model.slot = n;
    model.pay(0);
  }
  const [first, second, third] = model.made;
  model.book.connected(0, [second!.txid], 1);
  assert.deepEqual(model.book.waiting(0, 2, 10), [first, third]);
  assert.deepEqual(model.book.waiting(0, 2, 1), [first]);
  assert.deepEqual(model.book.waiting(1, 2, 10), []);
});
