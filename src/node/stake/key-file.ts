// A staker's secrets in one file that only its owner can read: what signs blocks and votes, what
// makes the reveals, and what owns the bond. It also says which stakers have a double-sign guard, so
// that a guard that was lost is told apart from one that never was.
//
//   {"format": "pando staker keys 1", "chainId": HEX,
//    "stakers": [{"id": 7 or null, "signSecret": HEX, "revealSecret": HEX, "ownerSecret": HEX or null}]}
//
// `id` is null until the chain has registered the key. A signer on a machine of its own does not
// need `ownerSecret`: only `pando stake` does.
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { fromHex, hex, toHex } from "../../base/bytes.ts";
import { publicKeyCreate } from "../../crypto/secp256k1.ts";
import { replaceFile } from "../../engines/files/disk.ts";
import type { Random } from "../../ports/clock.ts";
import { readSecretFile } from "../config/secret-file.ts";

export interface StakerKeys {
  /** Null until the chain has registered the key. */
  readonly id: number | null;
  readonly signSecret: string;
  readonly revealSecret: string;
  readonly ownerSecret: string | null;
}

export interface KeyFile {
  /** Hex in hash order. */
  readonly chainId: string;
  readonly stakers: readonly StakerKeys[];
}

const FORMAT = "pando staker keys 1";
const STAKERS_MAX = 1_024;

/** The BIP340 key of a secret, in hex. */
export function signKeyOf(signSecret: string): string {
  return toHex(publicKeyCreate(hex(signSecret)).subarray(1));
}

function newSecret(random: Random): string {
  for (;;) {
    const secret = random.bytes(32);
    try {
      publicKeyCreate(secret);
      return toHex(secret);
    } catch {
      // Out of range, once in 2^128: draw again.
    }
  }
}

/** Secrets for a staker that is still to be registered. */
export function newStakerKeys(random: Random): StakerKeys {
  return {
    id: null,
    signSecret: newSecret(random),
    revealSecret: toHex(random.bytes(32)),
    ownerSecret: newSecret(random),
  };
}

export type Fields = { readonly [name: string]: unknown };

/** The fields of a JSON object; null for anything else. */
export function fieldsOf(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : null;
}

function isHash(value: unknown): value is string {
  return typeof value === "string" && value.length === 64 && fromHex(value) !== null;
}

function isSecret(value: unknown): value is string {
  if (!isHash(value)) return false;
  try {
    publicKeyCreate(hex(value));
    return true;
  } catch {
    return false;
  }
}

export function isStakerId(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= 0xffffffff;
}

function stakerOf(value: unknown): StakerKeys | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const { id, signSecret, revealSecret, ownerSecret = null } = fields;
  if (id !== null && !isStakerId(id)) return null;
  if (!isSecret(signSecret) || !isHash(revealSecret)) return null;
  if (ownerSecret !== null && !isSecret(ownerSecret)) return null;
  return { id, signSecret, revealSecret, ownerSecret };
}

export type KeyFileRead =
  | { readonly ok: true; readonly keys: KeyFile }
  /** One line for a person. */
  | { readonly ok: false; readonly why: string };

function decode(path: string, text: string): KeyFileRead {
  const refuse = (why: string): KeyFileRead => ({ ok: false, why: `${path}: ${why}` });
  let fields: Fields | null;
  try {
    fields = fieldsOf(JSON.parse(text));
  } catch {
    // The parser's words quote the text: a secret.
    return refuse("is not JSON");
  }
  if (fields === null || fields["format"] !== FORMAT) return refuse("is not a staker's key file");
  const { chainId, stakers: list } = fields;
  if (!isHash(chainId)) return refuse("chainId is not 64 hex digits");
  if (!Array.isArray(list) || list.length === 0 || list.length > STAKERS_MAX) {
    return refuse(`stakers is not a list of 1 to ${STAKERS_MAX}`);
  }
  const stakers: StakerKeys[] = [];
  for (const [at, value] of list.entries()) {
    const staker = stakerOf(value);
    if (staker === null)
      return refuse(`staker number ${at + 1} has a field that is missing or wrong`);
    stakers.push(staker);
  }
  const keys = stakers.map(({ signSecret }) => signSecret);
  const ids = stakers.flatMap(({ id }) => (id === null ? [] : [id]));
  if (new Set(keys).size < keys.length || new Set(ids).size < ids.length) {
    return refuse("two stakers have the same key or id");
  }
  return { ok: true, keys: { chainId, stakers } };
}

/** Reads a key file; refused when others may read it too. */
export function readKeyFile(path: string): KeyFileRead {
  const secret = readSecretFile(path);
  return secret.ok ? decode(path, secret.text) : secret;
}

/** Writes a key file durably, mode 0600, in the place of the one before. */
export function writeKeyFile(path: string, { chainId, stakers }: KeyFile): void {
  const text = JSON.stringify({ format: FORMAT, chainId, stakers }, null, 2);
  replaceFile(path, [new TextEncoder().encode(`${text}\n`)], 0o600);
}

/** Writes a new key file; refused when there is one, since it may hold the only copy of a key. */
export function createKeyFile(path: string, keys: KeyFile): KeyFileRead {
  if (existsSync(path)) return { ok: false, why: `${path} exists: keys are never overwritten` };
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeKeyFile(path, keys);
  return { ok: true, keys };
}
