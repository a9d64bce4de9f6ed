import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readJsonVector, vectorFile } from "../../../test/read-vector.ts";
import type { Report } from "./report.ts";
import { runFile } from "./run.ts";

const FILES: readonly (readonly [string, Report["kind"], number])[] = [
  ["script_tests.json", "script_tests", 1222],
  ["tx_valid.json", "tx_valid", 121],
  ["tx_invalid.json", "tx_invalid", 93],
  ["sighash.json", "sighash", 500],
  ["script_assets_test.json.gz", "script_assets_test", 2760],
  ["base58_encode_decode.json", "base58_encode_decode", 21],
  ["key_io_valid.json", "key_io_valid", 70],
  ["key_io_invalid.json", "key_io_invalid", 70],
  ["bip341_wallet_vectors.json", "bip341_wallet_vectors", 16],
  ["bip340.csv", "bip340", 19],
  ["ecdsa_secp256k1_sha256_bitcoin_test.json", "wycheproof_ecdsa_bitcoin", 463],
  ["murmur3.json", "murmur3", 14],
];

for (const [name, kind, cases] of FILES) {
  test(`the public vectors: ${name}`, (context) => {
    const path = vectorFile(context, join("json", name));
    if (path === null) return;
    const outcome = runFile(path);
    assert.ok(outcome.ok);
    const { failures, ...counts } = outcome.report;
    assert.deepEqual(failures, []);
    assert.deepEqual(counts, { file: path, kind, passed: cases, failed: 0, skipped: 0 });
  });
}

/** Runs `contents` as a file of its own. */
function runContents(
  context: TestContext,
  contents: string | Uint8Array,
): ReturnType<typeof runFile> {
  const folder = mkdtempSync(join(tmpdir(), "pando-conformance-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "some file");
  writeFileSync(path, contents);
  return runFile(path);
}

const SCRIPT_CASES = [
  ["a comment"],
  ["1", "VERIFY 1", "P2SH,STRICTENC", "OK", "passes"],
  ["0", "VERIFY 1", "P2SH,STRICTENC", "VERIFY", "fails as it should"],
  ["0", "VERIFY 1", "P2SH,STRICTENC", "OK", "fails where it should not"],
  ["0", "VERIFY 1", "P2SH,STRICTENC", "EVAL_FALSE", "fails with another error"],
  ["1", "NO_SUCH_WORD", "", "OK", "is malformed"],
  [
    ["51", "#SCRIPT# 1 EQUAL", "#CONTROLBLOCK#", 0],
    "",
    "0x51 0x20 #TAPROOTOUTPUT#",
    "P2SH,WITNESS,TAPROOT",
    "EVAL_FALSE",
    "taproot",
  ],
];

test("a file is known by its content, gzipped or not, and each wrong case is counted and named", (context) => {
  const text = JSON.stringify(SCRIPT_CASES);
  for (const contents of [text, gzipSync(text)]) {
    const outcome = runContents(context, contents);
    assert.ok(outcome.ok);
    const { kind, passed, failed, failures } = outcome.report;
    assert.deepEqual({ kind, passed, failed }, { kind: "script_tests", passed: 3, failed: 3 });
    assert.match(failures[0]!, /case 3 .*VERIFY where OK is expected/);
    assert.match(failures[1]!, /case 4 .*VERIFY where EVAL_FALSE is expected/);
    assert.match(failures[2]!, /case 5 .*malformed case: 'NO_SUCH_WORD'/);
  }
});

test("only the first 20 failures are shown, all are counted", (context) => {
  const wrong = Array.from({ length: 30 }, () => ["0", "1", "", "EVAL_FALSE", "wrong"]);
  const outcome = runContents(context, JSON.stringify(wrong));
  assert.ok(outcome.ok);
  assert.equal(outcome.report.failed, 30);
  assert.equal(outcome.report.failures.length, 20);
});

const PREVIOUS = `01${"00".repeat(31)}`;
/** A transaction that spends output 0 of a transaction, with no scriptSig. */
const SPENDING = `01000000 01 ${"00".repeat(31)}01 00000000 00 ffffffff 01 0100000000000000 00 00000000`;

test("tx_valid and tx_invalid are told apart without a comment that says which", (context) => {
  const row = (script: string, flags: string): unknown[] => [
    [[PREVIOUS, 0, script]],
    SPENDING.replaceAll(" ", ""),
    flags,
  ];
  const files: [string, unknown[][]][] = [
    ["tx_valid", [row("1", "NONE"), row("RESERVED", "P2SH")]],
    ["tx_invalid", [row("0", "NONE"), row("0", "P2SH,WITNESS")]],
    ["tx_invalid", [row("0", "NONE"), [[], "01000000000000000000", "BADTX"]]],
    ["tx_invalid", [["transactions which are invalid"], row("1", "NONE")] as unknown[][]],
  ];
  const failed = files.map(([kind, rows]) => {
    const outcome = runContents(context, JSON.stringify(rows));
    assert.ok(outcome.ok);
    assert.equal(outcome.report.kind, kind);
    return outcome.report.failed;
  });
  assert.deepEqual(failed, [1, 0, 0, 1]);
});

test("what cannot be judged is one line, not a crash", (context) => {
  for (const contents of [
    "",
    "{",
    "[]",
    "[[1]]",
    '{"a":1}',
    Uint8Array.of(0x1f, 0x8b, 1, 2),
    "x,y",
  ]) {
    const outcome = runContents(context, contents);
    assert.ok(!outcome.ok, String(contents));
    assert.ok(!outcome.fault.includes("\n"));
  }
  const missing = runFile("/nowhere/at all");
  assert.ok(!missing.ok && missing.fault.includes("ENOENT"));
  const folder = runFile(tmpdir());
  assert.ok(!folder.ok && folder.fault.includes("EISDIR"));
});

type AssetCase = Record<string, unknown> & { success?: unknown; failure?: unknown };

test("a success called a failure, and the other way round, are both found", (context) => {
  const cases = readJsonVector<AssetCase[]>(context, join("json", "script_assets_test.json.gz"));
  if (cases === null) return;
  const both = cases.filter(({ success, failure }) => success && failure).slice(0, 40);
  const swapped = both.map((one) => ({ ...one, success: one.failure, failure: one.success }));
  const outcome = runContents(context, JSON.stringify(swapped));
  assert.ok(outcome.ok);
  assert.equal(outcome.report.failed, swapped.length);
});
