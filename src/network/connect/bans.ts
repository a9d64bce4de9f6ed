// Addresses that may not connect: banned by the operator until a time, or discouraged because they
// misbehaved (which only makes them lose their place first, and never holds for this machine).
import { isIP } from "node:net";
import { addressOf } from "../addresses/address-text.ts";
import { BAN_COUNT_MAX, DISCOURAGED_MAX } from "../limits.ts";
import { BoundedSet } from "../peer/bounded-set.ts";

export interface Ban {
  /** `1.2.3.4/32`. */
  readonly subnet: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly until: number;
}

interface Subnet {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** A subnet or a single address; null when it is neither. */
export function parseSubnet(text: string): (Subnet & { readonly text: string }) | null {
  const [host = "", width] = text.split("/");
  const address = isIP(host) === 0 ? null : addressOf(host, 1);
  if (address === null) return null;
  const most = address.bytes.length * 8;
  if (width !== undefined && !/^\d{1,3}$/.test(width)) return null;
  const bits = width === undefined ? most : Number(width);
  if (bits > most) return null;
  return { bytes: address.bytes, bits, text: `${host}/${bits}` };
}

function covers(subnet: Subnet, bytes: Uint8Array): boolean {
  if (bytes.length !== subnet.bytes.length) return false;
  for (let bit = 0; bit < subnet.bits; bit++) {
    const mask = 0x80 >>> (bit & 7);
    if ((bytes[bit >>> 3]! & mask) !== (subnet.bytes[bit >>> 3]! & mask)) return false;
  }
  return true;
}

export class Bans {
  readonly #bans = new Map<string, Ban & { readonly parsed: Subnet }>();
  readonly #discouraged = new BoundedSet(DISCOURAGED_MAX);

  get count(): number {
    return this.#bans.size;
  }

  get discouragedCount(): number {
    return this.#discouraged.size;
  }

  /** False when it is banned already, or the list is full. */
  add(ban: Ban): boolean {
    const parsed = parseSubnet(ban.subnet);
    if (parsed === null || this.#bans.has(parsed.text)) return false;
    if (this.#bans.size >= BAN_COUNT_MAX) return false;
    this.#bans.set(parsed.text, { ...ban, subnet: parsed.text, parsed });
    return true;
  }

  remove(subnet: string): boolean {
    const parsed = parseSubnet(subnet);
    return parsed !== null && this.#bans.delete(parsed.text);
  }

  clear(): void {
    this.#bans.clear();
  }

  list(nowSeconds: number): Ban[] {
    const live: Ban[] = [];
    for (const [key, { subnet, created, until }] of this.#bans) {
      if (until <= nowSeconds) this.#bans.delete(key);
      else live.push({ subnet, created, until });
    }
    return live;
  }

  isBanned(host: string, nowSeconds: number): boolean {
    const address = addressOf(host, 1);
    if (address === null) return false;
    for (const ban of this.#bans.values()) {
      if (ban.until > nowSeconds && covers(ban.parsed, address.bytes)) return true;
    }
    return false;
  }

  discourage(host: string): void {
    this.#discouraged.add(host);
  }

  isDiscouraged(host: string): boolean {
    return this.#discouraged.has(host);
  }
}
