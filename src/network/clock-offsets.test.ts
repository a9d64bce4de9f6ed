import assert from "node:assert/strict";
import { test } from "node:test";
import { ClockOffsets } from "./clock-offsets.ts";

test("the median of the last fifty, of five at least", () => {
  const offsets = new ClockOffsets();
  for (const seconds of [700, 710, -3, 690]) offsets.add(seconds);
  assert.equal(offsets.median, 0);
  offsets.add(705);
  assert.equal(offsets.median, 700);
  for (let count = 0; count < 50; count++) offsets.add(2);
  assert.equal(offsets.median, 2);
});
