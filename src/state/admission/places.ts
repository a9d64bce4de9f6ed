// Where transactions and coins lie: keyed SipHash of the txid, so that nobody outside can aim at one
// partition; or, as Mangrove does, of the outpoint. The same switch serves both, so that both are
// measured. The key is private to the node.
import { siphash24Into } from "../../crypto/siphash.ts";
import { type OutpointKey, outpointTxid, type Txid } from "./keys.ts";
import type { Places } from "./leave.ts";

export type PlacementMode = "txid" | "outpoint";

const scratch = new Uint8Array(36);

/** Hot: several times per transaction. Reads a key into `scratch`; returns how many bytes. */
function readKey(key: string): number {
  const units = key.length;
  for (let unit = 0; unit < units; unit++) {
    const code = key.charCodeAt(unit);
    scratch[unit * 2] = code >>> 8;
    scratch[unit * 2 + 1] = code;
  }
  return units * 2;
}

/** Places over `partitions` equal shares of the hash; `key` is four words. */
export function keyedPlaces(key: Uint32Array, partitions: number, mode: PlacementMode): Places {
  const out = new Uint32Array(2);
  const place = (id: string): number => {
    siphash24Into(key, scratch, 0, readKey(id), out);
    return Math.floor((out[1]! / 0x1_0000_0000) * partitions);
  };
  const home = (txid: Txid): number => (partitions === 1 ? 0 : place(txid));
  const coin = (outpoint: OutpointKey): number => {
    if (partitions === 1) return 0;
    return mode === "txid" ? place(outpointTxid(outpoint)) : place(outpoint);
  };
  return { home, coin, outputsAtHome: partitions === 1 || mode === "txid" };
}

/** Keyed rank of a txid: who waits and who gives way when two transactions hold each other's coins. */
export function keyedRank(key: Uint32Array): (txid: Txid) => number {
  const out = new Uint32Array(2);
  const flipped = key.map((word) => ~word);
  return (txid) => {
    siphash24Into(flipped, scratch, 0, readKey(txid), out);
    return out[0]!;
  };
}
