// Payloads to messages. Total: any bytes give a message or a fault, counts are bounded before
// anything is allocated. Bytes behind a message's end are ignored, as Bitcoin Core does.
import type { Bytes } from "../../base/bytes.ts";
import { Reader, type ReadFault } from "../../base/reader.ts";
import { HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import { readTransaction } from "../../ledger/bitcoin/transaction.ts";
import { isStakedCommand } from "../../ports/staked-peers.ts";
import {
  ADDRESS_COUNT_MAX,
  COMPACT_COUNT_MAX,
  HEADER_COUNT_MAX,
  INVENTORY_COUNT_MAX,
  LOCATOR_COUNT_MAX,
  USER_AGENT_BYTES_MAX,
} from "../limits.ts";
import { readOldAddress, readTimedAddress, type TimedAddress } from "./address.ts";
import type {
  BlockTransactionsMessage,
  CompactBlockMessage,
  GetBlockTransactionsMessage,
  InventoryItem,
  LocatorMessage,
  Message,
  MessageType,
  PrefilledTransaction,
  VersionMessage,
} from "./messages.ts";

export type DecodeFault = ReadFault | "too-many" | "bad-header" | "bad-index";

export type DecodedMessage =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly code: DecodeFault };

/** A fault of the message's own, beside the reader's. */
class MessageReader extends Reader {
  broken: DecodeFault | null = null;

  refuse(fault: DecodeFault): void {
    if (this.fault === null) this.broken ??= fault;
    this.at = this.end;
  }

  /** A count of at most `most` things of at least `bytesMin` bytes. */
  bounded(most: number, bytesMin: number): number {
    const count = this.compactSize();
    if (count > most) {
      this.refuse("too-many");
      return 0;
    }
    if (count * bytesMin > this.end - this.at) {
      this.fail("truncated");
      return 0;
    }
    return count;
  }

  get sound(): boolean {
    return this.fault === null && this.broken === null;
  }

  big64(): bigint {
    const low = BigInt(this.u32());
    return (BigInt(this.u32()) << 32n) | low;
  }
}

/** Fields behind the receiver's address are optional: very old peers end there. */
function readVersion(reader: MessageReader): VersionMessage {
  const protocol = reader.u32() | 0;
  const services = reader.big64();
  const time = reader.u64();
  const receiverServices = reader.big64();
  const receiver = readOldAddress(reader);
  let nonce = new Uint8Array(8);
  let userAgent = "";
  let startHeight = 0;
  let relay = true;
  if (reader.at < reader.end) {
    reader.big64();
    readOldAddress(reader);
    nonce = new Uint8Array(reader.take(8));
  }
  if (reader.at < reader.end) {
    const length = reader.bounded(USER_AGENT_BYTES_MAX, 1);
    userAgent = printable(reader.take(length));
  }
  if (reader.at < reader.end) startHeight = reader.u32() | 0;
  if (reader.at < reader.end) relay = reader.u8() !== 0;
  const facts = { protocol, services, time, receiverServices, receiver };
  return { type: "version", ...facts, nonce, userAgent, startHeight, relay };
}

/** A user agent is shown to people: what is not plain ASCII becomes a dot. */
function printable(bytes: Bytes): string {
  let text = "";
  for (const code of bytes) text += code >= 0x20 && code <= 0x7e ? String.fromCharCode(code) : ".";
  return text;
}

function readInventory(reader: MessageReader): InventoryItem[] {
  const items: InventoryItem[] = [];
  for (let left = reader.bounded(INVENTORY_COUNT_MAX, 36); left > 0; left--) {
    items.push({ kind: reader.u32(), hash: reader.take(32) });
  }
  return items;
}

function readLocator(reader: MessageReader, type: LocatorMessage["type"]): LocatorMessage {
  const protocol = reader.u32();
  const locator: Bytes[] = [];
  for (let left = reader.bounded(LOCATOR_COUNT_MAX, 32); left > 0; left--) {
    locator.push(reader.take(32));
  }
  return { type, protocol, locator, stop: reader.take(32) };
}

/** Each header is followed by a count of transactions, which is zero. */
function readHeaders(reader: MessageReader): Bytes {
  const count = reader.bounded(HEADER_COUNT_MAX, HEADER_BYTES + 1);
  const headers = new Uint8Array(count * HEADER_BYTES);
  for (let index = 0; index < count && reader.sound; index++) {
    const at = reader.skip(HEADER_BYTES);
    headers.set(reader.bytes.subarray(at, at + HEADER_BYTES), index * HEADER_BYTES);
    if (reader.compactSize() !== 0) reader.refuse("bad-header");
  }
  return headers;
}

function readAddresses(reader: MessageReader): TimedAddress[] {
  const addresses: TimedAddress[] = [];
  for (let left = reader.bounded(ADDRESS_COUNT_MAX, 30); left > 0 && reader.sound; left--) {
    const time = reader.u32();
    const services = reader.big64();
    addresses.push({ address: readOldAddress(reader), time, services });
  }
  return addresses;
}

function readAddressesV2(reader: MessageReader): TimedAddress[] {
  const addresses: TimedAddress[] = [];
  for (let left = reader.bounded(ADDRESS_COUNT_MAX, 9); left > 0 && reader.sound; left--) {
    addresses.push(readTimedAddress(reader));
  }
  return addresses;
}

/** A transaction's own bytes, checked for shape only. */
function readRawTransaction(reader: MessageReader): Bytes {
  const from = reader.at;
  readTransaction(reader);
  return reader.fault === null ? reader.bytes.subarray(from, reader.at) : new Uint8Array(0);
}

/** Differential indexes: each is the gap behind the one before. */
function readIndexes(reader: MessageReader, count: number, each: (index: number) => void): void {
  let next = 0;
  for (let left = count; left > 0 && reader.sound; left--) {
    const index = next + reader.compactSize();
    if (index > COMPACT_COUNT_MAX) {
      reader.refuse("bad-index");
      return;
    }
    each(index);
    next = index + 1;
  }
}

function readCompactBlock(reader: MessageReader): CompactBlockMessage {
  const header = reader.take(HEADER_BYTES);
  const nonce = reader.take(8);
  const shortIds = reader.take(reader.bounded(COMPACT_COUNT_MAX, 6) * 6);
  const prefilled: PrefilledTransaction[] = [];
  const count = reader.bounded(COMPACT_COUNT_MAX, 11);
  readIndexes(reader, count, (index) => {
    prefilled.push({ index, transaction: readRawTransaction(reader) });
  });
  const total = shortIds.length / 6 + prefilled.length;
  const last = prefilled.at(-1);
  if (total === 0 || total > COMPACT_COUNT_MAX) reader.refuse("too-many");
  if (last !== undefined && last.index >= total) reader.refuse("bad-index");
  return { type: "cmpctblock", header, nonce, shortIds, prefilled };
}

function readGetBlockTransactions(reader: MessageReader): GetBlockTransactionsMessage {
  const block = reader.take(32);
  const indexes: number[] = [];
  readIndexes(reader, reader.bounded(COMPACT_COUNT_MAX, 1), (index) => indexes.push(index));
  return { type: "getblocktxn", block, indexes };
}

function readBlockTransactions(reader: MessageReader): BlockTransactionsMessage {
  const block = reader.take(32);
  const transactions: Bytes[] = [];
  for (let left = reader.bounded(COMPACT_COUNT_MAX, 10); left > 0 && reader.sound; left--) {
    transactions.push(readRawTransaction(reader));
  }
  return { type: "blocktxn", block, transactions };
}

function readBody(type: MessageType, reader: MessageReader): Message {
  if (isStakedCommand(type)) return { type, payload: reader.bytes };
  switch (type) {
    case "version":
      return readVersion(reader);
    case "verack":
    case "wtxidrelay":
    case "sendaddrv2":
    case "sendheaders":
    case "getaddr":
    case "mempool":
      return { type };
    case "sendcmpct": {
      const highBandwidth = reader.u8() === 1;
      return { type, highBandwidth, version: reader.u64() };
    }
    case "feefilter":
      return { type, rate: reader.i64() };
    case "ping":
    case "pong":
      return { type, nonce: reader.take(8) };
    case "inv":
    case "getdata":
    case "notfound":
      return { type, items: readInventory(reader) };
    case "getheaders":
    case "getblocks":
      return readLocator(reader, type);
    case "headers":
      return { type, headers: readHeaders(reader) };
    case "block":
    case "tx":
      return { type, bytes: reader.bytes };
    case "addr":
      return { type, addresses: readAddresses(reader) };
    case "addrv2":
      return { type, addresses: readAddressesV2(reader) };
    case "cmpctblock":
      return readCompactBlock(reader);
    case "getblocktxn":
      return readGetBlockTransactions(reader);
    case "blocktxn":
      return readBlockTransactions(reader);
  }
}

/** The message that `payload` holds. Blocks and transactions are views of it and not yet checked. */
export function decodeMessage(type: MessageType, payload: Bytes): DecodedMessage {
  const reader = new MessageReader(payload);
  const message = readBody(type, reader);
  const code = reader.broken ?? reader.fault;
  return code === null ? { ok: true, message } : { ok: false, code };
}
