// `pando sim power` from the outside: the last line, the report file, the pictures, replay, exit codes.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const entry = join(dirname(fileURLToPath(import.meta.url)), "main.js");

function pando(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const source = `import { main } from ${JSON.stringify(entry)}; await main(${JSON.stringify(words)});`;
  const args = ["--input-type=module", "-e", source];
  return spawnSync(process.execPath, args, { encoding: "utf8" });
}

function lastLine(text: string): Record<string, unknown> {
  return JSON.parse(text.trim().split("\n").at(-1)!) as Record<string, unknown>;
}

const TESTNET = ["sim", "power", "--nodes", "3", "--churn", "0.05", "--slots", "200", "--json"];

test("arm G ends with one line that says nothing failed; two runs are equal", () => {
  const first = pando(...TESTNET, "--arm", "G", "--seeds", "6");
  assert.equal(first.status, 0, first.stderr);
  const summary = lastLine(first.stdout);
  for (const name of ["forks", "bans", "stalls", "finalizedConflicts"]) {
    assert.equal(summary[name], 0, name);
  }
  assert.equal(summary["seeds"], 6);
  assert.ok((summary["worstReorg"] as number) < 5);
  assert.ok((summary["slotsPerSecond"] as number) > 0);
  const { p50, p99 } = summary["slotsToFinality"] as { p50: number; p99: number };
  assert.ok(p50 >= 5 && p99 >= p50);
  const again = lastLine(pando(...TESTNET, "--arm", "G", "--seeds", "6").stdout);
  assert.equal(again["traceHash"], summary["traceHash"]);
});

test("arm N shows the disease and still exits 0: it was asked for", () => {
  const result = pando("sim", "power", "--arm", "N", "--seeds", "4", "--json");
  assert.equal(result.status, 0, result.stderr);
  const summary = lastLine(result.stdout);
  assert.equal(summary["forks"], 4);
  assert.equal(summary["bans"], 4);
});

test("a failing seed prints the command that replays it", () => {
  const words = ["--arm", "G", "--mutate", "no-certificate", "--seeds", "2", "--seed", "1000"];
  const { stderr } = pando("sim", "power", ...words, "--json");
  const command = /pando (sim power .*--seeds 1 --seed 1000)/.exec(stderr);
  assert.ok(command, stderr);
  const replayed = pando(...command[1]!.split(" "), "--json");
  assert.equal(lastLine(replayed.stdout)["stalls"], 1);
});

test("the full report and the pictures, byte for byte the same twice", () => {
  const folder = mkdtempSync(join(tmpdir(), "pando-power-"));
  try {
    const out = join(folder, "report.json");
    const draw = (name: string): string => {
      const pictures = join(folder, name);
      const words = ["--split", "2,1@10+12", "--slots", "40", "--heal", "20", "--seeds", "1"];
      const result = pando("sim", "power", ...words, "--out", out, "--picture", pictures);
      assert.equal(result.status, 0, result.stderr);
      return pictures;
    };
    const [a, b] = [draw("a"), draw("b")];
    for (const name of ["forks", "topology", "power"]) {
      for (const kind of ["svg", "png"]) {
        const bytes = readFileSync(join(a, `${name}.${kind}`));
        assert.ok(bytes.length > 1_000, name);
        assert.deepEqual(readFileSync(join(b, `${name}.${kind}`)), bytes);
      }
    }
    assert.match(readFileSync(join(a, "forks.svg"), "utf8"), /gate shut/);
    const report = JSON.parse(readFileSync(out, "utf8")) as { runs: { seed: number }[] };
    assert.equal(report.runs[0]!.seed, 1_000);
    const golden = pando("sim", "power", "--golden", "--picture", join(folder, "g"));
    assert.equal(golden.status, 0, golden.stderr);
    const text = readFileSync(join(folder, "g", "golden.svg"), "utf8");
    assert.ok(existsSync(join(folder, "g", "golden.png")));
    assert.ok(text.includes("3/5") && text.includes("2/5"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("flags that make no sense are one clear line and exit code 2", () => {
  for (const words of [
    ["--arm", "Q"],
    ["--split", "2,2@10+5"],
    ["--split", "nonsense"],
    ["--weights", "1,2"],
    ["--crash", "9@1+1"],
    ["--golden"],
  ]) {
    const result = pando("sim", "power", ...words);
    assert.equal(result.status, 2, words.join(" "));
    assert.match(result.stderr, /^pando: .+\n$/, words.join(" "));
  }
});
