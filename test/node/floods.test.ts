// A real node, flooded over real sockets by a hundred strangers: rubbish and oversized messages,
// orphans, deep chains of unconfirmed transactions, conflicting spends of one coin. An honest client
// is served throughout, offenders are shut out at their first message and within a second, and nothing
// is ever fuller than its bound. PANDO_FLOOD=1 runs it at full size; what an honest client notices is
// measured by `bench floods`.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { toDisplayHex } from "../../src/base/bytes.ts";
import { CLUSTER_COUNT_MAX } from "../../src/node/mempool/relations.ts";
import {
  feedBlocks,
  makeLoad,
  metricsOf,
  offend,
  orphans,
  overfull,
  rubbish,
  sendAll,
  WirePeer,
} from "../support/flood.ts";
import { type NodeProcess, startNode, until } from "../support/node-process.ts";
import { temporaryFolder } from "../support/run.ts";
import { idsOf } from "../support/small-api.ts";

const SHARE = Number(process.env["PANDO_FLOOD"] ?? 0.04);
const part = (full: number): number => Math.max(1, Math.round(full * SHARE));

const PEERS = 100;
const ORPHANS = part(50_000);
const CONFLICTS = part(10_000);
const CHAINS = 5;
const CHAIN_LENGTH = 60;
const HONEST = 400;
/** From an offender's first bad byte to the end of its connection. */
const SHUT_OUT_MS_MAX = 1_000;

/** An honest client that works until it is told that the flood is over. */
class HonestClient {
  readonly accepted: string[] = [];
  readonly overfull: Set<string> = new Set<string>();
  readonly #node: NodeProcess;
  readonly #peer: WirePeer;
  readonly #transactions: readonly string[];
  #over = false;

  constructor(node: NodeProcess, peer: WirePeer, transactions: readonly string[]) {
    this.#node = node;
    this.#peer = peer;
    this.#transactions = transactions;
  }

  async #work(height: number): Promise<void> {
    for (let turn = 0; !this.#over || turn < 5; turn++) {
      const transaction = this.#transactions[this.accepted.length];
      if (transaction !== undefined) {
        this.accepted.push(await this.#node.rpc<string>("sendrawtransaction", transaction));
      }
      assert.equal(await this.#node.rpc("getblockcount"), height);
      assert.notEqual(await this.#peer.ping(turn), null, "the honest peer stays connected");
      for (const line of overfull(await metricsOf(this.#node))) this.overfull.add(line);
    }
  }

  /** Works beside the flood; what it was given is in the mempool afterwards. */
  async during<T>(flood: () => Promise<T>): Promise<T> {
    this.#over = false;
    const working = this.#work(await this.#node.rpc<number>("getblockcount"));
    try {
      return await flood();
    } finally {
      this.#over = true;
      await working;
    }
  }
}

async function strangers(count: number, port: number): Promise<WirePeer[]> {
  return await Promise.all(Array.from({ length: count }, () => WirePeer.connect(port)));
}

/** Sends shares from a peer each, and waits until the node has read them all. */
async function sendShares(port: number, shares: readonly (readonly Uint8Array[])[]) {
  const peers = await strangers(shares.length, port);
  await Promise.all(peers.map((peer, index) => sendAll(peer, shares[index]!)));
  await Promise.all(peers.map((peer) => peer.ping(1)));
  return peers;
}

/** Waits until nothing that came from peers is under judgement. */
async function judged(node: NodeProcess): Promise<void> {
  const name = 'pando_bound_used{bound="judged-transactions"}';
  await until(
    "verdicts on everything",
    () => metricsOf(node),
    (figures) => figures.get(name) === 0,
  );
}

const idsOfAll = (transactions: readonly Uint8Array[]): ReadonlySet<string> =>
  new Set(transactions.map((bytes) => toDisplayHex(idsOf(bytes).txid)));

test("floods: an honest client is served, offenders go at once, every bound holds", async (context) => {
  const load = makeLoad({
    honest: HONEST,
    chains: CHAINS,
    chainLength: CHAIN_LENGTH,
    conflicts: CONFLICTS,
  });
  const node = await startNode({ context, folder: join(temporaryFolder(), "data") });
  await feedBlocks(node, load);
  const { port } = node.where.p2p!;
  const peer = await WirePeer.connect(port);
  const honest = new HonestClient(node, peer, load.honest);

  const kinds = rubbish();
  const offences = await honest.during(() =>
    Promise.all(
      Array.from({ length: PEERS }, (_, index) => offend(port, kinds[index % kinds.length]!)),
    ),
  );
  const shutOutMs = offences.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  // At small size other tests have the machine as well: half of the offenders are witness enough.
  const shown = SHARE >= 1 ? shutOutMs.at(-1)! : shutOutMs[PEERS / 2]!;
  assert.ok(shown < SHUT_OUT_MS_MAX, `${shown} ms`);
  const after = await metricsOf(node);
  // Four kinds are messages that do not decode, four break the frame around them: one each.
  const decoded = Array.from({ length: PEERS }, (_, index) => index % kinds.length < 4);
  const wrong = decoded.filter((one) => one).length;
  assert.equal(after.get('pando_peer_faults_total{kind="bad-message"}'), wrong);
  assert.equal(after.get('pando_peer_farewells_total{why="misbehaved"}'), wrong);
  assert.equal(after.get('pando_peer_farewells_total{why="protocol"}'), PEERS - wrong);
  assert.equal(after.get('pando_peers{direction="in"}'), 1);

  const shares = Array.from({ length: 10 }, (_, index) =>
    orphans(index * 1_000_000, Math.ceil(ORPHANS / 10)),
  );
  for (const one of await honest.during(() => sendShares(port, shares))) one.close();
  await until(
    "the orphans are gone with who sent them",
    () => metricsOf(node),
    (figures) => figures.get('pando_bound_used{bound="orphans"}') === 0,
  );

  for (const one of await honest.during(() => sendShares(port, load.chains))) one.close();
  await judged(node);
  const inChains = idsOfAll(load.chains.flat());
  const deep = (await node.rpc<string[]>("getrawmempool")).filter((txid) => inChains.has(txid));
  assert.ok(deep.length >= CHAINS, "the first ones of each chain are good");
  for (const txid of deep) {
    const entry = await node.rpc<{ ancestorcount: number }>("getmempoolentry", txid);
    assert.ok(entry.ancestorcount <= CLUSTER_COUNT_MAX, `${entry.ancestorcount} ancestors`);
  }

  const conflicts = Array.from({ length: 10 }, (_, index) =>
    load.conflicts.filter((_one, number) => number % 10 === index),
  );
  for (const one of await honest.during(() => sendShares(port, conflicts))) one.close();
  await judged(node);
  const now = await node.rpc<string[]>("getrawmempool");
  const rivals = idsOfAll(load.conflicts);
  assert.equal(now.filter((txid) => rivals.has(txid)).length, 1, "one spend of the coin");

  assert.deepEqual([...honest.overfull], []);
  assert.ok(honest.accepted.length >= 20);
  for (const txid of honest.accepted) assert.ok(now.includes(txid), txid);
  assert.equal(peer.closed, false);
  assert.ok((peer.heard.get("inv") ?? 0) > 0, "it is told of transactions");
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
});
