// Branches of little work, against a model in a few lines: what is handed on is the branch that was
// served, whole and in order, when it has the work, and nothing otherwise; memory stays in bounds; who
// serves another branch the second time gets nothing of it kept.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../../test/support/world.ts";
import { type Bytes, concatBytes, toHex, writeU32 } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import { HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import { MAIN, REGTEST } from "../../ledger/bitcoin/networks.ts";
import { hasWork, workOfBits } from "../../ledger/bitcoin/work.ts";
import { HeaderPresync, type PresyncStep } from "./header-presync.ts";

const BITS = REGTEST.work.limitBits;
const EACH = workOfBits(BITS);
const NOW = 1_700_000_000;
const BOUNDS = { period: 5, bufferCount: 60, messageCount: 20 };

/** `count` headers with work behind `previous`. */
function mine(previous: Bytes, count: number, tag: number): Bytes[] {
  const headers: Bytes[] = [];
  let last = previous;
  for (let number = 0; number < count; number++) {
    const header = new Uint8Array(HEADER_BYTES);
    header.set(last, 4);
    writeU32(header, 36, tag);
    writeU32(header, 72, BITS);
    for (let nonce = 0; !hasWork(hash256(header), BITS, REGTEST.work); nonce++) {
      writeU32(header, 76, nonce);
    }
    last = hash256(header);
    headers.push(header);
  }
  return headers;
}

const LONGEST = mine(REGTEST.genesisHash, 400, 1);

function presync(wanted: number, seed: number, medianTime = NOW - 10_000): HeaderPresync {
  return new HeaderPresync({
    work: REGTEST.work,
    start: { hash: REGTEST.genesisHash, height: 0, bits: BITS, work: EACH, medianTime },
    wanted: EACH * BigInt(wanted + 1),
    now: NOW,
    random: seededRandom(seed),
    bounds: BOUNDS,
  });
}

interface Ended {
  readonly last: PresyncStep;
  readonly kept: Bytes;
  readonly heldMax: number;
  readonly asked: number;
}

/** Plays a peer that answers from `first` while it is counted and from `second` afterwards. */
function play(sync: HeaderPresync, first: readonly Bytes[], second: readonly Bytes[]): Ended {
  const kept: Bytes[] = [];
  let [at, asked, heldMax] = [0, 0, 0];
  for (;;) {
    const before = sync.phase;
    const from = before === "count" ? first : second;
    const message = from.slice(at, at + BOUNDS.messageCount);
    const step = sync.take(concatBytes(...message));
    asked += 1;
    heldMax = Math.max(heldMax, sync.heldBytes);
    at = before === sync.phase ? at + message.length : 0;
    if (step.kind !== "over") kept.push(step.ready);
    if (step.kind !== "more") return { last: step, kept: concatBytes(...kept), heldMax, asked };
  }
}

const heldMost = 64 * 8 + (BOUNDS.bufferCount + BOUNDS.messageCount) * HEADER_BYTES;

test("an honest branch is kept whole exactly when it has the work", () => {
  const property = fc.property(
    fc.integer({ min: 1, max: 400 }),
    fc.integer({ min: 1, max: 420 }),
    fc.nat(),
    (length, wanted, seed) => {
      const branch = LONGEST.slice(0, length);
      const { last, kept, heldMax, asked } = play(presync(wanted, seed), branch, branch);
      assert.ok(heldMax <= heldMost);
      assert.ok(asked <= 2 * (Math.ceil(length / BOUNDS.messageCount) + 1));
      if (length < wanted) {
        assert.deepEqual(last, { kind: "over", fault: "too-little-work" });
        assert.equal(kept.length, 0);
        return;
      }
      assert.equal(last.kind, "done");
      // Whole messages up to the one that shows the work.
      const messages = Math.ceil(wanted / BOUNDS.messageCount) * BOUNDS.messageCount;
      assert.equal(toHex(kept), toHex(concatBytes(...branch.slice(0, messages))));
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test("who serves another branch the second time has next to nothing of it kept", () => {
  let [tries, got] = [0, 0];
  const property = fc.property(
    fc.integer({ min: 0, max: 200 }),
    fc.integer({ min: 150, max: 390 }),
    fc.nat(),
    fc.nat({ max: 1000 }),
    (fork, wanted, seed, tag) => {
      const previous = fork === 0 ? REGTEST.genesisHash : hash256(LONGEST[fork - 1]!);
      const other = [...LONGEST.slice(0, fork), ...mine(previous, 140, tag + 2)];
      const { last, kept, heldMax } = play(presync(wanted, seed), LONGEST, other);
      assert.ok(heldMax <= heldMost);
      tries += 1;
      if (fork + 140 >= wanted && last.kind === "done") return;
      assert.equal(last.kind, "over");
      const shared = toHex(concatBytes(...LONGEST.slice(0, fork)));
      const isOwn = toHex(kept).length > shared.length;
      if (!isOwn) assert.ok(shared.startsWith(toHex(kept)));
      else got += 1;
    },
  );
  fc.assert(property, { numRuns: 200, seed: 7 });
  // 60 headers behind each are 12 compared bits here, 23 with the real figures.
  assert.ok(got <= tries / 100, `${got} of ${tries} passed`);
});

test("a branch longer than time allows ends at its bound", () => {
  // 6 blocks a second for the two hours that clocks may differ, with one bit for every five.
  const bitsMax = Math.ceil((6 * 7200) / BOUNDS.period);
  const sync = presync(1_000_000, 3, NOW);
  let [previous, heldMax, count] = [REGTEST.genesisHash, 0, 0];
  for (;;) {
    const message = mine(previous, BOUNDS.messageCount, 9);
    previous = hash256(message.at(-1)!);
    const step = sync.take(concatBytes(...message));
    heldMax = Math.max(heldMax, sync.heldBytes);
    count += message.length;
    if (step.kind === "more") continue;
    assert.deepEqual(step, { kind: "over", fault: "too-many-headers" });
    break;
  }
  assert.ok(count / BOUNDS.period >= bitsMax && count / BOUNDS.period <= bitsMax + 5);
  assert.ok(heldMax <= Math.ceil(bitsMax / 8));
});

test("headers without work, out of order or with bits that cannot follow end it", () => {
  const first = concatBytes(...LONGEST.slice(0, 20));
  const next = LONGEST.slice(20, 40).map((header) => header.slice());
  const fault = (edit: (headers: Bytes[]) => void): string => {
    const sync = presync(300, 1);
    assert.equal(sync.take(first).kind, "more");
    const headers = next.map((header) => header.slice());
    edit(headers);
    const step = sync.take(concatBytes(...headers));
    return step.kind === "over" ? step.fault : step.kind;
  };
  assert.equal(
    fault(() => {}),
    "more",
  );
  assert.equal(
    fault((headers) => headers.shift()),
    "not-continuous",
  );
  assert.equal(
    fault((headers) => writeU32(headers[3]!, 72, 0x1d00ffff)),
    "high-hash",
  );
  const main = new HeaderPresync({
    work: { ...REGTEST.work, allowMinDifficulty: false, noRetargeting: false },
    start: {
      hash: REGTEST.genesisHash,
      height: 0,
      bits: MAIN.work.limitBits,
      work: 1n,
      medianTime: NOW,
    },
    wanted: EACH * 500n,
    now: NOW,
    random: seededRandom(1),
    bounds: BOUNDS,
  });
  assert.deepEqual(main.take(first), { kind: "over", fault: "bad-diffbits" });
});
