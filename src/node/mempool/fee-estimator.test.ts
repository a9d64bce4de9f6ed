import assert from "node:assert/strict";
import { test } from "node:test";
import { BUCKETS, bucketOf } from "./confirmation-statistics.ts";
import { FeeEstimator } from "./fee-estimator.ts";

/**
 * Ten transactions a block at each of ten rates; a rate of (place + 1) * 2,000 is mined after
 * `10 - place` blocks, the scheme of Bitcoin Core's policyestimator_tests.
 */
class Market {
  readonly estimator = new FeeEstimator();
  height = 0;
  waiting: { place: number; height: number; rate: number }[] = [];

  constructor() {
    this.estimator.block(++this.height, []);
  }

  block(delay: (place: number) => number = (place) => 10 - place): void {
    for (let place = 0; place < 10; place++) {
      for (let count = 0; count < 10; count++) {
        const one = { place, height: this.height, rate: (place + 1) * 2_000 };
        assert.ok(this.estimator.admitted(one));
        this.waiting.push(one);
      }
    }
    this.height += 1;
    const isMined = ({ place, height }: { place: number; height: number }): boolean =>
      this.height - height >= delay(place);
    this.estimator.block(this.height, this.waiting.filter(isMined));
    this.waiting = this.waiting.filter((one) => !isMined(one));
  }

  rate(blocks: number, conservative = false): number | null {
    return this.estimator.estimate(blocks, conservative).rate;
  }
}

test("buckets are five per cent apart, from 100 to 10,000,000", () => {
  assert.equal(BUCKETS[0], 100);
  assert.equal(BUCKETS[1], 105);
  assert.equal(BUCKETS.length, 237);
  assert.equal(bucketOf(1), 0);
  assert.equal(bucketOf(100), 0);
  assert.equal(bucketOf(100.5), 1);
  assert.equal(bucketOf(1e12), 236);
});

test("too little seen gives no rate and says for how many blocks it would hold", () => {
  const market = new Market();
  assert.deepEqual(market.estimator.estimate(6, false), { rate: null, blocks: 0 });
  market.block();
  market.block();
  assert.deepEqual(market.estimator.estimate(6, false), { rate: null, blocks: 0 });
  for (let count = 0; count < 5; count++) market.block();
  const { rate, blocks } = market.estimator.estimate(1_008, false);
  assert.equal(blocks, 3);
  assert.notEqual(rate, null);
});

test("who waits longer pays less", () => {
  const market = new Market();
  for (let count = 0; count < 200; count++) market.block();
  // Most have to be in within half the blocks asked for, and here a rate waits the same always.
  for (const blocks of [2, 3, 4, 6, 10, 20, 50]) {
    const wanted = (11 - Math.min(10, Math.floor(blocks / 2))) * 2_000;
    assert.equal(market.rate(blocks), wanted, `${blocks} blocks`);
  }
  assert.equal(market.estimator.estimate(1, false).blocks, 2);
  assert.ok(market.rate(2, true)! >= market.rate(2)!);
  // Who asks for more blocks than half of those watched is told of fewer.
  assert.equal(market.estimator.estimate(1_008, false).blocks, 99);
});

test("a fuller market is dearer, an emptier one cheaper, and neither at once", () => {
  const market = new Market();
  for (let count = 0; count < 200; count++) market.block();
  const before = market.rate(5)!;
  for (let count = 0; count < 60; count++) market.block((place) => (place === 9 ? 1 : 1_000));
  assert.ok(market.rate(5)! > before, `${market.rate(5)} > ${before}`);
  for (let count = 0; count < 400; count++) market.block(() => 1);
  assert.ok(market.rate(5)! < before, `${market.rate(5)} < ${before}`);
});

test("what leaves without a block counts as not confirmed", () => {
  const sound = new FeeEstimator();
  const spoilt = new FeeEstimator();
  for (const estimator of [sound, spoilt]) estimator.block(1, []);
  for (let height = 1; height < 120; height++) {
    for (const [estimator, lost] of [
      [sound, 0],
      [spoilt, 6],
    ] as const) {
      const rate = 5_000;
      for (let count = 0; count < 10; count++) assert.ok(estimator.admitted({ height, rate }));
      estimator.block(height + 1, Array(10 - lost).fill({ height, rate }));
      // They waited for twenty blocks in vain.
      if (height <= 20) continue;
      for (let count = 0; count < lost; count++) estimator.left({ height: height - 20, rate });
    }
  }
  assert.equal(sound.estimate(4, false).rate, 5_000);
  assert.equal(spoilt.estimate(4, false).rate, null);
});

test("a reorganisation is not counted twice, and old blocks not at all", () => {
  const estimator = new FeeEstimator();
  estimator.block(10, []);
  const rate = 1_000;
  assert.equal(estimator.admitted({ height: 9, rate }), false);
  const one = { height: 10, rate };
  for (let count = 0; count < 3; count++) assert.equal(estimator.admitted(one), true);
  estimator.block(11, [one]);
  const before = estimator.encode();
  estimator.block(11, [one]);
  estimator.block(10, [one]);
  assert.deepEqual(estimator.encode(), before);
  assert.equal(estimator.waitingCount, 0);
});

test("what was learnt outlasts a restart; damaged files are not read", () => {
  const market = new Market();
  for (let count = 0; count < 100; count++) market.block();
  for (const one of market.waiting) market.estimator.left(one);
  assert.equal(market.estimator.waitingCount, 0);
  const bytes = market.estimator.encode();
  const again = new FeeEstimator();
  assert.equal(again.load(bytes), true);
  for (const blocks of [2, 5, 10, 40]) {
    assert.deepEqual(again.estimate(blocks, false), market.estimator.estimate(blocks, false));
  }
  assert.deepEqual(again.encode(), bytes);
  const fresh = new FeeEstimator();
  for (const at of [0, 9, 30, bytes.length - 1]) {
    const spoilt = bytes.slice();
    spoilt[at]! ^= 1;
    assert.equal(fresh.load(spoilt), false);
  }
  assert.equal(fresh.load(bytes.subarray(1)), false);
  assert.deepEqual(fresh.estimate(5, false), { rate: null, blocks: 0 });
});
