// What every handler of the peer-to-peer part may use. The network builds one and hands it around;
// no handler reaches another but through its constructor.
import type { ChainView } from "../ports/chain.ts";
import type { Clock, Random } from "../ports/clock.ts";
import type { MempoolView } from "../ports/mempool.ts";
import type { NetworkIdentity } from "./identity.ts";
import type { Farewell, Peer } from "./peer/peer.ts";
import type { NetworkStatistics } from "./statistics.ts";

/** Why a peer loses standing: from a closed list, which is also the metric's label. */
export type Fault =
  | "bad-message"
  | "bad-order"
  | "invalid-header"
  | "headers-not-continuous"
  | "invalid-block"
  | "mutated-block"
  | "invalid-transaction"
  | "bad-compact-block"
  | "bad-block-transactions"
  | "bad-request"
  | "bad-staked-message";

export type Log = (
  level: "error" | "warn" | "info" | "debug",
  text: string,
  facts?: Readonly<Record<string, unknown>>,
) => void;

export interface Core {
  readonly identity: NetworkIdentity;
  readonly chain: ChainView;
  readonly mempool: MempoolView;
  readonly clock: Clock;
  readonly random: Random;
  readonly statistics: NetworkStatistics;
  readonly log: Log;
  /** Connections that are not closed, by id. */
  readonly peers: ReadonlyMap<number, Peer>;
  readonly messageBytesMax: number;
  /** Bytes of blocks that came out of order and wait for the chain. */
  readonly blockBytesMax: number;
  /** Takes points from a peer's standing; at 100 it is dropped and its address discouraged. */
  fault(peer: Peer, points: number, fault: Fault, detail?: string): void;
  disconnect(peer: Peer, why: Farewell): void;
}
