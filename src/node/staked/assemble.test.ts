// What a header says of a block laid out in segments is what it would say of the same list; and the
// room kept for what is not of the mempool is enough.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { Bytes } from "../../base/bytes.ts";
import { EVIDENCE_BYTES_MAX, type SignedHeader } from "../../planes/consensus/finality/evidence.ts";
import {
  EVIDENCE_MAX,
  encodeExtras,
  extrasBytesMost,
  LINKS_MAX,
} from "../../planes/consensus/qpos/extras.ts";
import { SEGMENTS_MAX } from "../../planes/consensus/qpos/header.ts";
import { electorate } from "../../planes/consensus/qpos/staker-set.ts";
import { packRange, unpackRange } from "../../planes/execution/admission-host/segment-ranges.ts";
import { PartitionLogs } from "../../planes/execution/rounds.ts";
import { ID_BYTES } from "../../planes/execution/segment.ts";
import { assembleSegments } from "../../planes/execution/segment-assemble.ts";
import type { BlockTemplate, TemplateSegments } from "../../ports/mempool.ts";
import { assembleBody, type BodyRequest, blockBytesOf, reserveFor } from "./assemble.ts";

const ZERO = "00".repeat(32);

function idOf(name: string): Bytes {
  return new Uint8Array(createHash("sha256").update(name).digest());
}

interface Pool {
  readonly transactions: BlockTemplate["transactions"];
  readonly segments: TemplateSegments;
}

/** A pool of these (partition, round), some of which have left, as the mempool would lay it out. */
function laidOut(places: readonly (readonly [number, number, boolean])[], bits: number): Pool {
  const logs = Array.from({ length: 8 }, (_, partition) => new PartitionLogs(partition, bits));
  places.forEach(([partition, round, leaves], at) => {
    const log = logs[partition]!.log(round);
    const position = log.add(idOf(`t${at}`), idOf(`w${at}`), {});
    if (leaves) log.remove(position);
  });
  const ranges = logs.flatMap((log) => log.ranges()).map((range) => unpackRange(packRange(range)));
  const { segments, coinbaseBranch, witnessRoot } = assembleSegments(null, ranges, bits);
  const transactions = segments
    .flatMap((segment) => [...segment.entries()])
    .slice(1)
    .map(({ log, position }) => {
      const at = position * ID_BYTES;
      const txid = log.ids.slice(at, at + 32);
      const wtxid = log.ids.slice(at + 32, at + 64);
      return { raw: txid, txid, wtxid, fee: 0, sigops: 0, weight: 0, depends: [] };
    });
  return { transactions, segments: { bits, coinbaseBranch, witnessRoot } };
}

const EMPTY_HEADER = {
  version: 1,
  parent: ZERO,
  time: 1,
  slot: 1,
  height: 1,
  round: 1,
  index: 0,
  flags: 0,
  stakerId: 1,
  registryRoot: ZERO,
  extrasRoot: ZERO,
};

const PLAN = { height: 7, slot: 9, due: [], payout: "51", reward: 50, segmentBits: 10 };

test("folded roots are those of the whole list, whatever the pool", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(7), fc.nat(3), fc.boolean()), { maxLength: 400 }),
      fc.nat(5),
      (places, bits) => {
        const { transactions, segments } = laidOut(places, bits);
        const folded = assembleBody({ ...PLAN, transactions, segments });
        const plain = assembleBody({ ...PLAN, transactions, segments: null });
        assert.equal(folded.body.segmentBits, bits);
        assert.deepEqual({ ...folded.body, segmentBits: 10 }, plain.body);
        assert.deepEqual(folded.raws, plain.raws);
        assert.equal(folded.body.txCount, places.filter(([, , leaves]) => !leaves).length + 1);
      },
    ),
    { numRuns: 200 },
  );
});

test("a header never names more segments than it may", () => {
  const places = Array.from({ length: SEGMENTS_MAX + 10 }, (_, at): [number, number, boolean] => [
    at % 8,
    0,
    false,
  ]);
  const { transactions, segments } = laidOut(places, 0);
  const { body } = assembleBody({ ...PLAN, transactions, segments });
  assert.equal(body.segmentBits, 1);
  const plain = assembleBody({ ...PLAN, transactions, segments: null });
  assert.equal(body.txRoot, plain.body.txRoot);
});

/** Extras as long as they can be with these voters and so much evidence. */
function longestExtras(voters: number, evidenceCount: number): Bytes {
  const ids = Array.from({ length: voters }, (_, at) => at + 1);
  const set = electorate(
    ids,
    ids.map(() => 1),
  );
  const sig = "ab".repeat(64);
  const sigs = ids.map(() => sig);
  const link = {
    targetRound: 5,
    targetId: ZERO,
    groups: [{ sourceRound: 4, sourceId: ZERO, voters: ids, sigs }],
  };
  const groups = ids.map((id) => ({ sourceRound: id, sourceId: ZERO, voters: [id], sigs: [sig] }));
  const { body } = assembleBody({ ...PLAN, transactions: [], segments: null });
  const header: SignedHeader["header"] = { ...EMPTY_HEADER, ...body };
  const acts = { kind: 1, a: { header, sig }, b: { header, sig } } as const;
  return encodeExtras(
    {
      reveal: ZERO,
      commit: ZERO,
      restart: { targetRound: 5, targetId: ZERO, groups },
      links: Array.from({ length: LINKS_MAX }, () => link),
      evidence: Array.from({ length: evidenceCount }, () => acts),
    },
    () => set,
  );
}

test("the longest coinbase and extras fit into what is kept free for them", () => {
  for (const [voters, evidence] of [
    [1, 1],
    [4, 9],
    [100, EVIDENCE_MAX],
  ] as const) {
    const extras = longestExtras(voters, evidence);
    assert.equal(extras.length, extrasBytesMost(voters, evidence));
    // Scripts of 42 signature checks of 20 keys each: the worst that a payment can be.
    const due = Array.from({ length: 64 }, () => ({ value: 1, script: "ae".repeat(42) }));
    const request: BodyRequest = {
      ...PLAN,
      height: 2 ** 31 - 1,
      due,
      transactions: [],
      segments: null,
    };
    const { body, raws } = assembleBody(request);
    const header = { ...EMPTY_HEADER, ...body };
    const block = blockBytesOf({ header, sig: "00".repeat(64) }, extras, raws);
    const { weight, sigops } = reserveFor(request, voters, evidence);
    assert.ok(block.length <= weight, `${block.length} bytes, ${weight} kept free`);
    assert.ok(weight <= block.length + 16 + 8 * EVIDENCE_BYTES_MAX, "and not much more");
    assert.equal(sigops, 4 * 64 * 42 * 20);
  }
});
