// Random changes of a partition, for tests of what stores and encodes them.
import fc from "fast-check";
import { hex } from "../../src/base/bytes.ts";
import { encodeTransaction } from "../../src/ledger/bitcoin/encode.ts";
import { candidateOf } from "../../src/state/admission/candidate.ts";
import { outpointKey, txidKey } from "../../src/state/admission/keys.ts";
import {
  type AdmissionRecord,
  type Attempt,
  type CoinRecord,
  UNCONFIRMED,
} from "../../src/state/admission/records.ts";
import type { Change } from "../../src/state/admission/store.ts";

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

export const coin: fc.Arbitrary<CoinRecord> = fc.record({
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
const record = fc.record({
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
});

/** Changes whose ids are drawn from these. */
export function changes(
  txids: fc.Arbitrary<string> = txid,
  indexes: fc.Arbitrary<number> = u32,
): fc.Arbitrary<Change> {
  const outpoints = fc.tuple(txids, indexes).map(([id, index]) => outpointKey(id, index));
  return fc.oneof(
    fc.record({ space: fc.constant("coin"), key: outpoints, value: fc.option(coin) }),
    fc.record({ space: fc.constant("claim"), key: outpoints, value: fc.option(claim) }),
    fc.record({ space: fc.constant("leaving"), key: txids, value: fc.option(tombstone) }),
    fc.record({ space: fc.constant("outbox"), key: fc.nat(20), value: fc.option(entry) }),
    fc.record({ space: fc.constant("released"), key: txids, value: fc.option(attempt) }),
    fc.record({
      space: fc.constant("meta"),
      key: fc.oneof(
        fc.constantFrom("seq", "outboxNext", "acknowledged"),
        fc.integer({ min: -1, max: 5000 }).map((round) => `log:${round}`),
      ),
      value: fc.option(fc.maxSafeNat()),
    }),
    fc.tuple(txids, record).map(([key, { size, raw: own, ...rest }]) => ({
      space: "record",
      key,
      value: { txid: key, ...rest, candidate: candidateOf(own, key, size) },
    })),
    txids.map((key) => ({ space: "record", key, value: null })),
  ) as fc.Arbitrary<Change>;
}

/** A record in plain values: a candidate reads its own when it is asked. */
export function plainRecord(record: AdmissionRecord): unknown {
  const { candidate, ...rest } = record;
  const { txid: id, version, lockTime, inputs, outputs, size, raw: own } = candidate;
  const read = { id, version, lockTime, inputs, outputs, size, raw: own };
  return structuredClone({ ...rest, candidate: read });
}

/** A change in plain values. */
export function plainChange(change: Change): unknown {
  if (change.space !== "record" || change.value === null) return structuredClone(change);
  return { ...change, value: plainRecord(change.value) };
}
