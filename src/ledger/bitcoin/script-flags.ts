// Which script rules hold in a block (Bitcoin Core's GetBlockScriptFlags). P2SH, witness and taproot
// rules are applied to all of history, except for the blocks that broke them before they were rules.
import { type Bytes, bytesEqual } from "../../base/bytes.ts";
import type { Params } from "./params.ts";

export const FLAG_P2SH: number = 1 << 0;
const DERSIG = 1 << 2;
const NULLDUMMY = 1 << 4;
const CHECKLOCKTIMEVERIFY = 1 << 9;
const CHECKSEQUENCEVERIFY = 1 << 10;
export const FLAG_WITNESS: number = 1 << 11;
const TAPROOT = 1 << 17;

/** The flags for the scripts of the block with this height and hash (hash order). */
export function scriptFlagsForBlock(params: Params, height: number, hash: Bytes): number {
  let flags = FLAG_P2SH | FLAG_WITNESS | TAPROOT;
  for (const exception of params.flagExceptions) {
    if (bytesEqual(exception.hash, hash)) flags = exception.flags;
  }
  const { bip66, bip65, csv, segwit } = params.activation;
  if (height >= bip66) flags |= DERSIG;
  if (height >= bip65) flags |= CHECKLOCKTIMEVERIFY;
  if (height >= csv) flags |= CHECKSEQUENCEVERIFY;
  if (height >= segwit) flags |= NULLDUMMY;
  return flags;
}
