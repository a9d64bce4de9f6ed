// A chain in memory for tests of what surrounds it: real header and block rules, coins by a map, no
// scripts. It is not meant to be fast.
import { assert } from "../../src/base/assert.ts";
import { type Bytes, concatBytes, toHex, writeU32, writeU64 } from "../../src/base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../src/base/reader.ts";
import { hash256 } from "../../src/crypto/hash.ts";
import {
  type Block,
  decodeBlock,
  HEADER_BYTES,
  readHeader,
} from "../../src/ledger/bitcoin/block.ts";
import {
  checkBlock,
  checkBlockWeight,
  checkCoinbaseHeight,
  heightScript,
} from "../../src/ledger/bitcoin/check-block.ts";
import { checkHeader, checkHeaderInBranch } from "../../src/ledger/bitcoin/header-rules.ts";
import {
  checkWitnessCommitment,
  transactionMerkle,
} from "../../src/ledger/bitcoin/merkle-commitment.ts";
import { type Params, retargetInterval } from "../../src/ledger/bitcoin/params.ts";
import { blockSubsidy } from "../../src/ledger/bitcoin/subsidy.ts";
import { decodeTransaction, type Transaction } from "../../src/ledger/bitcoin/transaction.ts";
import type { Verdict } from "../../src/ledger/bitcoin/verdict.ts";
import { type HeaderNode, hasWork, workOfBits } from "../../src/ledger/bitcoin/work.ts";
import type {
  BlockStanding,
  BlockVerdict,
  ChainEvent,
  ChainHeader,
  ChainView,
  HeadersVerdict,
} from "../../src/ports/chain.ts";
import type { CoinSetInfo, CoinView, ConfirmedCoin, FoundCoin } from "../../src/ports/coins.ts";

interface Node extends ChainHeader {
  readonly parent: Node | null;
  readonly time: number;
  readonly bits: number;
  bytesOf: Bytes | null;
  state: "open" | "valid" | "invalid";
  spent: [string, ConfirmedCoin][];
}

/** A script that anyone can spend. */
export const ANYONE: Bytes = Uint8Array.of(0x51);

export class SmallChain implements ChainView, CoinView {
  readonly params: Params;
  readonly #nodes = new Map<string, Node>();
  #active: Node[] = [];
  #best: Node;
  readonly #listeners = new Set<(event: ChainEvent) => void>();
  readonly coins: Map<string, ConfirmedCoin> = new Map<string, ConfirmedCoin>();
  readonly #now: () => number;
  far = false;
  /** It is also far behind while its tip is below this height. */
  farBelow = 0;
  /** Why it takes no block: a full disk. */
  full: string | null = null;
  /** While it is pending no block gets its verdict: a slow disk. */
  slow: Promise<void> = Promise.resolve();
  /** Blocks that were judged, for counting. */
  judged = 0;
  /** Blocks whose parent's block has not come, by the parent. */
  readonly orphans: Map<string, Bytes[]> = new Map<string, Bytes[]>();

  constructor(params: Params, now: () => number) {
    assert(retargetInterval(params.work) > 0, "the network has a retarget interval");
    this.params = params;
    this.#now = now;
    const genesis = this.#add(params.genesis.slice(0, HEADER_BYTES), null);
    genesis.bytesOf = params.genesis;
    genesis.state = "valid";
    this.#active = [genesis];
    this.#best = genesis;
  }

  #add(bytes: Bytes, parent: Node | null): Node {
    const { hash, time, bits } = readHeader(bytes);
    const node: Node = {
      hash,
      bytes,
      height: parent === null ? 0 : parent.height + 1,
      work: (parent?.work ?? 0n) + workOfBits(bits),
      parent,
      time,
      bits,
      bytesOf: null,
      state: parent?.state === "invalid" ? "invalid" : "open",
      spent: [],
    };
    this.#nodes.set(toHex(hash), node);
    return node;
  }

  #view(node: Node): HeaderNode {
    return {
      height: node.height,
      time: node.time,
      bits: node.bits,
      ancestor: (height) => this.#view(this.#ancestor(node, height)!),
    };
  }

  #ancestor(node: Node, height: number): Node | null {
    if (height > node.height || height < 0) return null;
    let at: Node | null = node;
    while (at !== null && at.height > height) {
      // Most questions are about the active chain.
      if (this.#active[at.height] === at) return this.#active[height]!;
      at = at.parent;
    }
    return at;
  }

  tip(): ChainHeader {
    return this.#active.at(-1)!;
  }

  bestHeader(): ChainHeader {
    return this.#best;
  }

  header(hash: Bytes): ChainHeader | null {
    return this.#nodes.get(toHex(hash)) ?? null;
  }

  headerAt(height: number): ChainHeader | null {
    return this.#active[height] ?? null;
  }

  ancestor(of: ChainHeader, height: number): ChainHeader | null {
    const node = this.#nodes.get(toHex(of.hash));
    return node === undefined ? null : this.#ancestor(node, height);
  }

  standing(hash: Bytes): BlockStanding | null {
    const node = this.#nodes.get(toHex(hash));
    if (node === undefined) return null;
    if (node.state === "invalid") return "invalid";
    if (this.#active[node.height] === node) return "active";
    if (node.bytesOf === null) return "headers-only";
    return node.state === "valid" ? "valid-fork" : "stored";
  }

  hasBlock(hash: Bytes): boolean {
    return (this.#nodes.get(toHex(hash))?.bytesOf ?? null) !== null;
  }

  async blockBytes(hash: Bytes): Promise<Bytes | null> {
    return this.#nodes.get(toHex(hash))?.bytesOf ?? null;
  }

  tips(): readonly ChainHeader[] {
    const parents = new Set([...this.#nodes.values()].map((node) => node.parent));
    return [...this.#nodes.values()].filter((node) => !parents.has(node));
  }

  refusal(): string | null {
    return this.full;
  }

  initialDownload(): boolean {
    return this.far || this.tip().height < this.farBelow;
  }

  subscribe(listener: (event: ChainEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #emit(event: ChainEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** As much as tests say. */
  workMin = 0n;

  headerWorkMin(): bigint {
    const tip = this.tip();
    const near = tip.work - 144n * workOfBits(readHeader(tip.bytes).bits);
    return near > this.workMin ? near : this.workMin;
  }

  acceptHeaders(headers: Bytes): HeadersVerdict {
    let last: Node | null = null;
    let added = 0;
    for (let at = 0; at < headers.length; at += HEADER_BYTES) {
      const bytes = headers.slice(at, at + HEADER_BYTES);
      const header = readHeader(bytes);
      const known = this.#nodes.get(toHex(header.hash));
      if (known !== undefined) {
        if (known.state === "invalid") {
          return { ok: false, code: "duplicate-invalid", punish: true };
        }
        last = known;
        continue;
      }
      const parent = this.#nodes.get(toHex(header.previous));
      if (parent === undefined) return { ok: false, code: "prev-blk-not-found", punish: false };
      if (parent.state === "invalid") return { ok: false, code: "bad-prevblk", punish: true };
      const verdict = firstBad([
        checkHeader(header, this.params),
        checkHeaderInBranch(header, this.params, this.#view(parent), this.#now()),
      ]);
      if (verdict !== null) {
        return { ok: false, code: verdict.code, punish: verdict.consequence !== "future" };
      }
      last = this.#add(bytes, parent);
      added++;
      if (last.work > this.#best.work) this.#best = last;
    }
    return { ok: true, last, added };
  }

  async acceptBlock(bytes: Bytes): Promise<BlockVerdict> {
    if (this.full !== null) throw new Error(this.full);
    const decoded = decodeBlock(bytes);
    if (!decoded.ok) return refused("bad-block", false);
    const block = decoded.value;
    const accepted = this.acceptHeaders(bytes.slice(0, HEADER_BYTES));
    if (!accepted.ok) {
      if (accepted.code === "prev-blk-not-found") return { ok: true, state: "orphan" };
      return refused(accepted.code, true);
    }
    const node = this.#nodes.get(toHex(block.header.hash))!;
    if (node.bytesOf !== null) return { ok: true, state: "duplicate" };
    this.judged++;
    const bad = firstBad([
      checkBlock(block, this.params),
      checkCoinbaseHeight(block, node.height),
      checkWitnessCommitment(block, node.height >= this.params.activation.segwit),
      checkBlockWeight(block),
    ]);
    if (bad !== null) {
      const permanent = bad.consequence === "invalid";
      if (permanent) this.#invalidate(node);
      return refused(bad.code, permanent);
    }
    const parent = toHex(node.parent!.hash);
    if (node.parent!.bytesOf === null) {
      this.orphans.set(parent, [...(this.orphans.get(parent) ?? []), bytes.slice()]);
      return { ok: true, state: "orphan" };
    }
    node.bytesOf = bytes.slice();
    if (node.parent === this.tip()) this.#emit({ kind: "seen", header: node, bytes });
    await this.slow;
    this.#activate();
    if (node.state === ("invalid" as string))
      return refused("bad-txns-inputs-missingorspent", true);
    const children = this.orphans.get(toHex(node.hash)) ?? [];
    this.orphans.delete(toHex(node.hash));
    for (const child of children) await this.acceptBlock(child);
    return { ok: true, state: this.standing(node.hash) === "active" ? "connected" : "side" };
  }

  #invalidate(node: Node): void {
    node.state = "invalid";
    for (const other of this.#nodes.values()) {
      if (this.#ancestor(other, node.height) === node) other.state = "invalid";
    }
    this.#findBest();
  }

  #findBest(): void {
    let best = this.#active[0]!;
    for (const node of this.#nodes.values()) {
      if (node.state !== "invalid" && node.work > best.work) best = node;
    }
    this.#best = best;
  }

  #complete(node: Node): boolean {
    for (let at: Node | null = node; at !== null; at = at.parent) {
      if (this.#active[at.height] === at) return true;
      if (at.bytesOf === null || at.state === "invalid") return false;
    }
    return true;
  }

  /** Switches to the stored branch with the most work. */
  #activate(): void {
    for (;;) {
      let best = this.#active.at(-1)!;
      if (best.state === "invalid") best = this.#active[0]!;
      for (const node of this.#nodes.values()) {
        if (node.work > best.work && node.bytesOf !== null && this.#complete(node)) best = node;
      }
      if (best === this.#active.at(-1)) return;
      if (this.#switch(best)) return;
    }
  }

  #switch(to: Node): boolean {
    const connect: Node[] = [];
    let fork: Node = to;
    while (this.#active[fork.height] !== fork) {
      connect.unshift(fork);
      fork = fork.parent!;
    }
    const disconnected = this.#active.slice(fork.height + 1).reverse();
    for (const node of disconnected) this.#undo(node);
    this.#active.length = fork.height + 1;
    for (const node of connect) {
      if (!this.#apply(node)) {
        const done = this.#active.slice(fork.height + 1).reverse();
        for (const back of done) this.#undo(back);
        this.#active.length = fork.height + 1;
        this.#invalidate(node);
        for (const back of [...disconnected].reverse()) this.#apply(back);
        return false;
      }
    }
    this.#emit({ kind: "tip", disconnected, connected: connect, tip: to });
    return true;
  }

  #blockOf(node: Node): Block {
    const decoded = decodeBlock(node.bytesOf!);
    assert(decoded.ok, "a stored block decodes");
    return decoded.value;
  }

  #apply(node: Node): boolean {
    const block = this.#blockOf(node);
    node.spent = [];
    const created: string[] = [];
    block.transactions.forEach((transaction, place) => {
      transaction.outputs.forEach(({ value, scriptAt, scriptEnd }, index) => {
        const key = `${toHex(transaction.txid)}:${index}`;
        const script = transaction.bytes.slice(scriptAt, scriptEnd);
        if (script[0] === 0x6a) return;
        this.coins.set(key, { value, script, height: node.height, coinbase: place === 0 });
        created.push(key);
      });
    });
    let sound = true;
    for (const transaction of block.transactions.slice(1)) {
      for (const key of outpoints(transaction)) {
        const coin = this.coins.get(key);
        if (coin === undefined) sound = false;
        else {
          node.spent.push([key, coin]);
          this.coins.delete(key);
        }
      }
    }
    if (!sound) {
      for (const [key, coin] of node.spent) this.coins.set(key, coin);
      for (const key of created) this.coins.delete(key);
      return false;
    }
    node.state = "valid";
    this.#active.push(node);
    return true;
  }

  #undo(node: Node): void {
    for (const [key, coin] of node.spent) this.coins.set(key, coin);
    for (const transaction of this.#blockOf(node).transactions) {
      transaction.outputs.forEach((_, index) => {
        this.coins.delete(`${toHex(transaction.txid)}:${index}`);
      });
    }
  }

  // ---- CoinView ----

  async coin(txid: Bytes, index: number): Promise<ConfirmedCoin | null> {
    return this.coins.get(`${toHex(txid)}:${index}`) ?? null;
  }

  async info(): Promise<CoinSetInfo> {
    let amount = 0;
    for (const { value } of this.coins.values()) amount += value;
    const { height, hash } = this.tip();
    const coins = this.coins.size;
    const bytes = coins * 75;
    const unknown = { transactions: null, muhash: null, diskBytes: 0 };
    return { height, hash, coins, amount, bytes, ...unknown };
  }

  async scan(scripts: ReadonlySet<string>, found: (coin: FoundCoin) => void): Promise<number> {
    for (const [key, coin] of this.coins) {
      if (!scripts.has(toHex(coin.script))) continue;
      const [txid = "", index = ""] = key.split(":");
      found({ ...coin, txid: Uint8Array.from(Buffer.from(txid, "hex")), index: Number(index) });
    }
    return this.coins.size;
  }

  // ---- For tests ----

  /** A block on `parent` (the tip unless said otherwise), with work. */
  mine(transactions: readonly Bytes[] = [], parent: ChainHeader = this.tip(), tag = 0): Bytes {
    const height = parent.height + 1;
    const coinbase = coinbaseTransaction(height, blockSubsidy(height, this.params), tag);
    const raw = [coinbase, ...transactions];
    const decoded = raw.map((bytes) => {
      const one = decodeTransaction(bytes);
      assert(one.ok, "a test's transaction decodes");
      return one.value;
    });
    const header = new Uint8Array(HEADER_BYTES);
    writeU32(header, 0, 0x20000000);
    header.set(parent.hash, 4);
    header.set(transactionMerkle(decoded).root, 36);
    writeU32(header, 68, readHeader(parent.bytes).time + 60);
    writeU32(header, 72, this.params.work.limitBits);
    for (let nonce = 0; ; nonce++) {
      writeU32(header, 76, nonce);
      if (hasWork(hash256(header), this.params.work.limitBits, this.params.work)) break;
    }
    const count = new Uint8Array(compactSizeBytes(raw.length));
    writeCompactSize(count, 0, raw.length);
    return concatBytes(header, count, ...raw);
  }

  async extend(count: number, tag = 0): Promise<void> {
    for (let left = count; left > 0; left--) {
      const verdict = await this.acceptBlock(this.mine([], this.tip(), tag));
      assert(verdict.ok, `a mined block is good: ${JSON.stringify(verdict)}`);
    }
  }
}

function refused(code: string, permanent: boolean): BlockVerdict {
  return { ok: false, code, debug: null, permanent };
}

function firstBad(verdicts: readonly Verdict[]): Extract<Verdict, { ok: false }> | null {
  for (const verdict of verdicts) if (!verdict.ok) return verdict;
  return null;
}

function outpoints(transaction: Transaction): string[] {
  return transaction.inputs.map(
    ({ outpointAt, previousIndex }) =>
      `${toHex(transaction.bytes, outpointAt, outpointAt + 32)}:${previousIndex}`,
  );
}

function withSize(bytes: Bytes): Bytes {
  return concatBytes(Uint8Array.of(bytes.length), bytes);
}

function amount(value: number): Bytes {
  const bytes = new Uint8Array(8);
  writeU64(bytes, 0, value);
  return bytes;
}

function coinbaseTransaction(height: number, value: number, tag: number): Bytes {
  const script = concatBytes(heightScript(height), Uint8Array.of(4, tag & 0xff, tag >>> 8, 0, 1));
  return concatBytes(
    Uint8Array.of(1, 0, 0, 0, 1),
    new Uint8Array(32),
    Uint8Array.of(255, 255, 255, 255),
    withSize(script),
    Uint8Array.of(255, 255, 255, 255, 1),
    amount(value),
    withSize(ANYONE),
    new Uint8Array(4),
  );
}

/** A transaction that spends outputs that anyone can spend. */
export function spend(
  inputs: readonly { txid: Bytes; index: number }[],
  values: readonly number[],
  script: Bytes = ANYONE,
): Bytes {
  const ins = inputs.map(({ txid, index }) => {
    const place = new Uint8Array(4);
    writeU32(place, 0, index);
    return concatBytes(txid, place, Uint8Array.of(0, 0xfd, 0xff, 0xff, 0xff));
  });
  const outs = values.map((value) => concatBytes(amount(value), withSize(script)));
  return concatBytes(
    Uint8Array.of(2, 0, 0, 0, inputs.length),
    ...ins,
    Uint8Array.of(outs.length),
    ...outs,
    new Uint8Array(4),
  );
}
