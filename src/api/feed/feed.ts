// What the node tells as it happens: blocks, transactions, evictions with their reason, figures. One
// feed serves all clients; it listens to the chain and the mempool and knows nothing of sockets.
import { type Bytes, readU32, toDisplayHex, toHex } from "../../base/bytes.ts";
import { blockWeight } from "../../ledger/bitcoin/check-block.ts";
import { decodeTransaction, type Transaction } from "../../ledger/bitcoin/transaction.ts";
import type { ChainEvent, ChainHeader } from "../../ports/chain.ts";
import type { MempoolEvent } from "../../ports/mempool.ts";
import type { StakingView } from "../../ports/staking.ts";
import type { ApiContext } from "../context.ts";
import { Amount, type Json, type JsonObject } from "../json/value.ts";
import { writeJson } from "../json/write.ts";
import { FEED_HISTORY_MAX } from "../limits.ts";
import { powerJson } from "../rpc/methods/staking.ts";
import { decodeWhole } from "../shapes/block.ts";
import { CHANNELS, type Channel, type FeedEvent, FeedHistory } from "./history.ts";

/** Blocks of a snapshot. */
const SNAPSHOT_BLOCKS = 8;

export interface FeedListener {
  event(event: FeedEvent): void;
  /** A transaction came, left or was confirmed; `raw` where its bytes are known. */
  transaction(change: TransactionChange): void;
}

export interface TransactionChange {
  readonly txid: string;
  readonly state: "mempool" | "confirmed" | "removed" | "reorganised";
  readonly facts: JsonObject;
  /** Hex of the scripts of its outputs. */
  readonly scripts: readonly string[];
}

function outputScripts({ bytes, outputs }: Transaction): string[] {
  return outputs.map(({ scriptAt, scriptEnd }) => toHex(bytes, scriptAt, scriptEnd));
}

/** The tip's power, and the heights up to which the chain is justified and final. */
function powerFacts(staking: StakingView): JsonObject {
  const power = staking.power(null);
  const { justified, finalized } = staking.finality();
  return {
    ...(power === null ? {} : powerJson(power)),
    justified: justified.height,
    finalized: finalized.height,
  };
}

export class Feed {
  readonly history: FeedHistory;
  readonly #context: ApiContext;
  readonly #listeners = new Set<FeedListener>();
  readonly #stops: (() => void)[] = [];
  readonly #snapshots = new Map<Channel, () => Json | Promise<Json>>();
  #lastStatistics = "";
  #lastPower = "";
  /** The last event when the last listener left. */
  #heardLast: number = Number.NEGATIVE_INFINITY;
  /** Events of the chain are told in order, though their blocks are read from disk. */
  #telling: Promise<void> = Promise.resolve();

  constructor(context: ApiContext) {
    this.#context = context;
    this.history = new FeedHistory(toHex(context.random.bytes(6)));
    this.#stops.push(
      context.chain.subscribe((event) => {
        if (event.kind !== "tip") return;
        this.#telling = this.#telling.then(() => this.#onTip(event)).catch(() => {});
      }),
      context.mempool.subscribe((event) => this.#onMempool(event)),
    );
    const { staking } = context;
    if (staking !== null) this.register("power", () => powerFacts(staking));
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  listen(listener: FeedListener): () => void {
    this.#listeners.add(listener);
    return () => {
      if (this.#listeners.delete(listener)) this.#heardLast = this.history.last;
    };
  }

  /** Somebody listens, or has gone so lately that he may come back for what he missed. */
  get #isHeard(): boolean {
    return this.#listeners.size > 0 || this.history.last - this.#heardLast < FEED_HISTORY_MAX;
  }

  /** Adds a channel of another part: `snapshot` gives the state that its events change. */
  register(channel: Channel, snapshot: () => Json | Promise<Json>): void {
    this.#snapshots.set(channel, snapshot);
  }

  get channels(): readonly Channel[] {
    return [...CHANNELS, ...this.#snapshots.keys()];
  }

  /** Tells an event of a registered channel. */
  publish(channel: Channel, data: Json): void {
    if (this.#snapshots.has(channel)) this.#tell(channel, data);
  }

  #tell(channel: Channel, data: Json): void {
    const event = this.history.add(channel, data);
    for (const listener of this.#listeners) listener.event(event);
  }

  #change(change: TransactionChange): void {
    for (const listener of this.#listeners) listener.transaction(change);
  }

  async #onTip(event: ChainEvent & { kind: "tip" }): Promise<void> {
    for (const header of event.disconnected) {
      const { height } = header;
      this.#tell("blocks", { kind: "disconnected", height, hash: toDisplayHex(header.hash) });
      await this.#tellTransactions(header, "reorganised");
    }
    for (const header of event.connected) {
      this.#tell("blocks", { kind: "connected", ...(await this.blockFacts(header)) });
      await this.#tellTransactions(header, "confirmed");
    }
    this.#tellPower();
  }

  /** A block in a line: what dashboards list. */
  async blockFacts(header: ChainHeader): Promise<JsonObject> {
    const bytes = await this.#context.chain.blockBytes(header.hash);
    const decoded = bytes === null ? null : decodeWhole(this.#context, bytes);
    const block = decoded?.ok === true ? decoded.value : null;
    return {
      height: header.height,
      hash: toDisplayHex(header.hash),
      previous: toDisplayHex(header.bytes, 4, 36),
      time: readU32(header.bytes, 68),
      transactions: block?.transactions.length,
      size: block === null ? undefined : block.end - block.start,
      weight: block === null ? undefined : blockWeight(block),
    };
  }

  async #tellTransactions(header: ChainHeader, state: "confirmed" | "reorganised"): Promise<void> {
    if (this.#listeners.size === 0) return;
    const bytes = await this.#context.chain.blockBytes(header.hash);
    const decoded = bytes === null ? null : decodeWhole(this.#context, bytes);
    if (decoded === null || !decoded.ok) return;
    const facts = { height: header.height, hash: toDisplayHex(header.hash) };
    for (const transaction of decoded.value.transactions) {
      const txid = toDisplayHex(transaction.txid);
      this.#change({ txid, state, facts, scripts: outputScripts(transaction) });
    }
  }

  /** Many a second, most of the time for nobody. */
  #onMempool(event: MempoolEvent): void {
    if (!this.#isHeard) {
      const isTold =
        event.kind === "added" || (event.kind === "removed" && event.reason !== "block");
      if (isTold) this.history.skip();
      return;
    }
    if (event.kind === "removed") {
      const txid = toDisplayHex(event.txid);
      if (event.reason !== "block") {
        this.#tell("evictions", { txid, reason: event.reason });
        this.#change({ txid, state: "removed", facts: { reason: event.reason }, scripts: [] });
      }
      return;
    }
    if (event.kind === "broadcast") return;
    const { entry } = event;
    const txid = toDisplayHex(entry.txid);
    const facts = { fee: new Amount(entry.fee), vsize: entry.size };
    this.#tell("transactions", { txid, wtxid: toDisplayHex(entry.wtxid), ...facts });
    this.#change({ txid, state: "mempool", facts, scripts: this.#scripts(entry.raw) });
  }

  #scripts(raw: Bytes): string[] {
    if (this.#listeners.size === 0) return [];
    const decoded = decodeTransaction(raw);
    return decoded.ok ? outputScripts(decoded.value) : [];
  }

  statistics(): JsonObject {
    const { chain, mempool, network } = this.#context;
    const info = mempool.info();
    return {
      height: chain.tip().height,
      headers: chain.bestHeader().height,
      syncing: chain.initialDownload(),
      peers: network?.peers.size ?? 0,
      waiting_for: network?.why ?? null,
      mempool_count: info.count,
      mempool_bytes: info.bytes,
      mempool_fee_floor: new Amount(info.feeFloor),
    };
  }

  /** Tells the power of the tip and what is final, when they changed. */
  #tellPower(): void {
    if (this.#context.staking === null) return;
    const data = powerFacts(this.#context.staking);
    const text = writeJson(data);
    if (text === this.#lastPower) return;
    this.#lastPower = text;
    this.#tell("power", data);
  }

  /** Tells the figures when they changed; called once a second. */
  tick(): void {
    this.#tellPower();
    const data = this.statistics();
    const text = writeJson(data);
    if (text === this.#lastStatistics) return;
    this.#lastStatistics = text;
    this.#tell("statistics", data);
  }

  /** The state that the events of a channel change. */
  async snapshot(channel: Channel): Promise<Json> {
    const { chain, mempool } = this.#context;
    switch (channel) {
      case "blocks": {
        const facts: JsonObject[] = [];
        const tip = chain.tip();
        for (let height = tip.height; height >= 0 && facts.length < SNAPSHOT_BLOCKS; height--) {
          facts.push(await this.blockFacts(chain.ancestor(tip, height)!));
        }
        return facts;
      }
      case "transactions":
      case "evictions": {
        const { count, bytes } = mempool.info();
        return { mempool_count: count, mempool_bytes: bytes };
      }
      case "statistics":
        return this.statistics();
      default:
        return (await this.#snapshots.get(channel)?.()) ?? null;
    }
  }
}
