// What the accounts own when a devnet is started: coins in the chain of one node, and payments of
// an earlier run that its mempool still holds.
import { fromHex, toDisplayHex, toHex } from "../../../base/bytes.ts";
import { decodeTransaction } from "../../../ledger/bitcoin/transaction.ts";
import type { RpcClient } from "../rpc-client.ts";
import type { Account } from "./accounts.ts";
import type { FoundPayment, PaymentBook } from "./payment-book.ts";

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

function foundPayment(
  raw: string,
  node: number,
  places: ReadonlyMap<string, number>,
): FoundPayment | null {
  const bytes = fromHex(raw);
  const decoded = bytes === null ? null : decodeTransaction(bytes);
  if (bytes === null || decoded === null || !decoded.ok) return null;
  const { txid, inputs, outputs } = decoded.value;
  const spends = inputs.map(
    ({ outpointAt: at, previousIndex }) =>
      `${toDisplayHex(bytes, at, at + TXID_BYTES)}:${previousIndex}`,
  );
  const owned = outputs.map(({ value, scriptAt, scriptEnd }) => ({
    value,
    account: places.get(toHex(bytes, scriptAt, scriptEnd)) ?? -1,
  }));
  if (owned.some(({ account }) => account < 0)) return null;
  return { txid: toDisplayHex(txid), raw, node, outputs: owned, spends };
}

function placesOf(accounts: readonly Account[]): Map<string, number> {
  return new Map(accounts.map(({ script }, index) => [script, index]));
}

/** What the mempool of `node` holds of our payments. */
export async function paymentsInMempool(
  rpc: RpcClient,
  node: number,
  accounts: readonly Account[],
): Promise<FoundPayment[]> {
  const places = placesOf(accounts);
  const txids = await rpc.call<readonly string[]>("getrawmempool");
  const found: FoundPayment[] = [];
  for (let at = 0; at < txids.length; at += READ_AT_ONCE) {
    const some = txids.slice(at, at + READ_AT_ONCE);
    const answers = await rpc.batch<string>(some.map((txid) => ["getrawtransaction", txid]));
    for (const answer of answers) {
      // One that was mined since is found in the chain.
      const payment = answer.ok ? foundPayment(answer.result, node, places) : null;
      if (payment !== null) found.push(payment);
    }
  }
  return found;
}

/** Puts the accounts' confirmed coins into the book; gives back how many there are. */
export async function scanCoins(
  rpc: RpcClient,
  accounts: readonly Account[],
  book: PaymentBook,
): Promise<number> {
  const descriptors = accounts.map(({ script }) => `raw(${script})`);
  const { height, unspents } = await rpc.call<Scan>("scantxoutset", "start", descriptors);
  const places = placesOf(accounts);
  for (const coin of unspents) {
    const account = places.get(coin.scriptPubKey);
    if (account === undefined || (coin.coinbase && height - coin.height < MATURITY)) continue;
    const id = `${coin.txid}:${coin.vout}`;
    const value = Math.round(coin.amount * BASE_UNITS);
    const { node } = accounts[account]!;
    book.addCoin({ id, txid: coin.txid, index: coin.vout, value, account, node });
  }
  return unspents.length;
}
