import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareBytes } from "../base/bytes.ts";
import { packRuns, sortByKey } from "./coin-batch.ts";
import { COIN_KEY_BYTES } from "./coin-store.ts";
import { CoinTable, DELETED, DIRTY, IN_STORE } from "./coin-table.ts";

// Few different bytes, and prefixes that are equal: the order within equal prefixes is the hard part.
const txid = fc
  .tuple(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.constantFrom(0, 3, 4, 31), fc.nat(2))
  .map(([byte, at, other]) => {
    const bytes = new Uint8Array(32).fill(0x80);
    bytes[at] = byte;
    bytes[5] = other;
    return bytes;
  });
const coin = fc.record({
  txid,
  index: fc.oneof(fc.nat(3), fc.constantFrom(255, 256, 65_536, 0xffff_fffe)),
  script: fc.uint8Array({ maxLength: 40 }),
  deleted: fc.boolean(),
});

type Coin = typeof coin extends fc.Arbitrary<infer T> ? T : never;

function tableOf(coins: readonly Coin[]): CoinTable {
  const table = new CoinTable();
  for (const [number, { txid, index, script, deleted }] of coins.entries()) {
    const flags = DIRTY | (deleted ? IN_STORE | DELETED : 0);
    table.insert(number, txid, 0, index, 7, 1, 2, flags, script, 0, script.length);
  }
  return table;
}

const nameOf = (coin: Coin): string => `${coin.txid} ${coin.index}`;

test("runs hold every change once, in key order, within their bounds", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(coin, { selector: nameOf, maxLength: 60 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 200 }),
      (coins, countMax, bytesMax) => {
        const table = tableOf(coins);
        const addresses = table.select(() => true);
        assert.equal(addresses.length, coins.length);
        sortByKey(table, addresses);
        const found = new Map<string, Uint8Array | null>();
        let before: Uint8Array = new Uint8Array(0);
        let ended = false;
        for (const run of packRuns(table, addresses, countMax, bytesMax)) {
          assert.ok(!ended && run.count <= countMax);
          assert.ok(run.data.length <= bytesMax || run.count === 1 || run.data.length === 0);
          ended = run.isLast;
          for (let at = 0; at < run.count; at++) {
            const key = run.keys.slice(at * COIN_KEY_BYTES, (at + 1) * COIN_KEY_BYTES);
            assert.ok(compareBytes(before, key) < 0, "keys ascend");
            before = key;
            const from = run.starts[at]!;
            const length = run.lengths[at]!;
            found.set(String(key), length < 0 ? null : run.data.slice(from, from + length));
          }
        }
        assert.ok(ended, "the last run says so");
        assert.equal(found.size, coins.length);
        for (const { txid, index, script, deleted } of coins) {
          const key = new Uint8Array(COIN_KEY_BYTES);
          key.set(txid);
          new DataView(key.buffer).setUint32(32, index);
          const value = new Uint8Array(12 + script.length);
          new Uint32Array(value.buffer, 0, 3).set([7, 1, 2]);
          value.set(script, 12);
          assert.deepEqual(found.get(String(key)), deleted ? null : value);
        }
      },
    ),
  );
});

test("a table keeps what it is told to, unless that is too much of it", () => {
  fc.assert(
    fc.property(fc.uniqueArray(coin, { selector: nameOf, minLength: 1 }), (coins) => {
      const table = tableOf(coins);
      const isLive = (address: number): boolean => (table.flags(address) & DELETED) === 0;
      table.retain(isLive, 1);
      for (const [number, { txid, index, deleted }] of coins.entries()) {
        const address = table.find(number, txid, 0, index);
        assert.equal(address >= 0, !deleted);
      }
      table.retain(isLive, 0);
      assert.equal(table.count, 0);
      for (const [number, { txid, index }] of coins.entries()) {
        assert.equal(table.find(number, txid, 0, index), -1);
        table.insert(number, txid, 0, index, 0, 0, 0, 0, new Uint8Array(9), 0, 9);
      }
      assert.equal(table.count, coins.length);
    }),
  );
});
