// Hot: BIP341 and BIP342, the signature hash of taproot. The parts that all inputs share are hashed
// once per transaction by sighash.ts.
import { type Bytes, writeU32, writeU64 } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/hash.ts";
import type { SignatureHashes } from "./sighash.ts";
import { AMOUNTS, OUTPUTS, PREVOUTS, SCRIPTS, SEQUENCES } from "./sighash-parts.ts";
import { SIGHASH_ALL, SIGHASH_ANYONECANPAY, SIGHASH_DEFAULT } from "./sighash-type.ts";
import { copyInto, copyScript, scratch } from "./sighash-writer.ts";
import { tagPrefix } from "./taproot.ts";

const TAG: Bytes = tagPrefix("TapSighash");

/** Tag, all fields there can be but the spent script, and its length. */
const FIXED_BYTES = 384;

function isDefined(hashType: number): boolean {
  return hashType <= 0x03 || (hashType >= 0x81 && hashType <= 0x83);
}

/** The message of a key path without annex under SIGHASH_DEFAULT. */
export const KEY_PATH_MESSAGE_BYTES = 239;

/** Writes what that message has in common with those of the transaction's other inputs. */
export function writeKeyPathShared(out: Bytes, from: number, hashes: SignatureHashes): void {
  const at = writeStart(out, from, hashes, SIGHASH_DEFAULT);
  out[writeShared(hashes, out, at, SIGHASH_DEFAULT, SIGHASH_ALL)] = 0;
}

/** Writes the rest: which input it is. */
export function writeKeyPathOwn(
  out: Bytes,
  from: number,
  _hashes: SignatureHashes,
  index: number,
): void {
  writeU32(out, from + KEY_PATH_MESSAGE_BYTES - 4, index);
}

/** Tag, epoch, hash type, version, lock time. */
function writeStart(out: Bytes, from: number, hashes: SignatureHashes, hashType: number): number {
  const { version, lockTime } = hashes.transaction;
  const at = copyInto(out, from, TAG, 0, 64);
  out[at] = 0; // epoch
  out[at + 1] = hashType;
  writeU32(out, at + 2, version);
  writeU32(out, at + 6, lockTime);
  return at + 10;
}

/**
 * The hash that input `index` signs; `leafHash` null for the key path, `annexHash` null without an
 * annex. Null when the hash type is not defined or asks for an output that is not there.
 */
export function taprootHash(
  hashes: SignatureHashes,
  index: number,
  hashType: number,
  annexHash: Bytes | null,
  leafHash: Bytes | null,
  codeSeparator: number,
): Bytes | null {
  if (!isDefined(hashType)) return null;
  const { transaction } = hashes;
  const kind = hashType === SIGHASH_DEFAULT ? SIGHASH_ALL : hashType & 0x03;
  if (kind === 3 && index >= transaction.outputs.length) return null;
  const out = scratch(FIXED_BYTES + hashes.coins[index]!.script.length);
  let at = writeStart(out, 0, hashes, hashType);
  at = writeShared(hashes, out, at, hashType, kind);
  out[at++] = (leafHash === null ? 0 : 2) + (annexHash === null ? 0 : 1);
  at = writeInput(hashes, out, at, index, hashType);
  if (annexHash !== null) at = copyInto(out, at, annexHash, 0, 32);
  if (kind === 3) at = copyInto(out, at, hashes.outputSingle(index), 0, 32);
  if (leafHash !== null) {
    at = copyInto(out, at, leafHash, 0, 32);
    out[at] = 0; // key version
    writeU32(out, at + 1, codeSeparator);
    at += 5;
  }
  return sha256(out.subarray(0, at));
}

function writeShared(
  hashes: SignatureHashes,
  out: Bytes,
  from: number,
  hashType: number,
  kind: number,
): number {
  let at = from;
  if ((hashType & SIGHASH_ANYONECANPAY) === 0) {
    at = copyInto(out, at, hashes.once(PREVOUTS), 0, 32);
    at = copyInto(out, at, hashes.once(AMOUNTS), 0, 32);
    at = copyInto(out, at, hashes.once(SCRIPTS), 0, 32);
    at = copyInto(out, at, hashes.once(SEQUENCES), 0, 32);
  }
  return kind === SIGHASH_ALL ? copyInto(out, at, hashes.once(OUTPUTS), 0, 32) : at;
}

function writeInput(
  hashes: SignatureHashes,
  out: Bytes,
  from: number,
  index: number,
  hashType: number,
): number {
  if ((hashType & SIGHASH_ANYONECANPAY) === 0) {
    writeU32(out, from, index);
    return from + 4;
  }
  const { bytes, inputs } = hashes.transaction;
  const input = inputs[index]!;
  const coin = hashes.coins[index]!;
  let at = copyInto(out, from, bytes, input.outpointAt, input.outpointAt + 36);
  writeU64(out, at, coin.value);
  at = copyScript(out, at + 8, coin.script);
  writeU32(out, at, input.sequence);
  return at + 4;
}
