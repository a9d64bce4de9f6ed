// The coins that a stored block spent, from its deltas and, for those that it made itself, from its
// own outputs. Null where the block has no deltas: it was never on the active chain.
import { type Bytes, toHex } from "../../base/bytes.ts";
import { type Block, decodeBlock } from "../../ledger/bitcoin/block.ts";
import { formOf } from "../../ledger/bitcoin/params.ts";
import type { ConfirmedCoin } from "../../ports/coins.ts";
import { amountOf } from "../../state/coin-store.ts";
import {
  COIN_CODE,
  COIN_INDEX,
  COIN_SCRIPT,
  COIN_SCRIPT_BYTES,
  COIN_VALUE,
  deltaCoins,
} from "../../state/delta.ts";
import type { ChainBase } from "./base.ts";

type Coins = Map<string, ConfirmedCoin>;

function addRemoved(coins: Coins, words: Uint32Array): void {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  for (const at of deltaCoins(words).removed) {
    const code = words[at + COIN_CODE]!;
    const scriptAt = (at + COIN_SCRIPT) * 4;
    coins.set(`${toHex(bytes, at * 4, at * 4 + 32)}:${words[at + COIN_INDEX]}`, {
      value: amountOf(words[at + COIN_VALUE]!, words[at + COIN_VALUE + 1]!),
      script: bytes.slice(scriptAt, scriptAt + words[at + COIN_SCRIPT_BYTES]!),
      height: code >>> 1,
      coinbase: (code & 1) === 1,
    });
  }
}

function addMade(coins: Coins, block: Block, height: number): void {
  block.transactions.forEach((transaction, place) => {
    const txid = toHex(transaction.txid);
    transaction.outputs.forEach(({ value, scriptAt, scriptEnd }, index) => {
      const script = transaction.bytes.slice(scriptAt, scriptEnd);
      coins.set(`${txid}:${index}`, { value, script, height, coinbase: place === 0 });
    });
  });
}

/** For each transaction but the first, the coins of its inputs. */
export function spentCoins(chain: ChainBase, hash: Bytes): readonly ConfirmedCoin[][] | null {
  const id = chain.index.find(hash);
  if (id === 0) return [];
  if (id < 0 || !chain.hasDelta(id)) return null;
  const raw = chain.readBlock(id);
  const decoded = decodeBlock(raw, 0, raw.length, formOf(chain.params));
  if (!decoded.ok) return null;
  const coins: Coins = new Map();
  addMade(coins, decoded.value, chain.index.height(id));
  for (const delta of chain.readDelta(id)) addRemoved(coins, delta);
  const spent: ConfirmedCoin[][] = [];
  for (const { bytes, inputs } of decoded.value.transactions.slice(1)) {
    const own: ConfirmedCoin[] = [];
    for (const { outpointAt, previousIndex } of inputs) {
      const coin = coins.get(`${toHex(bytes, outpointAt, outpointAt + 32)}:${previousIndex}`);
      if (coin === undefined) return null;
      own.push(coin);
    }
    spent.push(own);
  }
  return spent;
}
