import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, toHex } from "../../base/bytes.ts";
import { encodeTransaction } from "../../ledger/bitcoin/encode.ts";
import { decodeTransaction, type Transaction } from "../../ledger/bitcoin/transaction.ts";
import { ADMITTED_NOW, type AdmittedMessage } from "../../planes/execution/admission-host/wire.ts";
import { outpointKey, txidKey } from "../../state/admission/keys.ts";
import { Entries } from "./entries.ts";
import type { Entry } from "./entry.ts";

interface Coin {
  readonly txid: Bytes;
  readonly index: number;
}

/** A transaction that spends `coins` and has `outputs`; `seed` makes it like no other. */
function spending(coins: readonly Coin[], outputs: number, seed: number, padding = 0): Transaction {
  const raw = encodeTransaction({
    version: 2,
    lockTime: seed,
    inputs: coins.map(({ txid, index }) => ({
      txid,
      index,
      script: new Uint8Array(padding),
      sequence: seed % 2 === 0 ? 0xffffffff : 0,
      witness: seed % 3 === 0 ? [] : [new Uint8Array([seed, seed >>> 8])],
    })),
    outputs: Array.from({ length: outputs }, (_, index) => ({
      value: index + 1,
      script: new Uint8Array([0x51]),
    })),
  });
  const decoded = decodeTransaction(raw);
  assert.ok(decoded.ok);
  return decoded.value;
}

function admittedOf({ txid, bytes }: Transaction, fee = 1_000): AdmittedMessage {
  return {
    how: ADMITTED_NOW,
    partition: 3,
    txid: txidKey(txid),
    fee,
    sigops: 8,
    size: 100,
    round: -1,
    position: 7,
    order: { restoredBy: -1, major: 5, minor: 6 },
    since: 0,
    raw: bytes,
  };
}

const foreign = (byte: number): Coin => ({ txid: new Uint8Array(32).fill(byte), index: byte });

/** The index as maps, as plainly as it can be said. */
class Model {
  readonly byId = new Map<string, Transaction>();
  /** The last to come, of those that spend a coin and are here. */
  readonly spenders = new Map<string, string>();

  add(transaction: Transaction): void {
    const id = txidKey(transaction.txid);
    if (this.byId.has(id)) return;
    this.byId.set(id, transaction);
    for (const key of coinsOf(transaction)) this.spenders.set(key, id);
  }

  remove(id: string): void {
    const transaction = this.byId.get(id);
    if (transaction === undefined) return;
    this.byId.delete(id);
    for (const key of coinsOf(transaction)) {
      if (this.spenders.get(key) === id) this.spenders.delete(key);
    }
  }
}

function coinsOf({ bytes, inputs }: Transaction): string[] {
  return inputs.map(({ outpointAt, previousIndex }) =>
    outpointKey(txidKey(bytes, outpointAt), previousIndex),
  );
}

function check(entries: Entries, { byId, spenders }: Model, all: readonly Transaction[]): void {
  assert.equal(entries.count, byId.size);
  assert.equal([...entries.values()].length, byId.size);
  let rawBytes = 0;
  for (const transaction of all) {
    const { txid, wtxid, bytes, inputs, version } = transaction;
    const id = txidKey(txid);
    const entry = entries.at(txid);
    assert.equal(entry !== null, byId.has(id));
    assert.equal(entries.byId.has(id), entry !== null);
    assert.equal(entries.byWitness(wtxid), entry);
    if (transaction.hasWitness) assert.equal(entries.byWitness(txid), null);
    for (const key of coinsOf(transaction)) {
      const spender = entries.conflicts([key], "");
      assert.equal(spender === null ? undefined : [...spender][0]!.id, spenders.get(key));
    }
    for (const { outpointAt, previousIndex } of inputs) {
      const coin = bytes.slice(outpointAt, outpointAt + 32);
      const wanted = spenders.get(outpointKey(txidKey(coin), previousIndex));
      assert.equal(entries.spender(coin, previousIndex)?.id, wanted);
    }
    if (entry === null) continue;
    rawBytes += bytes.length;
    assert.equal(entries.byId.get(id), entry);
    assert.equal(toHex(entry.raw), toHex(bytes));
    assert.equal(entry.version, version);
    assert.deepEqual(entry.inputs, coinsOf(transaction));
    // Of those that spend one coin only the last is the child of a parent that comes after both.
    for (const parent of entry.parents) assert.ok(parent.children.has(entry));
    for (const child of entry.children) assert.ok(byId.has(child.id));
    for (const key of coinsOf(transaction)) {
      const parent = entries.byId.get(key.slice(0, 16));
      if (parent !== undefined && spenders.get(key) === id) assert.ok(entry.parents.has(parent));
    }
  }
  assert.equal(entries.rawBytes, rawBytes);
}

test("finds what maps would find, whatever comes and goes in whatever order", () => {
  const change = fc.record({
    coins: fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 4 }),
    outputs: fc.integer({ min: 1, max: 3 }),
    // Some are large, so that slabs fill and are given up.
    padding: fc.constantFrom(0, 10, 20_000, 60_000),
    late: fc.boolean(),
  });
  const order = fc.array(fc.record({ at: fc.nat(59), leaves: fc.boolean() }), { maxLength: 150 });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 60 }), order, (drawn, steps) => {
      const all: Transaction[] = [];
      for (const [seed, { coins, outputs, padding }] of drawn.entries()) {
        const chosen = coins.map((coin) => {
          const parent = all[coin];
          if (parent === undefined) return foreign(coin);
          return { txid: parent.txid, index: coin % parent.outputs.length };
        });
        all.push(spending(chosen, outputs, seed, padding));
      }
      const entries = new Entries();
      const model = new Model();
      for (const { at, leaves } of steps) {
        const transaction = all[at % all.length]!;
        const id = txidKey(transaction.txid);
        if (leaves) {
          assert.equal(entries.remove(id) !== null, model.byId.has(id));
          model.remove(id);
        } else {
          const entry = entries.add(admittedOf(transaction), null, 12, 34);
          assert.equal(entry === null, model.byId.has(id));
          model.add(transaction);
        }
      }
      check(entries, model, all);
    }),
    { numRuns: 60 },
  );
});

test("an entry says what was admitted, also when it has moved and when it has left", () => {
  const entries = new Entries();
  const parent = spending([foreign(1)], 2, 3);
  const child = spending([{ txid: parent.txid, index: 1 }], 1, 5);
  // Events of two partitions may cross: the child comes first.
  const young = entries.add(admittedOf(child, 2 ** 40), child, 1_700_000_000, 800_000)!;
  const old = entries.add(admittedOf(parent), parent, 1_700_000_001, 800_001)!;
  assert.deepEqual([...old.children], [young]);
  assert.deepEqual([...young.parents], [old]);
  young.feeDelta = -5;
  young.unbroadcast = true;
  old.teachesFees = true;
  const facts = (entry: Entry) => {
    const { fee, feeDelta, size, weight, sigops, time, height, round, position, order } = entry;
    const { partition, unbroadcast, teachesFees, signalsReplacement, outputCount } = entry;
    const flags = { unbroadcast, teachesFees, signalsReplacement, outputCount, partition };
    const raw = toHex(entry.raw);
    return {
      fee,
      feeDelta,
      size,
      weight,
      sigops,
      time,
      height,
      round,
      position,
      order,
      flags,
      raw,
    };
  };
  const before = facts(young);
  assert.equal(before.fee, 2 ** 40);
  assert.equal(young.modifiedFee, 2 ** 40 - 5);
  assert.equal(before.time, 1_700_000_000);
  assert.equal(before.height, 800_000);
  assert.deepEqual(before.order, { restoredBy: -1, major: 5, minor: 6 });
  assert.deepEqual([before.round, before.position, before.flags.partition], [-1, 7, 3]);
  assert.deepEqual([before.flags.unbroadcast, before.flags.teachesFees], [true, false]);
  assert.equal(before.flags.signalsReplacement, true);
  const slab = young.slab;
  // So much comes and goes that the slab of these two is worth giving up.
  const passing = Array.from({ length: 400 }, (_, seed) =>
    spending([foreign(seed % 200)], 1, 1_000 + seed, 20_000),
  );
  for (const one of passing) entries.add(admittedOf(one), one, 0, 0);
  // One stays in every slab, or it would simply be dropped.
  passing.forEach((one, place) => {
    if (place % 10 !== 5) entries.remove(txidKey(one.txid));
  });
  assert.ok(young.slab !== slab, "the record has moved");
  assert.deepEqual(facts(young), before);
  assert.equal(entries.at(child.txid), young);
  assert.equal(entries.spender(parent.txid, 1), young);
  entries.remove(young.id);
  assert.deepEqual(facts(young), before);
  assert.equal(old.children.size, 0);
});

test("what has been full and is empty holds what it held at first, and fills to the same again", () => {
  const entries = new Entries();
  const all = Array.from({ length: 3_000 }, (_, seed) =>
    spending(
      [foreign(seed % 250), { txid: new Uint8Array(32).fill(7), index: seed }],
      2,
      seed,
      1_000,
    ),
  );
  const fill = (): number => {
    for (const one of all) entries.add(admittedOf(one), one, 0, 0);
    return entries.memoryBytes;
  };
  const first = fill();
  for (const one of all) entries.remove(txidKey(one.txid));
  const empty = entries.memoryBytes;
  assert.deepEqual([entries.count, entries.bytes, entries.fees, entries.rawBytes], [0, 0, 0, 0]);
  assert.ok(empty < 1 << 19, `${empty} bytes are held when nothing is`);
  assert.equal(fill(), first);
  // One of four stays: what is held is bounded by what is left.
  all.forEach((one, place) => {
    if (place % 4 !== 0) entries.remove(txidKey(one.txid));
  });
  assert.ok(entries.memoryBytes < first * 0.7);
  for (const one of all) entries.remove(txidKey(one.txid));
  assert.equal(entries.memoryBytes, empty);
});
