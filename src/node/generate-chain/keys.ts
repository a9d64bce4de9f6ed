// Keys that follow from a seed, the outputs that pay them, and the signatures that spend those.
// Nonces are deterministic (RFC 6979; BIP340 without randomness), so the same seed gives the same
// bytes on any machine.
import { assert, never } from "../../base/assert.ts";
import { type Bytes, concatBytes } from "../../base/bytes.ts";
import { hash160, taggedHash } from "../../crypto/hash.ts";
import {
  publicKeyCreate,
  signEcdsa,
  signSchnorr,
  tweakPublicKey,
  tweakSecretKey,
} from "../../crypto/secp256k1.ts";
import type { SignatureHashes } from "../../ledger/bitcoin/sighash.ts";
import { SIGHASH_ALL, SIGHASH_DEFAULT } from "../../ledger/bitcoin/sighash-type.ts";
import { tweakHash } from "../../ledger/bitcoin/taproot.ts";

export const OUTPUT_KINDS = ["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr"] as const;
export type OutputKind = (typeof OUTPUT_KINDS)[number];

/** BIP341: no CODESEPARATOR has run. */
const NO_CODE_SEPARATOR = 0xffffffff;

export interface Key {
  readonly secret: Bytes;
  /** Compressed. */
  readonly publicKey: Bytes;
  readonly publicKeyHash: Bytes;
  /** BIP341 output key without a script tree, and the secret behind it. */
  readonly taprootKey: Bytes;
  readonly taprootSecret: Bytes;
  /** The script of an output of each kind that pays this key. */
  readonly scripts: Readonly<Record<OutputKind, Bytes>>;
}

function pushed(bytes: Bytes): Bytes {
  return concatBytes(Uint8Array.of(bytes.length), bytes);
}

function keyHashScript(hash: Bytes): Bytes {
  return concatBytes(Uint8Array.of(0x76, 0xa9, 0x14), hash, Uint8Array.of(0x88, 0xac));
}

function witnessKeyHash(hash: Bytes): Bytes {
  return concatBytes(Uint8Array.of(0x00, 0x14), hash);
}

/** The key with this secret, which must be in range. */
export function keyFromSecret(secret: Bytes): Key {
  const publicKey = publicKeyCreate(secret);
  const publicKeyHash = hash160(publicKey);
  const tweak = tweakHash(publicKey.subarray(1), null);
  const taprootKey = tweakPublicKey(publicKey.subarray(1), tweak)?.key ?? null;
  const taprootSecret = tweakSecretKey(secret, tweak);
  assert(taprootKey !== null && taprootSecret !== null, "a hash is no multiple of the order");
  const redeem = hash160(witnessKeyHash(publicKeyHash));
  return {
    secret,
    publicKey,
    publicKeyHash,
    taprootKey,
    taprootSecret,
    scripts: {
      p2pkh: keyHashScript(publicKeyHash),
      "p2sh-p2wpkh": concatBytes(Uint8Array.of(0xa9, 0x14), redeem, Uint8Array.of(0x87)),
      p2wpkh: witnessKeyHash(publicKeyHash),
      p2tr: concatBytes(Uint8Array.of(0x51, 0x20), taprootKey),
    },
  };
}

/** The key number `index` of a seed. */
export function keyFromSeed(seed: string, index: number): Key {
  return keyFromSecret(taggedHash("pando/key", new TextEncoder().encode(`${index}/${seed}`)));
}

function derInteger(bytes: Bytes): Bytes {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const trimmed = bytes.subarray(from);
  // The top bit is the sign.
  const body = trimmed[0]! >= 0x80 ? concatBytes(Uint8Array.of(0), trimmed) : trimmed;
  return concatBytes(Uint8Array.of(0x02, body.length), body);
}

/** A compact signature as DER, with its hash type behind it. */
export function derSignature(compact: Bytes, hashType: number): Bytes {
  const r = derInteger(compact.subarray(0, 32));
  const s = derInteger(compact.subarray(32));
  return concatBytes(Uint8Array.of(0x30, r.length + s.length), r, s, Uint8Array.of(hashType));
}

export interface Unlocking {
  readonly script: Bytes;
  readonly witness: readonly Bytes[];
}

const NOTHING: Bytes = new Uint8Array(0);

function witnessSignature(key: Key, hashes: SignatureHashes, index: number): Bytes[] {
  const hash = hashes.witness(index, key.scripts.p2pkh, SIGHASH_ALL);
  return [derSignature(signEcdsa(key.secret, hash), SIGHASH_ALL), key.publicKey];
}

/** What input `index` needs to spend a coin of this kind and key; it signs the whole transaction. */
export function unlock(
  kind: OutputKind,
  key: Key,
  hashes: SignatureHashes,
  index: number,
): Unlocking {
  switch (kind) {
    case "p2pkh": {
      const hash = hashes.legacy(index, key.scripts.p2pkh, SIGHASH_ALL);
      const signature = derSignature(signEcdsa(key.secret, hash), SIGHASH_ALL);
      return { script: concatBytes(pushed(signature), pushed(key.publicKey)), witness: [] };
    }
    case "p2sh-p2wpkh":
      return {
        script: pushed(key.scripts.p2wpkh),
        witness: witnessSignature(key, hashes, index),
      };
    case "p2wpkh":
      return { script: NOTHING, witness: witnessSignature(key, hashes, index) };
    case "p2tr": {
      const hash = hashes.taproot(index, SIGHASH_DEFAULT, null, null, NO_CODE_SEPARATOR);
      assert(hash !== null, "the default type is defined");
      return { script: NOTHING, witness: [signSchnorr(key.taprootSecret, hash)] };
    }
    default:
      return never(kind);
  }
}
