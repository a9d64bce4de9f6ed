// Every form a block file comes in, and every way in which one is damaged: what is handed on, what is
// named, and that each block can be read a second time.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { temporaryFolder } from "../../../test/support/run.ts";
import { concatBytes, toHex, writeU32 } from "../../base/bytes.ts";
import { MAIN, REGTEST } from "../../ledger/bitcoin/networks.ts";
import { TestChain } from "../generate-chain/test-chain.ts";
import { readBlocks, recogniseFile } from "./reader.ts";

const chain = new TestChain({ seed: "reader" });
const blocks = chain.mineMany(6).map(({ bytes }) => new Uint8Array(bytes));
const [a, b, c] = blocks as [Uint8Array, Uint8Array, Uint8Array];
const folder = temporaryFolder();
let files = 0;

function frame(block: Uint8Array, length = block.length, magic = REGTEST.magic): Uint8Array {
  const head = new Uint8Array(8);
  head.set(magic, 0);
  writeU32(head, 4, length);
  return concatBytes(head, block);
}

const text = (lines: string): Uint8Array => new TextEncoder().encode(lines);

function write(bytes: Uint8Array, place = folder): string {
  const path = join(place, `file${files++}`);
  writeFileSync(path, bytes);
  return path;
}

/** Each record as the number of its block or the fault, then the bytes that were passed over. */
async function recordsOf(path: string): Promise<string[]> {
  const recognised = recogniseFile(path, REGTEST);
  if (!recognised.ok) return [recognised.message.replace(path, "FILE")];
  const lines: string[] = [];
  let skipped = 0;
  const listener = {
    skipped: (bytes: number) => {
      skipped += bytes;
    },
  };
  for await (const record of readBlocks(recognised.file, REGTEST, listener)) {
    if (!record.ok) {
      lines.push(record.reason);
      continue;
    }
    const { bytes, reload } = record;
    lines.push(String(blocks.findIndex((block) => Buffer.compare(block, bytes) === 0)));
    if (reload !== null) assert.equal(Buffer.compare(await reload(), bytes), 0);
  }
  if (skipped > 0) lines.push(`+${skipped}`);
  return lines;
}

const read = (...parts: readonly Uint8Array[]): Promise<string[]> =>
  recordsOf(write(concatBytes(...parts)));

/** The same file plain and packed. */
async function both(...parts: readonly Uint8Array[]): Promise<string[]> {
  const plain = await read(...parts);
  assert.deepEqual(await read(gzipSync(concatBytes(...parts))), plain);
  return plain;
}

test("framed records, zeros between and behind them", async () => {
  assert.deepEqual(await both(frame(a), frame(b), new Uint8Array(5000), frame(c)), ["0", "1", "2"]);
  assert.deepEqual(await both(frame(a), new Uint8Array(3)), ["0"]);
  assert.deepEqual(await both(new Uint8Array(100_000)), []);
  assert.deepEqual(await read(), []);
  assert.deepEqual(await read(new Uint8Array(70_000), frame(a)), ["0"]);
});

test("a framed file that is cut anywhere in its last record", async () => {
  const whole = concatBytes(frame(a), frame(b));
  for (const cut of [1, 20, b.length - 90, b.length, b.length + 1, b.length + 4]) {
    const lines = await both(whole.subarray(0, whole.length - cut));
    assert.deepEqual(lines.slice(0, 2), ["0", "truncated-record"], `${cut}`);
  }
  // Of the magic itself nothing can be said.
  assert.deepEqual(await read(whole.subarray(0, whole.length - b.length - 5)), ["0", "+3"]);
});

test("a wrong length costs its own record at most", async () => {
  for (const extra of [1, 7, 100, 3_000_000]) {
    const lines = await both(frame(a), frame(b, b.length + extra), frame(c), frame(a));
    const wanted = ["0", "1", "2", "0"];
    assert.deepEqual(
      lines.filter((line) => !line.startsWith("+")),
      wanted,
      `${extra}`,
    );
  }
  for (const length of [b.length - 1, b.length - 100, 81, 80, 79, 0, 0xffffffff]) {
    const lines = await both(frame(a), frame(b, length), frame(c));
    const reason = length < 80 || length > 4_000_000 ? "bad-record-length" : "block-decode-failed";
    assert.deepEqual(
      lines.filter((line) => !line.startsWith("+")),
      ["0", reason, "2"],
      `${length}`,
    );
  }
});

test("garbage and half a magic between records are passed over and told", async () => {
  const garbage = Uint8Array.of(1, 2, 3, 0, ...REGTEST.magic.subarray(0, 3), 9);
  assert.deepEqual(await both(frame(a), garbage, frame(b)), ["0", "1", "+7"]);
  assert.deepEqual(await both(frame(a), REGTEST.magic, frame(b)), ["0", "bad-record-length", "1"]);
  assert.deepEqual(await both(Uint8Array.of(7, 7, 7, 7), frame(a)), ["0", "+4"]);
});

test("files of other networks, of nothing, and folders", async () => {
  assert.deepEqual(await read(frame(a, a.length, MAIN.magic)), [
    "FILE holds blocks of main, not of regtest: use --network main",
  ]);
  const neither = ["FILE is neither blk*.dat, nor raw blocks, nor hex lines: check the file"];
  assert.deepEqual(await read(text("hello\n")), neither);
  assert.deepEqual(await read(Uint8Array.of(1, 2, 3, 250)), neither);
  assert.match((await recordsOf(folder))[0]!, /is a folder: name its files/);
  assert.match((await recordsOf(join(folder, "none")))[0]!, /there is no such file/);
});

test("hex lines: any case, any line end, blank and bad lines", async () => {
  const upper = toHex(b).toUpperCase();
  const lines = `${toHex(a)}\r\n\r\n  ${upper}  \nzz\n\n${toHex(c)}`;
  assert.deepEqual(await both(text(lines)), ["0", "1", "not-hex", "2"]);
  assert.deepEqual(await both(text(`# blocks\n${toHex(a)}\n`)), ["not-hex", "0"]);
  assert.deepEqual(await both(text(`${toHex(a)}0\n${toHex(b)}\n`)), ["not-hex", "1"]);
});

test("a line of hex longer than any block, and one longer than what is read at once", async () => {
  const long = "00".repeat(4_500_000);
  assert.deepEqual(await both(text(`${toHex(a)}\n${long}\n${toHex(b)}\n`)), [
    "0",
    "line-too-long",
    "1",
  ]);
  const middle = "00".repeat(3_900_000);
  assert.deepEqual(await both(text(`${middle}\n${toHex(b)}`)), ["-1", "1"]);
});

test("raw blocks one after another, cut or followed by zeros", async () => {
  assert.deepEqual(await both(a, b, c), ["0", "1", "2"]);
  assert.deepEqual(await both(a, b.subarray(0, 100)), ["0", "truncated-record"]);
  assert.deepEqual(await both(a, new Uint8Array(5000)), ["0"]);
});

test("records that straddle what is read at once", async () => {
  const wide = new Uint8Array(
    chain.mine({
      edits: { coinbaseOutputs: [{ value: 0, script: new Uint8Array(900_000) }] },
      advance: false,
    }).bytes,
  );
  const many = Array.from({ length: 12 }, (_, at) => (at % 3 === 2 ? blocks[at % 6]! : wide));
  const wanted = many.map((block) => String(blocks.indexOf(block)));
  assert.deepEqual(await both(...many.map((block) => frame(new Uint8Array(block)))), wanted);
  assert.deepEqual(await both(...many), wanted);
  assert.deepEqual(await both(text(many.map((block) => toHex(block)).join("\n"))), wanted);
});

test("the key in xor.dat, also beside files that are not masked with it", async () => {
  const place = temporaryFolder();
  const key = Uint8Array.of(1, 0, 200, 4, 5, 6, 7, 8);
  writeFileSync(join(place, "xor.dat"), key);
  const plain = concatBytes(...Array.from({ length: 3000 }, (_, at) => frame(blocks[at % 6]!)));
  const masked = plain.map((byte, at) => byte ^ key[at % 8]!);
  const wanted = Array.from({ length: 3000 }, (_, at) => String(at % 6));
  assert.deepEqual(await recordsOf(write(masked, place)), wanted);
  assert.deepEqual(await recordsOf(write(plain, place)), wanted);
  assert.deepEqual(await recordsOf(write(text(toHex(a)), place)), ["0"]);
  assert.deepEqual(await recordsOf(write(gzipSync(frame(a)), place)), ["0"]);
});

test("a packed file with a damaged end is read up to there", async () => {
  const noise = Uint8Array.from({ length: 20_000 }, (_, at) => (at * at * 31 + at * 7) % 251);
  const packed = gzipSync(concatBytes(frame(a), frame(b), noise, frame(c)));
  assert.deepEqual((await read(packed.subarray(0, packed.length - 200))).slice(0, 2), ["0", "1"]);
  const wrong = packed.slice();
  wrong[wrong.length - 6]! ^= 1;
  await assert.rejects(read(wrong), /cannot be read any further/);
});

test("any mixture of records, garbage and zeros", async () => {
  const piece = fc.oneof(
    fc.nat(5).map((number) => ({ bytes: frame(blocks[number]!), name: String(number) })),
    fc.nat(300).map((length) => ({ bytes: new Uint8Array(length), name: "" })),
    // Without the first byte of the magic nothing looks like a record.
    fc
      .uint8Array({ maxLength: 40 })
      .map((bytes) => ({ bytes: bytes.map((byte) => (byte === 0xfa ? 1 : byte)), name: "" })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
      const parts = [frame(a), ...pieces.map(({ bytes }) => bytes)];
      const wanted = ["0", ...pieces.map(({ name }) => name).filter((name) => name !== "")];
      const lines = await read(...parts);
      assert.deepEqual(
        lines.filter((line) => !line.startsWith("+")),
        wanted,
      );
    }),
    { numRuns: 100 },
  );
});
