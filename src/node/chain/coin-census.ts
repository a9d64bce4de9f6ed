// The coin set in figures while blocks go on (gettxoutsetinfo). A count reads snapshots of the stores,
// page by page between the partitions' other work. A set hash that was made once is carried on from
// the deltas of the blocks since, in this run and the next; then it costs what has changed, and the
// number of transactions is not known (as with Bitcoin Core's coinstatsindex).
//
//   file  tip hash 32 | count, amount, bytes f64 | MuHash state 768 | CRC-32C
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { assert } from "../../base/assert.ts";
import { type Bytes, bytesEqual, readU32, writeU32 } from "../../base/bytes.ts";
import { crc32c } from "../../base/crc32c.ts";
import { MuHash } from "../../crypto/muhash.ts";
import { replaceFile } from "../../engines/files/disk.ts";
import { type BlockId, NONE } from "../../planes/consensus/work/block-index.ts";
import type { CoinSetInfo } from "../../ports/coins.ts";
import { isStorageError } from "../../ports/storage-error.ts";
import { amountOf } from "../../state/coin-store.ts";
import { COIN_SCRIPT_BYTES, COIN_VALUE, deltaCoins } from "../../state/delta.ts";
import { COIN_BYTES, deltaElement } from "../../state/set-hash.ts";
import type { HostPort } from "../workers/host-port.ts";
import type { ChainBase } from "./base.ts";
import { DataError } from "./files.ts";

/** Sets of so few coins are counted anew each time: that takes under a second. */
const SMALL_COUNT_MAX = 20_000;
/** Coins of a delta that are hashed at a stretch: about 2 ms. */
const COINS_AT_ONCE = 100;
const FILE = "census.pando";
const STATE_BYTES = 768;
const FILE_BYTES: number = 32 + 3 * 8 + STATE_BYTES + 4;

/** The set at one block. */
interface Counted {
  at: BlockId;
  count: number;
  amount: number;
  bytes: number;
  transactions: number | null;
  muhash: MuHash | null;
}

export class CoinCensus {
  readonly #chain: ChainBase;
  readonly #hosts: readonly HostPort[];
  readonly #folder: string;
  /** The last set that has a hash. */
  #hashed: Counted | null = null;
  #last: Counted | null = null;
  #isLoaded = false;
  /** One count at a time. */
  #busy: Promise<unknown> = Promise.resolve();

  /** `folder`: of the stores. */
  constructor(chain: ChainBase, hosts: readonly HostPort[], folder: string) {
    this.#chain = chain;
    this.#hosts = hosts;
    this.#folder = folder;
  }

  info(hash: boolean): Promise<CoinSetInfo> {
    const run = this.#busy.then(() => this.#info(hash));
    this.#busy = run.catch(() => {});
    return run;
  }

  async #info(hash: boolean): Promise<CoinSetInfo> {
    const { index, tipId } = this.#chain;
    const known = this.#last;
    const isKnown = known?.at === tipId && (known.muhash !== null || !hash);
    const counted = isKnown && known !== null ? known : await this.#find(hash);
    this.#last = counted;
    const { count, amount, bytes, transactions, at } = counted;
    return {
      height: index.height(at),
      hash: index.hash(at).slice(),
      coins: count,
      amount,
      transactions,
      bytes,
      diskBytes: folderBytes(this.#folder),
      muhash: hash ? counted.muhash!.digest() : null,
    };
  }

  async #find(hash: boolean): Promise<Counted> {
    if (!hash) return await this.#count(false);
    const base = this.#hashed ?? this.#load();
    if (base !== null && base.count > SMALL_COUNT_MAX) {
      try {
        const carried = await this.#carryOn(base);
        this.#keep(carried);
        return carried;
      } catch (error) {
        // A delta cannot be read: counted anew.
        if (!(error instanceof DataError)) throw error;
      }
    }
    const counted = await this.#count(true);
    this.#keep(counted);
    return counted;
  }

  /** Counts the stores of the tip. */
  async #count(muhash: boolean): Promise<Counted> {
    const at = await this.#chain.onFlushed(async () => {
      await Promise.all(this.#hosts.map((host) => host.call({ kind: "census", muhash })));
      return this.#chain.tipId;
    });
    const sum: Counted = { at, count: 0, amount: 0, bytes: 0, transactions: 0, muhash: null };
    const product = new MuHash();
    const countHost = async (host: HostPort): Promise<void> => {
      for (;;) {
        const reply = await host.call({ kind: "census-step" });
        assert(reply.kind === "census", "a host answers what it was asked");
        if (reply.digests === null) continue;
        for (const digest of reply.digests) {
          sum.count += digest.count;
          sum.amount += digest.amount;
          sum.bytes += digest.bytes;
          sum.transactions! += digest.transactions;
          const part = digest.muhash === null ? null : MuHash.decode(digest.muhash);
          if (part !== null) product.combine(part);
        }
        return;
      }
    };
    await Promise.all(this.#hosts.map(countHost));
    if (muhash) sum.muhash = product;
    return sum;
  }

  /** From a set at an earlier tip to the present one, by the deltas between. */
  async #carryOn(base: Counted): Promise<Counted> {
    const { index } = this.#chain;
    const muhash = MuHash.decode(base.muhash!.encode())!;
    const counted: Counted = { ...base, muhash };
    const to = this.#chain.tipId;
    const fork = index.fork(base.at, to);
    for (let at = base.at; at !== fork; at = index.parent(at)) {
      await this.#apply(counted, at, -1);
    }
    for (let height = index.height(fork) + 1; height <= index.height(to); height++) {
      await this.#apply(counted, index.ancestor(to, height), 1);
    }
    if (base.at !== to) counted.transactions = null;
    counted.at = to;
    return counted;
  }

  /** A block's changes, or (-1) the opposite of them. */
  async #apply(counted: Counted, id: BlockId, sign: 1 | -1): Promise<void> {
    if (!this.#chain.hasDelta(id)) throw new DataError("damaged", "a delta is missing");
    let left = COINS_AT_ONCE;
    for (const delta of this.#chain.readDelta(id)) {
      const { removed, created } = deltaCoins(delta);
      for (const [coins, by] of [
        [removed, -sign],
        [created, sign],
      ] as const) {
        for (const at of coins) {
          counted.count += by;
          counted.bytes += by * (COIN_BYTES + delta[at + COIN_SCRIPT_BYTES]!);
          counted.amount += by * amountOf(delta[at + COIN_VALUE]!, delta[at + COIN_VALUE + 1]!);
          const element = deltaElement(delta, at);
          if (by > 0) counted.muhash!.insert(element);
          else counted.muhash!.remove(element);
          if (--left > 0) continue;
          left = COINS_AT_ONCE;
          await setImmediate();
        }
      }
    }
  }

  /** Remembers a set with its hash, over a restart too when it is worth it. */
  #keep(counted: Counted): void {
    this.#hashed = counted;
    if (counted.count <= SMALL_COUNT_MAX) return;
    const bytes = new Uint8Array(FILE_BYTES);
    bytes.set(this.#chain.index.hash(counted.at), 0);
    const view = new DataView(bytes.buffer);
    [counted.count, counted.amount, counted.bytes].forEach((value, index) => {
      view.setFloat64(32 + index * 8, value, true);
    });
    bytes.set(counted.muhash!.encode(), 56);
    writeU32(bytes, FILE_BYTES - 4, crc32c(bytes, 0, 0, FILE_BYTES - 4));
    try {
      replaceFile(join(this.#folder, FILE), [bytes]);
    } catch (error) {
      // A full disk: it is made again.
      if (!isStorageError(error)) throw error;
    }
  }

  #load(): Counted | null {
    if (this.#isLoaded) return null;
    this.#isLoaded = true;
    let bytes: Bytes;
    try {
      bytes = new Uint8Array(readFileSync(join(this.#folder, FILE)));
    } catch {
      return null;
    }
    const end = FILE_BYTES - 4;
    if (bytes.length !== FILE_BYTES || crc32c(bytes, 0, 0, end) !== readU32(bytes, end))
      return null;
    const at = this.#chain.index.find(bytes.subarray(0, 32));
    const muhash = MuHash.decode(bytes.slice(56, 56 + STATE_BYTES));
    if (at === NONE || muhash === null) return null;
    assert(bytesEqual(this.#chain.index.hash(at), bytes.subarray(0, 32)), "the block is this one");
    const view = new DataView(bytes.buffer);
    const [count, amount, size] = [0, 1, 2].map((index) => view.getFloat64(32 + index * 8, true));
    return { at, count: count!, amount: amount!, bytes: size!, transactions: null, muhash };
  }
}

function folderBytes(folder: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder)) {
    const size = statSync(join(folder, name), { throwIfNoEntry: false });
    // A store's file is sparse behind what it holds.
    bytes += Math.min(size?.size ?? 0, (size?.blocks ?? 0) * 512);
  }
  return bytes;
}
