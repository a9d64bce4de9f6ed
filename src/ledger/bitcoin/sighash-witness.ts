// Hot: BIP143, the signature hash of witness version 0. The parts that all inputs share are hashed
// once per transaction by sighash.ts.
import { type Bytes, writeU32, writeU64 } from "../../base/bytes.ts";
import { hash256Into } from "../../crypto/hash.ts";
import type { SignatureHashes } from "./sighash.ts";
import { OUTPUTS, PREVOUTS, SEQUENCES } from "./sighash-parts.ts";
import {
  OUTPUT_MASK,
  SIGHASH_ALL,
  SIGHASH_ANYONECANPAY,
  SIGHASH_NONE,
  SIGHASH_SINGLE,
} from "./sighash-type.ts";
import { copyInto, copyScript, scratch } from "./sighash-writer.ts";

/** Everything but the script code: 156 bytes and its length of up to five. */
const FIXED_BYTES = 161;

const ZEROS: Bytes = new Uint8Array(32);

/** What a P2WPKH input signs with SIGHASH_ALL: the script code has 25 bytes. */
export const KEY_HASH_MESSAGE_BYTES = 182;
// Where the parts of that message lie that are not the same in all inputs of a transaction.
const OUTPOINT_AT = 68;
const PROGRAM_AT = 108;
const VALUE_AT = 130;
const SEQUENCE_AT = 138;

/** Writes what that message has in common with those of the transaction's other inputs. */
export function writeKeyHashShared(out: Bytes, from: number, hashes: SignatureHashes): void {
  const { transaction } = hashes;
  writeU32(out, from, transaction.version);
  copyInto(out, from + 4, hashes.twice(PREVOUTS), 0, 32);
  copyInto(out, from + 36, hashes.twice(SEQUENCES), 0, 32);
  // OP_DUP OP_HASH160 push of 20 … OP_EQUALVERIFY OP_CHECKSIG
  out[from + 104] = 25;
  out[from + 105] = 0x76;
  out[from + 106] = 0xa9;
  out[from + 107] = 20;
  out[from + 128] = 0x88;
  out[from + 129] = 0xac;
  copyInto(out, from + 142, hashes.twice(OUTPUTS), 0, 32);
  writeU32(out, from + 174, transaction.lockTime);
  writeU32(out, from + 178, SIGHASH_ALL);
}

/** Writes the rest, for a coin whose script is `0 <20>`. */
export function writeKeyHashOwn(
  out: Bytes,
  from: number,
  { transaction, coins }: SignatureHashes,
  index: number,
): void {
  const { script, value } = coins[index]!;
  const { outpointAt, sequence } = transaction.inputs[index]!;
  copyInto(out, from + OUTPOINT_AT, transaction.bytes, outpointAt, outpointAt + 36);
  copyInto(out, from + PROGRAM_AT, script, 2, 22);
  writeU64(out, from + VALUE_AT, value);
  writeU32(out, from + SEQUENCE_AT, sequence);
}

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
  let at = copyInto(out, 4, alone ? ZEROS : hashes.twice(PREVOUTS), 0, 32);
  at = copyInto(out, at, alone || someOutputs ? ZEROS : hashes.twice(SEQUENCES), 0, 32);
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
  if (kind !== SIGHASH_SINGLE) return hashes.twice(OUTPUTS);
  return index < hashes.transaction.outputs.length ? hashes.outputDouble(index) : ZEROS;
}
