// The newest blocks of one node's chain, as its RPC tells them: enough to see where two nodes part
// and which transactions a node has confirmed. Follows the node's tip through reorganisations.
import type { RpcClient } from "./rpc-client.ts";

export interface WindowBlock {
  readonly height: number;
  readonly hash: string;
  /** Of all its transactions but the first; shared by the windows of all nodes that have the block. */
  readonly txids: readonly string[];
}

/** What changed when a window followed its node: what left the chain, newest first, and what came. */
export interface WindowChange {
  readonly left: readonly WindowBlock[];
  readonly came: readonly WindowBlock[];
  /** The blocks between the window and what came were too many to be read. */
  readonly gap: boolean;
}

/** The part of `getblock HASH 1` that counts. */
export interface BlockAnswer {
  readonly hash: string;
  readonly height: number;
  readonly previousblockhash?: string;
  readonly tx: readonly string[];
}

/** Blocks kept for each node. */
export const WINDOW_BLOCKS_MAX = 512;
/** Blocks read at most to follow one tip. */
export const FOLLOW_BLOCKS_MAX = 4_096;

export class ChainWindow {
  /** Ascending, without holes. */
  #blocks: WindowBlock[] = [];

  get blocks(): readonly WindowBlock[] {
    return this.#blocks;
  }

  get tip(): WindowBlock | null {
    return this.#blocks.at(-1) ?? null;
  }

  at(height: number): WindowBlock | null {
    const first = this.#blocks[0];
    return first === undefined ? null : (this.#blocks[height - first.height] ?? null);
  }

  /** Follows the node to `hash`; `read` gives a block of it. */
  async follow(
    hash: string,
    read: (hash: string) => Promise<BlockAnswer>,
    followMax: number = FOLLOW_BLOCKS_MAX,
  ): Promise<WindowChange> {
    const came: WindowBlock[] = [];
    let keep = this.#blocks.length;
    let gap = this.#blocks.length > 0;
    for (let next: string | undefined = hash; next !== undefined && came.length < followMax; ) {
      const place = this.#placeOf(next);
      if (place >= 0) {
        keep = place + 1;
        gap = false;
        break;
      }
      const answer = await read(next);
      came.push({ height: answer.height, hash: answer.hash, txids: answer.tx.slice(1) });
      // The first look takes the tip alone.
      next = this.#blocks.length === 0 ? undefined : answer.previousblockhash;
    }
    if (gap) keep = 0;
    const left = this.#blocks.slice(keep).reverse();
    came.reverse();
    this.#blocks = [...this.#blocks.slice(0, keep), ...came].slice(-WINDOW_BLOCKS_MAX);
    return { left, came, gap };
  }

  #placeOf(hash: string): number {
    for (let at = this.#blocks.length - 1; at >= 0; at--) {
      if (this.#blocks[at]!.hash === hash) return at;
    }
    return -1;
  }
}

/** A reader that keeps the blocks that other nodes were asked for already. */
export class BlockReader {
  readonly #known = new Map<string, BlockAnswer>();

  async read(rpc: RpcClient, hash: string): Promise<BlockAnswer> {
    const known = this.#known.get(hash);
    if (known !== undefined) return known;
    const answer = await rpc.call<BlockAnswer>("getblock", hash, 1);
    this.#known.set(hash, answer);
    const oldest = this.#known.keys().next();
    if (this.#known.size > WINDOW_BLOCKS_MAX && oldest.done !== true) {
      this.#known.delete(oldest.value);
    }
    return answer;
  }
}
