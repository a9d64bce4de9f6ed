// A node without a mempool (`--no-mempool`): it refuses every transaction with a reason and makes
// block templates of the coinbase alone.
import { medianTimePast } from "../ledger/bitcoin/header-rules.ts";
import { TIMEWARP_SECONDS_MAX } from "../ledger/bitcoin/limits.ts";
import { type Params, retargetInterval } from "../ledger/bitcoin/params.ts";
import { blockSubsidy } from "../ledger/bitcoin/subsidy.ts";
import { type HeaderNode, nextBits } from "../ledger/bitcoin/work.ts";
import type { CoinView } from "../ports/coins.ts";
import type {
  BlockTemplate,
  MempoolInfo,
  MempoolView,
  TransactionVerdict,
} from "../ports/mempool.ts";
import type { ChainBase } from "./chain/base.ts";
import type { AnyOpenedChain } from "./chain/open.ts";
import { ChainCoins } from "./mempool/coin-view.ts";

const VERSION_BITS = 0x20000000;

const REFUSED: TransactionVerdict = {
  ok: false,
  kind: "rejected",
  code: "blocksonly",
  debug: "this node runs without a mempool (--no-mempool): send the transaction to another",
};

const EMPTY: MempoolInfo = {
  loaded: true,
  count: 0,
  bytes: 0,
  memoryBytes: 0,
  memoryBytesMax: 0,
  totalFee: 0,
  feeFloor: 100,
  relayFee: 100,
  incrementalFee: 100,
  unbroadcastCount: 0,
  fullReplacement: true,
  clusterCountMax: 64,
  clusterSizeMax: 101_000,
};

/** The coins of the tip, each question in its turn: nobody else keeps what is undecided apart. */
export function blocksOnlyCoins(opened: AnyOpenedChain): CoinView {
  const { chain } = opened;
  const coins = new ChainCoins(opened);
  return {
    coin: (txid, index) => chain.inTurn(() => coins.coin(txid, index)),
    info: (hash) => coins.info(hash),
    scan: (scripts, found) => chain.inTurn(() => coins.scan(scripts, found)),
  };
}

/** `now`: seconds since 1970. */
export function blocksOnlyMempool(chain: ChainBase, now: () => number): MempoolView {
  return {
    info: () => EMPTY,
    refusal: () => null,
    has: () => false,
    hasWitness: () => false,
    entry: () => null,
    byWitness: () => null,
    entries: () => [],
    spender: () => null,
    underWay: () => 0,
    submit: async () => REFUSED,
    submitPackage: async (raws) => ({
      message: "transaction failed",
      policy: false,
      results: raws.map(() => REFUSED),
    }),
    template: () => chain.inTurn(async () => emptyTemplate(chain, now())),
    sequence: () => 1,
    estimateFee: () => ({ rate: null, blocks: 0 }),
    broadcast: () => {},
    unbroadcast: () => [],
    requested: () => {},
    prioritise: () => {},
    save: async () => "there is no mempool to save",
    subscribe: () => () => {},
  };
}

/** The least time of the next block; the time warp's cure is kept everywhere, as in Bitcoin Core. */
function minimumTime(node: HeaderNode, params: Params): number {
  const least = medianTimePast(node) + 1;
  const firstOfPeriod = (node.height + 1) % retargetInterval(params.work) === 0;
  return firstOfPeriod ? Math.max(least, node.time - TIMEWARP_SECONDS_MAX) : least;
}

function emptyTemplate({ index, params, tipId }: ChainBase, now: number): BlockTemplate {
  const node = index.node(tipId);
  const height = node.height + 1;
  const timeMin = minimumTime(node, params);
  const time = Math.max(now, timeMin);
  return {
    previous: index.hash(tipId).slice(),
    height,
    version: VERSION_BITS,
    bits: params.staked === null ? nextBits(params, node, time) : 0,
    timeMin,
    time,
    coinbaseValue: blockSubsidy(height, params),
    transactions: [],
    segments: null,
    sequence: 1,
  };
}
