// An input may spend an output of an earlier transaction of the same block. The list of spent coins
// has that coin too, so the block and the list can be held against each other; and an output may be
// spent once only, and not by a transaction before it.
import { rangeEqual, toHex } from "../../base/bytes.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";
import type { Transaction } from "../../ledger/bitcoin/transaction.ts";
import { type Rejection, reject } from "../../ledger/bitcoin/verdict.ts";
import type { SpentCoin, SpentCoins } from "./spent.ts";

/** The coins of one transaction; or why it is invalid; or how the list is wrong. */
export type Resolved =
  | { readonly kind: "coins"; readonly coins: readonly SpentCoin[] }
  | { readonly kind: "invalid"; readonly rejection: Rejection }
  | { readonly kind: "fault"; readonly fault: string };

/** What the list says of a coin and the block denies; null when they agree. */
function disagreement(
  coin: SpentCoin,
  parent: Transaction,
  outputIndex: number,
  height: number,
  isCoinbase: boolean,
): string | null {
  const { value, scriptAt, scriptEnd } = parent.outputs[outputIndex]!;
  if (coin.value !== value) return "value";
  const length = scriptEnd - scriptAt;
  const sameScript =
    coin.script.length === length && rangeEqual(parent.bytes, scriptAt, coin.script, 0, length);
  if (!sameScript) return "script";
  if (coin.height !== null && coin.height !== height) return "height";
  return coin.coinbase !== null && coin.coinbase !== isCoinbase ? "coinbase mark" : null;
}

/** Resolves the inputs of a block, transaction by transaction in its order. */
export class CoinResolver {
  readonly #block: Block;
  readonly #height: number;
  readonly #spent: SpentCoins;
  readonly #places = new Map<string, number>();
  readonly #gone = new Set<string>();

  constructor(block: Block, height: number, spent: SpentCoins) {
    this.#block = block;
    this.#height = height;
    this.#spent = spent;
    block.transactions.forEach(({ txid }, index) => {
      this.#places.set(toHex(txid), index);
    });
  }

  /** The coins of the transaction `index`, completed by what the block itself says of them. */
  resolve(index: number): Resolved {
    const coins: SpentCoin[] = [];
    for (let at = 0; at < this.#block.transactions[index]!.inputs.length; at++) {
      const coin = this.#resolveInput(index, at);
      if (coin === null) {
        const debug = `input ${at} of transaction ${index}: inputs missing/spent`;
        const rejection = reject("bad-txns-inputs-missingorspent", debug, "missing");
        return { kind: "invalid", rejection };
      }
      if (typeof coin === "string") {
        const fault = `the coin of input ${at} of transaction ${index} ${coin}`;
        return { kind: "fault", fault };
      }
      coins.push(coin);
    }
    return { kind: "coins", coins };
  }

  /** The coin; null when it is not there; text when the list is wrong about it. */
  #resolveInput(index: number, at: number): SpentCoin | string | null {
    const { bytes, inputs } = this.#block.transactions[index]!;
    const { outpointAt, previousIndex } = inputs[at]!;
    const outpoint = toHex(bytes, outpointAt, outpointAt + 36);
    if (this.#gone.has(outpoint)) return null;
    this.#gone.add(outpoint);
    const coin = this.#spent[index]![at]!;
    const place = this.#places.get(outpoint.slice(0, 64));
    if (place === undefined) {
      const tooHigh = coin.height !== null && coin.height >= this.#height;
      return tooHigh ? `has height ${coin.height}, not below ${this.#height}` : coin;
    }
    const parent = this.#block.transactions[place]!;
    if (place >= index || previousIndex >= parent.outputs.length) return null;
    const wrong = disagreement(coin, parent, previousIndex, this.#height, place === 0);
    if (wrong !== null) return `is made in the block itself, with another ${wrong}`;
    return { ...coin, height: this.#height, coinbase: place === 0 };
  }
}
