import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, writeU32 } from "../../../base/bytes.ts";
import { outpointKey, txidKey } from "../../../state/admission/keys.ts";
import { COIN_CODE, COIN_INDEX, COIN_VALUE, DeltaWriter } from "../../../state/delta.ts";
import { RecordedCoins } from "./recorded-coins.ts";

/** Coins without scripts, by number; the code tells them apart. */
type Coins = Map<number, number>;

const txidOf = (coin: number): Bytes => new Uint8Array(32).fill(coin);
const keyOf = (coin: number): string => outpointKey(txidKey(txidOf(coin)), coin);

function stored(code: number): Bytes {
  const value = new Uint8Array(12);
  writeU32(value, 0, code);
  writeU32(value, 4, code * 10);
  return value;
}

function delta(removed: Coins, created: Coins): Uint32Array {
  const writer = new DeltaWriter();
  writer.begin(0);
  const write = (at: number, coin: number, code: number): void => {
    writer.bytes.set(txidOf(coin), at * 4);
    writer.words[at + COIN_INDEX] = coin;
    writer.words[at + COIN_CODE] = code;
    writer.words[at + COIN_VALUE] = code * 10;
    writer.words[at + COIN_VALUE + 1] = 0;
    writer.words[at + 12] = 0;
  };
  for (const [coin, code] of removed) write(writer.removed(0), coin, code);
  for (const [coin, code] of created) write(writer.created(0), coin, code);
  return writer.finish();
}

test("what is staged, undone and done again is hidden until its record comes", () => {
  const step = fc.record({
    spend: fc.uniqueArray(fc.nat(9), { maxLength: 3 }),
    make: fc.uniqueArray(fc.nat(9), { maxLength: 3 }),
    undo: fc.boolean(),
    record: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const view: Coins = new Map([0, 1, 2, 3].map((coin) => [coin, 1 + coin]));
      let recorded: Coins = new Map(view);
      const coins = new RecordedCoins({
        get: (txid) => {
          const code = view.get(txid[0]!);
          return code === undefined ? null : stored(code);
        },
      });
      const staged: { removed: Coins; created: Coins }[] = [];
      let number = 0;
      for (const { spend, make, undo, record } of steps) {
        const last = staged.at(-1);
        if (undo && last !== undefined) {
          staged.pop();
          for (const coin of last.created.keys()) view.delete(coin);
          for (const [coin, code] of last.removed) view.set(coin, code);
          coins.note(++number, "undo", [delta(last.removed, last.created)]);
        } else {
          const removed: Coins = new Map();
          for (const coin of spend) {
            const code = view.get(coin);
            if (code !== undefined) removed.set(coin, code);
          }
          for (const coin of removed.keys()) view.delete(coin);
          const created: Coins = new Map();
          for (const coin of make) {
            if (!view.has(coin) && !removed.has(coin)) created.set(coin, 100 + number);
          }
          for (const [coin, code] of created) view.set(coin, code);
          staged.push({ removed, created });
          coins.note(++number, "stage", [delta(removed, created)]);
        }
        if (record) {
          coins.settle(number);
          recorded = new Map(view);
          staged.length = 0;
        }
        for (let coin = 0; coin < 10; coin++) {
          const code = recorded.get(coin);
          assert.deepEqual(coins.get(keyOf(coin)), code === undefined ? null : stored(code));
        }
      }
    }),
  );
});
