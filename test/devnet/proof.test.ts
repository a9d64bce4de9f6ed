// The proof of staked consensus between processes: four nodes with a staker each, under churn and
// payments, cut three to one and two to two; one is killed in its own slot and comes back at once on
// an old copy of its disk. In the end all agree, nothing final is contradicted, nobody signed twice, and every
// payment that a node acknowledged is in everybody's chain. Waits are in slots of the network.
import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { RpcClient } from "../../src/node/devnet/rpc-client.ts";
import type { Snapshot } from "../../src/node/devnet/snapshot.ts";
import { DevnetProcess, rpcTo } from "../support/devnet-process.ts";
import { until } from "../support/node-process.ts";
import { temporaryFolder } from "../support/run.ts";

/** Slots that anything may take that takes two rounds of four when nobody is in the way. */
const PATIENCE = 60;
/** The node that is killed, and its staker. */
const VICTIM = 3;

interface StakerAnswer {
  readonly id: number;
  readonly status: string;
  readonly produced: number;
  readonly penalty: number;
}
interface BlockAnswer {
  readonly hash: string;
  readonly height: number;
  readonly round: number;
  readonly staker: number;
  readonly tx: readonly string[];
  readonly previousblockhash?: string;
}

const heights = ({ nodes }: Snapshot): number[] => nodes.map(({ height }) => height ?? 0);
const final = ({ nodes }: Snapshot): number[] => nodes.map((row) => row.finalizedHeight ?? 0);

async function stakers(rpc: RpcClient): Promise<readonly StakerAnswer[]> {
  return (await rpc.call<{ stakers: StakerAnswer[] }>("getstakers")).stakers;
}

async function produced(rpc: RpcClient): Promise<number> {
  return (await stakers(rpc)).find(({ id }) => id === VICTIM)!.produced;
}

/** Waits until the victim's staker has made another block in the chain of node 1. */
async function producesAgain(devnet: DevnetProcess, rpc: RpcClient): Promise<void> {
  const before = await produced(rpc);
  let now = before;
  await devnet.until(
    `a block of staker ${VICTIM}`,
    () => {
      void produced(rpc).then((count) => {
        now = count;
      });
      return now > before;
    },
    PATIENCE,
  );
}

/** Copies what a node and its staker have on disk. */
function copyDisk(from: string, to: string): void {
  for (const name of [`node-${VICTIM}`, join("stakers", `staker-${VICTIM}`)]) {
    rmSync(join(to, name), { recursive: true, force: true });
    cpSync(join(from, name), join(to, name), { recursive: true });
  }
}

/** kill -9 while the victim's own slot is running. */
async function killInItsSlot(devnet: DevnetProcess, rpc: RpcClient): Promise<void> {
  await until(
    "the victim's slot",
    () => rpc.call<{ staker: number | null }>("getqueue"),
    ({ staker }) => staker === VICTIM,
  );
  await devnet.command("kill", String(VICTIM));
}

/** Every block that a node knows of, on whatever branch. */
async function allBlocks(rpc: RpcClient): Promise<Map<string, BlockAnswer>> {
  const blocks = new Map<string, BlockAnswer>();
  for (const { hash: tip } of await rpc.call<{ hash: string }[]>("getchaintips")) {
    let hash: string | undefined = tip;
    while (hash !== undefined && !blocks.has(hash)) {
      const block: BlockAnswer = await rpc.call<BlockAnswer>("getblock", hash, 1);
      blocks.set(hash, block);
      hash = block.previousblockhash;
    }
  }
  return blocks;
}

test("four stakers: churn, a cut, kill -9 and an old disk; then one chain and nothing lost", async (context) => {
  const folder = join(temporaryFolder(), "devnet");
  const old = join(temporaryFolder(), "old");
  const devnet = new DevnetProcess(context, folder, [
    ...["--nodes", "4", "--stakers", "4", "--slot", "1s", "--seed", "proof"],
    ...["--churn", "3s", "--load", "8"],
  ]);

  const begun = await devnet.until(
    "finality and payments under churn",
    (now) => Math.min(...final(now)) > 0 && now.load.acknowledged > 20,
    2 * PATIENCE,
  );
  const rpcs = begun.nodes.map(rpcTo);
  const first = rpcs[0]!;

  // A copy of the victim's disk, behind which its staker then signs more.
  await devnet.command("kill", String(VICTIM));
  copyDisk(folder, old);
  await devnet.command("restart", String(VICTIM));
  await producesAgain(devnet, first);

  // Three quarters go on; the rest stops after at most its own slots of two rounds. The victim dies
  // in its own slot and is back on the old disk before its round is over.
  const cut = (await devnet.status())!;
  await devnet.command("partition", "1,2,3", "4");
  await killInItsSlot(devnet, rpcTo((await devnet.status())!.nodes[VICTIM - 1]!));
  copyDisk(old, folder);
  await devnet.command("restart", String(VICTIM));
  await producesAgain(devnet, first);
  const apart = await devnet.until(
    "the majority goes on",
    (now) =>
      now.round >= cut.round + 4 && Math.max(...heights(now)) >= Math.max(...heights(cut)) + 3,
    PATIENCE,
  );
  const own = apart.fork?.branches.find(({ nodes }) => nodes.length === 1 && nodes[0] === 3);
  assert.ok((own?.depth ?? 0) <= 2, `${own?.depth} blocks alone`);
  const later = await devnet.until(
    "another round apart",
    ({ round }) => round > apart.round + 1,
    PATIENCE,
  );
  assert.equal(heights(later)[3], heights(apart)[3], "whoever is alone stops");

  // Half of the weight is no majority: both sides stop, after at most their own slots of two rounds.
  await devnet.command("partition", "1,2", "3,4");
  const half = (await devnet.status())!;
  // Asked behind the cut; a block that was on its way then may still arrive.
  const counts = await Promise.all(
    half.nodes.map((row) => rpcTo(row).call<number>("getblockcount")),
  );
  const stopped = await devnet.until(
    "three rounds without a majority",
    ({ round }) => round >= half.round + 3,
    PATIENCE,
  );
  const before = Math.max(...counts);
  assert.ok(Math.max(...heights(stopped)) <= before + 5, `${heights(stopped)} after ${before}`);
  const still = await devnet.until("another", ({ round }) => round > stopped.round, PATIENCE);
  assert.deepEqual(heights(still), heights(stopped), "nobody goes on");

  // Healed: one chain within two rounds.
  await devnet.command("quiet");
  await devnet.command("heal");
  const healed = (await devnet.status())!;
  const wanted = Math.max(...heights(still));
  const whole = await devnet.until(
    "one chain",
    (now) => now.fork === null && heights(now).every((height) => height >= wanted),
    PATIENCE,
  );
  assert.ok(whole.round - healed.round <= 2, `${whole.round - healed.round} rounds to agree`);

  const rest = await devnet.until(
    "rest: every payment confirmed everywhere, and finality beyond",
    (now) =>
      now.load.waiting === 0 &&
      now.load.unanswered === 0 &&
      now.nodes.every(({ state }) => state === "up") &&
      now.fork === null &&
      Math.min(...final(now)) > Math.max(...heights(whole)),
    2 * PATIENCE,
  );

  assert.deepEqual(rest.conflicts, [], "no conflict of finality");
  assert.deepEqual([rest.load.lost, rest.load.refused], [0, 0]);
  const finalHeight = Math.min(...final(rest));
  const again = (await devnet.status())!.nodes.map(rpcTo);
  const finals = await Promise.all(
    again.map((rpc) => rpc.call<string>("getblockhash", finalHeight)),
  );
  assert.equal(new Set(finals).size, 1, "what is final is the same on all");

  const acts = new Map<string, string>();
  for (const rpc of again) {
    for (const { id, status, penalty } of await stakers(rpc)) {
      assert.deepEqual({ id, status, penalty }, { id, status: "active", penalty: 0 });
    }
    const banned = await rpc.call<unknown[]>("listbanned");
    assert.deepEqual(banned, [], "nobody banned anybody");
    for (const { staker, round, hash, height } of (await allBlocks(rpc)).values()) {
      if (height === 0) continue;
      const act = `staker ${staker} in round ${round}`;
      assert.equal(acts.get(act) ?? hash, hash, `${act} signed once`);
      acts.set(act, hash);
    }
  }

  const paid = readFileSync(join(folder, "payments.log"), "utf8").trim().split("\n");
  assert.ok(paid.length > 100, `${paid.length} payments`);
  for (const [index, rpc] of again.entries()) {
    const confirmed = new Set<string>();
    const tip = await rpc.call<string>("getbestblockhash");
    for (let hash: string | undefined = tip; hash !== undefined; ) {
      const block: BlockAnswer = await rpc.call<BlockAnswer>("getblock", hash, 1);
      for (const txid of block.tx) confirmed.add(txid);
      hash = block.previousblockhash;
    }
    const missing = paid.filter((txid) => !confirmed.has(txid));
    assert.deepEqual(missing, [], `acknowledged and not in the chain of node ${index + 1}`);
  }

  devnet.signal("SIGTERM");
  assert.equal(await devnet.ended, 130);
});
