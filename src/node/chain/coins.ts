// The confirmed coins of the tip, read from the partitions' hosts. Each question has its turn among
// the blocks, so that the answer is that of one tip and never of a block half judged.
import { type Bytes, readU32BE } from "../../base/bytes.ts";
import type { CoinSetInfo, CoinView, ConfirmedCoin, FoundCoin } from "../../ports/coins.ts";
import { decodeStoredCoin } from "../../state/coin-store.ts";
import { Placement } from "../../state/placement.ts";
import { coinSetDigest } from "./digest.ts";
import type { OpenedChain } from "./open.ts";

export class NodeCoinView implements CoinView {
  readonly #opened: OpenedChain;
  readonly #placement: Placement;

  constructor(opened: OpenedChain) {
    this.#opened = opened;
    this.#placement = new Placement(opened.files.salt, opened.files.partitionCount);
  }

  coin(txid: Bytes, index: number): Promise<ConfirmedCoin | null> {
    this.#placement.hash(txid, 0);
    const { partition } = this.#placement;
    return this.#opened.chain.exclusive(async () => {
      const replies = await Promise.all(
        this.#opened.hosts.map((host) => host.call({ kind: "coin", txid, index, partition })),
      );
      for (const reply of replies) {
        if (reply.kind === "coin" && reply.value !== null) return decodeStoredCoin(reply.value);
      }
      return null;
    });
  }

  info(): Promise<CoinSetInfo> {
    const { chain } = this.#opened;
    return chain.exclusive(async () => {
      const digest = await coinSetDigest(this.#opened, true);
      const { count, amount, scriptBytes, muhash } = digest;
      const { hash, height } = chain.tip;
      // Bitcoin Core's GetBogoSize: a size that does not depend on how coins are stored.
      const bytes = count * 50 + scriptBytes;
      return { height, hash, coins: count, amount, transactions: null, bytes, muhash };
    });
  }

  scan(scripts: ReadonlySet<string>, found: (coin: FoundCoin) => void): Promise<number> {
    return this.#opened.chain.exclusive(async () => {
      const wanted = [...scripts];
      const replies = await Promise.all(
        this.#opened.hosts.map((host) => host.call({ kind: "scan", scripts: wanted })),
      );
      let count = 0;
      for (const reply of replies) {
        if (reply.kind !== "scan") continue;
        count += reply.count;
        for (const { key, value } of reply.found) {
          const coin = decodeStoredCoin(value);
          found({ ...coin, txid: key.slice(0, 32), index: readU32BE(key, 32) });
        }
      }
      return count;
    });
  }
}
