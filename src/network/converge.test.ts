// Whole peers that mine against one another over slow lines that are cut, with verdicts that take
// their time: when the faults end, all soon have the chain with the most work. The same seed, the
// same history; PANDO_FUZZ and PANDO_FUZZ_SEED give more of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FUZZ_SEED } from "../../test/fuzz/runs.ts";
import { SlowNet } from "../../test/support/slow-net.ts";
import { type SmallNode, smallNode } from "../../test/support/small-node.ts";
import { ManualClock, MemoryNet, seededRandom } from "../../test/support/world.ts";
import { toDisplayHex } from "../base/bytes.ts";

const STEP_MS = 50;
const FAULTY_STEPS = 300;
/** Simulated time after the last fault: far below any deadline that would cut a knot. */
const QUIET_STEPS = 800;
const HISTORIES = Math.min(20_000, Number(process.env["PANDO_FUZZ"] ?? 40));

interface Peer {
  readonly node: SmallNode;
  /** Verdicts wait while it is set. */
  release: (() => void) | null;
  releaseAt: number;
}

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

  async run(): Promise<void> {
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
    for (const { node } of this.#peers) await node.network.stop();
    assert.ok(agreed, `PANDO_FUZZ_SEED=${this.seed}: no agreement:\n${tips.join("\n")}`);
  }

  async #start(): Promise<void> {
    const count = 2 + this.#random.below(4);
    const hosts = Array.from({ length: count }, (_, at) => `${at + 1}.0.0.1`);
    for (const [at, host] of hosts.entries()) {
      // A line at least: whoever comes dials one that was there, and some of the others.
      const connect = hosts.filter((_, to) => to === at - 1 || (to < at && this.#chance(3)));
      const node = await smallNode(this.#clock, new MemoryNet(), host, connect, {
        transport: this.#net.transport(host),
        random: seededRandom(this.seed * 100 + at),
        schedule: (task) => this.#tasks.push(task),
      });
      if (this.#chance(2)) await node.chain.extend(this.#random.below(40), at);
      this.#peers.push({ node, release: null, releaseAt: 0 });
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
    if (!this.#chance(60)) return;
    const side = this.#random.below(1 << this.#peers.length);
    const sideOf = (host: string): number => (side >> (Number.parseInt(host, 10) - 1)) & 1;
    this.#net.cut(this.#chance(2) ? () => false : (a, b) => sideOf(a) !== sideOf(b));
  }

  /** A block on the tip; its verdict may have to wait. */
  #mine({ node: { chain } }: Peer): void {
    void chain.acceptBlock(chain.mine([], chain.tip(), this.#tag++));
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

  #best(): Peer {
    return this.#peers.reduce((best, peer) =>
      peer.node.chain.tip().work > best.node.chain.tip().work ? peer : best,
    );
  }

  #agreed(): boolean {
    const [first] = this.#peers;
    const { hash } = this.#best().node.chain.tip();
    return (
      first !== undefined &&
      this.#peers.every(({ node }) => toDisplayHex(node.chain.tip().hash) === toDisplayHex(hash))
    );
  }
}

test("after any faults all peers soon have the chain with the most work", async () => {
  for (let number = 0; number < HISTORIES; number++) await new History(FUZZ_SEED + number).run();
});
