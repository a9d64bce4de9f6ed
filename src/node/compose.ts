// The one place where the planes and the network meet: opens the chain, puts the mempool over it and
// the peers around it, and takes them down in the opposite order. The servers stand above and get
// the same views (see lifecycle.ts for what starts when).
import { isOwnNetwork, type Params } from "../ledger/bitcoin/params.ts";
import { PLANNER_DEFAULTS } from "../network/connect/planner.ts";
import { MESSAGE_BYTES_MAX } from "../network/limits.ts";
import { Network } from "../network/network.ts";
import { tcp } from "../network/tcp.ts";
import type { ChainView } from "../ports/chain.ts";
import type { CoinView } from "../ports/coins.ts";
import type { MempoolView } from "../ports/mempool.ts";
import type { StakedHandler } from "../ports/staked-peers.ts";
import type { StakerSigner, StakingView } from "../ports/staking.ts";
import type { Endpoint } from "../ports/stream.ts";
import { blocksOnlyCoins, blocksOnlyMempool } from "./blocks-only.ts";
import {
  type AnyOpenedChain,
  type OpenChainOptions,
  openChain,
  openStakedChain,
} from "./chain/open.ts";
import { NodeChainView } from "./chain/view.ts";
import { machineRandom, type NodeClock } from "./clock.ts";
import type { Log } from "./log.ts";
import { openMempool } from "./mempool/open-mempool.ts";
import { BondRule } from "./staked/bond-rule.ts";
import { StakedConsensus } from "./staked/consensus.ts";
import type { StakedNetwork } from "./staked/genesis.ts";
import { openSigners } from "./staked/signers.ts";
import { ConsensusView } from "./staked/view.ts";

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
  /** On a network of stakers: what it is, and the keys that this node may use. */
  readonly staked: {
    readonly network: StakedNetwork;
    readonly keyPaths: readonly string[];
    /** False: the keys sign nowhere else, and never did. */
    readonly listens: boolean;
  } | null;
  readonly clock: NodeClock;
  readonly log: Log;
  /** Called when the data directory is ours, while the chain is still being opened. */
  readonly locked: (folder: string) => Promise<void>;
  /** Called once when the disk, or a mistake of ours, ends the chain. */
  readonly failed: (error: unknown) => void;
}

export interface ComposedNode {
  readonly opened: AnyOpenedChain;
  readonly chain: ChainView;
  readonly coins: CoinView;
  readonly mempool: MempoolView;
  readonly network: Network;
  /** Null on a network of miners. */
  readonly staking: StakingView | null;
  /** Begins to listen and to dial. */
  connect(): Promise<void>;
  /** Ends everything; `sound` false leaves out what needs a working disk. */
  close(sound: boolean): Promise<void>;
}

/** Between two looks at what the network has to do. */
const TICK_MS = 100;
/** A flush of more than this would take longer than an operator waits: it is left to the next start. */
const FLUSH_AT_STOP_BYTES_MAX: number = 64 * 1024 * 1024;

function chainOptions(options: NodeOptions): OpenChainOptions {
  return {
    folder: options.folder,
    params: options.params,
    partitionCount: options.partitionCount,
    verifierCount: options.verifierCount,
    memoryMegabytes: options.memoryMegabytes,
    clock: () => options.clock.seconds(),
    skipScripts: () => false,
    locked: options.locked,
    room: { waits: true, reserveBytes: options.reserveBytes },
  };
}

export async function composeNode(options: NodeOptions): Promise<ComposedNode> {
  const { staked } = options;
  if (staked === null) return composeWork(options);
  // Keys that cannot be used are told before anything is written.
  const signer = await openSigners(staked.keyPaths, staked.network.chainId);
  try {
    return await composeStaked(options, staked, signer);
  } catch (error) {
    await signer?.close();
    throw error;
  }
}

async function composeWork(options: NodeOptions): Promise<ComposedNode> {
  const opened = await openChain(chainOptions(options));
  const seconds = (): number => options.clock.seconds();
  const chain = new NodeChainView(opened.chain, seconds);
  return compose(options, { opened, chain, consensus: null, bonds: null });
}

async function composeStaked(
  options: NodeOptions,
  { network, listens }: NonNullable<NodeOptions["staked"]>,
  signer: StakerSigner | null,
): Promise<ComposedNode> {
  const { clock, log } = options;
  const opened = await openStakedChain(chainOptions(options));
  const consensus = new StakedConsensus({
    network,
    listens,
    chain: opened.chain,
    signer,
    folder: opened.files.folder,
    nowMs: () => clock.now(),
    elapsed: () => clock.elapsed(),
    log: log.module("consensus"),
    failed: options.failed,
  });
  const seconds = (): number => clock.seconds();
  const chain = new NodeChainView(opened.chain, seconds, undefined, () => consensus.catchingUp);
  const bonds = new BondRule();
  const view = new ConsensusView(consensus, opened.chain, () => clock.now());
  return compose(options, { opened, chain, consensus: { shell: consensus, view }, bonds });
}

/** What differs with the way of agreeing. */
interface ChainSide {
  readonly opened: AnyOpenedChain;
  readonly chain: NodeChainView;
  readonly consensus: { readonly shell: StakedConsensus; readonly view: StakingView } | null;
  readonly bonds: BondRule | null;
}

async function compose(options: NodeOptions, side: ChainSide): Promise<ComposedNode> {
  const { opened, chain, consensus, bonds } = side;
  for (const notice of opened.files.notices) options.log.line("chain", "warn", notice);
  opened.chain.subscribe({ failed: options.failed });
  opened.chain.room.subscribe((reason) => {
    if (reason !== null) options.log.line("disk", "error", "writes are refused", { reason });
    else options.log.line("disk", "info", "there is room again: writes are taken");
  });
  const { coins, mempool, closeMempool } = await startMempool(options, opened, bonds);
  if (consensus !== null) {
    bonds?.follow(consensus.shell.core);
    consensus.shell.open(mempool);
  }
  const shell = consensus?.shell ?? null;
  const network = makeNetwork(options, { chain, mempool, staked: shell }, opened.files.folder);
  const timers: NodeJS.Timeout[] = [];
  return {
    opened,
    chain,
    coins,
    mempool,
    network,
    staking: consensus?.view ?? null,
    connect: async () => {
      shell?.start(network.stakedPeers());
      await network.start();
      timers.push(setInterval(() => network.tick(), TICK_MS));
      if (shell !== null) timers.push(setInterval(() => shell.tick(), shell.tickMs));
    },
    close: async (sound) => {
      for (const timer of timers) clearInterval(timer);
      const { room, connector } = opened.chain;
      // What waits for room would hold up the stop; it is not recorded, so nobody was told of it.
      const whole = sound && !room.isStuck;
      if (!whole) room.end();
      try {
        await network.stop();
        await shell?.close();
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

async function startMempool(
  options: NodeOptions,
  opened: AnyOpenedChain,
  bonds: BondRule | null,
): Promise<MempoolParts> {
  const now = (): number => options.clock.seconds();
  const { memoryMegabytes } = options.mempool ?? { memoryMegabytes: 0 };
  const { staked } = options.params;
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
    requireStandard: !isOwnNetwork(options.params),
    ...(bonds === null ? {} : { spendRule: bonds }),
    ...(staked === null ? {} : { segmentBits: staked.segmentBits }),
  });
  return { coins, mempool: view, closeMempool: close };
}

interface NetworkSide {
  readonly chain: ChainView;
  readonly mempool: MempoolView;
  readonly staked: StakedHandler | null;
}

/** What a block message holds beside the block. */
const MESSAGE_SLACK_BYTES = 65_536;

function makeNetwork(
  options: NodeOptions,
  { chain, mempool, staked }: NetworkSide,
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
    relayPace: isOwnNetwork(params) ? 0 : 1,
    schedule: setImmediate,
    external: peers.external,
    ...(staked === null ? {} : { staked }),
    ...(params.staked === null
      ? {}
      : {
          messageBytesMax:
            Math.max(MESSAGE_BYTES_MAX, params.staked.blockBytesMax) + MESSAGE_SLACK_BYTES,
        }),
    ...(peers.inboundMax === undefined ? {} : { inboundMax: peers.inboundMax }),
  });
}
