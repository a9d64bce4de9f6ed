// The encodings of signatures and public keys that flags ask for. Rules: BIP66, BIP146, and Bitcoin
// Core's CheckSignatureEncoding and CheckPubKeyEncoding (script/interpreter.cpp).
import type { Bytes } from "../../../base/bytes.ts";
import { isLowS, parseDerLax } from "../../../crypto/der.ts";
import { FLAG } from "./flags.ts";
import { type ScriptVersion, WITNESS_V0 } from "./machine.ts";
import type { ScriptError } from "./script-error.ts";

/** An integer of DER at `at`, with its length before it: positive and without a byte too many. */
function isShortestInteger(bytes: Bytes, at: number, length: number): boolean {
  if (length === 0 || bytes[at - 2] !== 0x02 || (bytes[at]! & 0x80) !== 0) return false;
  return length === 1 || bytes[at] !== 0 || (bytes[at + 1]! & 0x80) !== 0;
}

/** BIP66: `bytes[at, end)` is strict DER and one byte of hash type. */
export function isStrictSignatureAt(bytes: Bytes, at: number, end: number): boolean {
  const length = end - at;
  if (length < 9 || length > 73) return false;
  if (bytes[at] !== 0x30 || bytes[at + 1] !== length - 3) return false;
  const lengthR = bytes[at + 3]!;
  if (5 + lengthR >= length) return false;
  const lengthS = bytes[at + 5 + lengthR]!;
  if (lengthR + lengthS + 7 !== length) return false;
  return (
    isShortestInteger(bytes, at + 4, lengthR) && isShortestInteger(bytes, at + 6 + lengthR, lengthS)
  );
}

export function isStrictSignature(signature: Bytes): boolean {
  return isStrictSignatureAt(signature, 0, signature.length);
}

/** True when S is at most half the order, or so great that the signature counts as zero. */
function hasLowS(signature: Bytes): boolean {
  const compact = parseDerLax(signature.subarray(0, signature.length - 1));
  return compact !== null && isLowS(compact);
}

/** ALL, NONE or SINGLE, each with or without ANYONECANPAY. */
export function hasDefinedHashType(hashType: number): boolean {
  const kind = hashType & 0x7f;
  return kind >= 1 && kind <= 3;
}

/** An ECDSA signature with its hash type, as pushed. */
export function checkSignatureEncoding(signature: Bytes, flags: number): ScriptError {
  if (signature.length === 0) return "OK";
  if ((flags & (FLAG.DERSIG | FLAG.LOW_S | FLAG.STRICTENC)) === 0) return "OK";
  if (!isStrictSignature(signature)) return "SIG_DER";
  if ((flags & FLAG.LOW_S) !== 0 && !hasLowS(signature)) return "SIG_HIGH_S";
  const hashType = signature[signature.length - 1]!;
  return (flags & FLAG.STRICTENC) !== 0 && !hasDefinedHashType(hashType) ? "SIG_HASHTYPE" : "OK";
}

function isCompressedKey(key: Bytes): boolean {
  return key.length === 33 && (key[0] === 2 || key[0] === 3);
}

/** A length and first byte that a public key can have, hybrid ones included. */
export function isKeyForm(key: Bytes): boolean {
  if (key.length !== 65) return isCompressedKey(key);
  return key[0] === 4 || key[0] === 6 || key[0] === 7;
}

export function checkKeyEncoding(key: Bytes, flags: number, version: ScriptVersion): ScriptError {
  const compressed = isCompressedKey(key);
  if ((flags & FLAG.STRICTENC) !== 0 && !compressed && !(key.length === 65 && key[0] === 4)) {
    return "PUBKEYTYPE";
  }
  if ((flags & FLAG.WITNESS_PUBKEYTYPE) !== 0 && version === WITNESS_V0 && !compressed) {
    return "WITNESS_PUBKEYTYPE";
  }
  return "OK";
}
