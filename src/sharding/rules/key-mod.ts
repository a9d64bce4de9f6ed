// The control: a share sits in the shard that its staker's key names, for ever. Whoever can make keys
// chooses a shard; that is why it is here.
import type { Bytes } from "../../base/bytes.ts";
import { readU32BE } from "../bytes-be.ts";
import type { Table } from "../table.ts";
import { SHARE_BYTES } from "../types.ts";

/** First six bytes of the staker id, big-endian, mod S. */
export function keyShard(ids: Bytes, row: number, shards: number): number {
  const at = row * SHARE_BYTES;
  const key = readU32BE(ids, at) * 0x1_0000 + ids[at + 4]! * 256 + ids[at + 5]!;
  return key % shards;
}

export function applyKeyMod(table: Table): void {
  for (const row of table.joins) table.shard[row] = keyShard(table.ids, row, table.shards);
}
