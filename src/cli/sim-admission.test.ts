import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const main = pathToFileURL(join(dirname(fileURLToPath(import.meta.url)), "main.js")).href;

function pando(...words: string[]): { status: number | null; out: string; err: string } {
  const script = `const { main } = await import("${main}"); await main(process.argv.slice(1));`;
  const args = ["--input-type=module", "-e", script, "--", ...words];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { status, out: stdout, err: stderr };
}

function lastJson(out: string): Record<string, unknown> {
  return JSON.parse(out.trimEnd().split("\n").at(-1)!) as Record<string, unknown>;
}

test("clean seeds exit 0 and say what ran; the same seeds say the same", () => {
  const first = pando("sim", "admission", "--seeds", "3", "--seed", "5", "--json");
  assert.equal(first.status, 0, first.err);
  const { seeds, violations, unfinished, traceHash } = lastJson(first.out);
  assert.deepEqual([seeds, violations, unfinished], [3, 0, 0]);
  assert.match(String(traceHash), /^[0-9a-f]{16}$/);
  const again = pando("sim", "admission", "--seeds", "3", "--seed", "5", "--json");
  assert.equal(again.out, first.out);
});

test("mutants are listed, and one that is caught exits 1 with the command that replays it", () => {
  const listed = lastJson(pando("sim", "admission", "--list-mutants", "--json").out);
  const mutants = listed["mutants"] as { name: string; rule: string }[];
  assert.ok(mutants.length >= 24);
  assert.ok(mutants.every(({ name, rule }) => name !== "" && rule !== ""));
  const caught = pando("sim", "admission", "--mutant", "durable", "--seeds", "20", "--json");
  assert.equal(caught.status, 1);
  assert.match(caught.err, /replay: pando sim admission --seeds 1 --seed \d+ --mutant durable/);
});

test("an unknown mutant is a usage error that names the nearest", () => {
  const { status, err } = pando("sim", "admission", "--mutant", "fense");
  assert.equal(status, 2);
  assert.match(err, /did you mean fence/);
});
