import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hex } from "../../base/bytes.ts";
import { Writer } from "../../base/writer.ts";
import { encodeTransaction } from "../../ledger/bitcoin/encode.ts";
import { candidateOf } from "./candidate.ts";
import { ChangeReader, encodeChange } from "./codec.ts";
import { outpointKey, txidKey } from "./keys.ts";
import { type Attempt, UNCONFIRMED } from "./records.ts";
import type { Change } from "./store.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const txid = bytes(32).map((value) => txidKey(value));
const u32 = fc.nat(0xffffffff);
const u31 = fc.nat(0x7fffffff);
const outpoint = fc.tuple(txid, u32).map(([id, index]) => outpointKey(id, index));
const attempt: fc.Arbitrary<Attempt> = fc.record({
  seq: u32,
  epoch: u32,
  counter: fc.maxSafeNat(),
});
const lock = fc.oneof(fc.constant(-1), u32);
const cause = fc.constantFrom("chain", "lock", "rules", "policy", "expired", "replaced", "reset");
const amount = fc.nat(2_100_000_000_000_000);

const coin = fc.record({
  value: amount,
  script: fc.uint8Array({ maxLength: 60 }),
  coinbase: fc.boolean(),
  height: fc.constant(UNCONFIRMED),
  round: fc.integer({ min: -1, max: 0x7fffffff }),
  ancestors: u32,
  attempt: fc.option(attempt),
  open: fc.boolean(),
});
const claim = fc.record({
  spender: txid,
  vin: u32,
  attempt,
  mode: fc.constantFrom("held" as const, "spent" as const),
  lock,
});
const heir = fc.record({
  txid,
  attempt,
  inputs: fc.array(fc.record({ outpoint, vin: u32, lock }), { maxLength: 3 }),
});
const tombstone = fc.record({
  attempt,
  cause,
  seq: u32,
  partitions: fc.array(fc.nat(63), { maxLength: 5 }),
  inputs: fc.array(outpoint, { maxLength: 4 }),
  outputCount: fc.nat(1000),
  heir: fc.option(heir),
});
const entry = fc.record({
  child: txid,
  attempt,
  seq: u32,
  cause,
  parent: fc.option(txid),
  by: fc.option(txid),
});
const raw = fc
  .record({
    parent: bytes(32),
    index: u32,
    value: amount,
    script: fc.uint8Array({ maxLength: 40 }),
  })
  .map(({ parent, index, value, script }) =>
    encodeTransaction({
      version: 2,
      inputs: [{ txid: parent, index, script: hex("51"), sequence: 7, witness: [hex("0102")] }],
      outputs: [{ value, script }],
      lockTime: 9,
    }),
  );
const record = fc
  .record({
    txid,
    attempt,
    order: fc.record({ restoredBy: u31, major: u31, minor: u31 }),
    round: fc.integer({ min: -1, max: 1000 }),
    position: fc.integer({ min: -1, max: 1000 }),
    fee: amount,
    sigops: u32,
    ancestors: u31,
    flags: u31,
    since: fc.maxSafeNat(),
    size: u32,
    raw,
  })
  .map(({ size, raw: own, ...rest }) => ({
    ...rest,
    candidate: candidateOf(own, rest.txid, size),
  }));

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ space: fc.constant("coin" as const), key: outpoint, value: fc.option(coin) }),
  fc.record({ space: fc.constant("claim" as const), key: outpoint, value: fc.option(claim) }),
  fc.record({ space: fc.constant("leaving" as const), key: txid, value: fc.option(tombstone) }),
  fc.record({ space: fc.constant("outbox" as const), key: u32, value: fc.option(entry) }),
  fc.record({ space: fc.constant("released" as const), key: txid, value: fc.option(attempt) }),
  fc.record({
    space: fc.constant("meta" as const),
    key: fc.oneof(
      fc.constantFrom("seq" as const, "outboxNext" as const, "acknowledged" as const),
      fc.integer({ min: -1, max: 5000 }).map((round) => `log:${round}` as const),
    ),
    value: fc.option(fc.maxSafeNat()),
  }),
  record.map((value) => ({ space: "record" as const, key: value.txid, value })),
  txid.map((key) => ({ space: "record" as const, key, value: null })),
) as fc.Arbitrary<Change>;

/** A change in plain values: a candidate reads its own when it is asked. */
function plain(change: Change): unknown {
  if (change.space !== "record" || change.value === null) return structuredClone(change);
  const { candidate, ...rest } = change.value;
  const { txid: id, version, lockTime, inputs, outputs, size, raw: own } = candidate;
  const read = { id, version, lockTime, inputs, outputs, size, raw: own };
  return structuredClone({ ...change, value: { ...rest, candidate: read } });
}

test("changes come back as they were written", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const out = new Writer(16);
      for (const one of changes) encodeChange(out, one);
      const reader = new ChangeReader(out.take());
      const read: Change[] = [];
      while (!reader.done) read.push(reader.change());
      // The generator makes objects without a prototype.
      assert.deepEqual(read.map(plain), changes.map(plain));
    }),
  );
});

test("a coin that becomes confirmed is written as its removal", () => {
  const out = new Writer();
  const key = outpointKey("ab".repeat(8), 1);
  const value = fc.sample(coin, 1)[0]!;
  encodeChange(out, { space: "coin", key, value: { ...value, height: 7 } });
  assert.deepEqual(new ChangeReader(out.take()).change(), { space: "coin", key, value: null });
});
