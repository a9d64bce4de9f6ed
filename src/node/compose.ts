// The one place where the planes and the network meet: opens the chain, puts the mempool over it and
// the peers around it, and takes them down in the opposite order. The servers stand above and get
// the same views (see lifecycle.ts for what starts when).
import type { Params } from "../ledger/bitcoin/params.ts";
import { PLANNER_DEFAULTS } from "../network/connect/planner.ts";
import { Network } from "../network/network.ts";
import { tcp } from "../network/tcp.ts";
import type { ChainView } from "../ports/chain.ts";
import type { CoinView } from "../ports/coins.ts";
import type { MempoolView } from "../ports/mempool.ts";
import type { Endpoint } from "../ports/stream.ts";
import { blocksOnlyCoins, blocksOnlyMempool } from "./blocks-only.ts";
import { type OpenedChain, openChain } from "./chain/open.ts";
import { NodeChainView } from "./chain/view.ts";
import { machineRandom, type NodeClock } from "./clock.ts";
import type { Log } from "./log.ts";
import { openMempool } from "./mempool/open-mempool.ts";

export interface PeerOptions {
  /** Where to listen; null: nowhere. */
  readonly bind: Endpoint | null;
  /** Only these are dialled, when any is named. */
  readonly connect: readonly string[];
  readonly addNode: readonly string[];
  readonly dnsSeeds: boolean;
  readonly external: readonly string[];
  /** No transactions from peers; those of the operator are taken. */
  readonly blocksOnly: boolean;
  readonly inboundMax?: number;
}

export interface NodeOptions {
  readonly params: Params;
  /** The data directory; the network's files are in a folder of it. */
  readonly folder: string;
  readonly partitionCount: number | null;
  readonly verifierCount: number | null;
  readonly memoryMegabytes: number;
  /** Below so many free bytes on the disk nothing new is written. */
  readonly reserveBytes: number;
  /** Null: no transactions at all. */
  readonly mempool: { readonly memoryMegabytes: number } | null;
  readonly peers: PeerOptions;
  readonly userAgent: string;
  readonly clock: NodeClock;
  readonly log: Log;
  /** Called when the data directory is ours, while the chain is still being opened. */
  readonly locked: (folder: string) => Promise<void>;
  /** Called once when the disk, or a mistake of ours, ends the chain. */
  readonly failed: (error: unknown) => void;
}

export interface ComposedNode {
  readonly opened: OpenedChain;
  readonly chain: ChainView;
  readonly coins: CoinView;
  readonly mempool: MempoolView;
  readonly network: Network;
  /** Begins to listen and to dial. */
  connect(): Promise<void>;
  /** Ends everything; `sound` false leaves out what needs a working disk. */
  close(sound: boolean): Promise<void>;
}

/** Between two looks at what the network has to do. */
const TICK_MS = 100;
/** A flush of more than this would take longer than an operator waits: it is left to the next start. */
const FLUSH_AT_STOP_BYTES_MAX: number = 64 * 1024 * 1024;

export async function composeNode(options: NodeOptions): Promise<ComposedNode> {
  const { params, clock } = options;
  const now = (): number => clock.seconds();
  const opened = await openChain({
    folder: options.folder,
    params,
    partitionCount: options.partitionCount,
    verifierCount: options.verifierCount,
    memoryMegabytes: options.memoryMegabytes,
    clock: now,
    skipScripts: () => false,
    locked: options.locked,
    room: { waits: true, reserveBytes: options.reserveBytes },
  });
  for (const notice of opened.files.notices) options.log.line("chain", "warn", notice);
  opened.chain.subscribe({ failed: options.failed });
  opened.chain.room.subscribe((reason) => {
    if (reason !== null) options.log.line("disk", "error", "writes are refused", { reason });
    else options.log.line("disk", "info", "there is room again: writes are taken");
  });
  const chain = new NodeChainView(opened.chain, now);
  const { coins, mempool, closeMempool } = await startMempool(options, opened);
  const network = makeNetwork(options, chain, mempool, opened.files.folder);
  let timer: NodeJS.Timeout | null = null;
  return {
    opened,
    chain,
    coins,
    mempool,
    network,
    connect: async () => {
      await network.start();
      timer = setInterval(() => network.tick(), TICK_MS);
    },
    close: async (sound) => {
      if (timer !== null) clearInterval(timer);
      const { room, connector } = opened.chain;
      // What waits for room would hold up the stop; it is not recorded, so nobody was told of it.
      const whole = sound && !room.isStuck;
      if (!whole) room.end();
      try {
        await network.stop();
        await (whole ? closeMempool() : closeMempool().catch(() => {}));
        chain.close();
        if (whole) await opened.chain.idle();
      } finally {
        await opened.close(whole && connector.memoryBytes < FLUSH_AT_STOP_BYTES_MAX);
      }
    },
  };
}

interface MempoolParts {
  readonly coins: CoinView;
  readonly mempool: MempoolView;
  readonly closeMempool: () => Promise<void>;
}

async function startMempool(options: NodeOptions, opened: OpenedChain): Promise<MempoolParts> {
  const now = (): number => options.clock.seconds();
  const { memoryMegabytes } = options.mempool ?? { memoryMegabytes: 0 };
  if (options.mempool === null) {
    const closeMempool = async (): Promise<void> => {};
    const mempool = blocksOnlyMempool(opened.chain, now);
    return { coins: blocksOnlyCoins(opened), mempool, closeMempool };
  }
  const { view, coins, close } = await openMempool(opened, {
    memoryMegabytes,
    clock: now,
    onFailure: options.failed,
    // As in Bitcoin Core, a network of one's own takes what the rules allow.
    requireStandard: options.params.name !== "regtest",
  });
  return { coins, mempool: view, closeMempool: close };
}

function makeNetwork(
  options: NodeOptions,
  chain: ChainView,
  mempool: MempoolView,
  folder: string,
): Network {
  const { params, peers, clock, log } = options;
  const only = peers.connect.length > 0;
  return new Network({
    identity: params,
    chain,
    mempool,
    clock,
    random: machineRandom,
    transport: tcp,
    log: (level, text, facts) => log.line("p2p", level, text, facts),
    userAgent: options.userAgent,
    bind: peers.bind,
    addNode: [...peers.connect, ...peers.addNode],
    planner: { ...PLANNER_DEFAULTS, onlyNamed: only || params.seeds.length === 0 },
    dnsSeeds: peers.dnsSeeds && !only,
    blocksOnly: options.mempool === null || peers.blocksOnly,
    folder,
    // On a network of one's own nobody is to be hidden from: transactions are told at once.
    relayPace: params.name === "regtest" ? 0 : 1,
    schedule: setImmediate,
    external: peers.external,
    ...(peers.inboundMax === undefined ? {} : { inboundMax: peers.inboundMax }),
  });
}
