// The life of a node: what starts when, what a signal does, and how it ends.
//
//   directory locked -> servers answer -28 -> chain opened, unfinished work replayed -> peers -> ready
//   stop: servers -> peers -> blocks in hand are decided -> flush -> files closed
//
// A stop has five seconds, also when the start has not ended. What cannot be flushed in that time is not
// lost, since every change of the tip is durable when it is told, and is replayed at the next start.
import type { Network } from "../network/network.ts";
import type { ChainView } from "../ports/chain.ts";
import type { Random } from "../ports/clock.ts";
import type { CoinView } from "../ports/coins.ts";
import type { MempoolView } from "../ports/mempool.ts";
import type { StakingView } from "../ports/staking.ts";
import { machineRandom } from "./clock.ts";
import { type ComposedNode, composeNode, type NodeOptions } from "./compose.ts";
import { Control } from "./control.ts";
import type { Logger } from "./log.ts";

export const STOP_MS_MAX = 5_000;
/** A reply to whoever asked for the stop still leaves. */
const STOP_DELAY_MS = 50;

/** What the servers are given: complete only when the chain is open, until when they answer -28. */
export class NodeContext {
  readonly params: NodeOptions["params"];
  readonly clock: NodeOptions["clock"];
  readonly control: Control;
  readonly random: Random = machineRandom;
  #node: ComposedNode | null = null;

  constructor(options: LifeOptions, control: Control) {
    this.params = options.params;
    this.clock = options.clock;
    this.control = control;
  }

  ready(node: ComposedNode): void {
    this.#node = node;
    this.control.ready(node.opened.chain, node.network);
  }

  get #open(): ComposedNode {
    if (this.#node === null) throw new Error("nothing is asked of the chain before it is open");
    return this.#node;
  }

  get chain(): ChainView {
    return this.#open.chain;
  }

  get coins(): CoinView {
    return this.#open.coins;
  }

  get mempool(): MempoolView {
    return this.#open.mempool;
  }

  get network(): Network {
    return this.#open.network;
  }

  /** What is wrong with a thread that holds partitions, or null. */
  get partitionFault(): string | null {
    for (const { fault } of this.#open.opened.hosts) if (fault !== null) return fault;
    return this.#open.opened.chain.hasFailed ? "the chain has stopped after an error" : null;
  }

  get staking(): StakingView | null {
    return this.#open.staking;
  }
}

/** Servers that listen from the start and learn when the node is up. */
export interface Servers {
  ready(): void;
  close(): Promise<void>;
}

export interface LifeOptions extends Omit<NodeOptions, "failed" | "locked"> {
  readonly version: string;
  readonly startServers: (context: NodeContext, folder: string) => Promise<Servers>;
  /** Stops by itself at this height; -1: never. */
  readonly haltHeight: number;
  /** Called once when everything answers. */
  readonly ready: (context: NodeContext, milliseconds: number) => void;
}

/** A stop asked for by signal or by call; the second signal ends the process at once. */
class StopRequest {
  readonly asked: Promise<void>;
  #ask: () => void = () => {};
  #count = 0;
  readonly #onSignal = (): void => {
    this.#count += 1;
    if (this.#count > 1) process.exit(130);
    this.#ask();
  };

  constructor() {
    this.asked = new Promise((resolve) => {
      this.#ask = resolve;
    });
    process.on("SIGINT", this.#onSignal);
    process.on("SIGTERM", this.#onSignal);
  }

  ask(): void {
    setTimeout(() => this.#ask(), STOP_DELAY_MS);
  }

  release(): void {
    process.off("SIGINT", this.#onSignal);
    process.off("SIGTERM", this.#onSignal);
  }
}

/** Runs a node until it is asked to stop; rejects with what ended it otherwise. */
export async function runNode(options: LifeOptions): Promise<void> {
  const { clock } = options;
  const log = options.log.module("node");
  const begun = clock.elapsed();
  const stop = new StopRequest();
  let fail: (error: unknown) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // It may come before anybody waits for it.
  failure.catch(() => {});
  const life: Life = { servers: null, node: null };
  try {
    const { context } = await inTime(start(options, life, stop, fail), stop, log);
    const ms = clock.elapsed() - begun;
    log.info("ready", { ms: Math.round(ms) });
    options.ready(context, ms);
    haltAt(options.haltHeight, context.chain, () => stop.ask());
    await Promise.race([stop.asked, failure]);
    log.info("stopping");
    const asked = clock.elapsed();
    await end(life, true, log);
    log.info("stopped", { ms: Math.round(clock.elapsed() - asked) });
  } catch (error) {
    await end(life, false, log);
    throw error;
  } finally {
    stop.release();
  }
}

function haltAt(height: number, chain: ChainView, halt: () => void): void {
  if (height < 0) return;
  if (chain.tip().height >= height) halt();
  chain.subscribe((event) => {
    if (event.kind === "tip" && event.tip.height >= height) halt();
  });
}

interface Life {
  servers: Servers | null;
  node: ComposedNode | null;
}

async function start(
  options: LifeOptions,
  life: Life,
  stop: StopRequest,
  fail: (error: unknown) => void,
): Promise<{ context: NodeContext }> {
  const { folder, version, clock, params } = options;
  const control = new Control({
    folder: `${folder}/${params.name}`,
    version,
    clock,
    stop: () => stop.ask(),
  });
  const context = new NodeContext(options, control);
  life.node = await composeNode({
    ...options,
    failed: fail,
    locked: async (network) => {
      life.servers = await options.startServers(context, network);
    },
  });
  await life.node.connect();
  context.ready(life.node);
  life.servers?.ready();
  return { context };
}

/** Ends the process when a stop takes longer than an operator waits. */
function endLate(log: Logger): NodeJS.Timeout {
  return setTimeout(() => {
    log.error("the stop took too long; what is missing is replayed at the next start");
    process.exit(process.exitCode ?? 1);
  }, STOP_MS_MAX);
}

/** A start that is asked to stop has no longer than a node that stands: its work is done again. */
async function inTime<T>(starting: Promise<T>, stop: StopRequest, log: Logger): Promise<T> {
  let late: NodeJS.Timeout | undefined;
  let isOver = false;
  void stop.asked.then(() => {
    if (!isOver) late = endLate(log);
  });
  try {
    return await starting;
  } finally {
    isOver = true;
    clearTimeout(late);
  }
}

/** Takes everything down, the servers first. */
async function end(life: Life, sound: boolean, log: Logger): Promise<void> {
  const late = endLate(log);
  const quietly = (error: unknown): void => {
    if (sound) throw error;
    log.debug("while ending", { error: String(error) });
  };
  await life.servers?.close().catch(quietly);
  await life.node?.close(sound).catch(quietly);
  clearTimeout(late);
}
