import assert from "node:assert/strict";
import { test } from "node:test";
import { placementTable } from "./placement-table.ts";

test("partitions touched follow the formula, messages are constant beyond eight partitions", () => {
  const rows = placementTable(400, 1);
  for (const { partitions, placement, touched, expected, messages } of rows) {
    const name = `${placement} over ${partitions}: touched ${touched}, messages ${messages}`;
    assert.ok(Math.abs(touched - expected) < 0.15, name);
    if (placement === "txid" && partitions >= 8) assert.ok(messages > 7.8 && messages < 10.2, name);
    if (placement === "outpoint") {
      const other = rows.find((row) => row.partitions === partitions && row.placement === "txid")!;
      assert.ok(messages >= other.messages, name);
    }
  }
});
