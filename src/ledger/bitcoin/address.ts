// Addresses and secret keys as people write them, each network with its own prefixes: base58check for
// P2PKH, P2SH and secret keys, bech32 and bech32m (BIP173, BIP350) for witness programs.
import { type Bytes, compareBytes, hex } from "../../base/bytes.ts";
import { base58CheckDecode, base58CheckEncode } from "../../crypto/base58.ts";
import { segwitDecode, segwitEncode } from "../../crypto/bech32.ts";
import type { AddressParams } from "./params.ts";
import { OP, OP_1 } from "./script/opcodes.ts";
import { isScriptHash, witnessVersion } from "./script/script-bytes.ts";

const HASH_BYTES = 20;
const SECRET_BYTES = 32;
/** The order of secp256k1: secret keys are less. */
const ORDER = hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

function isSecret(bytes: Bytes): boolean {
  return compareBytes(bytes, ORDER) < 0 && bytes.some((byte) => byte !== 0);
}

function publicKeyHashScript(hash: Bytes): Bytes {
  return Uint8Array.of(OP.DUP, OP.HASH160, HASH_BYTES, ...hash, OP.EQUALVERIFY, OP.CHECKSIG);
}

function isPublicKeyHash(script: Bytes): boolean {
  return (
    script.length === 25 &&
    script[0] === OP.DUP &&
    script[1] === OP.HASH160 &&
    script[2] === HASH_BYTES &&
    script[23] === OP.EQUALVERIFY &&
    script[24] === OP.CHECKSIG
  );
}

/** The scriptPubKey that an address of this network stands for; null when it is none. */
export function addressScript(address: string, params: AddressParams): Bytes | null {
  const program = segwitDecode(params.segwitPrefix, address);
  if (program !== null) {
    const opcode = program.version === 0 ? 0 : OP_1 - 1 + program.version;
    return Uint8Array.of(opcode, program.program.length, ...program.program);
  }
  const payload = base58CheckDecode(address);
  if (payload === null || payload.length !== 1 + HASH_BYTES) return null;
  const hash = payload.subarray(1);
  if (payload[0] === params.publicKeyHash) return publicKeyHashScript(hash);
  return payload[0] === params.scriptHash
    ? Uint8Array.of(OP.HASH160, HASH_BYTES, ...hash, OP.EQUAL)
    : null;
}

/** The address of a scriptPubKey on this network; null when it has none. */
export function scriptAddress(script: Bytes, params: AddressParams): string | null {
  if (isPublicKeyHash(script)) {
    return base58CheckEncode(Uint8Array.of(params.publicKeyHash, ...script.subarray(3, 23)));
  }
  if (isScriptHash(script)) {
    return base58CheckEncode(Uint8Array.of(params.scriptHash, ...script.subarray(2, 22)));
  }
  const version = witnessVersion(script);
  const length = script.length - 2;
  if (version < 0 || (version === 0 && length !== 20 && length !== 32)) return null;
  return segwitEncode(params.segwitPrefix, { version, program: script.subarray(2) });
}

export interface SecretKey {
  readonly secret: Bytes;
  /** Whether its public key is used in compressed form. */
  readonly compressed: boolean;
}

/** A secret key in wallet import format; null when it is none of this network. */
export function decodeSecretKey(text: string, params: AddressParams): SecretKey | null {
  const payload = base58CheckDecode(text);
  if (payload === null || payload[0] !== params.secretKey) return null;
  const compressed = payload.length === SECRET_BYTES + 2 && payload[SECRET_BYTES + 1] === 1;
  if (!compressed && payload.length !== SECRET_BYTES + 1) return null;
  const secret = payload.slice(1, SECRET_BYTES + 1);
  return isSecret(secret) ? { secret, compressed } : null;
}

/** A secret key in wallet import format. */
export function encodeSecretKey(secret: Bytes, compressed: boolean, params: AddressParams): string {
  const end = compressed ? [1] : [];
  return base58CheckEncode(Uint8Array.of(params.secretKey, ...secret, ...end));
}
