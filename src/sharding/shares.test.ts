import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toHex } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import { u32be } from "./bytes-be.ts";
import { createDraws } from "./draw.ts";
import {
  changeShares,
  type Quota,
  SHARES,
  type ShareParameters,
  type Stake,
  shareCounts,
  sharePrice,
} from "./shares.ts";
import { shareId } from "./types.ts";

const draws = createDraws(new Uint8Array(32).fill(3));
const staker = (number: number) => sha256(u32be(number));

function stakesOf(amounts: readonly bigint[]): Stake[] {
  return amounts.map((amount, number) => ({ staker: staker(number), amount }));
}

const parameters: ShareParameters = { ...SHARES, shards: 4, seatsPerShard: 50, ownerCap: null };
const amounts = fc.array(fc.bigInt({ min: 0n, max: 10n ** 15n }), { minLength: 1, maxLength: 40 });
const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
const total = (list: readonly bigint[]) => list.reduce((a, b) => a + b, 0n);

test("a fresh price seats at most S * lambda shares, whatever the quota", () => {
  fc.assert(
    fc.property(
      amounts,
      fc.constantFrom<Quota>("floor", "largest-remainder", "systematic"),
      (list, quota) => {
        const price = sharePrice(total(list), null, parameters);
        const counts = shareCounts(stakesOf(list), price, { ...parameters, quota }, draws);
        assert.ok(sum(counts) <= 200, `${sum(counts)} seats`);
        if (quota === "largest-remainder") {
          assert.equal(BigInt(sum(counts)), total(list) / price);
        }
      },
    ),
  );
});

test("under hold the seats exceed S * lambda by the hold at most", () => {
  fc.assert(
    fc.property(amounts, fc.integer({ min: 900, max: 1100 }), (list, permille) => {
      const old = sharePrice(total(list), null, parameters);
      const grown = list.map((amount) => (amount * BigInt(permille)) / 1000n);
      const price = sharePrice(total(grown), old, parameters);
      const counts = shareCounts(stakesOf(grown), price, parameters, draws);
      assert.ok(sum(counts) * 1000 <= 200 * 1050, `${sum(counts)} seats`);
    }),
  );
});

test("splitting a stake never gains under floor", () => {
  fc.assert(
    fc.property(amounts, fc.array(fc.nat(1000), { minLength: 1, maxLength: 9 }), (list, cuts) => {
      const price = sharePrice(total(list), null, parameters);
      const whole = list[0]!;
      const pieces: bigint[] = [];
      let left = whole;
      for (const cut of cuts) {
        const piece = (left * BigInt(cut)) / 1000n;
        pieces.push(piece);
        left -= piece;
      }
      pieces.push(left);
      const before = shareCounts(stakesOf([whole]), price, parameters, draws);
      const after = shareCounts(stakesOf(pieces), price, parameters, draws);
      assert.ok(sum(after) <= sum(before));
    }),
  );
});

test("largest remainders pay splitters: 250 pieces of .6 price beside 1,000 stakers", () => {
  const price = 1_000_000n;
  // Remainders spread evenly over a price, as many stakers' are.
  const honest = Array.from({ length: 1000 }, (_, i) => price + (BigInt(i) * price) / 1000n);
  const pieces = new Array<bigint>(250).fill((price * 6n) / 10n);
  const rule = { ...parameters, quota: "largest-remainder" as const };
  const counts = shareCounts(stakesOf([...honest, ...pieces]), price, rule, draws);
  // Their stake is worth 150 seats. (One honest remainder is .6, too: it may take one of theirs.)
  assert.ok(sum(counts.slice(1000)) >= 249);
});

test("the price does not flap within the hold", () => {
  const old = sharePrice(10n ** 12n, null, parameters);
  for (const permille of [960n, 990n, 1000n, 1010n, 1049n]) {
    assert.equal(sharePrice(10n ** 9n * permille, old, parameters), old);
  }
  assert.notEqual(sharePrice(10n ** 9n * 1060n, old, parameters), old);
});

test("an owner's cap is a brake", () => {
  const rule = { ...parameters, ownerCap: { num: 6, den: 100 } };
  const counts = shareCounts(stakesOf([10n ** 9n, 10n ** 9n]), 10n ** 7n, rule, draws);
  assert.deepEqual(counts, [12, 12]);
});

test("gained shares fill the lowest free indices, lost ones are drawn", () => {
  const me = staker(1);
  const gain = changeShares(me, [0, 2, 5], 6, draws);
  assert.deepEqual(
    gain.gained.map((id) => toHex(id)),
    [1, 3, 4].map((index) => toHex(shareId(me, index))),
  );
  const held = [0, 1, 2, 3, 4, 5, 6, 7];
  const first = changeShares(me, held, 5, draws);
  const again = changeShares(me, [...held].reverse(), 5, draws);
  assert.deepEqual(
    first.lost.map((id) => toHex(id)),
    again.lost.map((id) => toHex(id)),
  );
  assert.equal(first.lost.length, 3);
  // Losing one by one loses the same as losing at once: no path is better.
  const one = changeShares(me, held, 7, draws).lost.map((id) => toHex(id));
  const left = held.filter((index) => toHex(shareId(me, index)) !== one[0]);
  const two = changeShares(me, left, 5, draws).lost.map((id) => toHex(id));
  assert.deepEqual([...one, ...two].sort(), first.lost.map((id) => toHex(id)).sort());
  // Another seed loses others: over many seeds every share is lost about as often.
  const counts = new Array<number>(8).fill(0);
  for (let seed = 0; seed < 2000; seed++) {
    const drawn = createDraws(sha256(u32be(seed)));
    for (const id of changeShares(me, held, 7, drawn).lost) counts[id[35]!]! += 1;
  }
  const chi = counts.reduce((all, count) => all + (count - 250) ** 2 / 250, 0);
  assert.ok(chi < 40.5, counts.join()); // 7 degrees of freedom, p = 1e-6
});
