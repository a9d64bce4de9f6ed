// What the accounts own when a devnet is started: coins in the chain of one node, and payments of
// an earlier run that its mempool still holds.
import { fromHex, toDisplayHex, toHex } from "../../../base/bytes.ts";
import { decodeTransaction } from "../../../ledger/bitcoin/transaction.ts";
import type { RpcClient } from "../rpc-client.ts";
import type { Account } from "./accounts.ts";
import type { PaymentBook } from "./payment-book.ts";

interface Scan {
  readonly height: number;
  readonly unspents: readonly {
    readonly txid: string;
    readonly vout: number;
    readonly scriptPubKey: string;
    readonly amount: number;
    readonly coinbase: boolean;
    readonly height: number;
  }[];
}

const TXID_BYTES = 32;
const MATURITY = 100;
const BASE_UNITS = 100_000_000;
/** Transactions of a mempool read in one call. */
const READ_AT_ONCE = 200;

/**
 * Puts into the book what the mempool of `node` holds of our payments; the coins that they spend,
 * "txid:index", come back in `spent`.
 */
export async function adoptMempool(
  rpc: RpcClient,
  node: number,
  accounts: readonly Account[],
  book: PaymentBook,
  spent: Set<string>,
): Promise<void> {
  const places = new Map(accounts.map(({ script }, index) => [script, index]));
  const txids = await rpc.call<readonly string[]>("getrawmempool");
  for (let at = 0; at < txids.length; at += READ_AT_ONCE) {
    const some = txids.slice(at, at + READ_AT_ONCE);
    const answers = await rpc.batch<string>(some.map((txid) => ["getrawtransaction", txid]));
    for (const answer of answers) {
      // One that was mined since is found in the chain.
      const bytes = answer.ok ? fromHex(answer.result) : null;
      const decoded = bytes === null ? null : decodeTransaction(bytes);
      if (decoded === null || !decoded.ok) continue;
      const { txid, inputs, outputs } = decoded.value;
      for (const { outpointAt: from, previousIndex } of inputs) {
        spent.add(`${toDisplayHex(bytes!, from, from + TXID_BYTES)}:${previousIndex}`);
      }
      const owned = outputs.map(({ value, scriptAt, scriptEnd }) => ({
        value,
        account: places.get(toHex(bytes!, scriptAt, scriptEnd)) ?? -1,
      }));
      if (owned.some(({ account }) => account < 0)) continue;
      book.adopt({ txid: toDisplayHex(txid), raw: toHex(bytes!), node }, owned);
    }
  }
}

/** Puts the accounts' confirmed coins into the book; gives back how many there are. */
export async function scanCoins(
  rpc: RpcClient,
  accounts: readonly Account[],
  book: PaymentBook,
  spent: ReadonlySet<string>,
): Promise<number> {
  const descriptors = accounts.map(({ script }) => `raw(${script})`);
  const { height, unspents } = await rpc.call<Scan>("scantxoutset", "start", descriptors);
  const places = new Map(accounts.map(({ script }, index) => [script, index]));
  const going = new Set(spent);
  for (const { inputs } of book.payments()) for (const { id } of inputs) going.add(id);
  for (const coin of unspents) {
    const account = places.get(coin.scriptPubKey);
    if (account === undefined || (coin.coinbase && height - coin.height < MATURITY)) continue;
    const id = `${coin.txid}:${coin.vout}`;
    if (going.has(id)) continue;
    const value = Math.round(coin.amount * BASE_UNITS);
    const { node } = accounts[account]!;
    book.addCoin({ id, txid: coin.txid, index: coin.vout, value, account, node });
  }
  return unspents.length;
}
