// BIP30: a block must not create a transaction id whose outputs are still unspent. Since BIP34 ids
// cannot repeat, so the check is only needed where BIP34 does not hold, and again from the height
// that an early coinbase already claimed (Bitcoin Core's ConnectBlock).
import { type Bytes, bytesEqual } from "../../base/bytes.ts";
import type { Params } from "./params.ts";

/** The first height that a coinbase before BIP34 already carried, so that ids could repeat. */
const BIP34_IMPLIES_BIP30_LIMIT = 1_983_702;

/**
 * True when the outputs of the block must be looked up (code "bad-txns-BIP30" when one exists).
 * `bip34Ancestor` is the hash of the branch's block at `params.activation.bip34`, null when the
 * branch has not reached it.
 */
export function mustCheckBip30(
  params: Params,
  height: number,
  hash: Bytes,
  bip34Ancestor: Bytes | null,
): boolean {
  if (height >= BIP34_IMPLIES_BIP30_LIMIT) return true;
  const repeats = params.bip30Repeats.some(
    (block) => block.height === height && bytesEqual(block.hash, hash),
  );
  if (repeats) return false;
  const { bip34Hash } = params;
  return bip34Ancestor === null || bip34Hash === null || !bytesEqual(bip34Ancestor, bip34Hash);
}
