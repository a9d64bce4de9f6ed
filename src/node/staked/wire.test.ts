// Payloads of staked consensus: what is written is read, and any other bytes are refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeIds, decodeStatus, encodeIds, encodeStatus } from "./wire.ts";

const id = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((b) => Buffer.from(b).toString("hex"));
const u32 = fc.integer({ min: 0, max: 0xffffffff });

test("ids and statuses come back as they were", () => {
  fc.assert(
    fc.property(
      fc.array(id, { maxLength: 8 }),
      u32,
      u32,
      id,
      (ids, height, finalizedRound, head) => {
        assert.deepEqual(decodeIds(encodeIds(ids), 8), ids);
        if (ids.length > 0) assert.equal(decodeIds(encodeIds(ids), ids.length - 1), null);
        const status = { height, finalizedRound, head };
        assert.deepEqual(decodeStatus(encodeStatus(status)), status);
      },
    ),
  );
});

test("bytes of another length are neither", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      if (bytes.length % 32 !== 0) assert.equal(decodeIds(bytes, 10), null);
      if (bytes.length !== 40) assert.equal(decodeStatus(bytes), null);
    }),
  );
});
