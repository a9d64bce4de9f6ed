// `kill -9` at every named failpoint around a durable write, while blocks are imported, side blocks
// kept and a reorganisation made. After each death the node is started again with the same files and
// must end with the very coin set of an undisturbed run. PANDO_KILL_HITS=1,2,3,... walks deeper.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { TestChain } from "../src/node/generate-chain/test-chain.ts";
import { FAILPOINTS } from "../src/ports/failpoint.ts";
import { lastJson, pando, temporaryFolder, writeBlockFile } from "./support/run.ts";

const HITS = (process.env["PANDO_KILL_HITS"] ?? "1,4").split(",").map(Number);

/** Points that this import does not pass: full segments, cuts and conditional batches. */
const NOT_IN_IMPORT = new Set<string>(["record.truncated", "record.new-segment", "lmdb.in-batch"]);

/** An import has no mempool and signs nothing: mempool-kill and signer-kill.test.ts walk there. */
const isElsewhere = (name: string): boolean =>
  NOT_IN_IMPORT.has(name) || name.startsWith("admission.") || name.startsWith("guard.");

/** A chain that spends its coins, and a longer branch that spends them otherwise. */
function writeChain(folder: string): string {
  const chain = new TestChain({ seed: "kill" });
  const matured = chain.mineMany(103);
  const branchFrom = chain.tip;
  const spend = (number: number, outputs: number) =>
    chain.spend([matured[number]!.reward], { outputs, fee: 1000 + outputs });
  for (let number = 0; number < 3; number++) {
    chain.mine({ transactions: [spend(number, 3)] });
  }
  const main = chain.tip.branch();
  let rival = branchFrom;
  const side = [0, 1, 2, 3].map((number) => {
    rival = chain.mine({ parent: rival, transactions: [spend(number, 5)] });
    return rival;
  });
  const path = join(folder, "chain.dat");
  const blocks = [...main, ...side].map((block) => block.bytes);
  writeBlockFile(path, chain.params, blocks);
  return path;
}

async function coinSet(data: string): Promise<Record<string, unknown>> {
  const ran = await pando(["coins", "--data-dir", data, "--muhash", "--json"]);
  assert.equal(ran.code, 0, ran.stderr);
  return lastJson(ran);
}

const importOf = (data: string, file: string): string[] => [
  "import",
  "--network",
  "regtest",
  "--partitions",
  "3",
  "--verifiers",
  "1",
  "--data-dir",
  data,
  "--json",
  file,
];

async function killedAndAgain(
  point: string,
  file: string,
  expected: Record<string, unknown>,
): Promise<boolean> {
  const data = join(temporaryFolder(), "data");
  const killed = await pando(importOf(data, file), { PANDO_FAILPOINT: point });
  if (killed.signal === null) assert.equal(killed.code, 0, killed.stderr);
  else assert.equal(killed.signal, "SIGKILL");
  const again = await pando(importOf(data, file));
  assert.equal(again.code, 0, `PANDO_FAILPOINT=${point}: ${again.stderr}`);
  assert.deepEqual(await coinSet(data), expected, `PANDO_FAILPOINT=${point}`);
  return killed.signal !== null;
}

test("a node killed at any durable write ends as if it had not been", async () => {
  const file = writeChain(temporaryFolder());
  const undisturbed = join(temporaryFolder(), "data");
  const ran = await pando(importOf(undisturbed, file));
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(lastJson(ran)["reorganisations"], 1, "the chain has its reorganisation");
  const expected = await coinSet(undisturbed);
  const reached = new Set<string>();
  for (const name of FAILPOINTS) {
    if (isElsewhere(name)) continue;
    for (const hit of HITS) {
      for (const torn of name.endsWith(".write") ? ["", ":torn"] : [""]) {
        const point = `${name}@${hit}${torn}`;
        if (await killedAndAgain(point, file, expected)) reached.add(name);
      }
    }
  }
  const missed = FAILPOINTS.filter((name) => !reached.has(name) && !isElsewhere(name));
  assert.deepEqual(missed, [], "every failpoint on the way of an import was reached");
});
