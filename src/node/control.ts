// What the servers ask of the node as a whole (ports/control.ts).
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Bytes } from "../base/bytes.ts";
import type { BlockVerdict } from "../ports/chain.ts";
import type { ConfirmedCoin } from "../ports/coins.ts";
import type { NodeControl, Refusal } from "../ports/control.ts";
import type { Chain } from "./chain/chain.ts";
import { spentCoins } from "./chain/spent-coins.ts";
import { tryBlock } from "./chain/try-block.ts";
import type { NodeClock } from "./clock.ts";

/** The size of the files is looked up again after this long. */
const SIZE_MS_MAX = 5_000;
const UNKNOWN = "Block not found";

function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += folderBytes(path);
    // A file may have gone since the folder was read.
    else bytes += lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

export interface ControlParts {
  /** The network's folder. */
  readonly folder: string;
  readonly version: string;
  readonly clock: NodeClock;
  readonly stop: () => void;
}

export class Control implements NodeControl {
  readonly folder: string;
  readonly version: string;
  readonly startedAt: number;
  readonly indexed = false;
  readonly #clock: NodeClock;
  readonly #stop: () => void;
  #chain: Chain | null = null;
  #warmup: string | null = "Loading block index…";
  #size = { bytes: 0, at: Number.NEGATIVE_INFINITY };

  constructor(parts: ControlParts) {
    this.folder = parts.folder;
    this.version = parts.version;
    this.#clock = parts.clock;
    this.startedAt = parts.clock.elapsed();
    this.#stop = parts.stop;
  }

  /** From now on calls are answered. */
  ready(chain: Chain): void {
    this.#chain = chain;
    this.#warmup = null;
  }

  /** What the start is at. */
  say(step: string): void {
    this.#warmup = step;
  }

  get #ready(): Chain {
    if (this.#chain === null) throw new Error("the servers ask the chain only when it is open");
    return this.#chain;
  }

  warmup(): string | null {
    return this.#warmup;
  }

  stop(): void {
    this.#stop();
  }

  /** Why the disk takes no writes; null when it does. */
  diskRefusal(): string | null {
    return this.#chain?.room.refusal ?? null;
  }

  warnings(): readonly string[] {
    const full = this.diskRefusal();
    return full === null ? [] : [full];
  }

  dataBytes(): number {
    const now = this.#clock.elapsed();
    if (now - this.#size.at > SIZE_MS_MAX)
      this.#size = { bytes: folderBytes(this.folder), at: now };
    return this.#size.bytes;
  }

  pruneHeight(): number {
    return 0;
  }

  async spentCoins(hash: Bytes): Promise<readonly (readonly ConfirmedCoin[])[] | null> {
    return spentCoins(this.#ready, hash);
  }

  async transaction(): Promise<null> {
    return null;
  }

  testBlock(bytes: Bytes): Promise<BlockVerdict> {
    return tryBlock(this.#ready, bytes, this.#clock.seconds());
  }

  async invalidateBlock(hash: Bytes): Promise<Refusal> {
    return (await this.#ready.invalidate(hash)) ? null : UNKNOWN;
  }

  async reconsiderBlock(hash: Bytes): Promise<Refusal> {
    return (await this.#ready.reconsider(hash)) ? null : UNKNOWN;
  }

  async preciousBlock(hash: Bytes): Promise<Refusal> {
    return (await this.#ready.precious(hash)) ? null : UNKNOWN;
  }

  setMockTime(seconds: number): void {
    this.#clock.set(seconds);
  }
}
