// A whole peer for tests: the real network code over a small chain and mempool.
import type { TestContext } from "node:test";
import { REGTEST } from "../../src/ledger/bitcoin/networks.ts";
import { Network } from "../../src/network/network.ts";
import type { NetworkOptions } from "../../src/network/options.ts";
import { SmallChain } from "./small-chain.ts";
import { SmallMempool } from "./small-mempool.ts";
import { ManualClock, MemoryNet, seededRandom, settle } from "./world.ts";

export interface SmallNode {
  readonly host: string;
  readonly chain: SmallChain;
  readonly mempool: SmallMempool;
  readonly network: Network;
}

const PORT = REGTEST.port;
let seed = 1;

export async function smallNode(
  clock: ManualClock,
  net: MemoryNet,
  host: string,
  connect: readonly string[] = [],
  more: Partial<NetworkOptions> = {},
): Promise<SmallNode> {
  const seconds = (): number => Math.floor(clock.now() / 1000);
  const chain = new SmallChain(REGTEST, seconds);
  const mempool = new SmallMempool(chain, seconds);
  const network = new Network({
    identity: REGTEST,
    chain,
    mempool,
    clock,
    random: seededRandom(seed++),
    transport: net.transport(host),
    log: () => {},
    userAgent: "/pando-test:0/",
    bind: { host, port: PORT },
    addNode: connect,
    planner: { onlyNamed: true, outbound: 8, blockOnly: 2 },
    dnsSeeds: false,
    blocksOnly: false,
    folder: null,
    relayPace: 0,
    schedule: setImmediate,
    ...more,
  });
  await network.start();
  return { host, chain, mempool, network };
}

export interface LoneNode {
  readonly clock: ManualClock;
  readonly net: MemoryNet;
  readonly node: SmallNode;
  /** Lets things happen, time too, until it is so. */
  until(done: () => boolean, ms?: number): Promise<void>;
}

/** One node that strangers may dial; it goes with the test. */
export async function loneNode(
  context: Pick<TestContext, "after">,
  more: Partial<NetworkOptions> = {},
): Promise<LoneNode> {
  const clock = new ManualClock();
  const net = new MemoryNet();
  const node = await smallNode(clock, net, "1.0.0.1", [], more);
  context.after(() => node.network.stop());
  const until = (done: () => boolean, ms = 20): Promise<void> =>
    settle(done, () => beat(clock, [node], ms));
  return { clock, net, node, until };
}

/** Moves time on and gives every node its tick. */
export function beat(clock: ManualClock, nodes: readonly SmallNode[], ms = 100): void {
  clock.advance(ms);
  for (const { network } of nodes) network.tick();
}
