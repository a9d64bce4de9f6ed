import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pando } from "../../test/support/run.ts";
import { bytesEqual, readU32, toDisplayHex } from "../base/bytes.ts";
import { decodeBlock } from "../ledger/bitcoin/block.ts";
import { networkByMagic, REGTEST } from "../ledger/bitcoin/networks.ts";

const folder = mkdtempSync(join(tmpdir(), "pando-generate-"));
after(() => rmSync(folder, { recursive: true }));
const SMALL = ["--blocks", "2", "--txs", "3", "--inputs", "2", "--outputs", "2"];

test("a chain is written in the framing of block files, and the same again", async () => {
  const [one, two] = [join(folder, "one.dat"), join(folder, "two.dat")];
  const words = ["generate-chain", ...SMALL, "--kind", "mixed", "--seed", "a b", "--json"];
  const { code, stdout, stderr } = await pando([...words, one]);
  assert.equal(code, 0, stderr);
  const summary = JSON.parse(stdout);
  const bytes = new Uint8Array(readFileSync(one));
  let count = 0;
  let previous = new Uint8Array(32);
  for (let at = 0; at < bytes.length; count++) {
    assert.equal(networkByMagic(bytes, at), REGTEST);
    const end = at + 8 + readU32(bytes, at + 4);
    const block = decodeBlock(bytes, at + 8, end);
    assert.ok(block.ok && block.end === end);
    assert.ok(bytesEqual(block.value.header.previous, previous));
    previous = block.value.header.hash.slice();
    at = end;
  }
  assert.equal(summary.blocks, count);
  assert.equal(summary.bytes, bytes.length);
  assert.equal(summary.inputs, 1 + 2 * 3 * 2);
  assert.deepEqual(summary.tip, { hash: toDisplayHex(previous), height: count - 1 });
  await pando([...words, two]);
  assert.ok(bytesEqual(new Uint8Array(readFileSync(two)), bytes));
});

test("wrong numbers, names and places are one line", async () => {
  const out = join(folder, "never.dat");
  const cases: [readonly string[], number, RegExp][] = [
    [SMALL, 2, /name one file to write/],
    [[...SMALL, out, out], 2, /name one file to write/],
    [[...SMALL, "--blocks", "0", out], 2, /--blocks takes a whole number from 1/],
    [[...SMALL, "--kind", "p2wpk", out], 2, /did you mean p2wpkh\?/],
    [[...SMALL, "--txs", "20000", out], 2, /would weigh/],
    [[...SMALL, folder], 1, /cannot write .* \(EISDIR\)/],
    [[...SMALL, join(folder, "no", "file.dat")], 1, /cannot write .* \(ENOENT\)/],
  ];
  for (const [words, wanted, message] of cases) {
    const { code, stderr } = await pando(["generate-chain", ...words]);
    assert.equal(code, wanted, stderr);
    assert.match(stderr, message);
    assert.ok(stderr.trim().split("\n").length === 1, stderr);
  }
});
