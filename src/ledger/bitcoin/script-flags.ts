// Which script rules hold in a block (Bitcoin Core's GetBlockScriptFlags). P2SH, witness and taproot
// rules are applied to all of history, except for the blocks that broke them before they were rules.
import { type Bytes, bytesEqual } from "../../base/bytes.ts";
import type { Params } from "./params.ts";
import { FLAG } from "./script/flags.ts";

/** The flags for the scripts of the block with this height and hash (hash order). */
export function scriptFlagsForBlock(params: Params, height: number, hash: Bytes): number {
  let flags: number = FLAG.P2SH | FLAG.WITNESS | FLAG.TAPROOT;
  for (const exception of params.flagExceptions) {
    if (bytesEqual(exception.hash, hash)) flags = exception.flags;
  }
  const { bip66, bip65, csv, segwit } = params.activation;
  if (height >= bip66) flags |= FLAG.DERSIG;
  if (height >= bip65) flags |= FLAG.CHECKLOCKTIMEVERIFY;
  if (height >= csv) flags |= FLAG.CHECKSEQUENCEVERIFY;
  if (height >= segwit) flags |= FLAG.NULLDUMMY;
  return flags;
}
