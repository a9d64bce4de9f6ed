// Hot: BIP143, the signature hash of witness version 0. The parts that all inputs share are hashed
// once per transaction by sighash.ts.
import { type Bytes, writeU32, writeU64 } from "../../base/bytes.ts";
import { hash256Into } from "../../crypto/hash.ts";
import type { SignatureHashes } from "./sighash.ts";
import { OUTPUT_MASK, SIGHASH_ANYONECANPAY, SIGHASH_NONE, SIGHASH_SINGLE } from "./sighash-type.ts";
import { copyInto, copyScript, scratch } from "./sighash-writer.ts";

/** Everything but the script code: 156 bytes and its length of up to five. */
const FIXED_BYTES = 161;

const ZEROS: Bytes = new Uint8Array(32);

/** Writes the hash that input `index` signs under `code` and `hashType` to `into[0, 32)`. */
export function witnessHashInto(
  into: Bytes,
  hashes: SignatureHashes,
  index: number,
  code: Bytes,
  hashType: number,
): void {
  const { transaction } = hashes;
  const input = transaction.inputs[index]!;
  const kind = hashType & OUTPUT_MASK;
  const alone = (hashType & SIGHASH_ANYONECANPAY) !== 0;
  const someOutputs = kind === SIGHASH_NONE || kind === SIGHASH_SINGLE;
  const out = scratch(FIXED_BYTES + code.length);
  writeU32(out, 0, transaction.version);
  let at = copyInto(out, 4, alone ? ZEROS : hashes.prevoutsDouble(), 0, 32);
  at = copyInto(out, at, alone || someOutputs ? ZEROS : hashes.sequencesDouble(), 0, 32);
  at = copyInto(out, at, transaction.bytes, input.outpointAt, input.outpointAt + 36);
  at = copyScript(out, at, code);
  writeU64(out, at, hashes.coins[index]!.value);
  writeU32(out, at + 8, input.sequence);
  at = copyInto(out, at + 12, outputsHash(hashes, index, kind), 0, 32);
  writeU32(out, at, transaction.lockTime);
  writeU32(out, at + 4, hashType);
  hash256Into(into, 0, out, 0, at + 8);
}

function outputsHash(hashes: SignatureHashes, index: number, kind: number): Bytes {
  if (kind === SIGHASH_NONE) return ZEROS;
  if (kind !== SIGHASH_SINGLE) return hashes.outputsDouble();
  return index < hashes.transaction.outputs.length ? hashes.outputDouble(index) : ZEROS;
}
