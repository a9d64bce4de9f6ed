// The registry operations of a block as the consensus core wants them: with their transaction's
// outputs, and the script that its first input spends, which is who speaks.
import { toHex } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/hash.ts";
import { decodeBlock } from "../../ledger/bitcoin/block.ts";
import type { ResolvedOperation } from "../../planes/consensus/qpos/apply-operation.ts";
import { operationOf } from "../../planes/consensus/qpos/operations.ts";
import type { BlockId } from "../../planes/consensus/work/block-index.ts";
import { spentCoins } from "../chain/spent-coins.ts";
import type { StakedChain } from "../chain/staked-chain.ts";
import { hasMark, taggedScripts } from "./bonds.ts";

/** The operations of a block that has been connected, in its order. */
export function operationsOf(chain: StakedChain, id: BlockId): readonly ResolvedOperation[] {
  const raw = chain.readBlock(id);
  if (!hasMark(raw)) return [];
  const decoded = decodeBlock(raw, 0, raw.length, "staked");
  if (!decoded.ok) throw new Error("a stored block decodes");
  const found: ResolvedOperation[] = [];
  let spent: ReturnType<typeof spentCoins> = null;
  decoded.value.transactions.forEach((transaction, place) => {
    const scripts = place === 0 ? [] : taggedScripts(transaction);
    const operation = scripts.length === 0 ? null : operationOf(scripts);
    if (operation === null) return;
    spent ??= spentCoins(chain, chain.index.hash(id));
    const first = spent?.[place - 1]?.[0];
    if (first === undefined) throw new Error("the coins of a connected block are in its deltas");
    const { bytes, outputs } = transaction;
    found.push({
      txid: toHex(transaction.txid),
      operation,
      authHash: toHex(sha256(first.script)),
      outputs: outputs.map(({ value, scriptAt, scriptEnd }) => ({
        value,
        script: toHex(bytes, scriptAt, scriptEnd),
      })),
    });
  });
  return found;
}
