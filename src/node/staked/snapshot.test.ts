// A start from the snapshot of consensus: few headers are replayed however long the chain is, all is as
// it was, and a snapshot that cannot be used costs one line in the log and nothing else.
import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../../../test/support/run.ts";
import { GENESIS_MS, type StakedTest, stakedTest } from "../../../test/support/staked-blocks.ts";
import {
  headOf,
  openShell,
  type Shell,
  type ShellOptions,
  SLOT_MS,
  settle,
  signerOf,
  slot,
  type World,
  yes,
} from "../../../test/support/staked-shell.ts";

interface Grown {
  readonly made: StakedTest;
  readonly world: World;
  readonly folder: string;
  readonly maker: Shell;
}

async function grown(context: TestContext, slots: number): Promise<Grown> {
  const made = stakedTest(4);
  const world = { nowMs: GENESIS_MS + 5 * SLOT_MS };
  const folder = temporaryFolder();
  const maker = await openShell(context, made, world, signerOf(made, yes), { folder });
  world.nowMs += 3_000;
  for (let count = 0; count < slots; count++) await slot(world, maker);
  assert.equal(maker.consensus.core.head.height, slots);
  return { made, world, folder, maker };
}

/** Where the file is: beside what else consensus keeps. */
function pathIn({ made, folder }: Grown): string {
  return join(folder, made.file.name, "consensus");
}

/** What a crash now would leave. */
function copyOf({ folder }: Grown): string {
  const copy = temporaryFolder();
  const filter = (path: string): boolean => !basename(path).startsWith("LOCK");
  cpSync(folder, copy, { recursive: true, filter });
  return copy;
}

async function reopened(
  context: TestContext,
  { made, world }: Grown,
  options: ShellOptions,
): Promise<Shell> {
  const shell = await openShell(context, made, world, null, options);
  await settle(shell);
  return shell;
}

test("a long chain replays about as many headers at a start as a short one, after a crash too", async (context) => {
  const replayed: number[] = [];
  const crashed: number[] = [];
  for (const slots of [60, 560]) {
    const chain = await grown(context, slots);
    const told = chain.maker.view.finality();
    const copy = copyOf(chain);
    await chain.maker.close();
    const again = await reopened(context, chain, { folder: chain.folder });
    assert.deepEqual(again.view.finality(), told, "head and finality are those of before");
    assert.equal(again.view.power(told.finalized.hash)?.status, "finalized");
    replayed.push(again.consensus.statistics.replayed);
    await again.close();
    const killed = await reopened(context, chain, { folder: copy });
    assert.deepEqual(killed.view.finality(), told);
    crashed.push(killed.consensus.statistics.replayed);
    await killed.close();
  }
  assert.ok(replayed[1]! <= 16, `${replayed} headers replayed after a stop`);
  assert.ok(crashed[1]! <= 256 + 16, `${crashed} headers replayed after a crash`);
  assert.equal(replayed[0], replayed[1]);
});

test("a snapshot that is torn, foreign, older or of blocks that are not here is made anew", async (context) => {
  const chain = await grown(context, 24);
  const path = pathIn(chain);
  const before = copyOf(chain);
  for (let count = 0; count < 16; count++) await slot(chain.world, chain.maker);
  const told = chain.maker.view.finality();
  await chain.maker.close();
  const good = readFileSync(path, "utf8");
  const [format, , digest, text] = good.split("\n");
  const spoiled: readonly (readonly [what: string, bytes: string])[] = [
    ["damaged", good.slice(0, -1)],
    ["damaged", good.slice(0, 200)],
    ["damaged", good.replace('"height":', '"height":1')],
    ["format", ""],
    ["format", good.replace("snapshot 1", "snapshot 0")],
    ["another chain", [format, "ab".repeat(32), digest, text].join("\n")],
  ];
  const lines: string[] = [];
  const options = {
    folder: chain.folder,
    level: "warn",
    log: (line: string) => lines.push(line),
  } as const;
  for (const [what, bytes] of spoiled) {
    writeFileSync(path, bytes);
    writeFileSync(`${path}.new`, good.slice(0, 100));
    const again = await reopened(context, chain, options);
    assert.equal(again.consensus.statistics.replayed, 40, what);
    assert.deepEqual(again.view.finality(), told, what);
    assert.equal(lines.length, 1, lines.join(""));
    assert.ok(lines.splice(0)[0]!.includes(what), what);
    await again.close();
    assert.equal(readFileSync(path, "utf8"), good, "it is made anew");
  }
  writeFileSync(join(before, chain.made.file.name, "consensus"), good);
  const older = await reopened(context, chain, { ...options, folder: before });
  assert.equal(older.consensus.statistics.replayed, 24);
  assert.ok(lines[0]?.includes("not here"));
  assert.ok(older.consensus.core.head.height === 24);
  assert.notEqual(headOf(older), told.head.hash);
});

test("who starts from a snapshot goes on making blocks, and finds what others made meanwhile", async (context) => {
  const chain = await grown(context, 24);
  await chain.maker.close();
  const { made, world, folder } = chain;
  const again = await openShell(context, made, world, signerOf(made, yes), { folder });
  for (let count = 0; count < 24; count++) await slot(world, again);
  const { height } = again.view.finality().finalized;
  assert.ok(height > 24, `final up to ${height}`);
  await again.close();
  rmSync(pathIn(chain));
  const whole = await reopened(context, chain, { folder });
  assert.ok(whole.consensus.statistics.replayed > 30, "without the file all is replayed");
  assert.deepEqual(whole.view.finality().finalized.height, height);
});
