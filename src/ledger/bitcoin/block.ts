// A block and its 80-byte header, decoded by offset. Formats: Bitcoin Core's primitives/block.h.
import { type Bytes, readI32, readU32 } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import { hash256Into } from "../../crypto/hash.ts";
import {
  type Decoded,
  hashTransactions,
  readTransaction,
  type Transaction,
} from "./transaction.ts";

export const HEADER_BYTES = 80;

export interface Header {
  /** The 80 bytes: a view of the buffer it was read from. */
  readonly bytes: Bytes;
  /** i32. */
  readonly version: number;
  /** Hash order, as are `merkleRoot` and `hash`. */
  readonly previous: Bytes;
  readonly merkleRoot: Bytes;
  /** Seconds since 1970. */
  readonly time: number;
  readonly bits: number;
  readonly nonce: number;
  readonly hash: Bytes;
}

export interface Block {
  /** The buffer that holds it; the block is `bytes[start, end)`. */
  readonly bytes: Bytes;
  readonly start: number;
  readonly end: number;
  readonly header: Header;
  readonly transactions: readonly Transaction[];
}

/** The header at `at`; the caller has made sure that 80 bytes are there. */
export function readHeader(bytes: Bytes, at = 0): Header {
  const hash = new Uint8Array(32);
  hash256Into(hash, 0, bytes, at, at + HEADER_BYTES);
  return {
    bytes: bytes.subarray(at, at + HEADER_BYTES),
    version: readI32(bytes, at),
    previous: bytes.subarray(at + 4, at + 36),
    merkleRoot: bytes.subarray(at + 36, at + 68),
    time: readU32(bytes, at + 68),
    bits: readU32(bytes, at + 72),
    nonce: readU32(bytes, at + 76),
    hash,
  };
}

/** A transaction takes at least ten bytes: it bounds what a count may make us allocate. */
const TRANSACTION_BYTES_MIN = 10;

/** Decodes the block that begins at `at`; `end` of the result is the offset behind it. */
export function decodeBlock(bytes: Bytes, at = 0, to: number = bytes.length): Decoded<Block> {
  const reader = new Reader(bytes, at, to);
  reader.skip(HEADER_BYTES);
  const count = reader.count(TRANSACTION_BYTES_MIN);
  const transactions: Transaction[] = [];
  while (transactions.length < count && reader.fault === null) {
    const transaction = readTransaction(reader, true, false);
    if (transaction !== null) transactions.push(transaction);
  }
  if (reader.fault !== null) return { ok: false, code: reader.fault, at: reader.at };
  hashTransactions(bytes, transactions);
  const header = readHeader(bytes, at);
  const value = { bytes, start: at, end: reader.at, header, transactions };
  return { ok: true, value, end: reader.at };
}
