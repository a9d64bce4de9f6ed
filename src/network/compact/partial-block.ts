// A block under reconstruction from its compact form: which places are filled from transactions we
// have, and which must be asked for. Two of ours with one short id leave the place open, because
// only the sender knows which is meant; two equal short ids in the list make the whole form useless.
import { assert } from "../../base/assert.ts";
import { type Bytes, concatBytes } from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";
import type { CompactBlockMessage } from "../wire/messages.ts";
import { readShortId, SHORT_ID_BYTES, shortId, shortIdKey } from "./short-ids.ts";

export interface Candidate {
  readonly wtxid: Bytes;
  readonly raw: Bytes;
}

export class PartialBlock {
  readonly header: Bytes;
  readonly #transactions: (Bytes | null)[];
  /** Filled from candidates, for statistics. */
  readonly found: number;

  private constructor(header: Bytes, transactions: (Bytes | null)[], found: number) {
    this.header = header;
    this.#transactions = transactions;
    this.found = found;
  }

  /** Fills what `candidates` can; null when the list of short ids collides with itself. */
  static begin(message: CompactBlockMessage, candidates: Iterable<Candidate>): PartialBlock | null {
    const count = message.shortIds.length / SHORT_ID_BYTES;
    const transactions: (Bytes | null)[] = new Array(count + message.prefilled.length).fill(null);
    for (const { index, transaction } of message.prefilled) transactions[index] = transaction;
    const places = new Map<number, number>();
    let next = 0;
    for (let index = 0; index < count; index++) {
      while (transactions[next] !== null) next++;
      places.set(readShortId(message.shortIds, index), next++);
    }
    if (places.size !== count) return null;
    const found = fill(message, places, transactions, candidates);
    return new PartialBlock(message.header, transactions, found);
  }

  /** Places that are still open, ascending. */
  missing(): number[] {
    const open: number[] = [];
    this.#transactions.forEach((transaction, index) => {
      if (transaction === null) open.push(index);
    });
    return open;
  }

  /** Puts `transactions` in the open places, in order; false when there are too few or too many. */
  fill(transactions: readonly Bytes[]): boolean {
    const open = this.missing();
    if (open.length !== transactions.length) return false;
    open.forEach((place, index) => {
      this.#transactions[place] = transactions[index]!;
    });
    return true;
  }

  /** The whole block's bytes. */
  bytes(): Bytes {
    const count = new Uint8Array(compactSizeBytes(this.#transactions.length));
    writeCompactSize(count, 0, this.#transactions.length);
    const parts = this.#transactions.map((transaction) => {
      assert(transaction !== null, "every place is filled");
      return transaction;
    });
    return concatBytes(this.header, count, ...parts);
  }
}

/** Looks every candidate up; returns how many places they filled. */
function fill(
  message: CompactBlockMessage,
  places: ReadonlyMap<number, number>,
  transactions: (Bytes | null)[],
  candidates: Iterable<Candidate>,
): number {
  const key = shortIdKey(message.header, message.nonce);
  const taken = new Map<number, Bytes>();
  const doubtful = new Set<number>();
  for (const { wtxid, raw } of candidates) {
    const place = places.get(shortId(key, wtxid));
    if (place === undefined || doubtful.has(place)) continue;
    const before = taken.get(place);
    if (before === undefined) {
      taken.set(place, wtxid);
      transactions[place] = raw;
    } else if (before.some((byte, at) => byte !== wtxid[at])) {
      doubtful.add(place);
      taken.delete(place);
      transactions[place] = null;
    }
  }
  return taken.size;
}
