// The confirmed coins of a partition as of the last chain record. Blocks are staged on a partition
// before they are recorded, so its view runs ahead of the chain position that admission is at; what
// each staged, undone or redone block changed is kept until its record comes, and hides the change.

import type { Bytes } from "../../../base/bytes.ts";
import { writeU32 } from "../../../base/bytes.ts";
import {
  type OutpointKey,
  outpointIndex,
  outpointKey,
  txidInto,
  txidKey,
} from "../../../state/admission/keys.ts";
import { STORED_COIN_HEADER_BYTES } from "../../../state/coin-store.ts";
import {
  COIN_CODE,
  COIN_INDEX,
  COIN_SCRIPT,
  COIN_SCRIPT_BYTES,
  COIN_VALUE,
  deltaCoins,
} from "../../../state/delta.ts";

/** What one request to the partition changed: outpoint -> the stored coin before it, or null. */
type Before = Map<OutpointKey, Bytes | null>;

/** Anything that has coins: a partition. */
export interface CoinLookup {
  get(txid: Bytes, index: number): Bytes | null;
}

/** Operations whose record has not come, kept at most: more, and the node is downloading blocks. */
export const PENDING_OPERATIONS_MAX = 24;

export class RecordedCoins {
  readonly #coins: CoinLookup;
  #pending: { readonly number: number; readonly before: Before }[] = [];
  readonly #txid: Bytes = new Uint8Array(32);

  constructor(coins: CoinLookup) {
    this.#coins = coins;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** A request changed the partition by these deltas, in this order. */
  note(number: number, kind: "stage" | "undo" | "redo", deltas: readonly Uint32Array[]): void {
    const before: Before = new Map();
    for (const delta of deltas) noteDelta(before, kind, delta);
    this.#pending.push({ number, before });
  }

  /** Requests up to this one are part of the chain now, or cancel out. */
  settle(upTo: number): void {
    this.#pending = this.#pending.filter(({ number }) => number > upTo);
  }

  forget(): void {
    this.#pending = [];
  }

  /** The stored coin under the key, as of the last record. */
  get(key: OutpointKey): Bytes | null {
    for (const { before } of this.#pending) {
      const found = before.get(key);
      if (found !== undefined) return found;
    }
    const txid = this.#txid;
    txidInto(txid, 0, key);
    return this.#coins.get(txid, outpointIndex(key));
  }
}

function noteDelta(before: Before, kind: "stage" | "undo" | "redo", delta: Uint32Array): void {
  const bytes = new Uint8Array(delta.buffer, delta.byteOffset, delta.byteLength);
  const { removed, created } = deltaCoins(delta);
  const gone = kind === "undo" ? created : removed;
  const made = kind === "undo" ? removed : created;
  // The first to speak of a coin knows it from before all of them.
  for (const at of gone) {
    const key = keyAt(delta, bytes, at);
    if (!before.has(key)) before.set(key, storedCoinAt(delta, bytes, at));
  }
  for (const at of made) {
    const key = keyAt(delta, bytes, at);
    if (!before.has(key)) before.set(key, null);
  }
}

function keyAt(delta: Uint32Array, bytes: Bytes, at: number): OutpointKey {
  return outpointKey(txidKey(bytes, at * 4), delta[at + COIN_INDEX]!);
}

function storedCoinAt(delta: Uint32Array, bytes: Bytes, at: number): Bytes {
  const scriptBytes = delta[at + COIN_SCRIPT_BYTES]!;
  const stored = new Uint8Array(STORED_COIN_HEADER_BYTES + scriptBytes);
  writeU32(stored, 0, delta[at + COIN_CODE]!);
  writeU32(stored, 4, delta[at + COIN_VALUE]!);
  writeU32(stored, 8, delta[at + COIN_VALUE + 1]!);
  const scriptAt = (at + COIN_SCRIPT) * 4;
  stored.set(bytes.subarray(scriptAt, scriptAt + scriptBytes), STORED_COIN_HEADER_BYTES);
  return stored;
}
