// The key that pays for a registration: wallet import format or 64 hex digits, from a file that only
// its owner can read. A key on a command line would be in the shell's history and in every process
// list, so it is refused there.
import { fromHex } from "../../base/bytes.ts";
import { base58CheckDecode } from "../../crypto/base58.ts";
import { publicKeyCreate } from "../../crypto/secp256k1.ts";
import { readSecretFile } from "../config/secret-file.ts";
import { type Key, keyFromSecret } from "../generate-chain/keys.ts";

export type FundKey =
  | { readonly ok: true; readonly key: Key }
  | { readonly ok: false; readonly why: string };

/** The secret in wallet import format of any network, compressed keys only, or in hex. */
function secretOf(text: string): Uint8Array | null {
  const plain = text.length === 64 ? fromHex(text) : null;
  if (plain !== null) return plain;
  const payload = base58CheckDecode(text);
  return payload !== null && payload.length === 34 && payload[33] === 1
    ? payload.slice(1, 33)
    : null;
}

/** The key of 64 hex digits or wallet import format; null when it is none. */
export function keyOfText(text: string): Key | null {
  const secret = secretOf(text.trim());
  if (secret === null) return null;
  try {
    publicKeyCreate(secret);
  } catch {
    return null;
  }
  return keyFromSecret(secret);
}

/** Reads the key in a file of mode 0600. */
export function readFundKey(path: string): FundKey {
  if (keyOfText(path) !== null) {
    const why = "a key on the command line is seen by others: put it in a file of mode 0600";
    return { ok: false, why };
  }
  const secret = readSecretFile(path);
  if (!secret.ok) return secret;
  const key = keyOfText(secret.text);
  if (key !== null) return { ok: true, key };
  return { ok: false, why: `${path} holds no secret key (wallet import format or 64 hex digits)` };
}
