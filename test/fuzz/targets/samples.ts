// A block with transactions of several kinds, for the corpora.
import type { Bytes } from "../../../src/base/bytes.ts";
import type { Block } from "../../../src/ledger/bitcoin/block.ts";
import { rawTransaction } from "../../../src/ledger/bitcoin/transaction.ts";
import type {
  BuiltTransaction,
  OwnedCoin,
} from "../../../src/node/generate-chain/build-transaction.ts";
import type { OutputKind } from "../../../src/node/generate-chain/keys.ts";
import { TestChain } from "../../../src/node/generate-chain/test-chain.ts";

const KINDS: readonly OutputKind[] = ["p2wpkh", "p2pkh", "p2tr"];

const chain = new TestChain({ seed: "fuzz" });
const matured = chain.mineMany(104);
const fan = chain.spend([matured[0]!.reward], { outputs: 3 });
const built: BuiltTransaction[] = [
  fan,
  ...KINDS.map((kind, index) => chain.spend([fan.created[index]!], { kind, outputs: 2 })),
];
const mined = chain.mine({ transactions: built });

export const SAMPLE_DECODED: Block = mined.block;
export const SAMPLE_BLOCK: Bytes = mined.bytes.slice();
export const SAMPLE_TRANSACTIONS: readonly Bytes[] = built.map(({ transaction }) =>
  rawTransaction(transaction).slice(),
);
/** The coins that the block spends, input by input. */
export const SAMPLE_COINS: readonly OwnedCoin[] = [matured[0]!.reward!, ...fan.created];
