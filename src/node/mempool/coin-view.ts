// The confirmed coins of an opened chain as the servers read them.

import type { Bytes } from "../../base/bytes.ts";
import { readU32BE } from "../../base/bytes.ts";
import type { CoinSetInfo, CoinView, ConfirmedCoin, FoundCoin } from "../../ports/coins.ts";
import { outpointKey, txidKey } from "../../state/admission/keys.ts";
import { decodeStoredCoin } from "../../state/coin-store.ts";
import { type AnyOpenedChain, hostOfPartition } from "../chain/open.ts";

export class ChainCoins implements CoinView {
  readonly #opened: AnyOpenedChain;

  constructor(opened: AnyOpenedChain) {
    this.#opened = opened;
  }

  async coin(txid: Bytes, index: number): Promise<ConfirmedCoin | null> {
    const { hosts, chain, files } = this.#opened;
    const { placement } = chain.connector;
    placement.hash(txid, 0);
    const host = hostOfPartition(placement.partition, files.partitionCount, hosts.length);
    const keys = [outpointKey(txidKey(txid), index)];
    const reply = await hosts[host]!.call({ kind: "recorded-coins", keys });
    const stored = reply.kind === "coins" ? reply.coins[0]! : null;
    return stored === null ? null : decodeStoredCoin(stored);
  }

  info(hash: boolean): Promise<CoinSetInfo> {
    return this.#opened.census.info(hash);
  }

  async scan(scripts: ReadonlySet<string>, found: (coin: FoundCoin) => void): Promise<number> {
    let visited = 0;
    for (const host of this.#opened.hosts) {
      const reply = await host.call({ kind: "find-coins", scripts });
      if (reply.kind !== "found") continue;
      visited += reply.visited;
      for (const { key, value } of reply.coins) {
        found({
          ...decodeStoredCoin(value),
          txid: key.subarray(0, 32),
          index: readU32BE(key, 32),
        });
      }
    }
    return visited;
  }
}
