// A devnet as its user treats it: started twice, killed, started again, and with wrong words.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DevnetProcess } from "../support/devnet-process.ts";
import { until } from "../support/node-process.ts";
import { lastJson, pando, temporaryFolder } from "../support/run.ts";

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a devnet: one per folder, nothing left after kill -9, and the chain goes on", async (context) => {
  const folder = join(temporaryFolder(), "devnet");
  const flags = ["--consensus", "work", "--nodes", "2", "--slot", "250ms", "--load", "10"];
  const first = new DevnetProcess(context, folder, flags);
  const grown = await first.until(
    "payments on two nodes",
    ({ nodes, load }) => load.acknowledged > 20 && nodes.every(({ state }) => state === "up"),
    400,
  );

  const second = await pando(["devnet", "--state", folder]);
  assert.equal(second.code, 4);
  assert.match(second.stderr, /^pando: a devnet runs on .* already \(process \d+\)/);
  assert.equal(second.stderr.trimEnd().split("\n").length, 1);

  const other = await pando(["devnet", "--state", folder, "--nodes", "5"]);
  assert.equal(other.code, 2);
  assert.match(other.stderr, /holds a devnet with --nodes 2: --fresh begins anew/);

  const pids = grown.nodes.map(({ pid }) => pid!);
  assert.ok(pids.every(isAlive));
  first.signal("SIGKILL");
  await first.ended;
  await until(
    "no node is left",
    async () => pids.filter(isAlive),
    (left) => left.length === 0,
  );

  const height = Math.max(...grown.nodes.map((row) => row.height ?? 0));
  const again = await pando(["devnet", "--state", folder, "--json", "--for", "2s", "--load", "10"]);
  const summary = lastJson(again);
  assert.equal(again.code, 0, again.stderr);
  assert.equal(summary["agreed"], true);
  assert.ok(Number(summary["height"]) > height, "it went on from where it was");
  assert.deepEqual(
    { ...(summary["payments"] as object), acknowledged: 0 },
    { acknowledged: 0, unconfirmed: 0, refused: 0, lost: 0 },
  );
  assert.equal(existsSync(join(folder, "control.json")), false);
});

test("commands without a devnet, and words that are none, end with one line", async () => {
  const folder = join(temporaryFolder(), "devnet");
  const cases: readonly (readonly [words: string[], code: number, line: RegExp])[] = [
    [["status"], 1, /^pando: no devnet runs on .*: pando devnet starts one$/],
    [["partiton", "1", "2"], 2, /unknown command 'partiton' \(did you mean partition\?\)/],
    [["heal", "2"], 2, /'2' is one word too many/],
    [["--nodes", "0"], 2, /--nodes takes a whole number from 1 to 16/],
    [["--slot", "5"], 2, /--slot takes a time from 100ms to 60s/],
    [["--chrn", "5s"], 2, /did you mean --churn/],
    [["--consensus", "pow"], 2, /--consensus takes qpos, work/],
  ];
  for (const [words, code, line] of cases) {
    const ran = await pando(["devnet", ...words, "--state", folder]);
    assert.equal(ran.code, code, `${words.join(" ")}: ${ran.stderr}`);
    assert.match(ran.stderr.trimEnd(), line);
  }
  assert.equal(existsSync(folder), false, "nothing was written");
});

test("a folder that holds something else is left alone, also with --fresh", async () => {
  const folder = temporaryFolder();
  const precious = join(folder, "thesis.txt");
  writeFileSync(precious, "years");
  for (const flags of [[], ["--fresh"]]) {
    const ran = await pando(["devnet", ...flags, "--state", folder]);
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, /holds other files than a devnet's/);
    assert.deepEqual(readdirSync(folder), ["thesis.txt"]);
  }
  assert.equal(readFileSync(precious, "utf8"), "years");
});
