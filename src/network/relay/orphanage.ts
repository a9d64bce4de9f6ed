// Transactions whose parents are not known yet. Bounded by count and bytes and shared fairly: when it
// is full, the peer that fills most of it loses its oldest.
import { type Bytes, toHex } from "../../base/bytes.ts";
import type { Transaction } from "../../ledger/bitcoin/transaction.ts";
import { rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import { ORPHAN_BYTES_MAX, ORPHAN_COUNT_MAX, ORPHAN_MS_MAX } from "../limits.ts";

export interface Orphan {
  readonly wtxid: Bytes;
  readonly txid: Bytes;
  readonly raw: Bytes;
  readonly peer: number;
  readonly at: number;
  readonly parents: readonly string[];
}

export class Orphanage {
  readonly #orphans = new Map<string, Orphan>();
  readonly #byParent = new Map<string, Set<string>>();
  readonly #byPeer = new Map<number, number>();
  #bytes = 0;
  dropped = 0;

  get size(): number {
    return this.#orphans.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(wtxid: Bytes): boolean {
    return this.#orphans.has(toHex(wtxid));
  }

  get(wtxid: Bytes): Orphan | null {
    return this.#orphans.get(toHex(wtxid)) ?? null;
  }

  values(): Iterable<Orphan> {
    return this.#orphans.values();
  }

  add(transaction: Transaction, peer: number, now: number): void {
    const key = toHex(transaction.wtxid);
    if (this.#orphans.has(key)) return;
    const raw = rawTransaction(transaction).slice();
    if (raw.length > ORPHAN_BYTES_MAX / 4) {
      this.dropped++;
      return;
    }
    const parents = parentIds(transaction);
    const { wtxid, txid } = transaction;
    this.#orphans.set(key, { wtxid, txid, raw, peer, at: now, parents });
    this.#bytes += raw.length;
    this.#byPeer.set(peer, (this.#byPeer.get(peer) ?? 0) + 1);
    for (const parent of parents) {
      const children = this.#byParent.get(parent) ?? new Set<string>();
      children.add(key);
      this.#byParent.set(parent, children);
    }
    this.#trim(now);
  }

  #trim(now: number): void {
    for (const [key, orphan] of this.#orphans) {
      if (now - orphan.at < ORPHAN_MS_MAX) break;
      this.#drop(key);
    }
    while (this.#orphans.size > ORPHAN_COUNT_MAX || this.#bytes > ORPHAN_BYTES_MAX) {
      const greedy = this.#greediest();
      for (const [key, orphan] of this.#orphans) {
        if (orphan.peer !== greedy) continue;
        this.#drop(key);
        break;
      }
    }
  }

  /** The peer that fills most of it. */
  #greediest(): number {
    let [greedy, most] = [-1, 0];
    for (const [peer, count] of this.#byPeer) if (count > most) [greedy, most] = [peer, count];
    return greedy;
  }

  #drop(key: string): void {
    this.dropped++;
    this.remove(key);
  }

  remove(key: string): void {
    const orphan = this.#orphans.get(key);
    if (orphan === undefined) return;
    this.#orphans.delete(key);
    this.#bytes -= orphan.raw.length;
    const left = (this.#byPeer.get(orphan.peer) ?? 1) - 1;
    if (left > 0) this.#byPeer.set(orphan.peer, left);
    else this.#byPeer.delete(orphan.peer);
    for (const parent of orphan.parents) {
      const children = this.#byParent.get(parent);
      children?.delete(key);
      if (children?.size === 0) this.#byParent.delete(parent);
    }
  }

  /** Takes out those that wait for `txid`. */
  takeChildren(txid: Bytes): Orphan[] {
    const keys = [...(this.#byParent.get(toHex(txid)) ?? [])];
    const taken = keys.map((key) => this.#orphans.get(key)!);
    for (const key of keys) this.remove(key);
    return taken;
  }

  /** The peer is gone: its orphans go too. */
  forgetPeer(peer: number): void {
    for (const [key, orphan] of [...this.#orphans]) if (orphan.peer === peer) this.remove(key);
  }
}

/** The transactions whose outputs it spends, each once, hex in hash order. */
export function parentIds(transaction: Transaction): string[] {
  const ids = new Set<string>();
  for (const { outpointAt } of transaction.inputs) {
    ids.add(toHex(transaction.bytes, outpointAt, outpointAt + 32));
  }
  return [...ids];
}
