// `kill -9` of a signer at every named failpoint around the durable writes of its guards. After each
// death a node asks the restarted signer for other blocks and votes of the same rounds: whatever was
// on disk when it died, no two conflicting signatures may ever have left.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connectSigner } from "../src/node/stake/connect-signer.ts";
import { readKeyFile, signKeyOf } from "../src/node/stake/key-file.ts";
import { createStakerFiles } from "../src/node/stake/open-signer.ts";
import { FAILPOINTS } from "../src/ports/failpoint.ts";
import { temporaryFolder } from "./support/run.ts";
import { Signed, signRound, startSigner, TEST_CHAIN } from "./support/signer-process.ts";

const ID = 7;
const SECRET = "11".repeat(32);
const ROUNDS = 3;
const POINTS = FAILPOINTS.filter((name) => /^(guard|replace)\./.test(name));

function writeKeys(id: number | null): string {
  const path = join(temporaryFolder(), "staker.json");
  const made = createStakerFiles(path, {
    chainId: TEST_CHAIN,
    stakers: [{ id, signSecret: SECRET, revealSecret: "22".repeat(32), ownerSecret: null }],
  });
  assert.ok(made.ok);
  return path;
}

/** Asks round by round, from what the signer says its guard is, until it refuses or all are signed. */
async function askRounds(
  socket: string,
  salt: number,
  from: number,
  signed: Signed,
): Promise<void> {
  const signer = await connectSigner(socket, TEST_CHAIN);
  const known = signer.stakers[0] ?? (await signer.adopt(signKeyOf(SECRET), ID, 0));
  let guard = known?.guard ?? null;
  for (let round = from; round < from + ROUNDS && guard !== null; round++) {
    guard = await signRound(signer, guard, round, salt, signed);
  }
  await signer.close();
}

/** Runs a signer to its death at `point`; the next ones are asked for other blocks of those rounds. */
async function walk(context: TestContext, point: string, id: number | null): Promise<boolean> {
  const keys = writeKeys(id);
  const socket = join(temporaryFolder(), "signer");
  const signed = new Signed();
  const first = await startSigner(context, keys, socket, { PANDO_FAILPOINT: point });
  assert.notEqual(first.ready, null, first.stderr());
  await askRounds(socket, 1, 1, signed);
  first.child.kill("SIGTERM");
  const { signal } = await first.ended;
  const again = await startSigner(context, keys, socket);
  assert.notEqual(again.ready, null, `PANDO_FAILPOINT=${point}: ${again.stderr()}`);
  for (let round = 1; round <= ROUNDS; round++) await askRounds(socket, 2, round, signed);
  await askRounds(socket, 3, ROUNDS + 1, signed);
  again.child.kill("SIGTERM");
  assert.deepEqual(await again.ended, { code: 0, signal: null });
  assert.deepEqual(signed.conflicts, [], `PANDO_FAILPOINT=${point}`);
  assert.ok(signed.count >= 2 * ROUNDS, `PANDO_FAILPOINT=${point}: it signs again afterwards`);
  const read = readKeyFile(keys);
  assert.equal(read.ok && read.keys.stakers[0]!.id, ID);
  return signal === "SIGKILL";
}

/** A write can only be torn, and what is torn is killed. */
const specsOf = (name: string, hits: readonly number[]): string[] =>
  hits.map((hit) => `${name}@${hit}${name.endsWith(".write") ? ":torn" : ""}`);

test("a signer killed at any durable write of a guard never signs twice", async (context) => {
  const points = POINTS.filter((name) => name !== "guard.adopted");
  for (const point of points.flatMap((name) => specsOf(name, [1, 4]))) {
    assert.ok(await walk(context, point, ID), `${point} was reached`);
  }
});

test("a signer killed while it takes a key for a new staker ends with one guard", async (context) => {
  // The first write is the guard's, the second that of the key file.
  const points = specsOf("guard.adopted", [1]);
  for (const name of POINTS.filter((one) => one.startsWith("replace."))) {
    points.push(...specsOf(name, [1, 2]));
  }
  for (const point of points) assert.ok(await walk(context, point, null), `${point} was reached`);
});
