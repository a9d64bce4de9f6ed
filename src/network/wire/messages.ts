// The messages of the Bitcoin peer-to-peer protocol as records. Blocks, transactions and headers
// stay bytes: the rules decode what survives the first checks. Formats: Bitcoin Core's
// protocol.h and net_processing.cpp, BIP31, 35, 37, 111, 130, 133, 152, 155 and 339.
import type { Bytes } from "../../base/bytes.ts";
import type { StakedCommand } from "../../ports/staked-peers.ts";
import type { NetworkAddress, TimedAddress } from "./address.ts";

export const PROTOCOL_VERSION = 70016;
/** Peers that speak less are not worth a connection (BIP31, 35 and 111 came before; headers too). */
export const PROTOCOL_VERSION_MIN = 31800;

export const SERVICE_NETWORK = 1n;
export const SERVICE_WITNESS = 8n;
export const SERVICE_NETWORK_LIMITED = 1024n;

export const INVENTORY = {
  transaction: 1,
  block: 2,
  filteredBlock: 3,
  compactBlock: 4,
  witnessId: 5,
  witnessTransaction: 0x40000001,
  witnessBlock: 0x40000002,
} as const;

export interface InventoryItem {
  readonly kind: number;
  readonly hash: Bytes;
}

export interface VersionMessage {
  readonly type: "version";
  readonly protocol: number;
  readonly services: bigint;
  /** Seconds since 1970. */
  readonly time: number;
  readonly receiverServices: bigint;
  readonly receiver: NetworkAddress;
  readonly nonce: Bytes;
  readonly userAgent: string;
  readonly startHeight: number;
  readonly relay: boolean;
}

/** BIP152: a transaction that the sender expects to be missed; `index` is its place in the block. */
export interface PrefilledTransaction {
  readonly index: number;
  readonly transaction: Bytes;
}

export interface CompactBlockMessage {
  readonly type: "cmpctblock";
  readonly header: Bytes;
  readonly nonce: Bytes;
  /** Six bytes each. */
  readonly shortIds: Bytes;
  readonly prefilled: readonly PrefilledTransaction[];
}

export interface GetBlockTransactionsMessage {
  readonly type: "getblocktxn";
  readonly block: Bytes;
  /** Ascending. */
  readonly indexes: readonly number[];
}

export interface BlockTransactionsMessage {
  readonly type: "blocktxn";
  readonly block: Bytes;
  readonly transactions: readonly Bytes[];
}

export interface LocatorMessage {
  readonly type: "getheaders" | "getblocks";
  readonly protocol: number;
  /** Newest first. */
  readonly locator: readonly Bytes[];
  /** 32 zero bytes: as many as allowed. */
  readonly stop: Bytes;
}

/** Only consensus can read what is in it (ports/staked-peers.ts). */
export interface StakedMessage {
  readonly type: StakedCommand;
  readonly payload: Bytes;
}

export type Message =
  | VersionMessage
  | { readonly type: "verack" | "wtxidrelay" | "sendaddrv2" | "sendheaders" }
  | { readonly type: "getaddr" | "mempool" }
  | { readonly type: "sendcmpct"; readonly highBandwidth: boolean; readonly version: number }
  | { readonly type: "feefilter"; readonly rate: number }
  | { readonly type: "ping" | "pong"; readonly nonce: Bytes }
  | {
      readonly type: "inv" | "getdata" | "notfound";
      readonly items: readonly InventoryItem[];
    }
  | LocatorMessage
  | { readonly type: "headers"; readonly headers: Bytes }
  | { readonly type: "block" | "tx"; readonly bytes: Bytes }
  | { readonly type: "addr" | "addrv2"; readonly addresses: readonly TimedAddress[] }
  | CompactBlockMessage
  | GetBlockTransactionsMessage
  | BlockTransactionsMessage
  | StakedMessage;

export type MessageType = Message["type"];

/** The greatest payload of each message; what is longer breaks the protocol. */
export const PAYLOAD_BYTES_MAX: Readonly<Record<MessageType, number>> = {
  version: 1_024,
  verack: 64,
  wtxidrelay: 64,
  sendaddrv2: 64,
  sendheaders: 64,
  getaddr: 64,
  mempool: 64,
  sendcmpct: 64,
  feefilter: 64,
  ping: 64,
  pong: 64,
  inv: 3 + 50_000 * 36,
  getdata: 3 + 50_000 * 36,
  notfound: 3 + 50_000 * 36,
  getheaders: 5 + 102 * 32,
  getblocks: 5 + 102 * 32,
  headers: 3 + 2_000 * 81,
  block: Number.POSITIVE_INFINITY,
  tx: Number.POSITIVE_INFINITY,
  addr: 3 + 1_000 * 30,
  addrv2: 3 + 1_000 * (4 + 9 + 1 + 3 + 512 + 2),
  cmpctblock: Number.POSITIVE_INFINITY,
  getblocktxn: 32 + 3 + 65_535 * 3,
  blocktxn: Number.POSITIVE_INFINITY,
  qstat: 40,
  qinv: 64 * 32,
  qget: 16 * 32,
  qblock: Number.POSITIVE_INFINITY,
  qnone: 16 * 32,
  qfind: 101 * 32,
  qids: 500 * 32,
  qvote: 140,
  qevid: 1_024,
  qgetfin: 4,
  qfin: Number.POSITIVE_INFINITY,
};

/** True for a command that we know. */
export function isMessageType(command: string): command is MessageType {
  return Object.hasOwn(PAYLOAD_BYTES_MAX, command);
}
