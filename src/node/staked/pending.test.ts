import assert from "node:assert/strict";
import { test } from "node:test";
import { PendingBlocks } from "./pending.ts";

test("a block that is kept twice is counted once, for its last peer", () => {
  const pending = new PendingBlocks();
  const bytes = new Uint8Array(20 * 1024 * 1024);
  pending.keep("a", bytes, 1);
  pending.keep("a", bytes, 1);
  pending.keep("a", bytes, 2);
  assert.equal(pending.isCrowded(1, bytes.length), false);
  assert.equal(pending.isCrowded(2, bytes.length), true);
  pending.forget("a");
  assert.equal(pending.isCrowded(2, bytes.length), false);
  for (let peer = 3; peer < 15; peer++) {
    assert.equal(pending.isCrowded(peer, bytes.length), false, "nothing is left of it in the sum");
    pending.keep(`b${peer}`, bytes, peer);
  }
  assert.equal(pending.isCrowded(15, bytes.length), true);
});
