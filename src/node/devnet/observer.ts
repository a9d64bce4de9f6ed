// What the nodes say about themselves, asked over JSON-RPC: nothing that a devnet shows comes from
// anywhere else. Keeps the newest blocks of every node, so that branches and confirmed payments
// follow from what was read.
import { type BlockReader, ChainWindow, type WindowChange } from "./chain-window.ts";
import type { RpcAnswer, RpcCall, RpcClient } from "./rpc-client.ts";
import type { PeerAnswer } from "./wiring.ts";

export interface StakedReading {
  readonly round: number;
  readonly slot: number;
  /** Of the head: weight of filled slots over weight of all, as text. */
  readonly power: string;
  readonly status: string;
  readonly finalizedRound: number;
  readonly finalizedHeight: number;
  readonly finalizedHash: string;
  readonly gateOpen: boolean;
}

export interface NodeReading {
  readonly height: number;
  readonly tip: string;
  readonly peers: readonly PeerAnswer[];
  readonly mempool: number;
  readonly staked: StakedReading | null;
}

interface PowerAnswer {
  readonly power: number;
  readonly status: string;
}
interface FinalityAnswer {
  readonly finalized: { readonly round: number; readonly hash: string; readonly height: number };
}
interface QueueAnswer {
  readonly round: number;
  readonly slot: number;
  readonly gate: { readonly open: boolean };
}

const BASIC: readonly RpcCall[] = [["getblockchaininfo"], ["getpeerinfo"], ["getmempoolinfo"]];
const STAKED: readonly RpcCall[] = [["getpowerinfo"], ["getfinality"], ["getqueue"]];
/** Over which the rate of confirmed transactions is told. */
const RATE_MS = 10_000;

function result<T>(answer: RpcAnswer | undefined): T | null {
  return answer?.ok === true ? (answer.result as T) : null;
}

function stakedReading(answers: readonly RpcAnswer[]): StakedReading | null {
  const power = result<PowerAnswer>(answers[3]);
  const finality = result<FinalityAnswer>(answers[4]);
  const queue = result<QueueAnswer>(answers[5]);
  if (power === null || finality === null || queue === null) return null;
  return {
    round: queue.round,
    slot: queue.slot,
    // A JSON number with 8 decimals: its zeros were lost on the way.
    power: Number(power.power).toFixed(8),
    status: power.status,
    finalizedRound: finality.finalized.round,
    finalizedHeight: finality.finalized.height,
    finalizedHash: finality.finalized.hash,
    gateOpen: queue.gate.open,
  };
}

/** One node, followed over the life of its processes. */
export class NodeObserver {
  readonly window: ChainWindow = new ChainWindow();
  /** The last answer; null while the node is down. */
  reading: NodeReading | null = null;
  readonly #blocks: BlockReader;
  readonly #staked: boolean;
  #confirmed: { readonly ms: number; readonly count: number }[] = [];

  constructor(staked: boolean, blocks: BlockReader) {
    this.#staked = staked;
    this.#blocks = blocks;
  }

  /** Asks the node; what changed in its chain comes back. Throws NodeSilent when it is gone. */
  async look(rpc: RpcClient, nowMs: number): Promise<WindowChange> {
    const answers = await rpc.batch([...BASIC, ...(this.#staked ? STAKED : [])]);
    const chain = result<{ bestblockhash: string; blocks: number }>(answers[0]);
    // Warming up: as it was.
    if (chain === null) return { left: [], came: [], gap: false };
    const first = this.window.tip === null;
    const change = await this.window.follow(chain.bestblockhash, (hash) =>
      this.#blocks.read(rpc, hash),
    );
    this.reading = {
      height: chain.blocks,
      tip: chain.bestblockhash,
      peers: result<PeerAnswer[]>(answers[1]) ?? [],
      mempool: result<{ size: number }>(answers[2])?.size ?? 0,
      staked: this.#staked ? stakedReading(answers) : null,
    };
    if (!first) this.#count(change, nowMs);
    return change;
  }

  #count({ left, came }: WindowChange, ms: number): void {
    let count = 0;
    for (const { txids } of came) count += txids.length;
    for (const { txids } of left) count -= txids.length;
    this.#confirmed.push({ ms, count });
    this.#confirmed = this.#confirmed.filter((sample) => ms - sample.ms <= RATE_MS);
  }

  /** Confirmed transactions a second of the last ten; null while nothing is known. */
  get rate(): number | null {
    const first = this.#confirmed[0];
    const last = this.#confirmed.at(-1);
    if (first === undefined || last === undefined || last.ms === first.ms) return null;
    let count = 0;
    for (const sample of this.#confirmed.slice(1)) count += sample.count;
    return Math.max(0, (count * 1000) / (last.ms - first.ms));
  }

  gone(): void {
    this.reading = null;
    this.#confirmed = [];
  }
}

/** Two nodes that finalized different blocks at one height: what must never happen. */
export class FinalityCheck {
  readonly #byHeight = new Map<number, string>();
  readonly conflicts: string[] = [];
  static readonly #KEPT_MAX = 10_000;

  add(
    node: number,
    { finalizedHeight: height, finalizedHash: hash }: StakedReading,
  ): string | null {
    const known = this.#byHeight.get(height);
    if (known === undefined) {
      this.#byHeight.set(height, hash);
      const oldest = this.#byHeight.keys().next();
      if (this.#byHeight.size > FinalityCheck.#KEPT_MAX && oldest.done !== true) {
        this.#byHeight.delete(oldest.value);
      }
      return null;
    }
    if (known === hash) return null;
    const text = `node ${node + 1} finalized ${hash} at height ${height}, another ${known}`;
    if (!this.conflicts.includes(text)) this.conflicts.push(text);
    return text;
  }
}
