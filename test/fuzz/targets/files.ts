// What is read back from a data directory: records, frames, logs, journals and the files beside them.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bytes, bytesEqual, concatBytes, hex, writeU32 } from "../../../src/base/bytes.ts";
import { crc32c } from "../../../src/base/crc32c.ts";
import { Writer } from "../../../src/base/writer.ts";
import { readState, writeState } from "../../../src/engines/batch.ts";
import { ChainLog, writeChainLog } from "../../../src/engines/files/chain-log.ts";
import { readFormat, writeFormat } from "../../../src/engines/files/format.ts";
import { decodeHeader, encodeHeader } from "../../../src/engines/files/frame.ts";
import { RecordFile } from "../../../src/engines/files/record-file.ts";
import { readLocation, records } from "../../../src/engines/files/record-scan.ts";
import { Segments } from "../../../src/engines/files/segments.ts";
import { encodeTransaction } from "../../../src/ledger/bitcoin/encode.ts";
import { REGTEST } from "../../../src/ledger/bitcoin/networks.ts";
import {
  decodeChainRecord,
  decodeIndexAdded,
  decodeIndexHeaders,
  encodeChainRecord,
  encodeIndexAdded,
} from "../../../src/node/chain/records.ts";
import { readBlocks, recogniseFile } from "../../../src/node/import/reader.ts";
import { readSpent, spentRecord } from "../../../src/node/verify-block/spent.ts";
import { candidateOf } from "../../../src/state/admission/candidate.ts";
import { ChangeReader, encodeChange } from "../../../src/state/admission/codec.ts";
import { outpointKey, txidKey } from "../../../src/state/admission/keys.ts";
import { UNCONFIRMED } from "../../../src/state/admission/records.ts";
import type { Change } from "../../../src/state/admission/store.ts";
import { decodeStoredCoin, STORED_COIN_HEADER_BYTES } from "../../../src/state/coin-store.ts";
import { joinDeltas, splitDeltas } from "../../../src/state/delta.ts";
import { type FuzzTarget, type Outcome, text } from "../target.ts";
import { SAMPLE_BLOCK, SAMPLE_COINS, SAMPLE_DECODED } from "./samples.ts";

const folder = mkdtempSync(join(tmpdir(), "pando-fuzz-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const hash = (fill: number): Bytes => new Uint8Array(32).fill(fill);
const place = { file: 1, offset: 77, length: 300 };

const indexAdded: FuzzTarget = {
  name: "index record of a block",
  covers: ["src/node/chain/records.ts#decodeIndexAdded"],
  corpus: [encodeIndexAdded(SAMPLE_BLOCK.subarray(0, 80), place)],
  decode: (input) => {
    const read = decodeIndexAdded(input);
    return read === null ? "refused" : encodeIndexAdded(read.header, read.location);
  },
  exact: true,
};

const indexHeaders: FuzzTarget = {
  name: "index record of headers",
  covers: ["src/node/chain/records.ts#decodeIndexHeaders"],
  corpus: [1, 3].map((count) => concatBytes(...Array(count).fill(SAMPLE_BLOCK.subarray(0, 80)))),
  decode: (input) => {
    const read = decodeIndexHeaders(input);
    return read === null ? "refused" : concatBytes(...read);
  },
  exact: true,
};

const ends = [
  { file: 0, offset: 10 },
  { file: 1, offset: 20 },
  { file: 2, offset: 30 },
] as const;

const chainRecord: FuzzTarget = {
  name: "chain record",
  covers: ["src/node/chain/records.ts#decodeChainRecord"],
  corpus: [
    encodeChainRecord({ ends, disconnect: [], connect: [{ hash: hash(1), delta: place }] }),
    encodeChainRecord({
      ends,
      disconnect: [hash(1), hash(2)],
      connect: [3, 4, 5].map((fill) => ({ hash: hash(fill), delta: place })),
    }),
  ],
  decode: (input) => {
    const read = decodeChainRecord(input);
    return read === null ? "refused" : encodeChainRecord(read);
  },
  exact: true,
};

const AT = { file: 3, offset: 4_096 };

function mendFrame(input: Bytes): Bytes {
  if (input.length < 24) return input;
  const out = input.slice(0, 24);
  out.set(encodeHeader(AT, 1, AT, []).subarray(0, 4), 0);
  const where = new Uint8Array(8);
  writeU32(where, 0, AT.file);
  writeU32(where, 4, AT.offset);
  writeU32(out, 20, crc32c(where, crc32c(out, 0, 0, 20)));
  return out;
}

const frame: FuzzTarget = {
  name: "frame of a record",
  covers: ["src/engines/files/frame.ts#decodeHeader"],
  corpus: [encodeHeader(AT, 7, { file: 2, offset: 99 }, [hash(1)])],
  decode: (input) => {
    if (input.length !== 24) return "refused";
    return decodeHeader(input, AT) === null ? "refused" : "taken";
  },
  mend: mendFrame,
};

let recordFolders = 0;

/** The segment of a sequence with these records. */
function segmentOf(payloads: readonly Bytes[]): Bytes {
  const where = join(folder, `records-${recordFolders++}`);
  const opened = RecordFile.open({ folder: where, prefix: "seg" });
  if (!opened.ok) throw new Error(opened.message);
  for (const payload of payloads) opened.records.append(1, [payload]);
  void opened.records.close();
  return readFileSync(join(where, "seg00000.pando")).subarray();
}

const sequences = join(folder, "sequence");
mkdirSync(sequences);

const recordFile: FuzzTarget = {
  name: "record file",
  covers: [
    "src/engines/files/record-scan.ts#readRecord",
    "src/engines/files/record-scan.ts#readLocation",
    "src/engines/files/disk.ts#readInto",
  ],
  corpus: [segmentOf([hash(1), hash(2), new Uint8Array(0)]), segmentOf([SAMPLE_BLOCK])],
  decode: (input) => {
    writeFileSync(join(sequences, "seg00000.pando"), input);
    const segments = new Segments(sequences, "seg");
    let sound = 0;
    for (const read of records(segments, { file: 0, offset: 0 })) {
      if (read.ok && readLocation(segments, read.location).ok) sound += 1;
    }
    segments.close();
    return sound > 0 ? "taken" : "refused";
  },
};

const logPath = join(folder, "chain.log");

function logOf(records: readonly Bytes[]): Bytes {
  writeChainLog(logPath, records);
  return new Uint8Array(readFileSync(logPath));
}

const chainLog: FuzzTarget = {
  name: "chain log",
  covers: ["src/engines/files/chain-log.ts#ChainLog"],
  corpus: [logOf([]), logOf([hash(1), new Uint8Array(0), hash(2)])],
  decode: (input) => {
    writeFileSync(logPath, input);
    const records: Bytes[] = [];
    const opened = ChainLog.open(logPath, (bytes) => records.push(bytes.slice()));
    if (!opened.ok) return "refused";
    opened.log.close();
    // What was torn is cut off. Writing is durable, which takes its time.
    const isWhole = opened.cut === null && (input.length % 16 === 0 || input.length < 200);
    return isWhole ? logOf(records) : "taken";
  },
};

writeFormat(folder, {
  version: 1,
  network: "regtest",
  partitions: 4,
  salt: "00".repeat(16),
  created: "2026-01-01T00:00:00Z",
  activation: ["segwit@5"],
});

const format: FuzzTarget = {
  name: "file FORMAT",
  covers: ["src/engines/files/format.ts#readFormat"],
  corpus: [new Uint8Array(readFileSync(join(folder, "FORMAT")))],
  decode: (input) => {
    writeFileSync(join(folder, "FORMAT"), input);
    const read = readFormat(folder, "regtest");
    if (!read.ok) return "refused";
    // As writeFormat writes it, but not durably.
    return text(`${JSON.stringify(read.format, null, 2)}\n`);
  },
};

const BLOCK_FILES: readonly Bytes[] = [
  SAMPLE_BLOCK,
  text(`${Buffer.from(SAMPLE_BLOCK).toString("hex")}\n`),
  concatBytes(REGTEST.magic, sizeOf(SAMPLE_BLOCK), SAMPLE_BLOCK),
];

const blockFile: FuzzTarget = {
  name: "file of blocks, recognised",
  covers: ["src/node/import/reader.ts#recogniseFile", "src/node/import/reader.ts#readBlocks"],
  corpus: BLOCK_FILES,
  decode: async (input): Promise<Outcome> => {
    const path = join(folder, "blocks.dat");
    writeFileSync(path, input);
    const found = recogniseFile(path, REGTEST);
    if (!found.ok) return "refused";
    // Reading sets aside megabytes for each file: some of the inputs, which follow from themselves.
    const isValid = BLOCK_FILES.some((valid) => bytesEqual(valid, input));
    if (crc32c(input) % 64 !== 0 && !isValid) return "taken";
    let records = 0;
    for await (const _record of readBlocks(found.file, REGTEST)) records += 1;
    return records <= input.length ? "taken" : "refused";
  },
  allocates: (bytes) => bytes * 64 + 4 * 1_048_576,
};

function sizeOf(bytes: Bytes): Bytes {
  const size = new Uint8Array(4);
  writeU32(size, 0, bytes.length);
  return size;
}

const spent: FuzzTarget = {
  name: "coins that a block spends",
  covers: ["src/node/verify-block/spent.ts#readSpent"],
  corpus: [concatBytes(...SAMPLE_COINS.map(spentRecord))],
  decode: (input) => {
    const read = readSpent(input, SAMPLE_DECODED);
    return read.ok ? concatBytes(...read.spent.flat().map(spentRecord)) : "refused";
  },
};

const storedCoin: FuzzTarget = {
  name: "stored coin",
  covers: ["src/state/coin-store.ts#decodeStoredCoin"],
  corpus: [hex("0b000000e803000000000000"), hex(`${"01".repeat(12)}51`)],
  // Stores check what they hold: a value is never shorter than its head.
  decode: (input) => {
    if (input.length < STORED_COIN_HEADER_BYTES) return "refused";
    decodeStoredCoin(input);
    return "taken";
  },
};

const delta = (words: number, fill: number): Uint32Array => {
  const one = new Uint32Array(words).fill(fill);
  one[3] = words;
  return one;
};

const deltas: FuzzTarget = {
  name: "deltas",
  covers: ["src/state/delta.ts#splitDeltas"],
  corpus: [
    concatBytes(...joinDeltas([delta(8, 1)])),
    concatBytes(...joinDeltas([delta(12, 1), delta(8, 0)])),
  ],
  decode: (input) => {
    const read = splitDeltas(input);
    return read === null ? "refused" : concatBytes(...joinDeltas(read));
  },
  exact: true,
};

const attempt = { seq: 1, epoch: 2, counter: 3 };
const raw = encodeTransaction({
  version: 2,
  inputs: [{ txid: hash(4), index: 1, script: hex("51"), sequence: 7, witness: [hex("0102")] }],
  outputs: [{ value: 5_000, script: hex("0014") }],
  lockTime: 9,
});
const txid = txidKey(hash(0xab));
const outpoint = outpointKey(txid, 3);
const order = { restoredBy: 0, major: 1, minor: 2 };

const CHANGES: readonly Change[] = [
  {
    space: "coin",
    key: outpoint,
    value: {
      value: 7,
      script: hex("51"),
      coinbase: false,
      height: UNCONFIRMED,
      round: 3,
      ancestors: 2,
      attempt,
      open: true,
    },
  },
  {
    space: "claim",
    key: outpoint,
    value: { spender: txid, vin: 0, attempt, mode: "held", lock: 5 },
  },
  {
    space: "leaving",
    key: txid,
    value: {
      attempt,
      cause: "replaced",
      seq: 5,
      partitions: [1, 2],
      inputs: [outpoint],
      outputCount: 2,
      heir: { txid, attempt, inputs: [{ outpoint, vin: 1, lock: 0 }] },
    },
  },
  {
    space: "outbox",
    key: 9,
    value: { child: txid, attempt, seq: 1, cause: "chain", parent: txid, by: null },
  },
  { space: "released", key: txid, value: attempt },
  { space: "meta", key: "seq", value: 9 },
  { space: "meta", key: "log:5", value: 77 },
  {
    space: "record",
    key: txid,
    value: {
      txid,
      attempt,
      order,
      round: 1,
      position: 2,
      fee: 300,
      sigops: 1,
      ancestors: 1,
      flags: 0,
      since: 5,
      candidate: candidateOf(raw, txid, 90),
    },
  },
  { space: "record", key: txid, value: null },
];

function changesOf(changes: readonly Change[]): Bytes {
  const out = new Writer(64);
  for (const change of changes) encodeChange(out, change);
  return out.take().slice();
}

const admission: FuzzTarget = {
  name: "journal of admission",
  covers: ["src/state/admission/codec.ts#ChangeReader"],
  corpus: [changesOf(CHANGES), ...CHANGES.map((change) => changesOf([change]))],
  // Its records passed a checksum: what is wrong in them is our own mistake, and named as one.
  decode: (input) => {
    const read: Change[] = [];
    try {
      for (const reader = new ChangeReader(input); !reader.done; ) read.push(reader.change());
      // A candidate reads its bytes when it is asked.
      for (const { space, value } of read) if (space === "record") value?.candidate.outputs.length;
    } catch (error) {
      if (error instanceof Error && error.message.startsWith("assertion failed: "))
        return "refused";
      throw error;
    }
    return changesOf(read);
  },
};

type Store = Parameters<typeof readState>[0];

const storeState: FuzzTarget = {
  name: "state of a store",
  covers: ["src/engines/batch.ts#readState"],
  corpus: [stateBytes(1, 2, hash(3)), stateBytes(0, 0, new Uint8Array(0))],
  decode: (input) => {
    const state = readState({ get: () => input } as unknown as Store);
    if (state === null || state === "damaged") return "refused";
    return stateBytes(state.epoch, state.lastBatch, state.meta);
  },
  exact: true,
};

function stateBytes(epoch: number, lastBatch: number, meta: Bytes): Bytes {
  let written: Bytes = new Uint8Array(0);
  const store = {
    put: (_key: Bytes, value: Bytes) => {
      written = value;
    },
  } as unknown as Store;
  writeState(store, { epoch, lastBatch, meta });
  return written;
}

export const FILE_TARGETS: readonly FuzzTarget[] = [
  indexAdded,
  indexHeaders,
  chainRecord,
  frame,
  recordFile,
  chainLog,
  format,
  blockFile,
  spent,
  storedCoin,
  deltas,
  admission,
  storeState,
];
