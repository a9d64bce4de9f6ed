// Messages to payloads: the mirror of decode.ts.
import type { Bytes } from "../../base/bytes.ts";
import { HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import { hasOldForm, NETWORK_ID, writeOldAddress, writeTimedAddress } from "./address.ts";
import type { CompactBlockMessage, Message, VersionMessage } from "./messages.ts";
import { Writer } from "./writer.ts";

function writeVersion(writer: Writer, message: VersionMessage): void {
  writer.u32(message.protocol).big64(message.services).u64(message.time);
  writer.big64(message.receiverServices);
  writeOldAddress(writer, message.receiver);
  writer.big64(message.services);
  // Our own address is not told here: peers learn it through gossip.
  writeOldAddress(writer, { network: NETWORK_ID.ipv6, bytes: new Uint8Array(16), port: 0 });
  writer.bytes(message.nonce).variable(new TextEncoder().encode(message.userAgent));
  writer.u32(message.startHeight).u8(message.relay ? 1 : 0);
}

function writeHeaders(writer: Writer, headers: Bytes): void {
  const count = headers.length / HEADER_BYTES;
  writer.compactSize(count);
  for (let index = 0; index < count; index++) {
    writer.bytes(headers.subarray(index * HEADER_BYTES, (index + 1) * HEADER_BYTES)).u8(0);
  }
}

function writeIndexes(writer: Writer, indexes: readonly number[]): void {
  writer.compactSize(indexes.length);
  let next = 0;
  for (const index of indexes) {
    writer.compactSize(index - next);
    next = index + 1;
  }
}

function writeCompactBlock(writer: Writer, message: CompactBlockMessage): void {
  writer.bytes(message.header).bytes(message.nonce);
  writer.compactSize(message.shortIds.length / 6).bytes(message.shortIds);
  writer.compactSize(message.prefilled.length);
  let next = 0;
  for (const { index, transaction } of message.prefilled) {
    writer.compactSize(index - next).bytes(transaction);
    next = index + 1;
  }
}

function writeBody(writer: Writer, message: Message): void {
  if ("payload" in message) {
    writer.bytes(message.payload);
    return;
  }
  switch (message.type) {
    case "version":
      writeVersion(writer, message);
      return;
    case "verack":
    case "wtxidrelay":
    case "sendaddrv2":
    case "sendheaders":
    case "getaddr":
    case "mempool":
      return;
    case "sendcmpct":
      writer.u8(message.highBandwidth ? 1 : 0).u64(message.version);
      return;
    case "feefilter":
      writer.u64(message.rate);
      return;
    case "ping":
    case "pong":
      writer.bytes(message.nonce);
      return;
    case "inv":
    case "getdata":
    case "notfound":
      writer.compactSize(message.items.length);
      for (const { kind, hash } of message.items) writer.u32(kind).bytes(hash);
      return;
    case "getheaders":
    case "getblocks":
      writer.u32(message.protocol).compactSize(message.locator.length);
      for (const hash of message.locator) writer.bytes(hash);
      writer.bytes(message.stop);
      return;
    case "headers":
      writeHeaders(writer, message.headers);
      return;
    case "block":
    case "tx":
      writer.bytes(message.bytes);
      return;
    case "addr": {
      const told = message.addresses.filter(({ address }) => hasOldForm(address));
      writer.compactSize(told.length);
      for (const { address, time, services } of told) {
        writer.u32(time).big64(services);
        writeOldAddress(writer, address);
      }
      return;
    }
    case "addrv2":
      writer.compactSize(message.addresses.length);
      for (const entry of message.addresses) writeTimedAddress(writer, entry);
      return;
    case "cmpctblock":
      writeCompactBlock(writer, message);
      return;
    case "getblocktxn":
      writer.bytes(message.block);
      writeIndexes(writer, message.indexes);
      return;
    case "blocktxn":
      writer.bytes(message.block).compactSize(message.transactions.length);
      for (const transaction of message.transactions) writer.bytes(transaction);
      return;
  }
}

/** The payload of `message`. */
export function encodeMessage(message: Message): Bytes {
  if (message.type === "block" || message.type === "tx") return message.bytes;
  if ("payload" in message) return message.payload;
  const writer = new Writer();
  writeBody(writer, message);
  return writer.done();
}
