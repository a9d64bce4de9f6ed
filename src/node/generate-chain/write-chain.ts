// A generated chain into a file, in the framing of Bitcoin Core's blk*.dat: magic, length, block.
import { closeSync, openSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { type Bytes, toDisplayHex, writeU32 } from "../../base/bytes.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";
import { REGTEST } from "../../ledger/bitcoin/networks.ts";
import { type ChainOptions, planChain } from "./chain-plan.ts";
import { generateChain } from "./generate-chain.ts";

export interface WrittenChain {
  /** With the genesis block. */
  readonly blocks: number;
  readonly transactions: number;
  readonly inputs: number;
  readonly bytes: number;
  readonly tip: { readonly hash: string; readonly height: number };
}

export interface ChainProgress {
  /** Height written, and the last one. */
  readonly height: number;
  readonly heightMax: number;
  readonly inputs: number;
}

const FRAME_BYTES = 8;
/** So much is written at once. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/** The block with what stands before it in a file. */
export function framed(block: Block, magic: Bytes): Bytes {
  const length = block.end - block.start;
  const out = new Uint8Array(FRAME_BYTES + length);
  out.set(magic, 0);
  writeU32(out, 4, length);
  out.set(block.bytes.subarray(block.start, block.end), FRAME_BYTES);
  return out;
}

class ChunkedFile {
  readonly #file: number;
  #parts: Bytes[] = [];
  #waiting = 0;
  bytes = 0;

  constructor(file: number) {
    this.#file = file;
  }

  add(part: Bytes): void {
    this.#parts.push(part);
    this.#waiting += part.length;
    this.bytes += part.length;
    if (this.#waiting >= CHUNK_BYTES) this.flush();
  }

  flush(): void {
    for (const part of this.#parts) {
      for (let at = 0; at < part.length; ) at += writeSync(this.#file, part, at);
    }
    this.#parts = [];
    this.#waiting = 0;
  }
}

/** Writes the chain to `path`, replacing what is there; file system errors are thrown as they are. */
export async function writeChain(
  path: string,
  options: ChainOptions,
  onProgress: (progress: ChainProgress) => void,
): Promise<WrittenChain> {
  const plan = planChain(options);
  if (typeof plan === "string") throw new RangeError(plan);
  const file = openSync(path, "w");
  const out = new ChunkedFile(file);
  let blocks = 0;
  let transactions = 0;
  let inputs = 0;
  let hash: Bytes = REGTEST.genesisHash;
  try {
    for (const block of generateChain(options)) {
      out.add(framed(block, REGTEST.magic));
      blocks++;
      transactions += block.transactions.length;
      for (const transaction of block.transactions.slice(1)) inputs += transaction.inputs.length;
      hash = block.header.hash;
      onProgress({ height: blocks - 1, heightMax: plan.height, inputs });
      // Lets the progress line be drawn.
      await setImmediate();
    }
    out.flush();
  } finally {
    closeSync(file);
  }
  const tip = { hash: toDisplayHex(hash), height: blocks - 1 };
  return { blocks, transactions, inputs, bytes: out.bytes, tip };
}
