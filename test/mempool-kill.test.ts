// `kill -9` at every named failpoint that a mempool under load passes. After each death the node is
// started again on the same files: nothing that was acknowledged may be lost, no coin may be spent
// twice, every entry's coins are there, the coin set is the one of its tip, and a template of all of
// it passes as a block. PANDO_KILL_HITS=1,2,3,... walks deeper.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { toHex } from "../src/base/bytes.ts";
import { FAILPOINTS } from "../src/ports/failpoint.ts";
import { keyHex, outpointKeyAt } from "../src/state/admission/keys.ts";
import { planLoad } from "./support/mempool-load.ts";
import { type Ran, root, temporaryFolder } from "./support/run.ts";

const HITS = (process.env["PANDO_KILL_HITS"] ?? "2").split(",").map(Number);

/** Points that this load does not pass. */
const NOT_PASSED = new Set<string>([
  "record.truncated",
  "record.new-segment",
  "replace.before-write",
  "replace.write",
  "replace.before-rename",
  "replace.after-rename",
  ...FAILPOINTS.filter((name) => name.startsWith("guard.")),
]);

function load(mode: string, folder: string, failpoint: string | null): Promise<Ran> {
  const script = join(root, "dist", "test", "support", "mempool-load.js");
  const environment = failpoint === null ? {} : { PANDO_FAILPOINT: failpoint };
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [script, mode, folder], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.once("error", fail);
    child.once("close", (code, signal) => done({ code, signal, stdout, stderr }));
  });
}

interface Found {
  readonly tip: string;
  readonly coins: object;
  readonly entries: readonly { readonly id: string; readonly inputs: readonly string[] }[];
  readonly missing: readonly string[];
  readonly templated: number;
  readonly invalidTemplates: number;
  readonly resets: number;
}

const lines = (ran: Ran): Record<string, unknown>[] =>
  ran.stdout
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

async function foundIn(folder: string, point: string): Promise<Found> {
  const ran = await load("check", folder, null);
  assert.equal(ran.code, 0, `PANDO_FAILPOINT=${point}: ${ran.stderr}`);
  return lines(ran).at(-1) as unknown as Found;
}

const plan = planLoad();
const everyBlock = [...plan.first, plan.main, ...plan.rivals];
const everyTransaction = new Map(
  [
    ...plan.before,
    ...plan.replacing,
    ...plan.between,
    ...plan.after,
    ...everyBlock.flatMap(({ built }) => built),
  ].map(({ transaction }) => [toHex(transaction.txid), transaction]),
);

function inputsOf(id: string): string[] {
  const { bytes, inputs } = everyTransaction.get(id)!;
  return inputs.map(({ outpointAt }) => keyHex(outpointKeyAt(bytes, outpointAt)));
}

/** Transactions of the branch that ends in `tip`. */
function confirmedAt(tip: string): Set<string> {
  const block = everyBlock.find(({ hash }) => toHex(hash) === tip);
  const ids = new Set<string>();
  for (const one of block?.branch() ?? []) {
    for (const { transaction } of one.built) ids.add(toHex(transaction.txid));
  }
  return ids;
}

function judge(point: string, acknowledged: readonly string[], found: Found): void {
  const say = `PANDO_FAILPOINT=${point}`;
  const held = new Set(found.entries.map(({ id }) => id));
  const confirmed = confirmedAt(found.tip);
  const spenders = new Map<string, string>();
  for (const { id, inputs } of found.entries) {
    for (const outpoint of inputs) {
      assert.equal(spenders.get(outpoint), undefined, `${say}: ${outpoint} is spent twice`);
      spenders.set(outpoint, id);
    }
  }
  for (const id of confirmed) for (const input of inputsOf(id)) spenders.set(input, id);
  const isHere = (id: string): boolean => held.has(id) || confirmed.has(id);
  // A promise ends only when another transaction has the coin, or a parent has lost its own so.
  const lostFairly = (id: string): boolean =>
    inputsOf(id).some((input) => {
      const parent = input.slice(0, 64);
      if ((spenders.get(input) ?? id) !== id) return true;
      return everyTransaction.has(parent) && !isHere(parent) && lostFairly(parent);
    });
  for (const id of acknowledged) {
    assert.ok(isHere(id) || lostFairly(id), `${say}: ${id} was acknowledged and is lost`);
  }
  assert.deepEqual(found.missing, [], `${say}: every coin that is spent is there`);
  assert.equal(found.invalidTemplates, 0, `${say}: the template passes as a block`);
  assert.equal(found.templated, found.entries.length, `${say}: the template holds everything`);
}

/** The coin set at each tip, from nodes that nobody killed. */
const coinsAt = new Map<string, object>();

test("a mempool killed at any durable write keeps its promises", async () => {
  const undisturbed = join(temporaryFolder(), "data");
  const whole = await load("run", undisturbed, null);
  assert.deepEqual(lines(whole).at(-1), { done: true }, whole.stderr);
  const { tip, coins } = await foundIn(undisturbed, "none");
  assert.equal(tip, toHex(plan.rivals[1]!.hash), "the load ends on the rival branch");
  coinsAt.set(tip, coins);
  const reached = new Set<string>();
  for (const name of FAILPOINTS) {
    if (NOT_PASSED.has(name)) continue;
    // A start is passed once.
    for (const hit of name === "admission.opened" ? [1] : HITS) {
      for (const torn of name.endsWith(".write") ? ["", ":torn"] : [""]) {
        const point = `${name}@${hit}${torn}`;
        const folder = join(temporaryFolder(), "data");
        const ran = await load("run", folder, point);
        if (ran.signal !== null) reached.add(name);
        else assert.equal(ran.code, 0, `PANDO_FAILPOINT=${point}: ${ran.stderr}`);
        const found = await foundIn(folder, point);
        const acknowledged = lines(ran).flatMap(({ acknowledged: id }) =>
          typeof id === "string" ? [id] : [],
        );
        judge(point, acknowledged, found);
        const known = coinsAt.get(found.tip);
        if (known === undefined) coinsAt.set(found.tip, found.coins);
        else assert.deepEqual(found.coins, known, `${point}: the coin set is the tip's`);
      }
    }
  }
  const missed = FAILPOINTS.filter((name) => !reached.has(name) && !NOT_PASSED.has(name));
  assert.deepEqual(missed, [], "every failpoint on the way was reached");
});
