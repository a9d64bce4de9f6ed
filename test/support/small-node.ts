// A whole peer for tests: the real network code over a small chain and mempool.

import { REGTEST } from "../../src/ledger/bitcoin/networks.ts";
import { Network } from "../../src/network/network.ts";
import type { NetworkOptions } from "../../src/network/options.ts";
import { SmallChain } from "./small-chain.ts";
import { SmallMempool } from "./small-mempool.ts";
import { type ManualClock, type MemoryNet, seededRandom } from "./world.ts";

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

/** Moves time on and gives every node its tick. */
export function beat(clock: ManualClock, nodes: readonly SmallNode[], ms = 100): void {
  clock.advance(ms);
  for (const { network } of nodes) network.tick();
}
