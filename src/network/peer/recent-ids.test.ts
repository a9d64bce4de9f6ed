import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../../test/support/world.ts";
import { toHex } from "../../base/bytes.ts";
import { RecentIds } from "./recent-ids.ts";

test("the newest half is always known, the whole never exceeds its bound", () => {
  const random = seededRandom(5);
  const most = 1_000;
  const ids = new RecentIds(most);
  const added: Uint8Array[] = [];
  for (let turn = 0; turn < 10_000; turn++) {
    const hash = random.bytes(32);
    added.push(hash);
    assert.equal(ids.add(hash), true);
    assert.equal(ids.add(hash), false);
    assert.ok(ids.size <= most);
    const recent = added[added.length - 1 - random.below(Math.min(added.length, most / 2))]!;
    assert.ok(ids.has(recent), toHex(recent));
  }
  assert.equal(ids.has(added[0]!), false, "what is old is forgotten");
  assert.ok(ids.bytes <= most * 9);
});

test("ids of zeros and ids that share their first bytes do no harm", () => {
  const ids = new RecentIds(100);
  const zeros = new Uint8Array(32);
  assert.equal(ids.has(zeros), false);
  assert.equal(ids.add(zeros), true);
  assert.equal(ids.has(zeros), true);
  for (let number = 0; number < 1_000; number++) {
    const hash = new Uint8Array(32);
    hash[3] = number & 255;
    hash[2] = number >>> 8;
    ids.add(hash);
    assert.ok(ids.has(hash));
  }
});
