// Opens the mempool over an opened chain: the one entrance of the node's composition.
import { join } from "node:path";
import { INCREMENTAL_FEE_RATE, RELAY_FEE_RATE } from "../../ledger/bitcoin/policy/limits.ts";
import { REWRITE_BYTES_MIN } from "../../planes/execution/admission-host/rewriting.ts";
import type { CoinView } from "../../ports/coins.ts";
import type { FeeRate } from "../../ports/mempool.ts";
import { type AdmissionLimits, DEFAULT_LIMITS } from "../../state/admission/limits.ts";
import type { AnyOpenedChain } from "../chain/open.ts";
import { ChainCoins } from "./coin-view.ts";
import { Mempool } from "./mempool.ts";
import type { SpendRule } from "./spend-rule.ts";

export interface OpenMempoolOptions {
  /** What admitted transactions may take in the partitions; Bitcoin Core's -maxmempool. */
  readonly memoryMegabytes?: number;
  /** Hours until a transaction leaves by itself. */
  readonly expiryHours?: number;
  readonly requireStandard?: boolean;
  /** On networks whose blocks take everything: segments of 2^bits transactions. */
  readonly segmentBits?: number;
  readonly relayFeeRate?: FeeRate;
  readonly spendRule?: SpendRule;
  readonly ancestorCountMax?: number;
  /** The journals are rewritten when they have grown by this much. */
  readonly journalBytes?: number;
  /** Seconds since 1970. */
  readonly clock: () => number;
  readonly onFailure?: (error: unknown) => void;
}

export interface OpenedMempool {
  readonly view: Mempool;
  readonly coins: CoinView;
  /** Stops admission with nothing lost; the chain stays open. */
  close(): Promise<void>;
}

const MEMORY_MEGABYTES = 300;
/** Children without parents, in one partition; whoever sent them, a random one leaves for another. */
const PARKED_BYTES_MAX: number = 4 * 1024 * 1024;
/** Between the first watermark and the second. */
const HIGH_SHARE = 1.2;

export async function openMempool(
  opened: AnyOpenedChain,
  options: OpenMempoolOptions,
): Promise<OpenedMempool> {
  const folder = join(opened.files.folder, "mempool");
  const memoryBytesMax = (options.memoryMegabytes ?? MEMORY_MEGABYTES) * 1_000_000;
  const mempool = new Mempool(opened, {
    folder,
    limits: limitsOf(options, memoryBytesMax, opened.files.partitionCount),
    rewriteBytesMin: options.journalBytes ?? REWRITE_BYTES_MIN,
    memoryBytesMax,
    segmentBits: options.segmentBits ?? null,
    spendRule: options.spendRule ?? null,
    requireStandard: options.requireStandard ?? true,
    relayFeeRate: options.relayFeeRate ?? RELAY_FEE_RATE,
    clock: options.clock,
    onFailure: options.onFailure ?? ((error) => console.error(error)),
  });
  await mempool.open();
  return { view: mempool, coins: new ChainCoins(opened), close: () => mempool.close() };
}

function limitsOf(
  options: OpenMempoolOptions,
  memoryBytesMax: number,
  partitions: number,
): AdmissionLimits {
  const bytesLow = memoryBytesMax / partitions;
  const { expirySeconds, ancestorCountMax, preparingCountMax } = DEFAULT_LIMITS;
  return {
    ...DEFAULT_LIMITS,
    bytesLow,
    bytesHigh: bytesLow * HIGH_SHARE,
    expirySeconds: options.expiryHours === undefined ? expirySeconds : options.expiryHours * 3600,
    ancestorCountMax: options.ancestorCountMax ?? ancestorCountMax,
    incrementalFeeRate: INCREMENTAL_FEE_RATE / 1000,
    feeRateMin: (options.relayFeeRate ?? RELAY_FEE_RATE) / 1000,
    parkedBytesMax: PARKED_BYTES_MAX,
    parkedPerSourceBytesMax: PARKED_BYTES_MAX,
    // The gateway bounds what is under way; peers are bounded by their own budgets.
    preparingPerSourceMax: preparingCountMax,
  };
}
