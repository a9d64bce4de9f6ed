// Peers of a staked network: the messages of consensus go through whole and unread, those of networks
// of work do not, transactions still travel, and a cut by names holds until it is ended.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { beat, type SmallNode, smallNode } from "../../test/support/small-node.ts";
import { ManualClock, MemoryNet, settle } from "../../test/support/world.ts";
import type { Bytes } from "../base/bytes.ts";
import type { StakedCommand, StakedHandler } from "../ports/staked-peers.ts";
import { nodeNameOf } from "./peer/names.ts";

interface Heard {
  readonly peer: number;
  readonly command: StakedCommand;
  readonly payload: Bytes;
}

class Recorder implements StakedHandler {
  readonly here = new Set<number>();
  readonly heard: Heard[] = [];

  joined(peer: number): void {
    this.here.add(peer);
  }

  left(peer: number): void {
    this.here.delete(peer);
  }

  message(peer: number, command: StakedCommand, payload: Bytes): void {
    this.heard.push({ peer, command, payload });
  }
}

interface Pair {
  readonly nodes: readonly [SmallNode, SmallNode];
  readonly recorders: readonly [Recorder, Recorder];
  until(done: () => boolean, ms?: number): Promise<void>;
}

async function pair(context: TestContext): Promise<Pair> {
  const clock = new ManualClock();
  const net = new MemoryNet();
  const recorders = [new Recorder(), new Recorder()] as const;
  const more = (at: 0 | 1) => ({ staked: recorders[at], userAgent: `/Pando:1.0(n${at + 1})/` });
  const first = await smallNode(clock, net, "1.0.0.1", [], more(0));
  const second = await smallNode(clock, net, "2.0.0.1", ["1.0.0.1"], more(1));
  const nodes = [first, second] as const;
  context.after(async () => {
    for (const { network } of nodes) await network.stop();
  });
  return {
    nodes,
    recorders,
    until: (done, ms = 100) => settle(done, () => beat(clock, nodes, ms)),
  };
}

test("a node's name is what stands in brackets at the end of its user agent", () => {
  assert.equal(nodeNameOf("/Pando:0.1.0(n3)/"), "n3");
  assert.equal(nodeNameOf("/Satoshi:27.0.0/"), null);
  assert.equal(nodeNameOf("/Pando:0.1.0(a)/x(b)/"), "b");
});

test("messages of consensus arrive as they were sent, blocks and headers of work do not", async (context) => {
  const { nodes, recorders, until } = await pair(context);
  await nodes[0].chain.extend(5);
  await until(() => recorders.every(({ here }) => here.size === 1));
  const peers = nodes[0].network.stakedPeers();
  const [id] = peers.ready();
  const large = new Uint8Array(1_000_000).fill(7);
  assert.ok(peers.send(id!, "qblock", large));
  assert.ok(peers.send(id!, "qvote", new Uint8Array(140)));
  assert.ok(!peers.send(id! + 1, "qvote", new Uint8Array(140)));
  await until(() => recorders[1].heard.length === 2);
  assert.deepEqual(
    recorders[1].heard.map(({ command, payload }) => [command, payload.length]),
    [
      ["qblock", 1_000_000],
      ["qvote", 140],
    ],
  );
  assert.deepEqual(recorders[1].heard[0]!.payload, large);
  await nodes[0].chain.extend(1);
  for (let turn = 0; turn < 20; turn++) await until(() => true);
  assert.equal(nodes[1].chain.tip().height, 0, "blocks come by consensus only");
});

test("a payload above its bound ends the connection; two faults do as well", async (context) => {
  const { nodes, recorders, until } = await pair(context);
  await until(() => recorders.every(({ here }) => here.size === 1));
  const peers = nodes[0].network.stakedPeers();
  const [before] = recorders[1].here;
  peers.send(peers.ready()[0]!, "qvote", new Uint8Array(141));
  await until(() => !recorders[1].here.has(before!));
  assert.equal(recorders[1].heard.length, 0);
  await until(() => recorders[1].here.size === 1 && peers.ready().length === 1, 500);
  const [again] = recorders[1].here;
  const judge = nodes[1].network.stakedPeers();
  judge.misbehaved(again!, "bad-signature");
  assert.ok(recorders[1].here.has(again!), "one may be our own mistake");
  judge.misbehaved(again!, "bad-signature");
  await until(() => !recorders[1].here.has(again!));
  assert.equal(nodes[1].network.statistics.faults.get("bad-staked-message"), 2);
});

test("isolated peers are dropped and refused, and come back when it is ended", async (context) => {
  const { nodes, recorders, until } = await pair(context);
  await until(() => recorders.every(({ here }) => here.size === 1));
  nodes[0].network.isolate(["n2", "n9"]);
  await until(() => recorders.every(({ here }) => here.size === 0));
  let met = 0;
  for (let turn = 0; turn < 100; turn++) {
    await until(() => true, 200);
    met += recorders[0].here.size;
  }
  assert.equal(met, 0, "it dials again and is refused");
  nodes[0].network.isolate([]);
  await until(() => recorders.every(({ here }) => here.size === 1), 500);
});
