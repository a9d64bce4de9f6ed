import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { toHex } from "../base/bytes.ts";
import { numberedShare } from "../simulation/cuckoo/reference.ts";

const main = join(dirname(fileURLToPath(import.meta.url)), "main.js");
const folder = mkdtempSync(join(tmpdir(), "pando-cuckoo-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function pando(...words: string[]): { status: number | null; out: string; err: string } {
  const program = `import { main } from ${JSON.stringify(main)}; await main(process.argv.slice(1));`;
  const args = ["--input-type=module", "-e", program, "--", "sim", "cuckoo", ...words];
  const result = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { status: result.status, out: result.stdout, err: result.stderr };
}

function json(...words: string[]) {
  const { status, out, err } = pando(...words, "--json");
  assert.equal(status, 0, err);
  return JSON.parse(out.trimEnd().split("\n").at(-1)!);
}

test("assign: the golden swap epoch from files, and a proof that verifies", () => {
  const list = (name: string, from: number, to: number) => {
    const path = join(folder, name);
    const lines = Array.from({ length: to - from }, (_, i) => toHex(numberedShare(from + i)));
    writeFileSync(path, `# shares\n${lines.join("\n")}\n`);
    return path;
  };
  const state = join(folder, "state.json");
  const rule = ["--rule", "swap", "--kappa", "2", "--emin", "1", "--local", "0"];
  const genesis = ["--joins", list("genesis", 0, 24), "--shards", "4", "--out", state];
  json("assign", ...rule, ...genesis);
  const next = ["--in", state, "--joins", list("joins", 24, 28), "--leaves", list("leaves", 0, 3)];
  const share = toHex(numberedShare(25));
  const seed = ["--seed", "01".repeat(32), "--prove", share];
  const made = json("assign", ...rule, ...next, ...seed);
  assert.equal(made.root, "ad727e757f359e01300786e028bbc3c2029de8883d8d5418b6bfb2aa871657f1");
  assert.equal(made.proof.verified, true);
  assert.equal(made.proof.proof.share, share);
  writeFileSync(state, '{"epoch": 1, "shards": 4, "seats": "no"}');
  const damaged = pando("assign", "--in", state);
  assert.equal(damaged.status, 2);
  assert.match(damaged.err, /not an assignment/);
});

test("rounds and epochs: JSON, CSV, pictures; the same seed, the same bytes", () => {
  const picture = join(folder, "rounds.svg");
  const flags = ["--n", "512", "--epsilon", ".06,.1", "--seeds", "5", "--cap", "2000", "--strict"];
  const first = json("rounds", ...flags, "--plot", picture, "--csv", join(folder, "rounds.csv"));
  assert.equal(first.points.length, 2);
  assert.ok(first.roundsPerSecond > 0);
  assert.match(readFileSync(picture, "utf8"), /^<svg /);
  assert.equal(readFileSync(join(folder, "rounds.csv"), "utf8").trim().split("\n").length, 3);
  const again = json("rounds", ...flags, "--workers", "1");
  assert.deepEqual(again.series, first.series);
  const png = join(folder, "epochs.png");
  const epochs = json("epochs", "--rule", "bounded", "--evict", "5", "--seeds", "5", "--plot", png);
  assert.equal(epochs.points[0].alive, 0);
  assert.deepEqual([...readFileSync(png).subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
});

test("exit codes: done, a refused plan, and usage", () => {
  assert.equal(pando("plan").status, 0);
  assert.equal(pando("plan", "--faulty", "1/4").status, 1);
  assert.equal(pando("plan", "--theta", "1/0").status, 2);
  assert.equal(pando("reproduce", "X12").status, 2);
  assert.equal(pando("reproduce", "X1").status, 0);
  assert.equal(
    json("tails", "--binomial", "600,1/4,200").points[0].tail,
    "2.9718219669108351025e-6",
  );
});
