// Addresses as people write them, their groups, and whether they can be reached from afar. Groups
// are what an attacker finds costly to own many of: /16 of IPv4, /32 of IPv6 (Bitcoin Core's
// netgroup.cpp).
import { isIPv4, isIPv6 } from "node:net";
import { type Bytes, toHex } from "../../base/bytes.ts";
import { NETWORK_ID, type NetworkAddress } from "../wire/address.ts";

function parseIPv4(host: string): Bytes {
  return Uint8Array.from(host.split("."), Number);
}

function parseIPv6(host: string): Bytes {
  const bytes = new Uint8Array(16);
  const plain = host.split("%")[0]!;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(plain);
  let text = plain;
  if (dotted !== null) {
    const [a, b, c, d] = parseIPv4(dotted[2]!) as unknown as [number, number, number, number];
    text = `${dotted[1]}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  }
  const [left = "", right] = text.split("::");
  const words = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16));
  const head = words(left);
  const tail = right === undefined ? [] : words(right);
  const put = (word: number, at: number): void => {
    bytes[at * 2] = word >>> 8;
    bytes[at * 2 + 1] = word;
  };
  head.forEach(put);
  tail.forEach((word, index) => {
    put(word, 8 - tail.length + index);
  });
  return bytes;
}

/** The address of a literal IP host, or null for anything else. */
export function addressOf(host: string, port: number): NetworkAddress | null {
  if (isIPv4(host)) return { network: NETWORK_ID.ipv4, bytes: parseIPv4(host), port };
  if (!isIPv6(host)) return null;
  const bytes = parseIPv6(host);
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff;
  if (mapped && bytes[11] === 0xff) {
    return { network: NETWORK_ID.ipv4, bytes: bytes.slice(12), port };
  }
  return { network: NETWORK_ID.ipv6, bytes, port };
}

function formatIPv6(bytes: Bytes): string {
  const words = Array.from({ length: 8 }, (_, at) => bytes[at * 2]! * 256 + bytes[at * 2 + 1]!);
  let best = { from: -1, count: 1 };
  for (let from = 0; from < 8; from++) {
    let count = 0;
    while (from + count < 8 && words[from + count] === 0) count++;
    if (count > best.count) best = { from, count };
  }
  const text = (part: number[]): string => part.map((word) => word.toString(16)).join(":");
  if (best.from < 0) return text(words);
  return `${text(words.slice(0, best.from))}::${text(words.slice(best.from + best.count))}`;
}

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

function base32(bytes: Bytes): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(held >>> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + BASE32[(held << (5 - bits)) & 31] : text;
}

/** The host part as people write it. */
export function hostText(address: NetworkAddress): string {
  switch (address.network) {
    case NETWORK_ID.ipv4:
      return address.bytes.join(".");
    case NETWORK_ID.ipv6:
    case NETWORK_ID.cjdns:
      return formatIPv6(address.bytes);
    case NETWORK_ID.i2p:
      return `${base32(address.bytes)}.b32.i2p`;
    default:
      return `${toHex(address.bytes)}.network${address.network}`;
  }
}

/** `host:port`, with brackets around IPv6. */
export function addressText(address: NetworkAddress): string {
  const host = hostText(address);
  return host.includes(":") ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

/** The host and port of `text`, with `port` where none is written; null when it is neither. */
export function parseEndpoint(text: string, port: number): { host: string; port: number } | null {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  const plain = /^([^:[\]\s]+)(?::(\d{1,5}))?$/.exec(text);
  const match = bracketed ?? plain;
  if (match === null) return isIPv6(text) ? { host: text, port } : null;
  const given = match[2] === undefined ? port : Number(match[2]);
  return given >= 1 && given <= 65_535 ? { host: match[1]!, port: given } : null;
}

/** What tells two networks apart, as text. */
export function groupOf(address: NetworkAddress): string {
  const { network, bytes } = address;
  if (network === NETWORK_ID.ipv4) return `4:${bytes[0]}.${bytes[1]}`;
  if (network === NETWORK_ID.ipv6) return `6:${toHex(bytes, 0, 4)}`;
  return `${network}:${toHex(bytes, 0, 1)}`;
}

/** The name of the network, as getpeerinfo has it. */
export function networkName(address: NetworkAddress | null): string {
  switch (address?.network) {
    case NETWORK_ID.ipv4:
      return "ipv4";
    case NETWORK_ID.ipv6:
      return "ipv6";
    case NETWORK_ID.torv3:
      return "onion";
    case NETWORK_ID.i2p:
      return "i2p";
    case NETWORK_ID.cjdns:
      return "cjdns";
    default:
      return "not_publicly_routable";
  }
}

function privateIPv4(bytes: Bytes): boolean {
  const [a = 0, b = 0] = bytes;
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    a >= 224 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 192 && b === 0) ||
    (a === 198 && (b === 18 || b === 19))
  );
}

/** True for an address that others can reach: what gossip may carry. */
export function isRoutable(address: NetworkAddress): boolean {
  const { network, bytes } = address;
  if (network === NETWORK_ID.ipv4) return !privateIPv4(bytes);
  // 2000::/3 is what has been given out; documentation and the old Tor mapping are not in use.
  if (network === NETWORK_ID.ipv6) {
    const documentation = toHex(bytes, 0, 4) === "20010db8";
    return (bytes[0]! & 0xe0) === 0x20 && !documentation;
  }
  return network === NETWORK_ID.torv3 || network === NETWORK_ID.i2p || network === NETWORK_ID.cjdns;
}

/** True for this machine's own addresses. */
export function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1" || host === "localhost";
}

/** The identity of an address in tables. */
export function addressKey(address: NetworkAddress): string {
  return `${address.network}:${toHex(address.bytes)}:${address.port}`;
}
