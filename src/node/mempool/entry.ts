// An admitted transaction as the node's index holds it, and as the servers and peers see it. What
// depends on its relatives is computed when asked: walks are bounded by the limits of admission.

import type { Bytes } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import {
  readTransaction,
  type Transaction,
  transactionWeight,
} from "../../ledger/bitcoin/transaction.ts";
import type { AdmittedMessage } from "../../planes/execution/admission-host/wire.ts";
import { adjustedSize } from "../../planes/execution/judge-transaction.ts";
import type { MempoolEntry } from "../../ports/mempool.ts";
import {
  type OutpointKey,
  outpointKeyAt,
  type Txid,
  txidInto,
  txidKey,
} from "../../state/admission/keys.ts";
import type { OrderKey } from "../../state/admission/records.ts";

/** Sequences below this one say that the transaction may be replaced (BIP125). */
const REPLACEABLE_BELOW = 0xfffffffe;

interface Totals {
  readonly count: number;
  readonly size: number;
  readonly fees: number;
}

/** Most transactions have no relatives in the mempool. */
const NOBODY: ReadonlySet<Entry> = new Set();

export interface Decoded {
  readonly transaction: Transaction;
  readonly inputs: readonly OutpointKey[];
}

export class Entry implements MempoolEntry {
  readonly id: Txid;
  readonly witnessId: Txid;
  readonly raw: Bytes;
  readonly weight: number;
  readonly size: number;
  readonly fee: number;
  readonly sigops: number;
  readonly time: number;
  readonly height: number;
  readonly version: number;
  /** Keys of the coins it spends, in order. */
  readonly inputs: readonly string[];
  readonly outputCount: number;
  readonly partition: number;
  readonly round: number;
  readonly position: number;
  readonly order: OrderKey;
  readonly signalsReplacement: boolean;
  #parents: Set<Entry> | null = null;
  #children: Set<Entry> | null = null;
  feeDelta = 0;
  unbroadcast = false;

  /** `decoded`: the transaction and the keys of its coins, where they are known already. */
  constructor(admitted: AdmittedMessage, decoded: Decoded | null, time: number, height: number) {
    const raw = admitted.raw.slice();
    const transaction = decoded?.transaction ?? readTransaction(new Reader(raw))!;
    this.id = admitted.txid;
    this.witnessId = transaction.hasWitness ? txidKey(transaction.wtxid) : this.id;
    this.raw = raw;
    this.weight = transactionWeight(transaction);
    this.size = adjustedSize(this.weight, admitted.sigops);
    this.fee = admitted.fee;
    this.sigops = admitted.sigops;
    this.time = time;
    this.height = height;
    this.version = transaction.version;
    this.inputs =
      decoded?.inputs ?? transaction.inputs.map(({ outpointAt }) => outpointKeyAt(raw, outpointAt));
    this.outputCount = transaction.outputs.length;
    this.partition = admitted.partition;
    this.round = admitted.round;
    this.position = admitted.position;
    this.order = admitted.order;
    this.signalsReplacement = transaction.inputs.some(
      ({ sequence }) => sequence < REPLACEABLE_BELOW,
    );
  }

  get parents(): ReadonlySet<Entry> {
    return this.#parents ?? NOBODY;
  }

  get children(): ReadonlySet<Entry> {
    return this.#children ?? NOBODY;
  }

  linkParent(parent: Entry): void {
    this.#parents ??= new Set();
    this.#parents.add(parent);
  }

  linkChild(child: Entry): void {
    this.#children ??= new Set();
    this.#children.add(child);
  }

  unlinkParent(parent: Entry): void {
    this.#parents?.delete(parent);
  }

  unlinkChild(child: Entry): void {
    this.#children?.delete(child);
  }

  /** It has left: it has no relatives any more. */
  unlink(): void {
    this.#parents = null;
    this.#children = null;
  }

  /** Made when asked for: an array would take three times the room of its key. */
  get txid(): Bytes {
    return idOf(this.id);
  }

  get wtxid(): Bytes {
    return idOf(this.witnessId);
  }

  get modifiedFee(): number {
    return this.fee + this.feeDelta;
  }

  get ancestors(): Totals {
    return totals(relatives(this, (entry) => entry.parents));
  }

  get descendants(): Totals {
    return totals(relatives(this, (entry) => entry.children));
  }

  get depends(): readonly Bytes[] {
    return [...this.parents].map(({ txid }) => txid);
  }

  get spentBy(): readonly Bytes[] {
    return [...this.children].map(({ txid }) => txid);
  }

  get replaceable(): boolean {
    for (const entry of relatives(this, ({ parents }) => parents)) {
      if (entry.signalsReplacement) return true;
    }
    return false;
  }
}

function idOf(key: Txid): Bytes {
  const bytes = new Uint8Array(32);
  txidInto(bytes, 0, key);
  return bytes;
}

/** An entry and everything that `next` leads to. */
export function relatives(
  entry: Entry,
  next: (entry: Entry) => ReadonlySet<Entry>,
): ReadonlySet<Entry> {
  const found = new Set<Entry>([entry]);
  // A set visits what is added while it is walked.
  for (const one of found) for (const other of next(one)) found.add(other);
  return found;
}

function totals(entries: ReadonlySet<Entry>): Totals {
  let size = 0;
  let fees = 0;
  for (const entry of entries) {
    size += entry.size;
    fees += entry.modifiedFee;
  }
  return { count: entries.size, size, fees };
}
