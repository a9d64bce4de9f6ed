// `pando signer` as its operator and its node meet it: who may read its files, who may share them,
// and what it answers over its socket.
import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { machineRandom } from "../src/node/clock.ts";
import { connectSigner } from "../src/node/stake/connect-signer.ts";
import {
  newStakerKeys,
  readKeyFile,
  type StakerKeys,
  signKeyOf,
} from "../src/node/stake/key-file.ts";
import { createStakerFiles, openSigner } from "../src/node/stake/open-signer.ts";
import { freshGuard } from "../src/planes/consensus/finality/guard.ts";
import { pando, temporaryFolder } from "./support/run.ts";
import {
  Signed,
  type SignerProcess,
  signRound,
  startSigner,
  TEST_CHAIN,
} from "./support/signer-process.ts";

interface Files {
  readonly keys: string;
  readonly socket: string;
  readonly stakers: readonly StakerKeys[];
}

function makeFiles(ids: readonly (number | null)[]): Files {
  const folder = temporaryFolder();
  const keys = join(folder, "staker.json");
  const stakers = ids.map((id) => ({ ...newStakerKeys(machineRandom), id }));
  const made = createStakerFiles(keys, { chainId: TEST_CHAIN, stakers });
  assert.ok(made.ok);
  return { keys, socket: join(folder, "signer.sock"), stakers };
}

async function running(context: TestContext, files: Files): Promise<SignerProcess> {
  const signer = await startSigner(context, files.keys, files.socket);
  assert.notEqual(signer.ready, null, signer.stderr());
  return signer;
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test("files and socket belong to their owner alone, and nothing prints a secret", async (context) => {
  const files = makeFiles([7, null]);
  const signer = await running(context, files);
  assert.equal(modeOf(files.keys), "600");
  assert.equal(modeOf(`${files.keys}.guards`), "700");
  assert.equal(modeOf(join(`${files.keys}.guards`, "staker-7.guard")), "600");
  assert.equal(modeOf(files.socket), "600");
  assert.deepEqual(signer.ready, {
    socket: files.socket,
    pid: signer.child.pid,
    chainId: TEST_CHAIN,
    stakers: [7],
    waiting: [signKeyOf(files.stakers[1]!.signSecret)],
  });
  signer.child.kill("SIGTERM");
  assert.deepEqual(await signer.ended, { code: 0, signal: null });
  assert.deepEqual(
    readdirSync(`${files.keys}.guards`),
    ["staker-7.guard"],
    "the lock is given back",
  );
  const said = JSON.stringify(signer.ready) + signer.stderr();
  for (const { signSecret, revealSecret, ownerSecret } of files.stakers) {
    for (const secret of [signSecret, revealSecret, ownerSecret!])
      assert.ok(!said.includes(secret));
  }
});

test("a key file that others can read, or that is none, is refused in one line", async () => {
  const { keys, socket, stakers } = makeFiles([7]);
  const refused = async (pattern: RegExp): Promise<void> => {
    const ran = await pando(["signer", "--keys", keys, "--listen", socket]);
    assert.equal(ran.code, 3, ran.stdout);
    assert.match(ran.stderr, pattern);
    assert.equal(ran.stderr.trimEnd().split("\n").length, 1, ran.stderr);
    for (const { signSecret } of stakers) assert.ok(!ran.stderr.includes(signSecret));
  };
  const sound = readFileSync(keys, "utf8");
  for (const mode of [0o640, 0o604, 0o660]) {
    chmodSync(keys, mode);
    await refused(/staker\.json has mode 06[046][046]; make it 0600 \(chmod 600 /);
  }
  chmodSync(keys, 0o600);
  for (const [text, pattern] of [
    ["{", /is not JSON/],
    ["[]", /is not a staker's key file/],
    [sound.replace(TEST_CHAIN, "c0"), /chainId is not 64 hex digits/],
    [sound.replace('"id": 7', '"id": 0'), /staker number 1 has a field that is missing or wrong/],
    [sound.replace(stakers[0]!.signSecret, "00".repeat(32)), /staker number 1 has a field/],
    [sound.replace('"id": 7', '"id": 8'), /the double-sign guard of staker 8 is missing/],
  ] as const) {
    writeFileSync(keys, text);
    await refused(pattern);
  }
  writeFileSync(keys, sound);
  rmSync(keys);
  await refused(/cannot be read/);
  const bare = await pando(["signer", "--keys", keys]);
  assert.deepEqual(
    [bare.code, bare.stderr],
    [2, "pando: name --listen; see pando signer --help\n"],
  );
});

test("two processes never share a guard, and two signers never a socket", async (context) => {
  const files = makeFiles([7]);
  const signer = await running(context, files);
  const second = await pando(["signer", "--keys", files.keys, "--listen", `${files.socket}2`]);
  assert.equal(second.code, 3);
  assert.match(second.stderr, new RegExp(`are in use by process ${signer.child.pid}: two signers`));
  await assert.rejects(
    openSigner({ keyPath: files.keys, chainId: TEST_CHAIN }),
    /in use by process/,
  );
  const other = makeFiles([8]);
  const third = await pando(["signer", "--keys", other.keys, "--listen", files.socket]);
  assert.equal(third.code, 4);
  assert.match(third.stderr, /another signer listens on/);
  signer.child.kill("SIGKILL");
  await signer.ended;
  // A signer that was killed leaves its lock and its socket; both are seen to be nobody's.
  await running(context, files);
});

test("a guard that is lost stops the signer, and is not made afresh", async () => {
  const { keys, socket } = makeFiles([7]);
  rmSync(`${keys}.guards`, { recursive: true });
  for (let time = 0; time < 2; time++) {
    const ran = await pando(["signer", "--keys", keys, "--listen", socket]);
    assert.equal(ran.code, 3);
    assert.match(ran.stderr, /guard of staker 7 is missing: without it the key could sign twice/);
  }
  const again = createStakerFiles(keys, { chainId: TEST_CHAIN, stakers: [] });
  assert.ok(!again.ok && /exists: keys are never overwritten/.test(again.why));
});

test("key files and guards are not made over those of a key that has signed", async () => {
  const { keys, stakers } = makeFiles([7]);
  const signer = await openSigner({ keyPath: keys, chainId: TEST_CHAIN });
  await signRound(signer, freshGuard(TEST_CHAIN, 7), 5, 1, new Signed());
  await signer.close();
  assert.equal(await signer.persist(freshGuard(TEST_CHAIN, 7)), false, "closed");
  rmSync(keys);
  const made = createStakerFiles(keys, { chainId: TEST_CHAIN, stakers });
  assert.ok(!made.ok && /holds a guard of staker 7 that has signed before/.test(made.why));
});

test("over the socket: guard, signature, refusal, adoption, and a node that comes back", async (context) => {
  const files = makeFiles([7, null]);
  const process = await running(context, files);
  const signed = new Signed();
  const node = await connectSigner(files.socket, TEST_CHAIN);
  assert.deepEqual(node.stakers[0]!.guard, freshGuard(TEST_CHAIN, 7));
  assert.equal(node.stakers[0]!.revealSecret, files.stakers[0]!.revealSecret);
  assert.notEqual(await signRound(node, node.stakers[0]!.guard, 5, 1, signed), null);
  assert.equal(await signRound(node, node.stakers[0]!.guard, 5, 2, signed), null);
  const key = signKeyOf(files.stakers[1]!.signSecret);
  assert.deepEqual(node.waiting, [key]);
  assert.equal((await node.adopt(key, 9, 0))?.id, 9);
  assert.deepEqual([node.waiting, node.stakers.map(({ id }) => id)], [[], [7, 9]]);
  const read = readKeyFile(files.keys);
  assert.deepEqual(read.ok && read.keys.stakers.map(({ id }) => id), [7, 9]);
  assert.equal(modeOf(files.keys), "600");
  assert.notEqual(await signRound(node, node.stakers[1]!.guard, 6, 1, signed), null);
  await node.close();
  const again = await connectSigner(files.socket, TEST_CHAIN);
  assert.equal(again.stakers[0]!.guard.actRound, 5, "the newest guard, not the one of the start");
  process.child.kill("SIGKILL");
  await process.ended;
  assert.equal(await again.persist(again.stakers[0]!.guard), false, "gone: refused, not thrown");
  await running(context, files);
  assert.equal(await again.persist(again.stakers[0]!.guard), true, "back: it connects by itself");
  await again.close();
  assert.deepEqual(signed.conflicts, []);
});

test("who is no signer, or one of another chain, is refused in one line", async (context) => {
  const files = makeFiles([7]);
  await assert.rejects(
    connectSigner(files.socket, TEST_CHAIN),
    /no signer answers on .*: start pando signer first/,
  );
  await running(context, files);
  await assert.rejects(connectSigner(files.socket, "c1".repeat(32)), /is for another chain/);
  await assert.rejects(
    openSigner({ keyPath: files.keys, chainId: "c1".repeat(32) }),
    /staker\.json is for another chain/,
  );
});

test("lines that are no requests are answered with no, and the signer lives on", async (context) => {
  const files = makeFiles([7]);
  await running(context, files);
  const socket = connect(files.socket);
  context.after(() => socket.destroy());
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  const guard = freshGuard(TEST_CHAIN, 7);
  for (const line of [
    "",
    "{",
    "[]",
    "{}",
    '{"id":1,"do":"secrets"}',
    '{"id":1,"do":"sign","stakerId":7}',
    '{"id":1,"do":"sign","stakerId":7,"what":"block","header":7}',
    '{"id":1,"do":"sign","stakerId":7,"what":"digest","digest":"00"}',
    '{"id":1,"do":"persist"}',
    JSON.stringify({ id: 1, do: "persist", guard: { ...guard, actRound: -1 } }),
    JSON.stringify({ id: 1, do: "persist", guard: { ...guard, actRound: 2 ** 32 } }),
    JSON.stringify({ id: 1, do: "persist", guard: { ...guard, actDigest: "AB".repeat(32) } }),
    JSON.stringify({ id: 1, do: "persist", guard: { ...guard, chainId: `${TEST_CHAIN}00` } }),
    '{"id":1,"do":"adopt","signKey":"00","stakerId":1,"produced":0}',
  ]) {
    socket.write(`${line}\n`);
    const { value } = await answers.next();
    assert.equal((JSON.parse(String(value)) as { ok: boolean }).ok, false, line);
  }
  const longest = connect(files.socket);
  longest.on("error", () => {});
  longest.write("x".repeat(3 * 1024 * 1024));
  await new Promise((resolve) => longest.once("close", resolve));
  const node = await connectSigner(files.socket, TEST_CHAIN);
  assert.deepEqual(node.stakers[0]!.guard, guard);
  await node.close();
});

test("an older guard put back under a running signer stops it", async () => {
  const { keys } = makeFiles([7]);
  const guardFile = join(`${keys}.guards`, "staker-7.guard");
  const signed = new Signed();
  const signer = await openSigner({ keyPath: keys, chainId: TEST_CHAIN });
  const early = await signRound(signer, freshGuard(TEST_CHAIN, 7), 4, 1, signed);
  const old = readFileSync(guardFile);
  const late = await signRound(signer, early!, 6, 1, signed);
  const newest = readFileSync(guardFile);
  writeFileSync(guardFile, old);
  assert.equal(await signRound(signer, early!, 6, 2, signed), null);
  assert.equal(await signRound(signer, late!, 7, 2, signed), null);
  writeFileSync(guardFile, newest);
  assert.notEqual(await signRound(signer, late!, 7, 2, signed), null);
  await signer.close();
  assert.deepEqual(signed.conflicts, []);
});
