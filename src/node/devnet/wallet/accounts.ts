// The accounts that hold the devnet's money: four keys for each node, from the seed. Every node has
// a teller, who spends the coins of these accounts through that node.
import { toHex } from "../../../base/bytes.ts";
import { type Key, keyFromSeed } from "../../generate-chain/keys.ts";

export const ACCOUNTS_PER_NODE = 4;

export interface Account {
  /** The teller that spends from it: the index of a node. */
  readonly node: number;
  readonly key: Key;
  /** Its P2WPKH script, in hex. */
  readonly script: string;
}

/** All accounts, those of a node together, in the order of the nodes. */
export function accountsOf(seed: string, nodes: number): readonly Account[] {
  return Array.from({ length: nodes * ACCOUNTS_PER_NODE }, (_, index) => {
    const key = keyFromSeed(`devnet/${seed}`, index);
    const node = Math.floor(index / ACCOUNTS_PER_NODE);
    return { node, key, script: toHex(key.scripts.p2wpkh) };
  });
}
