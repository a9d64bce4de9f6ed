// A block and its header, decoded by offset. Formats: Bitcoin Core's primitives/block.h; on networks of
// stakers a header of 224 bytes whose first 80 have Bitcoin's shape, its signature and its extras
// (docs/internals/staked-node.md).
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
export const STAKED_HEADER_BYTES = 224;
const SIGNATURE_BYTES = 64;

/** `staked`: header 224, signature 64, length of the extras 4, extras, then the transactions. */
export type BlockForm = "bitcoin" | "staked";

/** What the hash of a block covers. */
export function headerBytesOf(form: BlockForm): number {
  return form === "staked" ? STAKED_HEADER_BYTES : HEADER_BYTES;
}

/** Where the count of transactions stands; the caller has made sure that the header is there. */
export function bodyAt(bytes: Bytes, at: number, form: BlockForm): number {
  if (form === "bitcoin") return at + HEADER_BYTES;
  const extrasAt = at + STAKED_HEADER_BYTES + SIGNATURE_BYTES;
  return extrasAt + 4 + readU32(bytes, extrasAt);
}

export interface Header {
  /** The 80 or 224 bytes: a view of the buffer it was read from. */
  readonly bytes: Bytes;
  /** i32. */
  readonly version: number;
  /** Hash order, as are `merkleRoot` and `hash`. */
  readonly previous: Bytes;
  readonly merkleRoot: Bytes;
  /** Seconds since 1970. */
  readonly time: number;
  /** On networks of stakers: the slot. */
  readonly bits: number;
  /** On networks of stakers: the height. */
  readonly nonce: number;
  readonly hash: Bytes;
}

export interface Block {
  readonly form: BlockForm;
  /** The buffer that holds it; the block is `bytes[start, end)`. */
  readonly bytes: Bytes;
  readonly start: number;
  readonly end: number;
  readonly header: Header;
  readonly transactions: readonly Transaction[];
}

/** The header at `at`; the caller has made sure that its bytes are there. */
export function readHeader(bytes: Bytes, at = 0, form: BlockForm = "bitcoin"): Header {
  const hash = new Uint8Array(32);
  const end = at + headerBytesOf(form);
  hash256Into(hash, 0, bytes, at, end);
  return {
    bytes: bytes.subarray(at, end),
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
export function decodeBlock(
  bytes: Bytes,
  at = 0,
  to: number = bytes.length,
  form: BlockForm = "bitcoin",
): Decoded<Block> {
  const reader = new Reader(bytes, at, to);
  reader.skip(headerBytesOf(form));
  if (form === "staked") {
    reader.skip(SIGNATURE_BYTES);
    reader.skip(reader.u32());
  }
  const count = reader.count(TRANSACTION_BYTES_MIN);
  const transactions: Transaction[] = [];
  while (transactions.length < count && reader.fault === null) {
    const transaction = readTransaction(reader, true, false);
    if (transaction !== null) transactions.push(transaction);
  }
  if (reader.fault !== null) return { ok: false, code: reader.fault, at: reader.at };
  hashTransactions(bytes, transactions);
  const header = readHeader(bytes, at, form);
  const value = { form, bytes, start: at, end: reader.at, header, transactions };
  return { ok: true, value, end: reader.at };
}
