import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { changes, plainRecord } from "../../../../test/support/admission-changes.ts";
import { writeU32 } from "../../../base/bytes.ts";
import { Writer } from "../../../base/writer.ts";
import { ChangeReader } from "../../../state/admission/codec.ts";
import { SALT_WORDS } from "../../../state/admission/key-table.ts";
import { outpointKey, outpointTxid } from "../../../state/admission/keys.ts";
import { type CoinRecord, UNCONFIRMED } from "../../../state/admission/records.ts";
import {
  type Change,
  MemoryPartitionStore,
  type PartitionStore,
} from "../../../state/admission/store.ts";
import { NodeStore } from "./node-store.ts";

const SALT = new Uint32Array(SALT_WORDS).fill(0x9e3779b1);
const TXIDS = Array.from({ length: 6 }, (_, number) => String.fromCharCode(number, 300).repeat(8));
const OUTPOINTS = TXIDS.flatMap((txid) => [0, 1, 2, 3].map((index) => outpointKey(txid, index)));

function newStore(): NodeStore {
  return new NodeStore(() => null, SALT);
}

function facts(coin: Partial<CoinRecord> | null): unknown {
  return coin === null ? null : { ...coin, script: null };
}

/** Everything that can be asked. */
function contents(store: PartitionStore): unknown {
  const sorted = <T>(pairs: Iterable<readonly [string | number, T]>): unknown =>
    [...pairs].sort(([a], [b]) => (a < b ? -1 : 1));
  return structuredClone({
    coins: OUTPOINTS.map((key) => store.coin(key)),
    facts: OUTPOINTS.map((key) => facts(store.coinFacts(key))),
    claims: OUTPOINTS.map((key) => [store.claim(key), store.hasClaim(key)]),
    records: TXIDS.map((txid) => {
      const record = store.record(txid);
      assert.equal(store.hasRecord(txid), record !== null);
      assert.equal(store.outputCount(txid), record?.candidate.outputs.length ?? 0);
      return record === null ? null : plainRecord(record);
    }),
    others: TXIDS.map((txid) => [store.leaving(txid), store.released(txid)]),
    outbox: Array.from({ length: 21 }, (_, key) => store.outboxEntry(key)),
    metas: [store.meta("seq"), store.meta("outboxNext"), store.meta("log:7")],
    count: store.recordCount,
    scans: [
      sorted(store.claims()),
      sorted(Array.from(store.records(), ([txid, record]) => [txid, plainRecord(record)] as const)),
      sorted(Array.from(store.unconfirmedCoins(), ([key, coin]) => [key, facts(coin)] as const)),
      sorted(store.tombstones()),
      sorted(store.outbox()),
      sorted(store.releases()),
    ],
  });
}

const history = fc.array(changes(fc.constantFrom(...TXIDS), fc.nat(3)), {
  maxLength: 120,
  size: "max",
});

test("a node's store answers as the one in memory, and its group makes it anew", () => {
  fc.assert(
    fc.property(history, (list) => {
      const memory = new MemoryPartitionStore();
      const store = newStore();
      const again = newStore();
      for (const change of list) {
        memory.apply(change);
        store.apply(change);
        const { count, bytes } = store.takeGroup();
        assert.equal(count, 1);
        again.restore(new ChangeReader(bytes.slice()).change());
      }
      assert.deepEqual(contents(store), contents(memory));
      assert.deepEqual(contents(again), contents(memory));
      assert.equal(again.takeGroup().count, 0);
    }),
    { numRuns: 60 },
  );
});

test("what a store writes out makes another one like it", () => {
  fc.assert(
    fc.property(history, (list) => {
      const store = newStore();
      for (const change of list) store.apply(change);
      const out = new Writer(16);
      let count = 0;
      for (const _ of store.writeAll(out)) count++;
      const again = newStore();
      const reader = new ChangeReader(out.take());
      for (; count > 0; count--) again.restore(reader.change());
      assert.ok(reader.done);
      assert.deepEqual(contents(again), contents(store));
      again.clear();
      assert.deepEqual(contents(again), contents(newStore()));
    }),
    { numRuns: 30 },
  );
});

test("a coin is what the coin set has, unless it is unconfirmed here", () => {
  const [a, b] = [OUTPOINTS[0]!, OUTPOINTS[1]!];
  const stored = new Uint8Array(15);
  writeU32(stored, 0, 77 * 2 + 1);
  writeU32(stored, 4, 1_000);
  writeU32(stored, 8, 2);
  stored.set([1, 2, 3], 12);
  let confirmed: string | null = a;
  const store = new NodeStore((key) => (key === confirmed ? stored : null), SALT);
  const expected = {
    value: 2 * 2 ** 32 + 1_000,
    coinbase: true,
    height: 77,
    round: -1,
    ancestors: 0,
    attempt: null,
    open: true,
  };
  assert.deepEqual(store.coin(a), { ...expected, script: Uint8Array.of(1, 2, 3) });
  assert.deepEqual(facts(store.coinFacts(a)), facts(expected));
  assert.equal(store.coin(b), null);
  assert.equal(store.coinFacts(b), null);
  confirmed = null;
  assert.equal(store.coinFacts(a), null);
  const value = { ...expected, coinbase: false, height: UNCONFIRMED, script: Uint8Array.of(9) };
  const put = (height: number): Change => ({ space: "coin", key: a, value: { ...value, height } });
  store.apply(put(UNCONFIRMED));
  assert.deepEqual(store.coin(a), value);
  assert.ok(store.hasUnconfirmedCoin(a) && store.bytes > 0);
  // It is confirmed: the coin set has it from the next record on.
  store.apply(put(78));
  assert.ok(!store.hasUnconfirmedCoin(a));
  assert.equal(store.bytes, 0);
  assert.equal(outpointTxid(a), TXIDS[0]);
});
