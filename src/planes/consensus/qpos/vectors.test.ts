// The published vectors: every JSON file of vectors/, as another implementation would run them. The
// hashes that the specification prints are repeated here by hand.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { hex, toHex } from "../../../base/bytes.ts";
import { Reader } from "../../../base/reader.ts";
import { taggedHash } from "../../../crypto/hash.ts";
import { verifySchnorr } from "../../../crypto/secp256k1.ts";
import { type Certificate, encodeCertificate, readCertificate } from "../finality/certificate.ts";
import { type Evidence, encodeEvidence, readEvidence } from "../finality/evidence.ts";
import { decodeGuard, encodeGuard, type Guard } from "../finality/guard.ts";
import { decodeVote, encodeVote, type Vote, voteDigest } from "../finality/vote.ts";
import type { Extras } from "./block.ts";
import { decodeExtras, encodeExtras } from "./extras.ts";
import { decodeHeader, encodeHeader, type Header, headerId } from "./header.ts";
import { type Operation, operationOf, operationScript } from "./operations.ts";
import { canonicalJson, chainIdOf, genesisHeader, type QposParameters } from "./params.ts";
import { picoPower, powerOf, powerPasses } from "./power.ts";
import { commitTo, mixWith, queueOf, queueSeed, revealOf, tieOf } from "./randomness.ts";
import { encodeRecord, type StakerRecord, treeRoot } from "./record.ts";
import { electorate, nextSet } from "./staker-set.ts";
import { headerDigest, registryRoot } from "./suite.ts";
import { stakerWeight } from "./weight.ts";

function vectorsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return join(folder, "src", "planes", "consensus", "qpos", "vectors");
}

function load<T>(name: string): T {
  return JSON.parse(readFileSync(join(vectorsFolder(), `${name}.json`), "utf8")) as T;
}

interface Randomness {
  chainId: string;
  mix: string;
  reveals: { secret: string; signKey: string; count: number; reveal: string }[];
  commits: { signKey: string; reveal: string; commit: string }[];
  mixes: { mix: string; reveal: string; after: string }[];
  seeds: { round: number; seed: string }[];
  queues: { round: number; ids: number[]; queue: number[] }[];
  ties: { round: number; slot: number; stakerId: number; tie: string }[];
}

test("randomness: reveals, commitments, mix, seeds, queues, ties", () => {
  const v = load<Randomness>("randomness");
  for (const r of v.reveals) assert.equal(revealOf(hex(r.secret), r.signKey, r.count), r.reveal);
  for (const c of v.commits) assert.equal(commitTo(v.chainId, c.signKey, c.reveal), c.commit);
  for (const m of v.mixes) assert.equal(mixWith(m.mix, m.reveal), m.after);
  for (const s of v.seeds) assert.equal(queueSeed(v.chainId, s.round, v.mix), s.seed);
  for (const q of v.queues) {
    assert.deepEqual(queueOf(queueSeed(v.chainId, q.round, v.mix), q.ids), q.queue);
  }
  for (const t of v.ties) {
    assert.equal(tieOf(queueSeed(v.chainId, t.round, v.mix), t.slot, t.stakerId), t.tie);
  }
});

test("randomness: the values that the specification prints", () => {
  const chainId = "00".repeat(32);
  const mix = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
  const seed = queueSeed(chainId, 7, mix);
  assert.equal(seed.slice(0, 16), "13753998e1fa48ba");
  assert.deepEqual(queueOf(seed, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), [3, 7, 9, 2, 10, 6, 1, 4, 8, 5]);
  assert.deepEqual(queueOf(seed, [1, 2, 3]), [3, 2, 1]);
  const commit = commitTo(chainId, "ab".repeat(32), "01".repeat(32));
  assert.equal(commit.slice(0, 16), "fca6851e6a49669a");
  assert.equal(mixWith(mix, "01".repeat(32)).slice(0, 16), "7e46712dfb9b7174");
  assert.equal(tieOf(seed, 7, 2).slice(0, 16), "1b49ed9304a0e2d8");
});

test("weights by every rule", () => {
  interface Row {
    produced: number;
    docked: number;
    highestId: number;
    id: number;
    flat: number;
    earned: number;
    senior: number;
  }
  const v = load<{ weightMax: number; rows: Row[] }>("weights");
  for (const row of v.rows) {
    for (const rule of ["flat", "earned", "senior"] as const) {
      assert.equal(stakerWeight(rule, row, row.highestId + 1, v.weightMax), row[rule]);
    }
  }
});

interface PowerFork {
  name: string;
  queues: string[];
  steps: {
    slot: string;
    staker: string;
    hit: boolean;
    before: [number, number];
    after: [number, number];
    pico: number;
  }[];
  atRound3: [number, number];
  opens: boolean;
}

/** Runs one fork of the golden trace; `expect` is asked after every slot. */
function runFork(
  fork: PowerFork,
  expect: (at: number, after: number, total: number) => void,
): void {
  let previous = { filled: 3, total: 3 };
  for (let round = 0; round < 2; round++) {
    const current: { weight: number; hit: boolean }[] = [];
    for (let index = 0; index < 3; index++) {
      const step = fork.steps[round * 3 + index]!;
      assert.equal(step.staker, fork.queues[round]![index]);
      const before = powerOf(previous, current);
      assert.deepEqual([before.filled, before.total], step.before, `${step.slot} before`);
      current.push({ weight: 1, hit: step.hit });
      const after = powerOf(previous, current);
      assert.deepEqual([after.filled, after.total], step.after, `${step.slot} after`);
      assert.equal(picoPower(after), step.pico);
      expect(round * 3 + index, after.filled, after.total);
    }
    if (round === 0) {
      previous = { filled: current.filter((slot) => slot.hit).length, total: 3 };
      assert.deepEqual([previous.filled, previous.total], fork.atRound3);
      assert.equal(2 * previous.filled > previous.total, fork.opens);
    }
  }
}

test("the golden power trace: 3/5 for C9, 2/5 for B8", () => {
  const [ac, b] = load<{ forks: [PowerFork, PowerFork] }>("power").forks;
  const seen: string[] = [];
  runFork(ac, (at, filled, total) => {
    if (at === 4) seen.push(`C9 ${filled}/${total} ${powerPasses({ filled, total })}`);
  });
  runFork(b, (at, filled, total) => {
    if (at === 4) seen.push(`B8 ${filled}/${total} ${powerPasses({ filled, total })}`);
  });
  assert.deepEqual(seen, ["C9 3/5 true", "B8 2/5 false"]);
  assert.deepEqual(
    ac.steps.map((step) => step.pico),
    [1e12, 1e12, 833333333333, 5e11, 6e11, 666666666666],
  );
  assert.deepEqual(
    b.steps.map((step) => step.pico),
    [750000000000, 6e11, 666666666666, 25e10, 4e11, 333333333333],
  );
});

test("headers: bytes, id, digest, signature", () => {
  interface File {
    chainId: string;
    signKey: string;
    headers: { header: Header; bytes: string; id: string; digest: string; sig: string }[];
  }
  const v = load<File>("headers");
  for (const one of v.headers) {
    assert.equal(toHex(encodeHeader(one.header)), one.bytes);
    assert.deepEqual(decodeHeader(hex(one.bytes)), one.header);
    assert.equal(headerId(one.header), one.id);
    assert.equal(headerDigest(v.chainId, one.id), one.digest);
    assert.ok(verifySchnorr(hex(v.signKey), hex(one.sig), hex(one.digest)));
  }
  assert.equal(v.headers[0]!.id.slice(0, 16), "d050a9193c2dc699");
  assert.equal(v.headers[0]!.digest.slice(0, 16), "2d17023dc01b5286");
});

test("votes: bytes, digest, signature", () => {
  interface File {
    chainId: string;
    signKey: string;
    votes: { vote: Vote; digest: string; bytes: string }[];
  }
  const v = load<File>("votes");
  for (const { vote, digest, bytes } of v.votes) {
    assert.equal(toHex(encodeVote(vote)), bytes);
    assert.deepEqual(decodeVote(hex(bytes)), vote);
    assert.equal(voteDigest(v.chainId, vote), digest);
    assert.ok(verifySchnorr(hex(v.signKey), hex(vote.sig), hex(digest)));
  }
  assert.equal(v.votes[0]!.digest.slice(0, 16), "0fca496905b3333b");
});

test("certificates and extras", () => {
  interface File {
    setIds: number[];
    certificates: { certificate: Certificate; bytes: string }[];
    extras: { extras: Extras; bytes: string; root: string }[];
  }
  const v = load<File>("certificates");
  const set = electorate(
    v.setIds,
    v.setIds.map(() => 1),
  );
  for (const { certificate, bytes } of v.certificates) {
    assert.equal(toHex(encodeCertificate(certificate, set)), bytes);
    assert.deepEqual(
      readCertificate(new Reader(hex(bytes)), () => set),
      certificate,
    );
  }
  for (const { extras, bytes, root } of v.extras) {
    assert.equal(toHex(encodeExtras(extras, () => set)), bytes);
    assert.deepEqual(
      decodeExtras(hex(bytes), () => set),
      { ok: true, extras },
    );
    assert.equal(toHex(taggedHash("pando/qpos/extras", hex(bytes))), root);
  }
});

test("evidence", () => {
  const v = load<{ evidence: { evidence: Evidence; bytes: string }[] }>("evidence");
  for (const { evidence, bytes } of v.evidence) {
    assert.equal(toHex(encodeEvidence(evidence)), bytes);
    assert.deepEqual(readEvidence(new Reader(hex(bytes))), evidence);
  }
});

test("registry operations", () => {
  interface File {
    valid: { operation: Operation; script: string }[];
    void: string[];
  }
  const v = load<File>("operations");
  for (const { operation, script } of v.valid) {
    assert.equal(toHex(operationScript(operation)), script);
    assert.deepEqual(operationOf([hex("51"), hex(script)]), operation);
  }
  for (const script of v.void) assert.equal(operationOf([hex(script)]), null, script);
  const register = v.valid[0]!.script;
  assert.ok(register.startsWith("6a485051310100ffff01"));
  assert.equal(register.length / 2, 74);
});

test("records and registry roots", () => {
  interface File {
    record: StakerRecord;
    bytes: string;
    trees: { leaves: number; root: string }[];
    root: {
      records: StakerRecord[];
      ids: number[];
      weights: number[];
      activation: number;
      finalizedRound: number;
      finalizedId: string;
      mix: string;
      nextId: number;
      registryRoot: string;
    };
  }
  const v = load<File>("registry");
  assert.equal(toHex(encodeRecord(v.record)), v.bytes);
  for (const { leaves, root } of v.trees) {
    const list = Array.from({ length: leaves }, (_, at) => new Uint8Array([at + 1]));
    assert.equal(toHex(treeRoot(list)), root);
  }
  const { ids, weights, activation, registryRoot: expected, ...rest } = v.root;
  const set = nextSet(null, activation, ids, weights);
  assert.equal(registryRoot({ ...rest, set }), expected);
});

test("guards", () => {
  const v = load<{ guards: { guard: Guard; bytes: string }[] }>("guards");
  for (const { guard, bytes } of v.guards) {
    assert.equal(toHex(encodeGuard(guard)), bytes);
    const read = decodeGuard(hex(bytes), guard.chainId, guard.stakerId);
    assert.deepEqual(read, { ok: true, guard });
  }
});

test("genesis", () => {
  interface File {
    parameters: QposParameters;
    json: string;
    extrasRoot: string;
    chainId: string;
  }
  const v = load<File>("genesis");
  assert.equal(canonicalJson({ parameters: { ...v.parameters }, stakers: [] }), v.json);
  const header = genesisHeader(v.parameters, []);
  assert.equal(header.extrasRoot, v.extrasRoot);
  assert.equal(chainIdOf(header), v.chainId);
});
