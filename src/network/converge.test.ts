// Whole peers that mine against one another over slow lines that are cut, with verdicts that take
// their time: when the faults end, all soon have the chain with the most work. The same seed, the
// same history; PANDO_FUZZ and PANDO_FUZZ_SEED give more of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FUZZ_SEED } from "../../test/fuzz/runs.ts";
import { SlowNet } from "../../test/support/slow-net.ts";
import { SmallChain, spend } from "../../test/support/small-chain.ts";
import { type SmallNode, smallNode } from "../../test/support/small-node.ts";
import { ManualClock, MemoryNet, seededRandom } from "../../test/support/world.ts";
import { type Bytes, bytesEqual, toDisplayHex, toHex } from "../base/bytes.ts";
import { decodeBlock } from "../ledger/bitcoin/block.ts";
import { REGTEST } from "../ledger/bitcoin/networks.ts";
import { countUp } from "./statistics.ts";

const STEP_MS = 50;
const FAULTY_STEPS = 300;
/** Simulated time after the last fault: far below any deadline that would cut a knot. */
const QUIET_STEPS = 800;
/** Enough for the first coinbases to be spent. */
const BASE_BLOCKS = 112;
const HISTORIES = Math.min(20_000, Number(process.env["PANDO_FUZZ"] ?? 40));

interface Peer {
  readonly node: SmallNode;
  /** It mines, tells its headers, and never gives a block away. */
  readonly withholds: boolean;
  /** Verdicts wait while it is set. */
  release: (() => void) | null;
  releaseAt: number;
}

interface Payment {
  readonly bytes: Bytes;
  /** The coin that it spends, as SmallChain names it. */
  readonly coin: string;
}

/** Blocks that everybody may begin with, and what their first coinbases can pay. */
async function beginning(): Promise<{ blocks: Bytes[]; payments: Payment[] }> {
  const chain = new SmallChain(REGTEST, () => 1_700_000_000);
  const blocks: Bytes[] = [];
  const payments: Payment[] = [];
  for (let number = 0; number < BASE_BLOCKS; number++) {
    const block = chain.mine();
    await chain.acceptBlock(block);
    blocks.push(block);
    const decoded = decodeBlock(block);
    assert.ok(decoded.ok);
    const { txid } = decoded.value.transactions[0]!;
    if (number > BASE_BLOCKS - 101) continue;
    payments.push({
      bytes: spend([{ txid, index: 0 }], [4_999_990_000]),
      coin: `${toHex(txid)}:0`,
    });
  }
  return { blocks, payments };
}

const BEGINNING = await beginning();

class History {
  readonly seed: number;
  readonly #clock = new ManualClock();
  readonly #random: ReturnType<typeof seededRandom>;
  readonly #net: SlowNet;
  readonly #peers: Peer[] = [];
  readonly #tasks: (() => void)[] = [];
  #tag = 1;

  constructor(seed: number) {
    this.seed = seed;
    this.#random = seededRandom(seed);
    this.#net = new SlowNet(this.#clock, seededRandom(seed + 1), this.#random.below(400));
  }

  /** Runs to the end; what the peers counted on the way is added to `seen`. */
  async run(seen: Map<string, number>): Promise<void> {
    await this.#start();
    for (let step = 0; step < FAULTY_STEPS; step++) {
      this.#fault();
      await this.#step();
    }
    this.#net.cut(() => false);
    for (const peer of this.#peers) this.#release(peer);
    for (let step = 0; step < 60; step++) await this.#step();
    // Of two branches with the same work each keeps the one it saw first: one more block decides.
    this.#mine(this.#best());
    let left = QUIET_STEPS;
    while (left-- > 0 && !this.#agreed()) await this.#step();
    const agreed = this.#agreed();
    const tips = this.#peers.map(({ node: { chain, network } }) => {
      const tip = chain.tip();
      return `${tip.height} ${toDisplayHex(tip.hash).slice(-8)}: ${network.why}`;
    });
    for (const { node } of this.#peers) {
      await node.network.stop();
      const { statistics } = node.network;
      countUp(seen, "rebuilt", statistics.compactComplete);
      countUp(seen, "rebuilt with what was asked for", statistics.compactAsked);
      countUp(seen, "misbehaved", statistics.farewells.get("misbehaved") ?? 0);
      if (this.#honest.length < this.#peers.length) continue;
      countUp(seen, "stalled", statistics.farewells.get("stalled") ?? 0);
    }
    assert.ok(agreed, `PANDO_FUZZ_SEED=${this.seed}: no agreement:\n${tips.join("\n")}`);
  }

  async #start(): Promise<void> {
    const count = 2 + this.#random.below(4);
    const hosts = Array.from({ length: count }, (_, at) => `${at + 1}.0.0.1`);
    const withholder = this.#chance(4) ? "99.0.0.1" : null;
    if (withholder !== null) hosts.push(withholder);
    for (const [at, host] of hosts.entries()) {
      const withholds = host === withholder;
      // A line at least: whoever comes dials one that was there, and some of the others.
      const connect = hosts.filter(
        (_, to) => to < at && (withholds || to === at - 1 || this.#chance(3)),
      );
      const node = await smallNode(this.#clock, new MemoryNet(), host, connect, {
        transport: this.#net.transport(host, (bytes) => !withholds || !carriesBlock(bytes)),
        random: seededRandom(this.seed * 100 + at),
        schedule: (task) => this.#tasks.push(task),
      });
      // A latecomer has nothing, and is far behind until it has what all began with.
      if (at > 0 && this.#chance(3)) node.chain.farBelow = BASE_BLOCKS;
      else for (const block of BEGINNING.blocks) await node.chain.acceptBlock(block);
      if (this.#chance(3)) await node.chain.extend(this.#random.below(40), at);
      this.#peers.push({ node, withholds, release: null, releaseAt: 0 });
    }
  }

  /** True once in `of`. */
  #chance(of: number): boolean {
    return this.#random.below(of) === 0;
  }

  #fault(): void {
    const peer = this.#peers[this.#random.below(this.#peers.length)]!;
    if (this.#chance(8)) {
      for (let count = 1 + this.#random.below(4); count > 0; count--) this.#mine(peer);
    }
    if (this.#chance(20) && peer.release === null) {
      peer.releaseAt = this.#clock.elapsed() + this.#random.below(3_000);
      peer.node.chain.slow = new Promise((resolve) => {
        peer.release = resolve;
      });
    }
    if (this.#chance(10)) void peer.node.mempool.submit(this.#pick(BEGINNING.payments).bytes);
    if (!this.#chance(60)) return;
    const side = this.#random.below(1 << this.#peers.length);
    const sideOf = (host: string): number => (side >> (Number.parseInt(host, 10) - 1)) & 1;
    this.#net.cut(this.#chance(2) ? () => false : (a, b) => sideOf(a) !== sideOf(b));
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }

  /** A block on the tip, some of its transactions news to everybody; its verdict may have to wait. */
  #mine({ node: { chain } }: Peer): void {
    const wanted = this.#random.below(4);
    const payments = BEGINNING.payments.filter(({ coin }) => chain.coins.has(coin));
    const first = this.#random.below(payments.length + 1);
    const transactions = payments.slice(first, first + wanted).map(({ bytes }) => bytes);
    void chain.acceptBlock(chain.mine(transactions, chain.tip(), this.#tag++));
  }

  #release(peer: Peer): void {
    peer.release?.();
    peer.release = null;
    peer.node.chain.slow = Promise.resolve();
  }

  async #step(): Promise<void> {
    this.#clock.advance(STEP_MS);
    const now = this.#clock.elapsed();
    for (const peer of this.#peers) {
      if (peer.release !== null && peer.releaseAt <= now) this.#release(peer);
    }
    this.#net.deliver();
    for (const { node } of this.#peers) node.network.tick();
    // Turns beget turns and promises; all of them are due now.
    for (let idle = 0; idle < 3; idle++) {
      for (const task of this.#tasks.splice(0)) {
        task();
        idle = 0;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  get #honest(): Peer[] {
    return this.#peers.filter(({ withholds }) => !withholds);
  }

  #best(): Peer {
    return this.#honest.reduce((best, peer) =>
      peer.node.chain.tip().work > best.node.chain.tip().work ? peer : best,
    );
  }

  #agreed(): boolean {
    const { hash } = this.#best().node.chain.tip();
    return this.#honest.every(({ node }) => bytesEqual(node.chain.tip().hash, hash));
  }
}

/** A block in whatever form. */
function carriesBlock(envelope: Bytes): boolean {
  const command = String.fromCharCode(...envelope.subarray(4, 16)).replaceAll("\0", "");
  return ["block", "cmpctblock", "blocktxn"].includes(command);
}

test("after any faults all peers soon have the chain with the most work", async () => {
  const seen = new Map<string, number>();
  for (let number = 0; number < HISTORIES; number++) {
    await new History(FUZZ_SEED + number).run(seen);
  }
  // Of one alone, had again, that cannot be said.
  if (HISTORIES >= 20) {
    assert.ok(seen.get("rebuilt")! > HISTORIES, "blocks came in compact form");
    assert.ok(seen.get("rebuilt with what was asked for")! > HISTORIES, "and not whole");
  }
  assert.equal(seen.get("misbehaved"), 0, "nobody is taken for an offender");
  assert.equal(seen.get("stalled") ?? 0, 0, "nor for one that holds others up");
});
