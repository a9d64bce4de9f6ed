import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { pando } from "../../test/support/run.ts";
import { concatBytes, toDisplayHex, toHex } from "../base/bytes.ts";
import { TestChain } from "../node/generate-chain/test-chain.ts";
import { spentRecord } from "../node/verify-block/spent.ts";

const folder = mkdtempSync(join(tmpdir(), "pando-verify-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const chain = new TestChain();
const [first] = chain.mineMany(101);
const built = chain.spend([first!.reward], { outputs: 2 });
const mined = chain.mine({ transactions: [built], advance: false });
const greedy = chain.mine({ transactions: [built], edits: { extraReward: 1 }, advance: false });
const coins = concatBytes(...built.coins.map(spentRecord));
const block = file("block.hex", `${toHex(mined.bytes)}\n`);
const spent = file("spent.gz", gzipSync(coins));

function verify(words: readonly string[]) {
  return pando(["verify-block", "--network", "regtest", ...words]);
}

test("a valid block: exit 0 and the answer as JSON", async () => {
  const { code, stdout } = await verify([
    ...["--height", "102", "--block", block, "--spent", spent, "--json"],
    ...["--mtp", `${chain.tip.medianTime}`],
  ]);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), {
    valid: true,
    reason: null,
    detail: null,
    hash: toDisplayHex(mined.hash),
    height: 102,
    network: "regtest",
    transactions: 2,
    inputs: 1,
    fees: 1000,
    unchecked: [],
  });
});

test("an invalid block: exit 1 and the reason", async () => {
  const path = file("greedy.raw", greedy.bytes);
  const json = await verify(["--height", "102", "--block", path, "--spent", spent, "--json"]);
  assert.equal(json.code, 1);
  assert.equal(JSON.parse(json.stdout).reason, "bad-cb-amount");
  const plain = await verify(["--height", "102", "--block", path, "--spent", spent]);
  assert.equal(plain.code, 1);
  assert.match(plain.stdout, /^invalid: bad-cb-amount \(coinbase pays too much/);
  assert.match(plain.stdout, /\nnot checked: time-too-old: /);
});

test("bytes that are no block: exit 1 with the reason", async () => {
  const words = ["--height", "102", "--spent", spent, "--block", file("no-block", coins), "--json"];
  const { code, stdout } = await verify(words);
  assert.equal(code, 1);
  assert.equal((JSON.parse(stdout) as { reason: string }).reason, "block-decode-failed");
});

test("wrong flags and files: exit 2 and one line that says what to do", async () => {
  const height = ["--height", "102"];
  const files = ["--block", block, "--spent", spent];
  const cut = file("cut", coins.subarray(0, coins.length - 1));
  const damaged = file("damaged.gz", gzipSync(coins).subarray(0, 20));
  const cases: [readonly string[], RegExp][] = [
    [files, /--height is missing/],
    [[...height, "--block", block], /--spent is missing/],
    [["--height=-1", ...files], /--height takes a whole number/],
    [["--height", "-1", ...files], /argument is ambiguous/],
    [[...height, ...files, "surplus"], /'surplus' is not expected/],
    [[...height, ...files, "--spent", join(folder, "none")], /cannot read .*none \(ENOENT\)/],
    [[...height, ...files, "--spent", folder], /cannot read .* \(EISDIR\)/],
    [[...height, ...files, "--spent", cut], /is cut off or malformed; check --spent/],
    [[...height, ...files, "--spent", damaged], /damaged gzip file; check --spent/],
    [[...height, ...files, "--network", "maim"], /not 'maim' \(did you mean main\?\)/],
  ];
  for (const [words, message] of cases) {
    const { code, stderr, stdout } = await verify(words);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
    assert.equal(stdout, "");
  }
});
