import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toHex } from "../../base/bytes.ts";
import { ANNOUNCED_PER_PEER_MAX, TRANSACTION_REQUEST_MS_MAX } from "../limits.ts";
import { RequestTracker } from "./request-tracker.ts";

const idOf = (index: number): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, at) => (index >>> (at * 8)) & 0xff);

const how = (preferred: boolean) => ({ byWitness: true, preferred, othersUseWitness: true });

function announce(tracker: RequestTracker, peer: number, index: number, now: number, out = true) {
  const hash = idOf(index);
  return tracker.announce(peer, toHex(hash), hash, now, how(out));
}

test("one peer is asked; the next when it is silent, gone or does not have it", () => {
  const tracker = new RequestTracker();
  for (const peer of [1, 2, 3, 4]) announce(tracker, peer, 7, 0);
  assert.deepEqual(
    tracker.due(0).map(({ peer }) => peer),
    [1],
  );
  assert.deepEqual(tracker.due(1_000), []);
  assert.deepEqual(
    tracker.due(TRANSACTION_REQUEST_MS_MAX).map(({ peer }) => peer),
    [2],
  );
  tracker.failed(2, toHex(idOf(7)), 70_000);
  assert.deepEqual(
    tracker.due(70_000).map(({ peer }) => peer),
    [3],
  );
  tracker.dropped(3, 71_000);
  assert.deepEqual(
    tracker.due(71_000).map(({ peer }) => peer),
    [4],
  );
  tracker.forget(toHex(idOf(7)));
  assert.equal(tracker.size, 0);
  assert.equal(tracker.pending(4), 0);
});

test("those that dialled us wait for those that we dialled", () => {
  const tracker = new RequestTracker();
  announce(tracker, 1, 7, 0, false);
  announce(tracker, 2, 7, 10, true);
  assert.deepEqual(
    tracker.due(10).map(({ peer }) => peer),
    [2],
  );
});

test("a peer that announces without end is bounded", () => {
  const tracker = new RequestTracker();
  let taken = 0;
  for (let index = 0; index < ANNOUNCED_PER_PEER_MAX * 2; index++) {
    if (announce(tracker, 1, index, 0)) taken++;
  }
  assert.equal(taken, ANNOUNCED_PER_PEER_MAX);
  tracker.dropped(1, 0);
  assert.equal(tracker.size, 0);
});

test("in any history an id is asked of one peer at a time and nothing is left behind", () => {
  const step = fc.tuple(
    fc.constantFrom("announce", "failed", "dropped", "forget", "due"),
    fc.integer({ min: 1, max: 4 }),
    fc.nat(3),
    fc.nat(30_000),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const tracker = new RequestTracker();
      const asked = new Map<string, number>();
      let now = 0;
      for (const [action, peer, index, ms] of steps) {
        const key = toHex(idOf(index));
        now += ms;
        if (action === "announce") announce(tracker, peer, index, now, peer % 2 === 0);
        else if (action === "failed") {
          tracker.failed(peer, key, now);
          if (asked.get(key) === peer) asked.delete(key);
        } else if (action === "dropped") {
          tracker.dropped(peer, now);
          for (const [id, from] of [...asked]) if (from === peer) asked.delete(id);
        } else if (action === "forget") {
          tracker.forget(key);
          asked.delete(key);
        } else {
          for (const request of tracker.due(now)) asked.set(toHex(request.hash), request.peer);
        }
        for (const one of [1, 2, 3, 4]) {
          const mine = [...asked.values()].filter((from) => from === one).length;
          assert.ok(tracker.pending(one) <= 4);
          assert.ok(tracker.pending(one) <= mine || action === "due");
        }
      }
      for (const one of [1, 2, 3, 4]) tracker.dropped(one, now);
      assert.equal(tracker.size, 0);
    }),
    { numRuns: 500 },
  );
});
