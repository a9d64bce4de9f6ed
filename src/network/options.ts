// What the peer-to-peer part is given when it is made.
import type { ChainView } from "../ports/chain.ts";
import type { Clock, Random } from "../ports/clock.ts";
import type { MempoolView } from "../ports/mempool.ts";
import type { StakedHandler } from "../ports/staked-peers.ts";
import type { Endpoint, Transport } from "../ports/stream.ts";
import type { PlannerOptions } from "./connect/planner.ts";
import type { Log } from "./core.ts";
import type { NetworkIdentity } from "./identity.ts";
import type { PresyncBounds } from "./sync/header-presync.ts";

export interface NetworkOptions {
  readonly identity: NetworkIdentity;
  readonly chain: ChainView;
  readonly mempool: MempoolView;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly log: Log;
  readonly userAgent: string;
  /** Where to listen; null: nowhere. */
  readonly bind: Endpoint | null;
  /** Dial these and keep dialling them. */
  readonly addNode: readonly string[];
  readonly planner: PlannerOptions;
  readonly inboundMax?: number;
  readonly dnsSeeds: boolean;
  /** No transactions from peers. */
  readonly blocksOnly: boolean;
  /** Where the address book, anchors and bans are kept; null: nowhere. */
  readonly folder: string | null;
  /** Multiplies the mean waiting times of transaction relay; 0 tells at once. */
  readonly relayPace: number;
  readonly messageBytesMax?: number;
  /** Of blocks that wait for those before them; tests have less room. */
  readonly blockBytesMax?: number;
  /** Of branches of little work; tests have shorter ones. */
  readonly presyncBounds?: PresyncBounds;
  /** Runs a task soon; `setImmediate` in the node. */
  readonly schedule: (task: () => void) => void;
  /** Addresses at which others can reach us. */
  readonly external?: readonly string[];
  /** On a network of stakers: who reads its messages. Blocks come by no other way there. */
  readonly staked?: StakedHandler;
}
