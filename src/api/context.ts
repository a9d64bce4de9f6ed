// What every server of the node may use.
import type { Params } from "../ledger/bitcoin/params.ts";
import type { Network } from "../network/network.ts";
import type { ChainView } from "../ports/chain.ts";
import type { Clock, Random } from "../ports/clock.ts";
import type { CoinView } from "../ports/coins.ts";
import type { NodeControl } from "../ports/control.ts";
import type { MempoolView } from "../ports/mempool.ts";
import type { StakingView } from "../ports/staking.ts";

export interface ApiContext {
  readonly params: Params;
  readonly chain: ChainView;
  readonly coins: CoinView;
  readonly mempool: MempoolView;
  /** Null when the node has no peers to talk to. */
  readonly network: Network | null;
  /** Null on a network of miners. */
  readonly staking: StakingView | null;
  readonly control: NodeControl;
  readonly clock: Clock;
  readonly random: Random;
}
