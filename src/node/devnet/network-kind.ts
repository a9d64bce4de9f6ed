// What differs between a devnet of stakers and one of miners: the flags of its nodes, and whether
// somebody outside has to ask for blocks.
import type { RpcClient } from "./rpc-client.ts";

export interface NetworkKind {
  /** True when the nodes answer getpowerinfo, getfinality and getqueue. */
  readonly staked: boolean;
  /** Makes what the nodes need before the first of them starts. */
  prepare(): Promise<void>;
  /** Flags of `pando start` for the node with this index. */
  words(node: number): readonly string[];
  /** Called once when the first node is up. */
  begin(rpc: RpcClient): Promise<void>;
  /** Called once in every slot with the nodes that are up. */
  slot(live: readonly RpcClient[]): Promise<void>;
}
