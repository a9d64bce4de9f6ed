// A block in compact form: the coinbase in full, everything else by short id.
import type { Bytes } from "../../base/bytes.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";
import { rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import type { CompactBlockMessage, PrefilledTransaction } from "../wire/messages.ts";
import { SHORT_ID_BYTES, shortId, shortIdKey, writeShortId } from "./short-ids.ts";

/** The compact form of `block`; transactions at `prefill` (ascending) are sent in full. */
export function compactBlock(
  block: Block,
  nonce: Bytes,
  prefill: readonly number[] = [0],
): CompactBlockMessage {
  const header = block.header.bytes.slice();
  const key = shortIdKey(header, nonce);
  const full = new Set(prefill);
  const prefilled: PrefilledTransaction[] = [];
  const shortIds = new Uint8Array((block.transactions.length - full.size) * SHORT_ID_BYTES);
  let place = 0;
  block.transactions.forEach((transaction, index) => {
    if (full.has(index)) prefilled.push({ index, transaction: rawTransaction(transaction) });
    else writeShortId(shortIds, place++, shortId(key, transaction.wtxid));
  });
  return { type: "cmpctblock", header, nonce, shortIds, prefilled };
}
