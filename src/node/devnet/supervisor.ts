// A running devnet: keeps the nodes' processes, links, load and churn going, looks at the nodes
// several times in a slot, and carries out what `pando devnet partition`, `kill` and the others ask.
import { join } from "node:path";
import type { Prng } from "../../base/prng.ts";
import { BlockReader } from "./chain-window.ts";
import type { Fleet, FleetNode } from "./fleet.ts";
import { branchesOf, ForkTracker, forkEventText, type Moment } from "./forks.ts";
import { Links, linkText } from "./links.ts";
import type { NetworkKind } from "./network-kind.ts";
import { nodeRow } from "./node-row.ts";
import { FinalityCheck, NodeObserver } from "./observer.ts";
import { type DevnetPlan, nodeNumber } from "./plan.ts";
import { NodeRefused, NodeSilent, type RpcClient } from "./rpc-client.ts";
import { seededPrng } from "./seeded.ts";
import type { EventLine, Snapshot } from "./snapshot.ts";
import type { Account } from "./wallet/accounts.ts";
import { paymentsInMempool, scanCoins } from "./wallet/find-coins.ts";
import { Load } from "./wallet/load.ts";
import { PaymentBook } from "./wallet/payment-book.ts";
import { Wiring } from "./wiring.ts";

export interface SupervisorOptions {
  readonly folder: string;
  readonly plan: DevnetPlan;
  readonly program: string;
  readonly kind: NetworkKind;
  readonly accounts: readonly Account[];
  /** Its chain begins with this run. */
  readonly isNew: boolean;
  /** Payments a second; 0: none. */
  readonly load: number;
  /** Between two changes of a link; null: never. */
  readonly churnMs: number | null;
  readonly now: () => number;
  /** Each event once, as it happens. */
  readonly tell: (event: EventLine) => void;
}

/** Between two looks at the nodes. */
const LOOK_MS_MAX = 500;
const LOOKS_PER_SLOT = 4;
const LOOK_MS_MIN = 50;
/** Between two turns of the load. */
const LOAD_MS = 100;
const EVENTS_MAX = 100;
/** Coins each teller wants for every payment a second of its own. */
const COINS_PER_RATE = 4;
const COINS_TARGET_MIN = 16;
const COINS_TARGET_MAX = 4_000;
/** Payments are kept until they are this deep everywhere: no reorganisation is expected below. */
const SETTLED_DEPTH = 20;
/** Slots between two looks for coins when there are none. */
const SCAN_SLOTS = 20;

export class Supervisor {
  readonly fleet: Fleet;
  readonly links: Links;
  readonly book: PaymentBook;
  readonly #options: SupervisorOptions;
  readonly #observers: readonly NodeObserver[];
  readonly #wiring: Wiring;
  readonly #load: Load;
  readonly #forks = new ForkTracker();
  readonly #finality = new FinalityCheck();
  readonly #churnPrng: Prng;
  readonly #startedMs: number;
  readonly #events: EventLine[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #looking: Promise<void>[];
  /** Nodes that a look has not ended at. */
  readonly #busy = new Set<number>();
  #churnMs: number | null;
  #nextChurnMs: number;
  #round = 0;
  #startHeight: number | null = null;
  #hasBlock = false;
  #beginning = false;
  #begun = false;
  #funded = false;
  #scanSlot = Number.NEGATIVE_INFINITY;
  #lastSlot: number;
  #ended = false;

  constructor(options: SupervisorOptions, fleet: Fleet) {
    const { plan, accounts, kind, load, churnMs, now, folder } = options;
    this.#options = options;
    this.fleet = fleet;
    this.links = new Links(plan.nodes);
    this.#wiring = new Wiring(fleet, this.links);
    const blocks = new BlockReader();
    this.#observers = fleet.nodes.map(() => new NodeObserver(kind.staked, blocks));
    this.#looking = fleet.nodes.map(() => Promise.resolve());
    const wanted = Math.ceil((load * COINS_PER_RATE) / plan.nodes);
    this.book = new PaymentBook({
      nodeOfAccount: accounts.map(({ node }) => node),
      coinsTarget: Math.min(COINS_TARGET_MAX, Math.max(COINS_TARGET_MIN, wanted)),
    });
    this.#load = new Load({
      accounts,
      book: this.book,
      prng: seededPrng(plan.seed, "load"),
      rate: load,
      rpcOf: (node) => (this.#funded ? fleet.rpcOf(node) : null),
      nodes: plan.nodes,
      slotSeconds: plan.slotMs / 1000,
      journal: join(folder, "payments.log"),
    });
    this.#churnPrng = seededPrng(plan.seed, "churn");
    this.#startedMs = now();
    this.#churnMs = churnMs;
    this.#nextChurnMs = this.#startedMs + (churnMs ?? 0);
    this.#lastSlot = this.slot;
  }

  /** Brings all nodes up; the devnet runs when this returns, also without those that failed. */
  async start(): Promise<void> {
    for (const node of this.fleet.nodes) {
      node.child.onLost = (why) => this.#tell(`node ${nodeNumber(node.index)} ended: ${why}`);
    }
    await Promise.all(this.fleet.nodes.map((node) => this.#startNode(node)));
    this.#timers.push(setInterval(() => this.#beat(), this.#lookMs));
    this.#timers.push(setInterval(() => this.#loadTurn(), LOAD_MS));
  }

  get #lookMs(): number {
    const ms = Math.min(LOOK_MS_MAX, this.#options.plan.slotMs / LOOKS_PER_SLOT);
    return Math.max(LOOK_MS_MIN, ms);
  }

  async #startNode(node: FleetNode): Promise<void> {
    await this.fleet.start(node);
    const number = nodeNumber(node.index);
    if (this.fleet.rpcOf(node.index) === null) {
      this.#tell(`node ${number} did not start: ${node.child.why}`);
      return;
    }
    this.#tell(`node ${number} is up at http://127.0.0.1:${node.ports.rpc}`);
    await this.#wiring.mendAll(this.#options.now());
  }

  #tell(text: string): void {
    const event = { ms: this.#options.now(), text };
    this.#events.push(event);
    if (this.#events.length > EVENTS_MAX) this.#events.shift();
    this.#options.tell(event);
  }

  /** Counted by our own clock: paces load, churn and mining. */
  get slot(): number {
    return Math.floor(this.#options.now() / this.#options.plan.slotMs);
  }

  /** The newest round that a node tells; without stakers, as many blocks as there are nodes. */
  get round(): number {
    const { plan, kind } = this.#options;
    const told = this.#observers.flatMap(({ reading }) => {
      if (reading === null) return [];
      if (!kind.staked) return [Math.floor(reading.height / plan.nodes)];
      return reading.staked === null ? [] : [reading.staked.round];
    });
    // With nobody up it stands still.
    this.#round = Math.max(this.#round, ...told);
    return this.#round;
  }

  get #moment(): Moment {
    return { ms: this.#options.now(), round: this.round };
  }

  /** What is due now. Each node is looked at on its own: a slow one holds up nobody. */
  #beat(): void {
    const now = this.#options.now();
    if (this.#churnMs !== null && now >= this.#nextChurnMs) this.#churn(now, this.#churnMs);
    if (this.slot > this.#lastSlot) this.#newSlot();
    for (const node of this.fleet.nodes) this.#lookAt(node);
  }

  #newSlot(): void {
    this.#lastSlot = this.slot;
    this.fleet.boundLogs();
    const live = this.#live();
    if (this.#begun) void this.#options.kind.slot(live.map(({ rpc }) => rpc));
    const heights = live.map(({ node }) => this.#observers[node]!.reading?.height ?? 0);
    const nodes = live.map(({ node }) => node);
    this.book.settle(nodes, Math.min(...heights) - SETTLED_DEPTH);
  }

  #live(): { readonly node: number; readonly rpc: RpcClient }[] {
    return this.fleet.nodes.flatMap(({ index }) => {
      const rpc = this.fleet.rpcOf(index);
      return rpc === null ? [] : [{ node: index, rpc }];
    });
  }

  #lookAt(node: FleetNode): void {
    const observer = this.#observers[node.index]!;
    const rpc = this.fleet.rpcOf(node.index);
    if (rpc === null) observer.gone();
    if (rpc === null || this.#busy.has(node.index)) return;
    this.#busy.add(node.index);
    this.#looking[node.index] = this.#look(node, observer, rpc).finally(() => {
      this.#busy.delete(node.index);
    });
  }

  async #look(node: FleetNode, observer: NodeObserver, rpc: RpcClient): Promise<void> {
    try {
      const { left, came } = await observer.look(rpc, this.#options.now());
      for (const { txids } of left) this.book.disconnected(node.index, txids);
      for (const { txids, height } of came) this.book.connected(node.index, txids, height);
      await this.#wiring.mend(node, observer.reading?.peers ?? null, this.#options.now());
    } catch (error) {
      // It is going down, or slow: what it said last stands until it is known to be down.
      if (!(error instanceof NodeSilent || error instanceof NodeRefused)) throw error;
      return;
    }
    this.#firstBlock(observer.reading?.height ?? 0);
    const staked = observer.reading?.staked ?? null;
    const conflict = staked === null ? null : this.#finality.add(node.index, staked);
    if (conflict !== null) this.#tell(`CONFLICT ${conflict}`);
    this.#compare();
  }

  /** The first block that this run sees, and how long it took from the start. */
  #firstBlock(height: number): void {
    if (this.#startHeight === null) this.#startHeight = this.#options.isNew ? 0 : height;
    if (this.#hasBlock || height <= this.#startHeight) return;
    this.#hasBlock = true;
    const seconds = (this.#options.now() - this.#startedMs) / 1000;
    this.#tell(`first block, at height ${height}, after ${seconds.toFixed(1)} s`);
  }

  #compare(): void {
    const chains = this.fleet.up
      .filter((node) => this.#observers[node]!.reading !== null)
      .map((node) => ({ node, window: this.#observers[node]!.window }));
    const event = this.#forks.update(branchesOf(chains), this.#moment);
    if (event !== null) this.#tell(forkEventText(event));
  }

  #loadTurn(): void {
    const live = this.#live();
    if (!this.#begun && live.length > 0) void this.#begin(live[0]!.rpc);
    if (!this.#begun || this.#options.load === 0) return;
    const dry = this.#funded && this.#load.idle === "no coins";
    if ((!this.#funded || dry) && this.slot - this.#scanSlot >= SCAN_SLOTS && live.length > 0) {
      this.#scanSlot = this.slot;
      void this.#findCoins(live);
    }
    this.#load.tick(this.#options.now(), this.slot);
  }

  async #begin(rpc: RpcClient): Promise<void> {
    if (this.#beginning) return;
    this.#beginning = true;
    try {
      await this.#options.kind.begin(rpc);
      this.#begun = true;
    } catch (error) {
      if (!(error instanceof NodeSilent || error instanceof NodeRefused)) throw error;
    } finally {
      this.#beginning = false;
    }
  }

  async #findCoins(live: readonly { node: number; rpc: RpcClient }[]): Promise<void> {
    const { accounts } = this.#options;
    try {
      const held = await Promise.all(
        live.map(({ node, rpc }) => paymentsInMempool(rpc, node, accounts)),
      );
      this.book.adopt(held.flat());
      const found = await scanCoins(live[0]!.rpc, accounts, this.book);
      if (found > 0 && !this.#funded) {
        this.#funded = true;
        this.#tell(`the faucet's accounts hold ${found.toLocaleString("en-US")} coins`);
      }
    } catch (error) {
      if (!(error instanceof NodeSilent || error instanceof NodeRefused)) throw error;
    }
  }

  #churn(now: number, everyMs: number): void {
    this.#nextChurnMs = now + everyMs;
    const change = this.links.churn(this.#churnPrng);
    if (change === null) return;
    this.#tell(`churn: link ${linkText(change.link)} ${change.up ? "restored" : "cut"}`);
    void this.#wiring.mendAll(now);
  }

  async partition(groups: readonly (readonly number[])[]): Promise<void> {
    this.links.partition(groups);
    const text = groups.map((group) => group.map(nodeNumber).join(",")).join(" | ");
    this.#tell(`partition: ${text}`);
    await this.#wiring.mendAll(this.#options.now());
  }

  async heal(): Promise<void> {
    this.links.heal();
    this.#forks.linked(this.#moment);
    this.#tell("heal: every link is up");
    await this.#wiring.mendAll(this.#options.now());
  }

  async kill(index: number): Promise<void> {
    const node = this.fleet.nodes[index]!;
    await node.child.kill();
    this.#tell(`node ${nodeNumber(index)} killed`);
  }

  /** An orderly stop when it is up, then a start on the same folder. */
  async restart(index: number): Promise<string | null> {
    const node = this.fleet.nodes[index]!;
    await node.child.stop();
    await this.#startNode(node);
    return this.fleet.rpcOf(index) === null ? node.child.why : null;
  }

  /** No churn and no new payments from now on. */
  quiet(): void {
    this.#churnMs = null;
    this.#load.pause();
  }

  snapshot(): Snapshot {
    const { plan, folder, now, load } = this.#options;
    const open = this.#forks.open;
    return {
      folder,
      plan,
      nowMs: now(),
      startedMs: this.#startedMs,
      round: this.round,
      nodes: this.fleet.nodes.map((node) => nodeRow(node, this.#observers[node.index]!, plan)),
      cut: this.links.all
        .filter((link) => !this.links.isUp(link) && !this.links.separates(link))
        .map(linkText),
      groups: this.links.groups.map((group) => group.map(nodeNumber)),
      churnMs: this.#churnMs,
      fork:
        open === null
          ? null
          : {
              sinceMs: open.since.ms,
              sinceRound: open.since.round,
              depth: open.depth,
              branches: open.branches,
            },
      forks: { count: this.#forks.count, deepest: this.#forks.deepest },
      conflicts: this.#finality.conflicts,
      load: {
        rate: load,
        acknowledged: this.book.acknowledged,
        waiting: this.book.unconfirmed(this.fleet.up).length,
        refused: this.book.refused,
        refusal: this.#load.refusal,
        lost: this.book.lost.size,
        unanswered: this.#load.unanswered,
        idle: load === 0 ? null : this.#load.idle,
      },
      events: this.#events,
    };
  }

  /** Stops every node in order. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.fleet.stopAll();
    await Promise.allSettled(this.#looking);
  }
}
