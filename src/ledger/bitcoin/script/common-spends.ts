// Hot: the four forms that nearly all inputs have (P2WPKH, also within P2SH; P2PKH; the key path of
// taproot), judged without running a script: 2 to 4 us an input beside the signature check. It says
// only yes: whatever is not plainly as usual is left to the interpreter, which also knows the reason
// of a failure. The tests hold it against the interpreter under all flags.
import { type Bytes, rangeEqual } from "../../../base/bytes.ts";
import { isLowS, parseDerLaxInto } from "../../../crypto/der.ts";
import { hash160Into } from "../../../crypto/hash.ts";
import type { SignatureHashes } from "../sighash.ts";
import { taprootHash } from "../sighash-taproot.ts";
import { SIGHASH_ALL, SIGHASH_DEFAULT } from "../sighash-type.ts";
import { witnessHashInto } from "../sighash-witness.ts";
import type { TransactionInput } from "../transaction.ts";
import { FLAG } from "./flags.ts";
import { OP, OP_1 } from "./opcodes.ts";
import { isScriptHash } from "./script-bytes.ts";
import { hasDefinedHashType, isStrictSignatureAt } from "./signature-encoding.ts";

const WITNESS_FLAGS: number = FLAG.P2SH | FLAG.WITNESS;
const TAPROOT_FLAGS: number = WITNESS_FLAGS | FLAG.TAPROOT;

/** Longer than a P2PKH script, so that the signature cannot be within it. */
const SIGNATURE_BYTES_MIN = 26;
const SIGNATURE_BYTES_MAX = 73;

// What one input needs; nothing of it is kept beyond the input.
const compact: Bytes = new Uint8Array(64);
const message: Bytes = new Uint8Array(32);
const digest: Bytes = new Uint8Array(20);
const keyHashCode: Bytes = new Uint8Array(25);
keyHashCode.set([OP.DUP, OP.HASH160, 20]);
keyHashCode.set([OP.EQUALVERIFY, OP.CHECKSIG], 23);

/** True when the input plainly may spend its coin; false says nothing. */
export function isCommonSpend(hashes: SignatureHashes, index: number, flags: number): boolean {
  const { script } = hashes.coins[index]!;
  const input = hashes.transaction.inputs[index]!;
  switch (script.length) {
    case 22:
      if (script[0] !== 0 || script[1] !== 20 || input.scriptEnd !== input.scriptAt) return false;
      return isWitnessKeyHash(hashes, input, index, script, 2, flags);
    case 23:
      return isNestedKeyHash(hashes, input, index, script, flags);
    case 25:
      return isKeyHash(hashes, input, index, script, flags);
    case 34:
      return isTaprootKey(hashes, input, index, script, flags);
    default:
      return false;
  }
}

/** A witness program is pushed, and what is pushed must be true: a byte before the last says so. */
function isPlainlyTrue(bytes: Bytes, at: number, length: number): boolean {
  for (let byte = at; byte < at + length - 1; byte++) if (bytes[byte] !== 0) return true;
  return false;
}

function isCompressedKeyAt(bytes: Bytes, at: number): boolean {
  return bytes[at] === 2 || bytes[at] === 3;
}

/** Leaves r‖s of the usual encodings in `compact`, which no flag forbids; false otherwise. */
function readSignature(bytes: Bytes, at: number, end: number, flags: number): boolean {
  const length = end - at;
  if (length < SIGNATURE_BYTES_MIN || length > SIGNATURE_BYTES_MAX) return false;
  if (!isStrictSignatureAt(bytes, at, end) || !hasDefinedHashType(bytes[end - 1]!)) return false;
  if (!parseDerLaxInto(compact, bytes, at, end - 1)) return false;
  return (flags & FLAG.LOW_S) === 0 || isLowS(compact);
}

/** The program of 20 bytes at `programAt` against a witness of signature and compressed key. */
function isWitnessKeyHash(
  hashes: SignatureHashes,
  input: TransactionInput,
  index: number,
  program: Bytes,
  programAt: number,
  flags: number,
): boolean {
  if ((flags & WITNESS_FLAGS) !== WITNESS_FLAGS || input.witnessCount !== 2) return false;
  const { bytes } = hashes.transaction;
  const signatureAt = input.witnessAt + 1;
  const signatureEnd = signatureAt + bytes[input.witnessAt]!;
  const keyAt = signatureEnd + 1;
  if (keyAt + 33 !== input.witnessEnd || bytes[signatureEnd] !== 33) return false;
  if (!isCompressedKeyAt(bytes, keyAt) || !isPlainlyTrue(program, programAt, 20)) return false;
  if (!readSignature(bytes, signatureAt, signatureEnd, flags)) return false;
  if (!hashes.hasOwnKey(index)) {
    hash160Into(digest, 0, bytes, keyAt, keyAt + 33);
    if (!rangeEqual(digest, 0, program, programAt, 20)) return false;
  }
  const hash = signedHash(hashes, index, bytes[signatureEnd - 1]!, program, programAt);
  return hashes.check.ecdsa(bytes.subarray(keyAt, keyAt + 33), compact, hash);
}

/** What is signed for the key whose hash is the program of 20 bytes at `programAt`. */
function signedHash(
  hashes: SignatureHashes,
  index: number,
  hashType: number,
  program: Bytes,
  programAt: number,
): Bytes {
  const known = hashType === SIGHASH_ALL ? hashes.usual(index) : null;
  if (known !== null) return known;
  for (let byte = 0; byte < 20; byte++) keyHashCode[3 + byte] = program[programAt + byte]!;
  witnessHashInto(message, hashes, index, keyHashCode, hashType);
  return message;
}

/** P2SH whose scriptSig is exactly the push of a program of 20 bytes. */
function isNestedKeyHash(
  hashes: SignatureHashes,
  input: TransactionInput,
  index: number,
  script: Bytes,
  flags: number,
): boolean {
  const { bytes } = hashes.transaction;
  const at = input.scriptAt;
  if (input.scriptEnd - at !== 23 || !isScriptHash(script)) return false;
  if (bytes[at] !== 22 || bytes[at + 1] !== 0 || bytes[at + 2] !== 20) return false;
  hash160Into(digest, 0, bytes, at + 1, at + 23);
  if (!rangeEqual(digest, 0, script, 2, 20)) return false;
  return isWitnessKeyHash(hashes, input, index, bytes, at + 3, flags);
}

/** P2PKH whose scriptSig is two plain pushes: signature and key, compressed or not. */
function isKeyHash(
  hashes: SignatureHashes,
  input: TransactionInput,
  index: number,
  script: Bytes,
  flags: number,
): boolean {
  if (input.witnessCount !== 0 || script[0] !== OP.DUP || script[1] !== OP.HASH160) return false;
  if (script[2] !== 20 || script[23] !== OP.EQUALVERIFY || script[24] !== OP.CHECKSIG) return false;
  const { bytes } = hashes.transaction;
  const signatureAt = input.scriptAt + 1;
  const signatureEnd = signatureAt + bytes[input.scriptAt]!;
  const keyAt = signatureEnd + 1;
  const keyLength = input.scriptEnd - keyAt;
  if (keyLength !== 33 && keyLength !== 65) return false;
  if (bytes[signatureEnd] !== keyLength) return false;
  if (keyLength === 33 ? !isCompressedKeyAt(bytes, keyAt) : bytes[keyAt] !== 4) return false;
  if (!readSignature(bytes, signatureAt, signatureEnd, flags)) return false;
  hash160Into(digest, 0, bytes, keyAt, input.scriptEnd);
  if (!rangeEqual(digest, 0, script, 3, 20)) return false;
  const hash = hashes.legacy(index, script, bytes[signatureEnd - 1]!);
  return hashes.check.ecdsa(bytes.subarray(keyAt, input.scriptEnd), compact, hash);
}

/** Taproot with a witness of one signature. */
function isTaprootKey(
  hashes: SignatureHashes,
  input: TransactionInput,
  index: number,
  script: Bytes,
  flags: number,
): boolean {
  if ((flags & TAPROOT_FLAGS) !== TAPROOT_FLAGS || input.witnessCount !== 1) return false;
  if (script[0] !== OP_1 || script[1] !== 32 || input.scriptEnd !== input.scriptAt) return false;
  if (!isPlainlyTrue(script, 2, 32)) return false;
  const { bytes } = hashes.transaction;
  const at = input.witnessAt + 1;
  const length = input.witnessEnd - at;
  if (length !== 64 && length !== 65) return false;
  const hashType = length === 64 ? 0 : bytes[at + 64]!;
  if (length === 65 && hashType === 0) return false;
  const known = hashType === SIGHASH_DEFAULT ? hashes.usual(index) : null;
  const hash = known ?? taprootHash(hashes, index, hashType, null, null, 0xffffffff);
  if (hash === null) return false;
  return hashes.check.schnorr(script.subarray(2), bytes.subarray(at, at + 64), hash);
}
