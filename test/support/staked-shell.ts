// Shells around real cores and chains, joined without a network and under a clock of their own, for
// tests of a staked node in one process.
import type { TestContext } from "node:test";
import { type Bytes, hex, toHex } from "../../src/base/bytes.ts";
import { signSchnorr } from "../../src/crypto/secp256k1.ts";
import { blocksOnlyMempool } from "../../src/node/blocks-only.ts";
import { type AnyOpenedChain, openStakedChain } from "../../src/node/chain/open.ts";
import { Log } from "../../src/node/log.ts";
import { StakedConsensus } from "../../src/node/staked/consensus.ts";
import { ConsensusView } from "../../src/node/staked/view.ts";
import { freshGuard } from "../../src/planes/consensus/finality/guard.ts";
import { decodeVote, voteDigest } from "../../src/planes/consensus/finality/vote.ts";
import { decodeHeader, headerId } from "../../src/planes/consensus/qpos/header.ts";
import { headerDigest } from "../../src/planes/consensus/qpos/suite.ts";
import type { MempoolView } from "../../src/ports/mempool.ts";
import type { StakedCommand, StakedPeers } from "../../src/ports/staked-peers.ts";
import type { GuardRecord, StakerSigner } from "../../src/ports/staking.ts";
import { temporaryFolder } from "./run.ts";
import type { StakedTest } from "./staked-blocks.ts";

export const SLOT_MS = 1_000;

/** Time for all shells of a test. */
export interface World {
  nowMs: number;
}

interface Sent {
  readonly peer: number;
  readonly command: StakedCommand;
  readonly payload: Bytes;
}

/** What fills the blocks of a shell. */
export type ShellMempool = (
  opened: AnyOpenedChain,
  world: World,
  consensus: StakedConsensus,
) => Promise<{ readonly view: MempoolView; close(): Promise<void> }>;

export interface ShellOptions {
  readonly folder?: string;
  readonly partitionCount?: number;
  readonly hostCount?: number;
  /** Nothing fills them where there is none. */
  readonly mempool?: ShellMempool;
  /** Where the lines of its log go; default stderr. */
  readonly log?: (line: string) => unknown;
  /** False: keys sign at once. Default true. */
  readonly listens?: boolean;
  /** What ends the node; default: the test fails. */
  readonly failed?: (error: unknown) => unknown;
  /** Its level; default error. */
  readonly level?: "error" | "warn";
}

export interface Shell {
  readonly consensus: StakedConsensus;
  readonly view: ConsensusView;
  readonly sent: Sent[];
  readonly faults: string[];
  close(): Promise<void>;
}

const blocksOnly: ShellMempool = async (opened, world) => ({
  view: blocksOnlyMempool(opened.chain, () => Math.floor(world.nowMs / 1_000)),
  close: async () => {},
});

/** Keys in memory that sign whatever their guard allows; `allows` stands for the disk. */
export function signerOf(made: StakedTest, allows: (guard: GuardRecord) => boolean): StakerSigner {
  const { chainId } = made.network;
  const digestOf = (request: Parameters<StakerSigner["sign"]>[1]): string => {
    if (request.what === "block") {
      return headerDigest(chainId, headerId(decodeHeader(hex(request.header))!));
    }
    return voteDigest(chainId, decodeVote(hex(request.vote + "00".repeat(64)))!);
  };
  return {
    stakers: made.stakers.map(({ id, revealSecret }, at) => ({
      id: id!,
      signKey: made.file.stakers[at]!.signKey,
      revealSecret,
      guard: freshGuard(chainId, id!),
    })),
    waiting: [],
    adopt: async () => null,
    persist: async (guard) => allows(guard),
    sign: async (id, request) => {
      const { signSecret } = made.stakers[id - 1]!;
      return toHex(signSchnorr(hex(signSecret), hex(digestOf(request))));
    },
    close: async () => {},
  };
}

export async function openShell(
  context: TestContext,
  made: StakedTest,
  world: World,
  signer: StakerSigner | null,
  options: ShellOptions = {},
): Promise<Shell> {
  const { folder = temporaryFolder(), partitionCount = 1, hostCount = 1 } = options;
  const opened = await openStakedChain({
    folder,
    params: made.network.params,
    partitionCount,
    hostCount,
    verifierCount: 1,
    memoryMegabytes: 256,
    clock: () => Math.floor(world.nowMs / 1_000),
    skipScripts: () => false,
  });
  const log = new Log({
    level: options.level ?? "error",
    role: "test",
    now: () => world.nowMs,
    write: options.log ?? ((line) => process.stderr.write(line)),
    readable: true,
  });
  const consensus = new StakedConsensus({
    network: made.network,
    chain: opened.chain,
    signer,
    folder: opened.files.folder,
    nowMs: () => world.nowMs,
    elapsed: () => world.nowMs,
    log: log.module("test"),
    listens: options.listens ?? true,
    failed: (error) => {
      if (options.failed === undefined) throw error;
      options.failed(error);
    },
  });
  const view = new ConsensusView(consensus, opened.chain, () => world.nowMs);
  const mempool = options.mempool ?? blocksOnly;
  const { view: filling, close: closeMempool } = await mempool(opened, world, consensus);
  consensus.open(filling);
  const sent: Sent[] = [];
  const faults: string[] = [];
  const peers: StakedPeers = {
    ready: () => [],
    send: (peer, command, payload) => sent.push({ peer, command, payload }) > 0,
    isCongested: () => false,
    misbehaved: (_, why) => faults.push(why),
  };
  consensus.start(peers);
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    await consensus.close();
    await closeMempool();
    await opened.close(false);
  };
  context.after(close);
  return { consensus, view, sent, faults, close };
}

/** Brings everything under way to rest; two shells are each other's peer number 0. */
export async function settle(...shells: readonly Shell[]): Promise<void> {
  for (let busy = true; busy; ) {
    for (const { consensus } of shells) await consensus.idle();
    busy = false;
    for (const [at, { sent }] of shells.entries()) {
      for (const { command, payload } of sent.splice(0)) {
        busy = true;
        shells[1 - at]?.consensus.message(0, command, payload);
      }
    }
  }
}

/** One slot: the first half, when blocks are made, and the end, when votes are cast. */
export async function slot(world: World, ...shells: readonly Shell[]): Promise<void> {
  for (const part of [0.1, 0.85]) {
    world.nowMs = Math.floor(world.nowMs / SLOT_MS + (part === 0.1 ? 1 : 0)) * SLOT_MS;
    world.nowMs += part * SLOT_MS;
    for (const { consensus } of shells) consensus.tick();
    await settle(...shells);
  }
}

export const yes = (): boolean => true;
export const headOf = ({ consensus }: Shell): string => consensus.core.head.id;

export function join(a: Shell, b: Shell): void {
  a.consensus.joined(0);
  b.consensus.joined(0);
}
