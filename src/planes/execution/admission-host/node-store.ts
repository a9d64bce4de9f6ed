// The store of one partition of a node: what is unconfirmed lies in maps, made durable by the host's
// journal; confirmed coins are read from the coin set as of the last chain record.

import type { Bytes } from "../../../base/bytes.ts";
import type { OutpointKey } from "../../../state/admission/keys.ts";
import { type CoinRecord, NO_ROUND, UNCONFIRMED } from "../../../state/admission/records.ts";
import { type Change, MemoryPartitionStore } from "../../../state/admission/store.ts";
import { decodeStoredCoin } from "../../../state/coin-store.ts";

/** A transaction's coins are read several times on its way: so many are kept decoded. */
const DECODED_COUNT_MAX = 8_192;

export class NodeStore extends MemoryPartitionStore {
  readonly #confirmed: (key: OutpointKey) => Bytes | null;
  /** Confirmed coins as of the last record; forgotten when the record changes. */
  readonly #decoded = new Map<OutpointKey, CoinRecord | null>();

  constructor(confirmed: (key: OutpointKey) => Bytes | null) {
    super();
    this.#confirmed = confirmed;
  }

  override coin(key: OutpointKey): CoinRecord | null {
    // Most coins are confirmed and are asked for several times in a row.
    const known = this.#decoded.get(key);
    if (known != null) return known;
    const unconfirmed = this.coinMap.get(key);
    if (unconfirmed !== undefined) return unconfirmed;
    if (known === null) return null;
    const stored = this.#confirmed(key);
    const coin = stored === null ? null : confirmedCoin(stored);
    if (this.#decoded.size >= DECODED_COUNT_MAX) this.#decoded.clear();
    this.#decoded.set(key, coin);
    return coin;
  }

  /** The confirmed coins are others now. */
  forgetConfirmed(): void {
    this.#decoded.clear();
  }

  /** A coin that becomes confirmed leaves: the coin set has it. */
  override apply(change: Change): void {
    if (change.space === "coin" && change.value !== null && change.value.height !== UNCONFIRMED) {
      this.coinMap.delete(change.key);
      return;
    }
    super.apply(change);
  }

  /** Everything that is here, as the changes that make it. */
  *changes(): Generator<Change> {
    for (const [key, value] of this.recordMap) yield { space: "record", key, value };
    for (const [key, value] of this.coinMap) yield { space: "coin", key, value };
    for (const [key, value] of this.claimMap) yield { space: "claim", key, value };
    for (const [key, value] of this.leavingMap) yield { space: "leaving", key, value };
    for (const [key, value] of this.outboxMap) yield { space: "outbox", key, value };
    for (const [key, value] of this.releasedMap) yield { space: "released", key, value };
    for (const [key, value] of this.metaMap) yield { space: "meta", key, value };
  }

  clear(): void {
    this.recordMap.clear();
    this.coinMap.clear();
    this.claimMap.clear();
    this.leavingMap.clear();
    this.outboxMap.clear();
    this.releasedMap.clear();
    this.metaMap.clear();
  }
}

function confirmedCoin(stored: Bytes): CoinRecord {
  const { value, script, height, coinbase } = decodeStoredCoin(stored);
  const round = NO_ROUND;
  return { value, script, coinbase, height, round, ancestors: 0, attempt: null, open: true };
}
