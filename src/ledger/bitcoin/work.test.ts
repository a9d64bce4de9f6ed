import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readVector } from "../../../test/read-vector.ts";
import { readU32 } from "../../base/bytes.ts";
import { HEADER_BYTES, readHeader } from "./block.ts";
import { checkHeader, checkHeaderInBranch } from "./header-rules.ts";
import { MAIN, NETWORKS, REGTEST, SIGNET, TESTNET3, TESTNET4 } from "./networks.ts";
import type { Params, WorkParams } from "./params.ts";
import {
  bitsFromTarget,
  type HeaderNode,
  hasWork,
  mayFollow,
  nextBits,
  retarget,
  targetFromBits,
  workOfBits,
} from "./work.ts";

/** A branch kept as two columns; `edit` a copy to try other histories. */
class Branch implements HeaderNode {
  readonly height: number;
  readonly times: readonly number[];
  readonly allBits: readonly number[];

  constructor(
    times: readonly number[],
    allBits: readonly number[],
    height: number = times.length - 1,
  ) {
    this.times = times;
    this.allBits = allBits;
    this.height = height;
  }
  get time(): number {
    return this.times[this.height]!;
  }
  get bits(): number {
    return this.allBits[this.height]!;
  }
  ancestor(height: number): HeaderNode {
    assert.ok(height >= 0 && height <= this.height);
    return new Branch(this.times, this.allBits, height);
  }
}

/** A period of 2,016 blocks, ten minutes apart but for the last, all with the same bits. */
function period(bits: number, seconds: number, edit: Record<number, number> = {}): Branch {
  const times = Array.from({ length: 2016 }, (_, index) => 1_700_000_000 + index * 600);
  times[2015] = times[0]! + seconds;
  const allBits = times.map((_, index) => edit[index] ?? bits);
  return new Branch(times, allBits);
}

test("compact bits, as Bitcoin Core's arith_uint256 tests have them", () => {
  const cases: [number, bigint | null][] = [
    [0, null],
    [0x00123456, null],
    [0x01003456, null],
    [0x02000056, null],
    [0x03000000, null],
    [0x04000000, null],
    [0x00923456, null],
    [0x01803456, null],
    [0x01123456, 0x12n],
    [0x02123456, 0x1234n],
    [0x03123456, 0x123456n],
    [0x04123456, 0x12345600n],
    [0x05009234, 0x92340000n],
    [0x04923456, null],
    [0x01fedcba, null],
    [0x20123456, 0x123456n << 232n],
    [0xff123456, null],
    [0x21012345, null],
    [0x21001234, 0x1234n << 240n],
    [0x22000012, 0x12n << 248n],
    [0x23000012, null],
  ];
  for (const [bits, target] of cases) {
    assert.equal(targetFromBits(bits), target, bits.toString(16));
  }
  assert.equal(bitsFromTarget(0n), 0);
  assert.equal(bitsFromTarget(0x80n), 0x02008000);
  assert.equal(bitsFromTarget(0x92340000n), 0x05009234);
  assert.equal(bitsFromTarget((1n << 256n) - 1n), 0x2100ffff);
});

test("bits of a target and back lose only what the form cannot hold", () => {
  fc.assert(
    fc.property(fc.bigInt(1n, (1n << 256n) - 1n), (target) => {
      const back = targetFromBits(bitsFromTarget(target));
      assert.ok(back !== null && back <= target && target - back <= target >> 14n);
      assert.equal(bitsFromTarget(back), bitsFromTarget(target));
    }),
  );
});

function littleEndian(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  for (let at = 0; at < 32; at++) bytes[at] = Number((value >> BigInt(8 * at)) & 0xffn);
  return bytes;
}

test("the check of a hash agrees with 256-bit arithmetic at and around every target", () => {
  const open: WorkParams = { ...REGTEST.work, limit: (1n << 256n) - 1n, limitBits: 0x2100ffff };
  const all = [open, ...NETWORKS.map(({ work }) => work)];
  const size = fc.oneof(fc.integer({ min: 0, max: 36 }), fc.integer({ min: 0, max: 255 }));
  const mantissa = fc.oneof(
    fc.integer({ min: 0, max: 0xffffff }),
    fc.integer({ min: 0, max: 300 }),
  );
  fc.assert(
    fc.property(size, mantissa, fc.bigInt(0n, (1n << 256n) - 1n), (size, mantissa, other) => {
      const bits = ((size << 24) | mantissa) >>> 0;
      const target = targetFromBits(bits);
      const hashes = [other];
      if (target !== null) hashes.push(target, target - 1n, target + 1n, other % (target + 1n));
      for (const work of all) {
        // The open limit's compact form is a little less than the limit.
        const limit = targetFromBits(work.limitBits)!;
        for (const hash of hashes) {
          if (hash >> 256n !== 0n) continue;
          const wanted = target !== null && target <= limit && hash <= target;
          assert.equal(hasWork(littleEndian(hash), bits, work), wanted, `${bits} ${hash}`);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("no compact target lies between a limit and its compact form", () => {
  for (const { work } of NETWORKS) {
    for (let size = 1; size <= 33; size++) {
      for (const mantissa of [1, 0xff, 0x100, 0x377ae, 0x377af, 0xffff, 0x10000, 0x7fffff]) {
        const target = targetFromBits((size << 24) | mantissa);
        if (target === null) continue;
        assert.equal(target <= work.limit, target <= targetFromBits(work.limitBits)!);
      }
    }
  }
});

test("work is the number of hashes that a target takes", () => {
  assert.equal(workOfBits(0x1d00ffff), 0x100010001n);
  assert.equal(workOfBits(0x207fffff), 2n);
  assert.equal(workOfBits(0), 0n);
});

test("retargets, as Bitcoin Core's pow tests have them", () => {
  const seconds = (first: number, last: number): number => last - first;
  const work = MAIN.work;
  assert.equal(retarget(0x1d00ffff, seconds(1261130161, 1262152739), work), 0x1d00d86a);
  assert.equal(retarget(0x1d00ffff, seconds(1231006505, 1233061996), work), 0x1d00ffff);
  assert.equal(retarget(0x1c05a3f4, seconds(1279008237, 1279297671), work), 0x1c0168fd);
  assert.equal(retarget(0x1c387f6f, seconds(1263163443, 1269211443), work), 0x1d00e1fd);
});

test("the real headers of the main network up to 10,236 follow the rules", (context) => {
  const bytes = readVector(context, "chains/main_headers_0_10236.bin.gz");
  if (bytes === null) return;
  const count = bytes.length / HEADER_BYTES;
  assert.equal(count, 10_237);
  const times: number[] = [];
  const allBits: number[] = [];
  let changes = 0;
  for (let height = 0; height < count; height++) {
    const header = readHeader(bytes, height * HEADER_BYTES);
    assert.ok(checkHeader(header, MAIN).ok, `${height}`);
    if (height > 0) {
      const previous = new Branch(times, allBits);
      assert.deepEqual(checkHeaderInBranch(header, MAIN, previous, header.time), { ok: true });
      if (height % 2016 === 0) changes++;
    }
    times.push(header.time);
    allBits.push(readU32(header.bytes, 72));
  }
  assert.equal(changes, 5);
});

test("only a period's last block changes the bits on main and signet", () => {
  const month = 28 * 24 * 3600;
  for (const params of [MAIN, SIGNET]) {
    const branch = period(0x1c0ffff0, month);
    assert.equal(nextBits(params, branch.ancestor(2014), 2_000_000_000), 0x1c0ffff0);
    assert.equal(nextBits(params, branch, 2_000_000_000), 0x1c1fffe0);
  }
});

test("testnet3: easy after twenty minutes, else the last bits that were not easy", () => {
  const easy = TESTNET3.work.limitBits;
  const branch = period(0x1c0ffff0, 2015 * 600, { 50: easy, 51: easy, 52: easy });
  const at = branch.ancestor(52);
  assert.equal(nextBits(TESTNET3, at, at.time + 1201), easy);
  assert.equal(nextBits(TESTNET3, at, at.time + 1200), 0x1c0ffff0);
  // The walk stops at a period's first block, even when that is easy.
  const start = period(0x1c0ffff0, 2015 * 600, { 0: easy, 1: easy });
  assert.equal(nextBits(TESTNET3, start.ancestor(1), start.ancestor(1).time + 600), easy);
});

test("testnet3 takes an easy last block as the base of the next period; testnet4 the first", () => {
  const easy = MAIN.work.limitBits;
  const branch = period(0x1c0ffff0, 2016 * 600, { 2015: easy });
  assert.equal(nextBits(TESTNET3, branch, 2_000_000_000), easy);
  assert.equal(nextBits(TESTNET4, branch, 2_000_000_000), 0x1c0ffff0);
});

test("regtest never changes its bits", () => {
  const branch = new Branch(
    Array.from({ length: 144 }, (_, index) => 1_700_000_000 + index),
    Array.from({ length: 144 }, () => 0x207fffff),
  );
  assert.equal(nextBits(REGTEST, branch, 1_700_000_200), 0x207fffff);
});

function verdictCode(params: Params, branch: Branch, time: number, now: number, version = 4) {
  const bytes = new Uint8Array(HEADER_BYTES);
  new DataView(bytes.buffer).setInt32(0, version, true);
  new DataView(bytes.buffer).setUint32(68, time, true);
  new DataView(bytes.buffer).setUint32(72, nextBits(params, branch, time), true);
  const verdict = checkHeaderInBranch(readHeader(bytes), params, branch, now);
  return verdict.ok ? "ok" : verdict.code;
}

test("a header's time lies behind the median of eleven and less than two hours ahead", () => {
  const branch = new Branch(
    Array.from({ length: 20 }, (_, index) => 1000 + ((index * 7) % 20)),
    Array.from({ length: 20 }, () => 0x207fffff),
  );
  // The last eleven times are 1000 + {3, 10, 17, 4, 11, 18, 5, 12, 19, 6, 13}; their median is 1011.
  assert.equal(verdictCode(REGTEST, branch, 1011, 5000), "time-too-old");
  assert.equal(verdictCode(REGTEST, branch, 1012, 5000), "ok");
  assert.equal(verdictCode(REGTEST, branch, 12_200, 5000), "ok");
  assert.equal(verdictCode(REGTEST, branch, 12_201, 5000), "time-too-new");
});

test("testnet4 forbids a period to begin more than ten minutes before its parent", () => {
  const branch = period(0x1d00ffff, 2016 * 600 + 3600);
  const { time } = branch;
  assert.equal(verdictCode(TESTNET4, branch, time - 601, time), "time-timewarp-attack");
  assert.equal(verdictCode(TESTNET4, branch, time - 600, time), "ok");
  assert.equal(verdictCode(TESTNET3, branch, time - 601, time), "ok");
  const inside = new Branch(branch.times.slice(0, 2015), branch.allBits.slice(0, 2015));
  assert.equal(verdictCode(TESTNET4, inside, inside.time - 1000, time), "ok");
});

test("old header versions end where their rules begin", () => {
  const branch = new Branch([1000], [0x207fffff]);
  for (const [version, code] of [
    [1, "bad-version(0x00000001)"],
    [3, "bad-version(0x00000003)"],
    [-1, "bad-version(0xffffffff)"],
    [4, "ok"],
    [0x20000000, "ok"],
  ] as const) {
    assert.equal(verdictCode(REGTEST, branch, 1001, 2000, version), code);
  }
  const later = { ...REGTEST, activation: { ...REGTEST.activation, bip65: 2 } };
  assert.equal(verdictCode(later, branch, 1001, 2000, 3), "ok");
});

test("wrong bits are named before a wrong time", () => {
  const bytes = new Uint8Array(HEADER_BYTES);
  const verdict = checkHeaderInBranch(
    readHeader(bytes),
    REGTEST,
    new Branch([1000], [0x207fffff]),
    0,
  );
  assert.equal(verdict.ok ? "ok" : verdict.code, "bad-diffbits");
});

test("whatever the times are, the bits that a period ends with may follow", () => {
  for (const { work } of [MAIN, SIGNET]) {
    const params = { ...MAIN, work };
    const bits = fc.integer({ min: 0x18001000, max: work.limitBits }).filter((one) => {
      const target = targetFromBits(one);
      return target !== null && target <= work.limit && bitsFromTarget(target) === one;
    });
    const seconds = fc.integer({ min: 1, max: work.timespan * 6 });
    fc.assert(
      fc.property(bits, seconds, (before, took) => {
        const next = nextBits(params, period(before, took), 0);
        assert.ok(mayFollow(work, 2016, before, next));
        assert.equal(mayFollow(work, 2017, before, next), next === before);
      }),
    );
    const easiest = retarget(0x1b00ffff, work.timespan * 4, work);
    assert.ok(mayFollow(work, 4032, 0x1b00ffff, easiest));
    assert.ok(!mayFollow(work, 4032, 0x1b00ffff, easiest + 1), "more than four times easier");
    const hardest = retarget(0x1b00ffff, work.timespan / 4, work);
    assert.ok(mayFollow(work, 4032, 0x1b00ffff, hardest));
    assert.ok(!mayFollow(work, 4032, 0x1b00ffff, hardest - 1), "more than four times harder");
  }
  assert.ok(mayFollow(TESTNET4.work, 5, 0x1b00ffff, TESTNET4.work.limitBits), "easy blocks");
});
