// `pando import`, `coins` and `repair` as a person meets them: what is printed, what a wrong word or a
// wrong file answers, and what is left when they are interrupted.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  lastJson,
  pando,
  type Ran,
  root,
  temporaryFolder,
  writeBlockFile,
} from "../../test/support/run.ts";
import { toDisplayHex } from "../base/bytes.ts";
import { type ChainBlock, corrupt, TestChain } from "../node/generate-chain/test-chain.ts";
import { helpText } from "./command.ts";
import { commands } from "./commands.ts";

const folder = temporaryFolder();
const chain = new TestChain({ seed: "cli" });
const base = chain.mineMany(103);
const bytesOf = (blocks: readonly ChainBlock[]): Uint8Array[] => blocks.map(({ bytes }) => bytes);

function file(name: string, blocks: readonly ChainBlock[]): string {
  const path = join(folder, name);
  writeBlockFile(path, chain.params, bytesOf(blocks));
  return path;
}

let folders = 0;
const fresh = (): string => join(folder, `data${folders++}`);

const importInto = (data: string, ...words: readonly string[]): Promise<Ran> =>
  pando(["import", "--network", "regtest", "--data-dir", data, ...words]);

test("the verdict lines and the summary have the keys they promise", async () => {
  const tip = chain.tip;
  const bad = chain.mine({
    transactions: [corrupt(chain.spend([base[0]!.reward]))],
    advance: false,
  });
  const side = chain.mine({ parent: base[101]!, advance: false });
  const orphan = chain.mine({ parent: chain.mine({ advance: false }), advance: false });
  const path = file("verdicts.dat", [...base.slice(0, 103), base[5]!, bad, side, orphan]);
  const whole = readFileSync(path);
  writeFileSync(path, whole.subarray(0, whole.length - 5));
  const ran = await importInto(fresh(), "--verdicts", "--json", path);
  assert.equal(ran.code, 0, ran.stderr);
  const lines = ran.stdout.trimEnd().split("\n");
  assert.equal(lines.length, 103 + 4 + 1);
  const at = { hash: toDisplayHex(tip.hash), height: 103 };
  const verdict = (block: ChainBlock, height: number | null, name: string, reason: string | null) =>
    JSON.stringify({ hash: toDisplayHex(block.hash), height, verdict: name, reason, tip: at });
  assert.deepEqual(lines.slice(102, -1), [
    verdict(tip, 103, "connected", null),
    verdict(base[5]!, 6, "duplicate", null),
    lines[104],
    verdict(side, 103, "side", null),
    JSON.stringify({
      hash: null,
      height: null,
      verdict: "rejected",
      reason: "truncated-record",
      tip: at,
    }),
  ]);
  const rejected = JSON.parse(lines[104]!) as Record<string, unknown>;
  assert.deepEqual(Object.keys(rejected), ["hash", "height", "verdict", "reason", "tip"]);
  assert.match(String(rejected["reason"]), /^mandatory-script-verify-flag-failed \(.+\)$/);
  const summary = lastJson(ran);
  assert.deepEqual(Object.keys(summary).slice(0, 8), [
    "tip",
    "blocks",
    "transactions",
    "inputs",
    "scripts",
    "seconds",
    "inputsPerSecond",
    "coins",
  ]);
  assert.deepEqual(summary["tip"], at);
  assert.equal(summary["blocks"], 103);
  assert.deepEqual(summary["coins"], { count: 103, amount: 103 * 50e8 });
});

test("the same lines whatever the partitions and verifiers, and the same coins", async () => {
  const grow = new TestChain({ seed: "spread" });
  const first = grow.mineMany(105);
  const spends = first.slice(0, 4).map(({ reward }, index) => {
    return grow.mine({ transactions: [grow.spend([reward], { outputs: 20 + index })] });
  });
  const bad = grow.mine({ transactions: [corrupt(grow.spend([first[4]!.reward]))] });
  const child = grow.mine();
  const last = grow.mineMany(3, spends[3]!);
  const path = join(folder, "spread.dat");
  writeBlockFile(path, grow.params, bytesOf([...first, ...spends, bad, child, ...last].reverse()));
  const seen = new Set<string>();
  const sets = new Set<string>();
  for (const [partitions, verifiers] of [
    [1, 1],
    [3, 2],
    [16, 1],
    [64, 2],
    [3, 2],
  ]) {
    const data = fresh();
    const ran = await importInto(
      data,
      ...["--verdicts", "--partitions", `${partitions}`, "--verifiers", `${verifiers}`, path],
    );
    assert.equal(ran.code, 0, ran.stderr);
    seen.add(ran.stdout.split("\ntip ")[0]!);
    const coins = await pando(["coins", "--data-dir", data, "--muhash", "--json"]);
    assert.equal(coins.code, 0, coins.stderr);
    sets.add(coins.stdout);
    const { amount } = lastJson(coins);
    // Every fee went to a coinbase output that nobody spent.
    assert.equal(amount, 112 * 50e8);
  }
  assert.equal(seen.size, 1);
  assert.equal(sets.size, 1);
});

const good = (): string => file("good.dat", base);

test("wrong words are one line that says what to do, exit 2", async () => {
  const path = good();
  const regtest = ["import", "--network", "regtest", "--data-dir", fresh()];
  const wrong: [readonly string[], RegExp][] = [
    [["import"], /name at least one file/],
    [["import", "--network", "regtes", path], /did you mean regtest\?/],
    [["import", path], /holds blocks of regtest, not of main: use --network regtest/],
    [[...regtest, "--partitions", "65", path], /--partitions takes a whole number from 1 to 64/],
    [[...regtest, "--verifiers", "0", path], /--verifiers takes/],
    [[...regtest, "--memory", "1", path], /--memory takes a whole number from 448/],
    [[...regtest, "--now", "-1", path], /--now/],
    [[...regtest, "--now", "soon", path], /--now takes/],
    [[...regtest, "--activation", "bip35@1", path], /NAME@HEIGHT/],
    [[...regtest, "--activation", "bip34@-1", path], /not a height/],
    [[...regtest, "--assume-valid", "12", path], /--assume-valid takes/],
    [[...regtest, "--verdict", path], /did you mean --verdicts\?/],
    [[...regtest, join(folder, "none.dat")], /there is no such file/],
    [[...regtest, folder], /is a folder/],
    [["import", "--network", "regtest", "--data-dir", path, path], /is a file/],
    [["import", "--network", "regtest", "--data-dir", folder, path], /not empty and not a data/],
    [["coins", "--data-dir", join(folder, "nothing")], /there is no data directory/],
    [["coins", "--data-dir", folder], /not a data directory/],
    [["coins", "there"], /one word too many/],
    [["repair", "--data-dir", join(folder, "nothing")], /there is no data directory/],
  ];
  for (const [words, line] of wrong) {
    const ran = await pando(words);
    assert.equal(ran.code, 2, `${words.join(" ")}: ${ran.stderr}`);
    assert.match(ran.stderr, line);
    assert.match(ran.stderr, /^pando: [^\n]+\n$/);
    assert.equal(ran.stdout, "");
  }
});

test("a directory of another network, layout, rules or program is refused in one line", async () => {
  const data = fresh();
  assert.equal((await importInto(data, "--activation", "bip34@2", good())).code, 0);
  const refused = async (words: readonly string[], line: RegExp, code = 2): Promise<void> => {
    const ran = await pando([...words.slice(0, 1), "--data-dir", data, ...words.slice(1)]);
    assert.equal(ran.code, code, ran.stderr);
    assert.match(ran.stderr, line);
    assert.match(ran.stderr, /^pando: [^\n]+\n$/);
  };
  const again = ["import", "--network", "regtest"];
  await refused([...again, "--partitions", "7", good()], /was made with 4 partitions/);
  await refused([...again, "--activation", "bip34@3", good()], /was made with bip34@2/);
  await refused(["coins", "--network", "main"], /holds the network regtest, not main/);
  assert.equal((await importInto(data, good())).code, 0);
  const format = join(data, "FORMAT");
  const text = readFileSync(format, "utf8");
  writeFileSync(format, text.replace('"version": 1', '"version": 2'));
  await refused(["coins"], /has format 2, this program reads up to 1/);
  writeFileSync(format, text.slice(0, 20));
  await refused([...again, good()], /FORMAT is damaged/, 5);
});

test("a damaged store is one line, exit 5", async () => {
  const data = fresh();
  assert.equal((await importInto(data, good())).code, 0);
  const store = join(data, "regtest", "coins", "p0.mdb");
  const bytes = readFileSync(store);
  bytes[24]! ^= 1;
  writeFileSync(store, bytes);
  for (const words of [["coins", "--data-dir", data]]) {
    const ran = await pando(words);
    assert.equal(ran.code, 5);
    assert.match(ran.stderr, /^pando: damaged store .*p0.mdb: [^\n]+; run pando repair\n$/);
  }
  assert.equal((await pando(["repair", "--data-dir", data])).code, 0);
  assert.equal((await pando(["coins", "--data-dir", data])).code, 0);
});

/** Enough blocks that an import takes a while. */
function longFile(): string {
  const long = new TestChain({ seed: "long" });
  const path = join(folder, "long.dat");
  writeBlockFile(path, long.params, bytesOf(long.mineMany(3000)));
  return path;
}

function start(words: readonly string[]) {
  return spawn(process.execPath, [join(root, "bin", "pando"), ...words], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

test("interrupted: exit 130, and the next run goes on; a second one at the same time is refused", async () => {
  const path = longFile();
  const data = fresh();
  const words = ["import", "--network", "regtest", "--data-dir", data, "--verdicts", path];
  const child = start(words);
  await once(child.stdout, "data");
  const second = await pando(words);
  assert.equal(second.code, 4);
  assert.match(second.stderr, new RegExp(`in use by process ${child.pid}: stop it first`));
  let complaint = "";
  child.stderr.on("data", (chunk) => {
    complaint += chunk;
  });
  child.stdout.resume();
  child.kill("SIGINT");
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(code, 130, complaint);
  assert.match(complaint, /interrupted; what was imported is kept/);
  const ran = await importInto(data, "--json", path);
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual((lastJson(ran)["tip"] as { height: number }).height, 3000);
});

test("a reader that goes away ends the import quietly", async () => {
  const data = fresh();
  const child = start([
    "import",
    "--network",
    "regtest",
    "--data-dir",
    data,
    "--verdicts",
    longFile(),
  ]);
  let complaint = "";
  child.stderr.on("data", (chunk) => {
    complaint += chunk;
  });
  await once(child.stdout, "data");
  child.stdout.destroy();
  await once(child, "exit");
  assert.equal(complaint.replace(/^.*%.*\n/gm, ""), "");
  assert.equal((await pando(["coins", "--data-dir", data])).code, 0);
});

/** A program of the system, which is not a dependency. */
const tool = (name: string, words: readonly string[]) =>
  spawnSync(name, [...words], { encoding: "utf8" });

test("progress is one line that is drawn again on a terminal, and none of it elsewhere", async (context) => {
  const path = longFile();
  const plain = await importInto(fresh(), path);
  assert.equal(plain.stderr, "");
  const command = `${process.execPath} ${join(root, "bin", "pando")} import --network regtest --data-dir ${fresh()} ${path}`;
  const script = tool("script", ["-qec", command, "/dev/null"]);
  if (script.error !== undefined) {
    context.skip("SKIPPED: script(1) is missing; install bsdutils or util-linux");
    return;
  }
  assert.equal(script.status, 0);
  const drawn = script.stdout.split("\r\u001b[K").slice(1);
  assert.ok(drawn.length > 0);
  for (const line of drawn) {
    assert.match(line, /^\[[#.]{10}\] *\d+% {2}height [\d,]+ .* inputs\/s(\s.*)?$/s);
  }
});

test("a full disk: one line, exit 1, and the import goes on when there is room", async (context) => {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  const mounted = tool("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", disk]);
  if (mounted.status !== 0) {
    context.skip("SKIPPED: no right to mount a tmpfs; run as root to test a full disk");
    return;
  }
  try {
    const path = longFile();
    const ballast = join(disk, "ballast");
    writeFileSync(ballast, new Uint8Array(23_000_000));
    const data = join(disk, "data");
    const ran = await importInto(data, path);
    assert.equal(ran.code, 1, ran.stderr);
    assert.match(
      ran.stderr,
      /^pando: no room left on the disk of [^\n]+: free some space[^\n]*\n$/,
    );
    rmSync(ballast);
    const again = await importInto(data, "--json", path);
    assert.equal(again.code, 0, again.stderr);
    const plain = fresh();
    assert.equal((await importInto(plain, path)).code, 0);
    const [full, roomy] = await Promise.all(
      [data, plain].map((at) => pando(["coins", "--data-dir", at, "--muhash", "--json"])),
    );
    assert.equal(full!.stdout, roomy!.stdout);
  } finally {
    tool("umount", [disk]);
  }
});

test("every help fits 80 columns", async (context: TestContext) => {
  const open = commands.map((entry) => ({ path: entry.name, entry }));
  let count = 0;
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { path, entry } = next;
    const command = await entry.load();
    const wide = helpText(path, command)
      .split("\n")
      .filter((line) => line.length > 80);
    assert.deepEqual(wide, [], path);
    for (const sub of command.subcommands ?? []) {
      open.push({ path: `${path} ${sub.name}`, entry: sub });
    }
    count += 1;
  }
  context.diagnostic(`${count} commands`);
});
