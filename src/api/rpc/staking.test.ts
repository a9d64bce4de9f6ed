// The methods of a staked network, their metrics and the feed's channel `power`, over a view with
// fixed answers: what callers rely on, letter by letter.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type SmallApi, smallApi } from "../../../test/support/small-api.ts";
import { ANYONE } from "../../../test/support/small-chain.ts";
import { SMALL_HEAD, smallStaking } from "../../../test/support/small-staking.ts";
import { toHex } from "../../base/bytes.ts";
import { Metrics } from "../../node/metrics.ts";
import type { PowerStatus, StakingView } from "../../ports/staking.ts";
import { Feed } from "../feed/feed.ts";
import type { FeedEvent } from "../feed/history.ts";
import { declareStakingMetrics } from "../operations/staking-metrics.ts";

interface Answer {
  readonly result: unknown;
  readonly error: { readonly code: number; readonly message: string } | null;
}

type Ask = (method: string, ...params: unknown[]) => Promise<Answer>;

async function start(
  context: TestContext,
  staking: StakingView | null,
): Promise<{ api: SmallApi; ask: Ask; text: (method: string) => Promise<string> }> {
  const api = await smallApi({ staking });
  context.after(() => api.close());
  const caller = {
    allowed: null,
    gone: new AbortController().signal,
    outside: <T>(wait: Promise<T>): Promise<T> => wait,
  };
  const text = async (method: string, ...params: unknown[]): Promise<string> =>
    (await api.dispatcher.answer(JSON.stringify({ method, params }), caller)).body!;
  const ask: Ask = async (...words) => JSON.parse(await text(...words)) as Answer;
  return { api, ask, text };
}

const METHODS = ["getpowerinfo", "getstakers", "getfinality", "getqueue"];

test("a network of miners answers that it has no stakers", async (context) => {
  const { ask } = await start(context, null);
  for (const method of METHODS) {
    const { result, error } = await ask(method);
    assert.equal(result, null);
    assert.equal(error?.code, -1);
    assert.match(error.message, /^this network has no stakers: /);
  }
});

test("getpowerinfo: the tip, a named block, an unknown one, what is no hash", async (context) => {
  const { ask, text } = await start(context, smallStaking());
  const expected = {
    hash: SMALL_HEAD,
    height: 9,
    round: 3,
    slot: 8,
    filled: 3,
    total: 5,
    power: 0.6,
    status: "provisional",
  };
  assert.deepEqual((await ask("getpowerinfo")).result, expected);
  assert.deepEqual((await ask("getpowerinfo", SMALL_HEAD.toUpperCase())).result, expected);
  assert.match(await text("getpowerinfo"), /"power":0\.60000000,/, "eight places, as amounts have");
  const unknown = await ask("getpowerinfo", "00".repeat(32));
  assert.deepEqual(unknown.error, { code: -5, message: "Block not found" });
  assert.equal((await ask("getpowerinfo", "00")).error?.code, -8);
  assert.equal((await ask("getpowerinfo", 1)).error?.code, -3);
});

test("getstakers: the network's figures, all stakers or one", async (context) => {
  const { ask } = await start(context, smallStaking());
  const all = (await ask("getstakers")).result as { stakers: { id: number }[] };
  const { stakers, ...network } = all;
  assert.deepEqual(network, {
    chainid: "c0".repeat(32),
    genesistime: 1_700_000_000,
    slotms: 5_000,
    bond: 1000,
    unbondslots: 120_960,
    maxactive: 128,
    count: 3,
    active: 2,
    weight: 2,
  });
  assert.deepEqual(
    stakers.map(({ id }) => id),
    [1, 2, 3],
  );
  const one = (await ask("getstakers", 2)).result as typeof all;
  assert.deepEqual(one.stakers, [
    {
      id: 2,
      status: "leaving",
      active: false,
      weight: 1,
      produced: 20,
      missed: 2,
      missrun: 0,
      signkey: "a2".repeat(32),
      payout: `0014${"02".repeat(20)}`,
      bond: { outpoint: `${"b2".repeat(32)}:0`, value: 1000 },
      penalty: 0,
      sinceslot: 0,
      freeslot: 121_000,
    },
  ]);
  const { error } = await ask("getstakers", 9);
  assert.deepEqual(error, { code: -5, message: "unknown staker 9: getstakers lists them all" });
});

test("getfinality and getqueue", async (context) => {
  const { ask } = await start(context, smallStaking());
  assert.deepEqual((await ask("getfinality")).result, {
    head: { round: 3, hash: SMALL_HEAD, height: 9, slot: 8 },
    justified: { round: 2, hash: "c8".repeat(32), height: 8 },
    finalized: { round: 1, hash: "c3".repeat(32), height: 3 },
    unfinalizedblocks: 6,
    stopped: null,
  });
  assert.deepEqual((await ask("getqueue")).result, {
    round: 3,
    slot: 8,
    index: 1,
    now: 1_700_000_040_500,
    staker: 3,
    ids: [2, 3, 1],
    next: null,
    gate: { open: false, hits: 1, weight: 3 },
  });
});

test("confirmations count from when more than half of the weight stands behind a block", async (context) => {
  const fixed = smallStaking();
  const statuses = new Map<string, PowerStatus>();
  const { api, ask } = await start(context, {
    ...fixed,
    power: (hash) => {
      const status = statuses.get(hash ?? "");
      return status === undefined ? null : { ...fixed.power(null)!, hash: hash!, status };
    },
  });
  const { chain } = api.node;
  await chain.extend(3);
  type Fields = { readonly confirmations: number; readonly tx: readonly string[] };
  const hashes: string[] = [];
  const coins: string[] = [];
  for (const height of [1, 2, 3]) {
    const hash = String((await ask("getblockhash", height)).result);
    hashes.push(hash);
    coins.push(((await ask("getblock", hash)).result as Fields).tx[0]!);
  }
  const [first, second, third] = hashes as [string, string, string];
  statuses.set(first, "finalized").set(second, "gated").set(third, "provisional");
  const shown = async (method: string, ...words: unknown[]): Promise<number> =>
    ((await ask(method, ...words)).result as Fields).confirmations;
  for (const [at, expected] of [3, 2, 0].entries()) {
    assert.equal(await shown("getblock", hashes[at]), expected);
    assert.equal(await shown("getblockheader", hashes[at]), expected);
    assert.equal(await shown("getrawtransaction", coins[at], 1), expected);
    assert.equal(await shown("gettxout", coins[at], 0), expected);
  }
  const found = (await ask("getrawtransaction", coins[2], 1, third)).result;
  const { in_active_chain, blocktime } = found as { in_active_chain: boolean; blocktime: number };
  assert.deepEqual([in_active_chain, blocktime > 0], [true, true], "it is in a block all the same");
  const script = toHex(ANYONE);
  const scan = (await ask("scantxoutset", "start", [`raw(${script})`])).result;
  const { unspents } = scan as { unspents: { height: number; confirmations: number }[] };
  assert.deepEqual(unspents.map(({ height, confirmations }) => [height, confirmations]).sort(), [
    [1, 3],
    [2, 2],
    [3, 0],
  ]);
  statuses.set(third, "gated");
  assert.equal(await shown("gettxout", coins[2], 0), 1);
});

test("help names the four methods and their parameters", async (context) => {
  const { ask } = await start(context, null);
  const index = String((await ask("help")).result);
  const group = index.split("== Staking ==\n")[1]!.split("\n\n")[0]!;
  assert.deepEqual(group.split("\n"), [
    "getfinality",
    'getpowerinfo ( "blockhash" )',
    "getqueue",
    "getstakers ( id )",
  ]);
  for (const method of METHODS) {
    assert.match(String((await ask("help", method)).result), /\nResult:\n.{40}/);
  }
});

test("metrics are read from the view", () => {
  const metrics = new Metrics();
  declareStakingMetrics(metrics, smallStaking());
  const lines = metrics
    .text()
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual(lines, [
    "pando_equivocations_total 1",
    "pando_finalized_height 3",
    "pando_power_ratio 0.6",
    "pando_round 3",
    "pando_slots_missed_total 6",
  ]);
});

test("the feed tells of power when it has changed, and only then", async (context) => {
  const fixed = smallStaking();
  let status: "provisional" | "gated" = "provisional";
  const view: StakingView = {
    ...fixed,
    power: (hash) => {
      const power = fixed.power(hash);
      return power === null ? null : { ...power, status };
    },
  };
  const { api } = await start(context, view);
  const feed = new Feed(api.context);
  context.after(() => feed.stop());
  const told: FeedEvent[] = [];
  feed.listen({
    event: (event) => {
      if (event.channel === "power") told.push(event);
    },
    transaction: () => {},
  });
  assert.ok(feed.channels.includes("power"));
  const facts = (await feed.snapshot("power")) as { [name: string]: unknown };
  assert.equal(facts["status"], "provisional");
  assert.deepEqual([facts["justified"], facts["finalized"]], [8, 3]);
  feed.tick();
  feed.tick();
  assert.equal(told.length, 1);
  status = "gated";
  feed.tick();
  assert.equal(told.length, 2);
  assert.equal((told[1]!.data as { status: string }).status, "gated");
  const { api: miners } = await start(context, null);
  const plain = new Feed(miners.context);
  context.after(() => plain.stop());
  assert.ok(!plain.channels.includes("power"));
});
