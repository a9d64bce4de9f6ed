// A chain with many coins and transactions that spend them: 2-in-2-out P2WPKH, each from two coins of
// different parents, so that two partitions are asked. For the benches of admission.
import { rawTransaction } from "../../src/ledger/bitcoin/transaction.ts";
import type { OwnedCoin } from "../../src/node/generate-chain/build-transaction.ts";
import { TestChain } from "../../src/node/generate-chain/test-chain.ts";

/** Outputs of one transaction that makes coins. */
const FAN_OUT = 1_000;

export interface SpendableChain {
  readonly chain: TestChain;
  readonly blocks: readonly Uint8Array[];
  readonly transactions: readonly Uint8Array[];
}

/** A chain and `count` transactions on top of it. */
export function spendableChain(count: number): SpendableChain {
  const chain = new TestChain({ seed: "bench-admission" });
  const fans = Math.ceil((count * 2) / FAN_OUT);
  const blocks = chain.mineMany(100 + fans);
  const coins: OwnedCoin[] = [];
  for (let number = 0; number < fans; number++) {
    const fan = chain.spend([blocks[number]!.reward], { outputs: FAN_OUT });
    blocks.push(chain.mine({ transactions: [fan] }));
    coins.push(...fan.created);
  }
  const transactions: Uint8Array[] = [];
  for (let number = 0; number < count; number++) {
    const built = chain.spend([coins[number]!, coins[number + count]!], { outputs: 2, fee: 2_000 });
    transactions.push(rawTransaction(built.transaction).slice());
  }
  return { chain, blocks: blocks.map(({ bytes }) => bytes), transactions };
}
