// What a transaction shows against the coins it spends, scripts aside: that they are there and
// mature, and that no money comes from nowhere (Bitcoin Core's Consensus::CheckTxInputs).
import type { Coin } from "./coin.ts";
import { COINBASE_MATURITY, isMoney } from "./limits.ts";
import type { Transaction } from "./transaction.ts";
import { type Rejection, reject } from "./verdict.ts";

export type InputsVerdict = { readonly ok: true; readonly fee: number } | Rejection;

/** The sum of the outputs; they have been checked to be in range. */
export function valueOut(transaction: Transaction): number {
  let sum = 0;
  for (const output of transaction.outputs) sum += output.value;
  return sum;
}

/**
 * Judges a transaction that is not a coinbase in the block at `spendHeight`. `coins` has one entry
 * an input, null where there is no such coin.
 */
export function checkInputs(
  transaction: Transaction,
  coins: readonly (Coin | null)[],
  spendHeight: number,
): InputsVerdict {
  const { inputs } = transaction;
  for (let index = 0; index < inputs.length; index++) {
    if ((coins[index] ?? null) === null) {
      return reject("bad-txns-inputs-missingorspent", "inputs missing/spent", "missing");
    }
  }
  let valueIn = 0;
  for (let index = 0; index < inputs.length; index++) {
    const coin = coins[index]!;
    const depth = spendHeight - coin.height;
    if (coin.coinbase && depth < COINBASE_MATURITY) {
      const debug = `tried to spend coinbase at depth ${depth}`;
      return reject("bad-txns-premature-spend-of-coinbase", debug, "premature");
    }
    valueIn += coin.value;
    if (!isMoney(coin.value) || !isMoney(valueIn)) {
      return reject("bad-txns-inputvalues-outofrange");
    }
  }
  const fee = valueIn - valueOut(transaction);
  if (fee < 0) return reject("bad-txns-in-belowout", `value in is ${-fee} below value out`);
  if (!isMoney(fee)) return reject("bad-txns-fee-outofrange");
  return { ok: true, fee };
}
