import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { readJsonVector } from "../../../test/read-vector.ts";
import { FLAGS_ALL, flagsText, parseFlags, trimFlags } from "../../ledger/bitcoin/script/flags.ts";
import type { Json } from "./fields.ts";
import { SINGLE_FLAGS } from "./flag-sets.ts";
import { runInvalidTransactions, runValidTransactions } from "./transaction-tests.ts";

type Row = readonly [Json, string, string];

/** Each row with one flag fewer than it names, written as a row of the opposite kind. */
function opposite(rows: readonly Row[]): Row[] {
  return rows
    .filter((row) => row.length === 3 && row[2] !== "BADTX")
    .flatMap(([spent, transaction, text]) => {
      const flags = parseFlags(text)!;
      const fewer = new Set(SINGLE_FLAGS.map((flag) => trimFlags(flags & ~flag)));
      fewer.delete(flags);
      return [...fewer].map((set): Row => [spent, transaction, flagsText(FLAGS_ALL & ~set)]);
    });
}

// The vectors name just the flags that matter, so each one left away must turn the answer: this shows
// that transactions fail for the reason they should.

test("a valid transaction fails as soon as one excluded flag is put back", (context) => {
  const rows = readJsonVector<Row[]>(context, join("json", "tx_valid.json"));
  if (rows === null) return;
  const turned = opposite(rows);
  assert.ok(turned.length > 50);
  const { failures, passed } = runInvalidTransactions(turned);
  assert.deepEqual(failures, []);
  assert.equal(passed, turned.length);
});

test("an invalid transaction passes as soon as one of its flags is left away", (context) => {
  const rows = readJsonVector<Row[]>(context, join("json", "tx_invalid.json"));
  if (rows === null) return;
  const turned = opposite(rows);
  assert.ok(turned.length > 50);
  const { failures, passed } = runValidTransactions(turned);
  assert.deepEqual(failures, []);
  assert.equal(passed, turned.length);
});
