// A mempool in memory for tests of what surrounds it: coins must exist, fees must be positive, no
// scripts, replacement or limits.
import { type Bytes, toHex } from "../../src/base/bytes.ts";
import { decodeBlock, readHeader } from "../../src/ledger/bitcoin/block.ts";
import { BLOCK_WEIGHT_MAX } from "../../src/ledger/bitcoin/limits.ts";
import { burntValue } from "../../src/ledger/bitcoin/policy/standard.ts";
import { blockSubsidy } from "../../src/ledger/bitcoin/subsidy.ts";
import {
  decodeTransaction,
  type Transaction,
  transactionWeight,
} from "../../src/ledger/bitcoin/transaction.ts";
import type { ChainEvent } from "../../src/ports/chain.ts";
import type {
  BlockTemplate,
  FeeEstimate,
  MempoolEntry,
  MempoolEvent,
  MempoolInfo,
  MempoolView,
  PackageVerdict,
  SubmitOptions,
  TransactionVerdict,
} from "../../src/ports/mempool.ts";
import type { SmallChain } from "./small-chain.ts";

interface Held {
  readonly entry: MempoolEntry;
  readonly transaction: Transaction;
}

const FLOOR = 1_000;

export class SmallMempool implements MempoolView {
  readonly #chain: SmallChain;
  readonly #now: () => number;
  readonly #entries = new Map<string, Held>();
  readonly #witness = new Map<string, Held>();
  readonly #spenders = new Map<string, Bytes>();
  readonly #listeners = new Set<(event: MempoolEvent) => void>();
  #sequence = 1;

  constructor(chain: SmallChain, now: () => number) {
    this.#chain = chain;
    this.#now = now;
    chain.subscribe((event) => void this.#onChain(event));
  }

  /** Txids in hex. */
  readonly #unbroadcast = new Set<string>();

  broadcast(txid: Bytes): void {
    const held = this.#entries.get(toHex(txid));
    if (held === undefined) return;
    this.#unbroadcast.add(toHex(txid));
    this.#emit({ kind: "broadcast", entry: held.entry });
  }

  unbroadcast(): MempoolEntry[] {
    return [...this.#unbroadcast].flatMap((id) => this.#entries.get(id)?.entry ?? []);
  }

  requested(txid: Bytes): void {
    this.#unbroadcast.delete(toHex(txid));
  }

  refusal(): string | null {
    return null;
  }

  info(): MempoolInfo {
    let bytes = 0;
    let totalFee = 0;
    for (const { entry } of this.#entries.values()) {
      bytes += entry.size;
      totalFee += entry.fee;
    }
    return {
      loaded: true,
      count: this.#entries.size,
      bytes,
      memoryBytes: bytes * 3,
      memoryBytesMax: 300_000_000,
      totalFee,
      feeFloor: FLOOR,
      relayFee: FLOOR,
      incrementalFee: FLOOR,
      unbroadcastCount: 0,
      fullReplacement: true,
      clusterCountMax: 64,
      clusterSizeMax: 101_000,
    };
  }

  has(txid: Bytes): boolean {
    return this.#entries.has(toHex(txid));
  }

  hasWitness(wtxid: Bytes): boolean {
    return this.#witness.has(toHex(wtxid));
  }

  entry(txid: Bytes): MempoolEntry | null {
    return this.#entries.get(toHex(txid))?.entry ?? null;
  }

  byWitness(wtxid: Bytes): MempoolEntry | null {
    return this.#witness.get(toHex(wtxid))?.entry ?? null;
  }

  *entries(): Iterable<MempoolEntry> {
    for (const { entry } of this.#entries.values()) yield entry;
  }

  spender(txid: Bytes, index: number): Bytes | null {
    return this.#spenders.get(`${toHex(txid)}:${index}`) ?? null;
  }

  async submit(raw: Bytes, options: SubmitOptions = {}): Promise<TransactionVerdict> {
    const decoded = decodeTransaction(raw);
    if (!decoded.ok) return no("invalid", decoded.code);
    if (burntValue(decoded.value) > (options.burnMax ?? Number.POSITIVE_INFINITY)) {
      return no("rejected", "max-burn-exceeded");
    }
    const transaction = decoded.value;
    if (this.has(transaction.txid)) return no("known", "txn-already-in-mempool");
    if (this.#chain.coins.has(`${toHex(transaction.txid)}:0`)) {
      return no("confirmed", "txn-already-known");
    }
    let fee = 0;
    const depends: Bytes[] = [];
    for (const { outpointAt, previousIndex } of transaction.inputs) {
      const parent = transaction.bytes.slice(outpointAt, outpointAt + 32);
      const key = `${toHex(parent)}:${previousIndex}`;
      const mine = this.#entries.get(toHex(parent));
      const value =
        mine?.transaction.outputs[previousIndex]?.value ?? this.#chain.coins.get(key)?.value;
      if (value === undefined) return no("missing", "bad-txns-inputs-missingorspent");
      if (this.#spenders.has(key)) return no("rejected", "txn-mempool-conflict");
      if (mine !== undefined) depends.push(parent);
      fee += value;
    }
    for (const { value } of transaction.outputs) fee -= value;
    const size = Math.ceil(transactionWeight(transaction) / 4);
    if (fee < 0) return no("invalid", "bad-txns-in-belowout");
    if (fee * 1000 < size * FLOOR) return no("rejected", "min relay fee not met");
    const most = options.feeRateMax ?? 0;
    if (most > 0 && fee * 1000 > size * most) return no("rejected", "max-fee-exceeded");
    const { txid, wtxid } = transaction;
    if (options.dry !== true) this.#add(transaction, raw, fee, size, depends);
    return { ok: true, txid, wtxid, size, fee };
  }

  #add(
    transaction: Transaction,
    raw: Bytes,
    fee: number,
    size: number,
    depends: readonly Bytes[],
  ): void {
    const { txid, wtxid } = transaction;
    const entry: MempoolEntry = {
      txid,
      wtxid,
      raw: raw.slice(),
      weight: transactionWeight(transaction),
      size,
      fee,
      modifiedFee: fee,
      time: this.#now(),
      height: this.#chain.tip().height,
      ancestors: { count: 1 + depends.length, size, fees: fee },
      descendants: { count: 1, size, fees: fee },
      depends,
      spentBy: [],
      replaceable: true,
      unbroadcast: false,
    };
    const held = { entry, transaction };
    this.#entries.set(toHex(txid), held);
    this.#witness.set(toHex(wtxid), held);
    for (const { outpointAt, previousIndex } of transaction.inputs) {
      const parent = toHex(transaction.bytes, outpointAt, outpointAt + 32);
      this.#spenders.set(`${parent}:${previousIndex}`, txid);
    }
    this.#emit({ kind: "added", entry, sequence: this.#sequence++ });
  }

  #emit(event: MempoolEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #remove(held: Held, reason: "block" | "conflict"): void {
    const { txid, wtxid } = held.entry;
    this.#entries.delete(toHex(txid));
    this.#witness.delete(toHex(wtxid));
    for (const { outpointAt, previousIndex } of held.transaction.inputs) {
      const parent = toHex(held.transaction.bytes, outpointAt, outpointAt + 32);
      this.#spenders.delete(`${parent}:${previousIndex}`);
    }
    this.#emit({ kind: "removed", txid, wtxid, reason, sequence: this.#sequence++ });
  }

  async #onChain(event: ChainEvent): Promise<void> {
    if (event.kind !== "tip") return;
    for (const header of event.connected) {
      const bytes = await this.#chain.blockBytes(header.hash);
      const decoded = bytes === null ? null : decodeBlock(bytes);
      if (decoded === null || !decoded.ok) continue;
      for (const { txid } of decoded.value.transactions) {
        const held = this.#entries.get(toHex(txid));
        if (held !== undefined) this.#remove(held, "block");
      }
    }
  }

  async submitPackage(
    raws: readonly Bytes[],
    options: SubmitOptions = {},
  ): Promise<PackageVerdict> {
    const results: TransactionVerdict[] = [];
    for (const raw of raws) results.push(await this.submit(raw, options));
    const sound = results.every((verdict) => verdict.ok || verdict.kind === "known");
    return { message: sound ? "success" : "transaction failed", policy: false, results };
  }

  async template(transactions = true): Promise<BlockTemplate> {
    const tip = this.#chain.tip();
    const places = new Map<string, number>();
    const chosen: BlockTemplate["transactions"][number][] = [];
    let weight = 4_000;
    for (const { entry } of transactions ? this.#entries.values() : []) {
      if (weight + entry.weight > BLOCK_WEIGHT_MAX) break;
      weight += entry.weight;
      places.set(toHex(entry.txid), chosen.length);
      const { raw, txid, wtxid, fee, weight: own } = entry;
      const depends = entry.depends.map((parent) => places.get(toHex(parent))!);
      chosen.push({ raw, txid, wtxid, fee, sigops: 0, weight: own, depends });
    }
    const fees = chosen.reduce((sum, { fee }) => sum + fee, 0);
    return {
      previous: tip.hash,
      height: tip.height + 1,
      version: 0x20000000,
      bits: this.#chain.params.work.limitBits,
      timeMin: readHeader(tip.bytes).time + 1,
      time: Math.max(this.#now(), readHeader(tip.bytes).time + 1),
      coinbaseValue: blockSubsidy(tip.height + 1, this.#chain.params) + fees,
      transactions: chosen,
      segments: null,
      sequence: this.#sequence,
    };
  }

  sequence(): number {
    return this.#sequence;
  }

  estimateFee(): FeeEstimate {
    return { rate: null, blocks: 0 };
  }

  prioritise(): void {}

  async save(): Promise<string> {
    return "nowhere";
  }

  subscribe(listener: (event: MempoolEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function no(
  kind: Extract<TransactionVerdict, { ok: false }>["kind"],
  code: string,
): TransactionVerdict {
  return { ok: false, kind, code, debug: null };
}
