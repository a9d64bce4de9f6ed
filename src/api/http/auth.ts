// Who may call: the cookie that is new at each start, and users whose passwords the configuration
// knows only as salted hashes (Bitcoin Core's httprpc.cpp and share/rpcauth). Comparisons take the
// same time whether they fail early or late.
import { createHmac, timingSafeEqual } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { toHex } from "../../base/bytes.ts";
import type { Random } from "../../ports/clock.ts";

const COOKIE_USER = "__cookie__";

export interface RpcUser {
  readonly name: string;
  readonly salt: string;
  /** Hex of HMAC-SHA-256 of the password, keyed by the salt. */
  readonly hash: string;
}

/** Parses `user:salt$hash`; null when it is not of that form. */
export function parseRpcAuth(text: string): RpcUser | null {
  const match = /^([^:]+):([^$]+)\$([0-9a-fA-F]{64})$/.exec(text.trim());
  if (match === null) return null;
  return { name: match[1]!, salt: match[2]!, hash: match[3]!.toLowerCase() };
}

function hmac(salt: string, password: string): Buffer {
  return createHmac("sha256", salt).update(password, "utf8").digest();
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

export interface Identity {
  readonly user: string;
  /** Null: every method. */
  readonly allowed: ReadonlySet<string> | null;
}

export class Authenticator {
  readonly #users: readonly RpcUser[];
  readonly #allowed: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #salt: string;

  /** `cookie` is the cookie's password, or null for none; `whitelist` names methods by user. */
  constructor(
    random: Random,
    cookie: string | null,
    users: readonly RpcUser[],
    whitelist: ReadonlyMap<string, ReadonlySet<string>> = new Map(),
  ) {
    this.#salt = toHex(random.bytes(16));
    const hash = cookie === null ? null : hmac(this.#salt, cookie).toString("hex");
    const own = hash === null ? [] : [{ name: COOKIE_USER, salt: this.#salt, hash }];
    this.#users = [...own, ...users];
    this.#allowed = whitelist;
  }

  /** Who sends this `Authorization` header; null when nobody we know. */
  identify(header: string | undefined): Identity | null {
    const match = /^Basic +([A-Za-z0-9+/=]+) *$/i.exec(header ?? "");
    if (match === null) return null;
    const text = Buffer.from(match[1]!, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon < 0) return null;
    const name = Buffer.from(text.slice(0, colon));
    const password = text.slice(colon + 1);
    let found: Identity | null = null;
    // Every user is tried, so that the time says nothing about names.
    for (const user of this.#users) {
      const right = sameBytes(hmac(user.salt, password), Buffer.from(user.hash, "hex"));
      if (sameBytes(Buffer.from(user.name), name) && right) {
        found = { user: user.name, allowed: this.#allowed.get(user.name) ?? null };
      }
    }
    return found;
  }
}

/** Writes a new cookie file, readable by its owner only, and returns the password in it. */
export function writeCookie(path: string, random: Random): string {
  const password = toHex(random.bytes(32));
  rmSync(path, { force: true });
  writeFileSync(path, `${COOKIE_USER}:${password}`, { mode: 0o600, flag: "wx" });
  return password;
}

export function removeCookie(path: string): void {
  rmSync(path, { force: true });
}
