// Where transactions and coins lie: keyed SipHash of the txid, so that nobody outside can aim at one
// partition; or, as Mangrove does, of the outpoint. The same switch serves both, so that both are
// measured. The key is private to the node.
import { fromHex } from "../../base/bytes.ts";
import { siphash24Into } from "../../crypto/siphash.ts";
import type { Places } from "./leave.ts";
import { type OutpointKey, outpointTxid, type Txid } from "./records.ts";

export type PlacementMode = "txid" | "outpoint";

/** Places over `partitions` equal shares of the hash; `key` is four words. */
export function keyedPlaces(key: Uint32Array, partitions: number, mode: PlacementMode): Places {
  const out = new Uint32Array(2);
  const place = (hex: string): number => {
    const bytes = fromHex(hex)!;
    siphash24Into(key, bytes, 0, bytes.length, out);
    return Math.floor((out[1]! / 0x1_0000_0000) * partitions);
  };
  const home = (txid: Txid): number => (partitions === 1 ? 0 : place(txid));
  const coin = (outpoint: OutpointKey): number => {
    if (partitions === 1) return 0;
    return mode === "txid" ? place(outpointTxid(outpoint)) : place(outpoint);
  };
  return { home, coin };
}

/** Keyed rank of a txid: who waits and who gives way when two transactions hold each other's coins. */
export function keyedRank(key: Uint32Array): (txid: Txid) => number {
  const out = new Uint32Array(2);
  const flipped = key.map((word) => ~word);
  return (txid) => {
    siphash24Into(flipped, fromHex(txid)!, 0, 32, out);
    return out[0]!;
  };
}
