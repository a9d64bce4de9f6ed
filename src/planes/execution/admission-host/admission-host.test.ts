import assert from "node:assert/strict";
import { test } from "node:test";
import { writeU32, writeU64 } from "../../../base/bytes.ts";
import { Writer } from "../../../base/writer.ts";
import { encodeTransaction } from "../../../ledger/bitcoin/encode.ts";
import { decodeTransaction } from "../../../ledger/bitcoin/transaction.ts";
import { StorageFull } from "../../../ports/storage-error.ts";
import { SALT_WORDS } from "../../../state/admission/key-table.ts";
import { DEFAULT_LIMITS } from "../../../state/admission/limits.ts";
import { AdmissionHost } from "./admission-host.ts";
import type { JournalFile } from "./journal.ts";
import { PENDING_OPERATIONS_MAX } from "./recorded-coins.ts";
import {
  eachMessage,
  putSubmit,
  putVerdict,
  readVerifyHead,
  TO_NODE,
  type VerifyHead,
} from "./wire.ts";

/** A journal whose flushes end when the test says so. */
class SlowFile implements JournalFile {
  readonly flushes: (() => void)[] = [];
  full = false;
  readonly records: { kind: number; payload: Uint8Array }[];

  constructor(records: SlowFile["records"]) {
    this.records = [...records];
  }

  append(kind: number, payload: Uint8Array): { file: number; offset: number } {
    if (this.full) throw new StorageFull("journal");
    this.records.push({ kind, payload: payload.slice() });
    return { file: 0, offset: this.records.length - 1 };
  }

  sync(): Promise<void> {
    return new Promise((resolve) => this.flushes.push(resolve));
  }

  dropBefore(): void {}

  read(): SlowFile["records"] {
    return [...this.records];
  }

  async close(): Promise<void> {}
}

function storedCoin(): Uint8Array {
  const stored = new Uint8Array(13);
  writeU32(stored, 0, 0);
  writeU64(stored, 4, 1_000);
  stored[12] = 0x51;
  return stored;
}

/** One host with one partition whose confirmed coins are whatever anybody spends. */
class Stage {
  readonly file: SlowFile;
  readonly heads: VerifyHead[] = [];
  told = 0;
  readonly #soon: (() => void)[] = [];
  /** What is to be done later. */
  readonly later: (() => void)[] = [];
  readonly host: AdmissionHost;

  /** `records`: what its journal holds. */
  constructor(records: SlowFile["records"] = []) {
    this.file = new SlowFile(records);
    this.host = new AdmissionHost(
      {
        partitions: [{ number: 0, coins: { get: storedCoin } }],
        hostOf: [0],
        self: 0,
        places: { home: () => 0, coin: () => 0, outputsAtHome: true },
        rank: () => 0,
        salt: new Uint32Array(SALT_WORDS).fill(0x1234567),
        limits: DEFAULT_LIMITS,
        coinbaseMaturity: 100,
        rewriteBytesMin: 1 << 20,
        segmentBits: 4,
        sequence: 0,
        facts: { height: 0, flags: 0, mediansFrom: 0, medians: Uint32Array.of(0) },
      },
      {
        now: () => 0,
        random: () => 0.5,
        soon: (callback) => void this.#soon.push(callback),
        later: (_ms, callback) => void this.later.push(callback),
        storageFault: (error) => (error instanceof StorageFull ? "full" : null),
        toHost: () => assert.fail("there is one host"),
        toNode: (bytes) =>
          eachMessage(bytes, (type, body) => {
            this.told++;
            if (type === TO_NODE.verify) this.heads.push(readVerifyHead(body));
          }),
      },
      this.file,
    );
  }

  turn(): void {
    for (const callback of this.#soon.splice(0)) callback();
  }

  /** Submits a transaction and says that it is valid. */
  admit(index: number): void {
    const raw = encodeTransaction({
      version: 2,
      inputs: [
        {
          txid: new Uint8Array(32).fill(7),
          index,
          script: new Uint8Array(0),
          sequence: 0xffff_ffff,
          witness: [],
        },
      ],
      outputs: [{ value: 900, script: Uint8Array.of(0x51) }],
      lockTime: 0,
    });
    const decoded = decodeTransaction(raw);
    assert.ok(decoded.ok);
    const { txid } = decoded.value;
    const out = new Writer();
    putSubmit(out, { partition: 0, token: index + 1, source: 0, size: raw.length, txid, raw });
    this.host.receive(out.take());
    this.turn();
    putVerdict(out, this.heads.pop()!, { ok: true, fee: 100, sigops: 0 });
    this.host.receive(out.take());
    this.turn();
  }

  async flushed(): Promise<void> {
    while (this.file.flushes.length > 0) {
      for (const done of this.file.flushes.splice(0)) done();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  get logged(): number {
    let count = 0;
    for (const { ids } of this.host.ranges()) count += ids.length / 64;
    return count;
  }
}

test("admission that stops while its journal is flushed has each transaction in its log once", async () => {
  const stage = new Stage();
  stage.admit(0);
  await stage.flushed();
  // One in the flush that is under way, and one behind it.
  stage.admit(1);
  stage.admit(2);
  assert.ok(stage.file.flushes.length > 0);
  for (let count = 0; count <= PENDING_OPERATIONS_MAX; count++) {
    stage.host.noteOperation("stage", () => []);
  }
  await stage.flushed();
  assert.equal(stage.logged, 3);
});

test("nothing that the disk must prove leaves before the new epoch is durable", async () => {
  const before = new Stage();
  before.host.start();
  await before.flushed();
  const stage = new Stage(before.file.records);
  stage.host.start();
  assert.deepEqual([stage.told, stage.file.flushes.length], [0, 1]);
  await stage.flushed();
  assert.equal(stage.told, 1);
});

test("a full disk is tried by one timer, however much happens meanwhile", async () => {
  const stage = new Stage();
  stage.host.start();
  await stage.flushed();
  stage.file.full = true;
  stage.admit(0);
  const { told } = stage;
  const planned = stage.later.length;
  const marks = Array.from({ length: 50 }, () => stage.host.flushed());
  assert.equal(stage.later.length, planned);
  // It is still full, then it is not.
  for (const callback of stage.later.splice(0)) callback();
  assert.ok(stage.later.length > 0 && stage.later.length <= planned);
  stage.file.full = false;
  for (const callback of stage.later.splice(0)) callback();
  await stage.flushed();
  await Promise.all(marks);
  assert.ok(stage.told > told);
});
