// Keys behind their guards: over a disk that fails, crashes and comes back, no two conflicting
// signatures ever leave, whatever a node asks for.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, hex, toHex } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/hash.ts";
import { verifySchnorr } from "../../crypto/secp256k1.ts";
import {
  allowAct,
  allowVote,
  encodeGuard,
  freshGuard,
  type Guard,
} from "../../planes/consensus/finality/guard.ts";
import {
  encodeVote,
  type Vote,
  voteDigest,
  votesConflict,
} from "../../planes/consensus/finality/vote.ts";
import { encodeHeader, type Header, headerId } from "../../planes/consensus/qpos/header.ts";
import { headerDigest } from "../../planes/consensus/qpos/suite.ts";
import type { GuardDisk } from "./guard-disk.ts";
import { GuardedKeys, VOTE_SIGNED_BYTES } from "./guarded-keys.ts";
import { type KeyFile, signKeyOf } from "./key-file.ts";

const CHAIN = "c0".repeat(32);
const OTHER_CHAIN = "c1".repeat(32);
const ID = 7;
const SECRET = toHex(sha256(new Uint8Array([1])));
const KEYS: KeyFile = {
  chainId: CHAIN,
  stakers: [{ id: ID, signSecret: SECRET, revealSecret: "11".repeat(32), ownerSecret: null }],
};
const WAITING: KeyFile = { ...KEYS, stakers: [{ ...KEYS.stakers[0]!, id: null }] };
const SIGN_KEY = signKeyOf(SECRET);

/** A disk in memory whose next replace() may fail, having written or not. */
class TestDisk implements GuardDisk {
  readonly files = new Map<number, Bytes>();
  next: "works" | "fails before" | "fails after" = "works";

  read(stakerId: number): Bytes | null {
    return this.files.get(stakerId)?.slice() ?? null;
  }

  replace(stakerId: number, guard: Bytes): void {
    const how = this.next;
    this.next = "works";
    if (how !== "fails before") this.files.set(stakerId, guard.slice());
    if (how !== "works") throw new Error("the disk failed");
  }
}

function freshDisk(): TestDisk {
  const disk = new TestDisk();
  disk.replace(ID, encodeGuard(freshGuard(CHAIN, ID)));
  return disk;
}

function open(disk: GuardDisk, file: KeyFile = KEYS): GuardedKeys {
  const opened = GuardedKeys.open(file, disk, () => {});
  assert.ok(opened.ok, opened.ok ? "" : opened.why);
  return opened.keys;
}

function header(round: number, salt: number, more: Partial<Header> = {}): Header {
  const zero = "00".repeat(32);
  return {
    version: 0x20000000,
    parent: zero,
    txRoot: salt.toString(16).padStart(64, "0"),
    time: 0,
    slot: round,
    height: round,
    round,
    index: 0,
    segmentBits: 0,
    flags: 0,
    stakerId: ID,
    txCount: 1,
    witnessRoot: zero,
    registryRoot: zero,
    coinSetHash: zero,
    extrasRoot: zero,
    ...more,
  };
}

function vote(sourceRound: number, targetRound: number, salt: number): Vote {
  const [sourceId, targetId] = [sourceRound, salt].map((one) => one.toString(16).padStart(64, "0"));
  return {
    stakerId: ID,
    sourceRound,
    sourceId: sourceId!,
    targetRound,
    targetId: targetId!,
    sig: "00".repeat(64),
  };
}

const blockRequest = (one: Header) =>
  ({ what: "block", header: toHex(encodeHeader(one)) }) as const;
const voteRequest = (one: Vote) =>
  ({ what: "vote", vote: toHex(encodeVote(one), 0, VOTE_SIGNED_BYTES) }) as const;
const actDigest = (one: Header, chain = CHAIN): string => headerDigest(chain, headerId(one));

/** The guard that a core would ask to make durable for a header, or for a vote. */
function actGuard(guard: Guard, one: Header): Guard {
  const decision = allowAct(guard, one.round, actDigest(one));
  assert.ok(decision.ok);
  return decision.guard;
}

function voteGuard(guard: Guard, one: Vote): Guard {
  const decision = allowVote(guard, one, voteDigest(CHAIN, one));
  assert.ok(decision.ok);
  return decision.guard;
}

test("a header and a vote are signed after their guard, and the signatures hold", () => {
  const keys = open(freshDisk());
  const [block, ballot] = [header(5, 1), vote(3, 5, 1)];
  const first = actGuard(freshGuard(CHAIN, ID), block);
  assert.equal(keys.sign(ID, blockRequest(block)), null, "no guard yet");
  assert.ok(keys.persist(first));
  const signature = keys.sign(ID, blockRequest(block));
  assert.ok(verifySchnorr(hex(SIGN_KEY), hex(signature!), hex(actDigest(block))));
  assert.equal(keys.sign(ID, blockRequest(block)), signature, "the same bytes again");
  assert.equal(keys.sign(ID, voteRequest(ballot)), null);
  assert.ok(keys.persist(voteGuard(first, ballot)));
  const digest = hex(voteDigest(CHAIN, ballot));
  assert.ok(verifySchnorr(hex(SIGN_KEY), hex(keys.sign(ID, voteRequest(ballot))!), digest));
  assert.equal(
    keys.stakers[0]!.guard.voteTarget,
    5,
    "a node that comes later sees the newest guard",
  );
});

test("nothing is signed that the guard does not name", () => {
  const keys = open(freshDisk());
  const block = header(5, 1);
  assert.ok(keys.persist(actGuard(freshGuard(CHAIN, ID), block)));
  for (const [what, one] of [
    ["another block of the round", header(5, 2)],
    ["a later round", header(6, 1)],
    ["another staker's header", header(5, 1, { stakerId: 8 })],
  ] as const) {
    assert.equal(keys.sign(ID, blockRequest(one)), null, what);
  }
  assert.equal(keys.sign(8, blockRequest(block)), null, "a staker that is not held");
  for (const bad of [
    "",
    "zz",
    toHex(encodeHeader(block)).slice(2),
    `${toHex(encodeHeader(block))}00`,
  ]) {
    assert.equal(keys.sign(ID, { what: "block", header: bad }), null);
    assert.equal(keys.sign(ID, { what: "vote", vote: bad }), null);
  }
});

test("a guard is only replaced by one that allows less", () => {
  const keys = open(freshDisk());
  const fresh = freshGuard(CHAIN, ID);
  const block = header(5, 1);
  const act = actGuard(fresh, block);
  const both = voteGuard(act, vote(3, 5, 1));
  assert.ok(keys.persist(act));
  assert.ok(keys.persist(act), "the same again");
  assert.ok(keys.persist(both));
  for (const [what, guard] of [
    ["a fresh one", fresh],
    ["one without the vote", act],
    ["another act of the round", { ...both, actDigest: "ab".repeat(32) }],
    ["another vote of the round", { ...both, voteDigest: "ab".repeat(32) }],
    ["another source of the round", { ...both, voteSource: 4 }],
    ["a lower source", { ...both, voteTarget: 6, voteSource: 2 }],
    ["a source that is not below its target", { ...both, voteTarget: 6, voteSource: 6 }],
    ["another chain's", { ...both, chainId: OTHER_CHAIN, actRound: 9 }],
    ["a staker's that is not held", { ...both, stakerId: 8 }],
  ] as const) {
    assert.equal(keys.persist(guard), false, what);
  }
  assert.ok(keys.persist({ ...both, actRound: 6, actDigest: "cd".repeat(32) }));
});

test("a guard that is missing, damaged or another's forbids to sign", () => {
  const disk = freshDisk();
  const refused = (): string => {
    const opened = GuardedKeys.open(KEYS, disk, () => {});
    assert.ok(!opened.ok);
    return opened.why;
  };
  const sound = disk.read(ID)!;
  for (let at = 0; at < sound.length; at++) {
    const spoilt = sound.slice();
    spoilt[at]! ^= 0x10;
    disk.files.set(ID, spoilt);
    assert.match(refused(), /damaged or another's \(guard-checksum\)/);
  }
  disk.files.set(ID, sound.subarray(0, 119));
  assert.match(refused(), /guard-length/);
  disk.files.set(ID, encodeGuard(freshGuard(OTHER_CHAIN, ID)));
  assert.match(refused(), /guard-other-staker/);
  disk.files.delete(ID);
  assert.match(refused(), /the double-sign guard of staker 7 is missing/);
  disk.files.set(ID, sound);
  const keys = open(disk);
  const act = actGuard(freshGuard(CHAIN, ID), header(5, 1));
  disk.files.delete(ID);
  assert.equal(keys.persist(act), false, "lost while it ran");
  disk.files.set(ID, sound);
  assert.ok(keys.persist(act));
  disk.files.set(ID, sound);
  assert.equal(keys.sign(ID, blockRequest(header(5, 1))), null, "an older copy put back");
});

test("after a failed write nothing more is signed until the next start", () => {
  for (const how of ["fails before", "fails after"] as const) {
    const disk = freshDisk();
    const keys = open(disk);
    const block = header(5, 1);
    const act = actGuard(freshGuard(CHAIN, ID), block);
    disk.next = how;
    assert.equal(keys.persist(act), false);
    assert.equal(keys.sign(ID, blockRequest(block)), null);
    assert.equal(keys.persist(act), false);
    const again = open(disk);
    assert.ok(again.persist(act));
    assert.notEqual(again.sign(ID, blockRequest(block)), null);
  }
});

test("a waiting key is adopted with a fresh guard, once, and not when it has signed before", () => {
  const disk = new TestDisk();
  const records: [string, number][] = [];
  const opened = GuardedKeys.open(WAITING, disk, (key, id) => records.push([key, id]));
  assert.ok(opened.ok);
  const { keys } = opened;
  assert.deepEqual([keys.waiting, keys.stakers], [[SIGN_KEY], []]);
  assert.equal(keys.adopt("ab".repeat(32), 9, 0), null, "not one of its keys");
  assert.equal(keys.adopt(SIGN_KEY, 9, 3), null, "three blocks and no guard: it was lost");
  assert.equal(disk.files.size, 0);
  const staker = keys.adopt(SIGN_KEY, 9, 0);
  assert.deepEqual(staker?.guard, freshGuard(CHAIN, 9));
  assert.deepEqual(records, [[SIGN_KEY, 9]]);
  assert.deepEqual(disk.read(9), encodeGuard(freshGuard(CHAIN, 9)));
  assert.deepEqual([keys.waiting, keys.stakers.length], [[], 1]);
  assert.equal(keys.adopt(SIGN_KEY, 10, 0), null);
});

test("an adoption that was cut short keeps the guard that it made", () => {
  const disk = new TestDisk();
  const first = open(disk, WAITING);
  assert.notEqual(first.adopt(SIGN_KEY, ID, 0), null);
  assert.ok(first.persist(actGuard(freshGuard(CHAIN, ID), header(5, 1))));
  // The key file still says that the key waits: its write was lost, or an old copy put back.
  const again = open(disk, WAITING);
  assert.equal(again.adopt(SIGN_KEY, ID, 4)?.guard.actRound, 5);
});

type Step =
  | { readonly do: "act"; readonly round: number; readonly salt: number; readonly sign: boolean }
  | {
      readonly do: "vote";
      readonly source: number;
      readonly target: number;
      readonly salt: number;
      readonly sign: boolean;
    }
  | { readonly do: "raw"; readonly guard: Partial<Guard> }
  | { readonly do: "break"; readonly how: TestDisk["next"] }
  | { readonly do: "restart" };

const small = fc.integer({ min: 0, max: 16 });
/** Rounds are counted from those of the guard: half of the requests should be allowed. */
const ahead = fc.integer({ min: -2, max: 3 });
const salt = fc.integer({ min: 1, max: 3 });
const digest = fc.constantFrom("00".repeat(32), "ab".repeat(32), actDigest(header(3, 1)));
const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("act" as const),
        round: ahead,
        salt,
        sign: fc.boolean(),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("vote" as const),
        source: ahead,
        target: ahead,
        salt,
        sign: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("raw" as const),
        guard: fc.record(
          {
            actRound: small,
            actDigest: digest,
            voteTarget: small,
            voteSource: small,
            voteDigest: digest,
          },
          { requiredKeys: [] },
        ),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("break" as const),
        how: fc.constantFrom<TestDisk["next"]>("fails before", "fails after"),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  ),
  { minLength: 1, maxLength: 60, size: "max" },
);

/** What has left, and the rules that it must keep. */
class Watcher {
  readonly blocks = new Map<number, string>();
  readonly votes: Vote[] = [];

  sawBlock(one: Header): void {
    const id = headerId(one);
    assert.equal(this.blocks.get(one.round) ?? id, id, `two blocks of round ${one.round}`);
    this.blocks.set(one.round, id);
  }

  sawVote(one: Vote): void {
    for (const other of this.votes) assert.ok(!votesConflict(one, other), "two votes conflict");
    this.votes.push(one);
  }
}

/** A hostile node: asks for guards over what the disk holds, and for signatures with and without. */
function play(list: readonly Step[]): number {
  const disk = freshDisk();
  let keys = open(disk);
  const watcher = new Watcher();
  const guardNow = (): Guard => keys.stakers[0]!.guard;
  for (const step of list) {
    switch (step.do) {
      case "act": {
        const actRound = Math.max(0, guardNow().actRound + step.round);
        const one = header(actRound, step.salt);
        keys.persist({ ...guardNow(), actRound, actDigest: actDigest(one) });
        if (step.sign && keys.sign(ID, blockRequest(one)) !== null) watcher.sawBlock(one);
        break;
      }
      case "vote": {
        const voteTarget = Math.max(0, guardNow().voteTarget + step.target);
        const voteSource = Math.max(0, guardNow().voteSource + step.source);
        const one = vote(voteSource, voteTarget, step.salt);
        keys.persist({ ...guardNow(), voteTarget, voteSource, voteDigest: voteDigest(CHAIN, one) });
        if (step.sign && keys.sign(ID, voteRequest(one)) !== null) watcher.sawVote(one);
        break;
      }
      case "raw":
        keys.persist({ ...guardNow(), ...step.guard });
        break;
      case "break":
        disk.next = step.how;
        break;
      case "restart":
        disk.next = "works";
        keys = open(disk);
        break;
    }
  }
  return watcher.blocks.size + watcher.votes.length;
}

test("for any row of requests, failures and crashes no two conflicting signatures leave", () => {
  let signatures = 0;
  fc.assert(
    fc.property(steps, (list) => {
      signatures += play(list);
    }),
    { numRuns: 400 },
  );
  assert.ok(signatures > 1000, `${signatures} signatures: the property is not empty`);
});
