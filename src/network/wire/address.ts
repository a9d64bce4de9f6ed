// Network addresses as messages carry them: the 16-byte form of `addr` and `version`, and BIP155's
// typed form in `addrv2`.
import { type Bytes, rangeEqual } from "../../base/bytes.ts";
import type { Reader } from "../../base/reader.ts";
import { ADDRESS_BYTES_MAX } from "../limits.ts";
import type { Writer } from "./writer.ts";

/** BIP155 network ids. */
export const NETWORK_ID = {
  ipv4: 1,
  ipv6: 2,
  torv2: 3,
  torv3: 4,
  i2p: 5,
  cjdns: 6,
} as const;

/** Bytes of an address on each network that we know. */
export const ADDRESS_LENGTH: Readonly<Record<number, number>> = {
  [NETWORK_ID.ipv4]: 4,
  [NETWORK_ID.ipv6]: 16,
  [NETWORK_ID.torv3]: 32,
  [NETWORK_ID.i2p]: 32,
  [NETWORK_ID.cjdns]: 16,
};

export interface NetworkAddress {
  /** BIP155 network id; others than the known ones are kept, not used. */
  readonly network: number;
  readonly bytes: Bytes;
  readonly port: number;
}

/** An address as gossip carries it. */
export interface TimedAddress {
  readonly address: NetworkAddress;
  /** Seconds since 1970 when it was last seen alive. */
  readonly time: number;
  readonly services: bigint;
}

const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** Reads the 18 bytes of the old form: IPv6 or mapped IPv4, port big-endian. */
export function readOldAddress(reader: Reader): NetworkAddress {
  const bytes = reader.take(16);
  const port = reader.u8() * 256 + reader.u8();
  if (bytes.length === 16 && rangeEqual(bytes, 0, MAPPED, 0, 12)) {
    return { network: NETWORK_ID.ipv4, bytes: bytes.slice(12), port };
  }
  return { network: NETWORK_ID.ipv6, bytes, port };
}

/** True when the old form can say this address. */
export function hasOldForm(address: NetworkAddress): boolean {
  return address.network === NETWORK_ID.ipv4 || address.network === NETWORK_ID.ipv6;
}

/** Writes the old form; an address that has none is written as zeros. */
export function writeOldAddress(writer: Writer, address: NetworkAddress): void {
  if (address.network === NETWORK_ID.ipv4) writer.bytes(MAPPED).bytes(address.bytes);
  else if (address.network === NETWORK_ID.ipv6) writer.bytes(address.bytes);
  else writer.bytes(new Uint8Array(16));
  writer.u16BE(hasOldForm(address) ? address.port : 0);
}

/** CompactSize without the usual upper bound: services are flags, not a length. */
function readFlags(reader: Reader): bigint {
  const first = reader.u8();
  if (first < 0xfd) return BigInt(first);
  if (first === 0xfd) return BigInt(reader.u16());
  if (first === 0xfe) return BigInt(reader.u32());
  const low = BigInt(reader.u32());
  return (BigInt(reader.u32()) << 32n) | low;
}

function writeFlags(writer: Writer, flags: bigint): void {
  if (flags < 0xfdn) writer.u8(Number(flags));
  else if (flags < 0x10000n) writer.u8(0xfd).u16(Number(flags));
  else if (flags < 0x1_0000_0000n) writer.u8(0xfe).u32(Number(flags));
  else writer.u8(0xff).big64(flags);
}

/** Reads one entry of `addrv2`; a wrong length for a known network is a fault. */
export function readTimedAddress(reader: Reader): TimedAddress {
  const time = reader.u32();
  const services = readFlags(reader);
  const network = reader.u8();
  const length = reader.compactSize();
  const wanted = ADDRESS_LENGTH[network];
  if (length > ADDRESS_BYTES_MAX || (wanted !== undefined && wanted !== length)) {
    reader.fail("size-too-large");
  }
  const bytes = reader.take(length);
  const port = reader.u8() * 256 + reader.u8();
  return { address: { network, bytes, port }, time, services };
}

export function writeTimedAddress(writer: Writer, entry: TimedAddress): void {
  writer.u32(entry.time);
  writeFlags(writer, entry.services);
  writer.u8(entry.address.network).variable(entry.address.bytes).u16BE(entry.address.port);
}
