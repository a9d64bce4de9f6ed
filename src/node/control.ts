// What the servers ask of the node as a whole (ports/control.ts).
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Bytes } from "../base/bytes.ts";
import type { Network } from "../network/network.ts";
import type { BlockVerdict } from "../ports/chain.ts";
import type { ConfirmedCoin } from "../ports/coins.ts";
import type { NodeControl, Refusal } from "../ports/control.ts";
import type { ChainBase } from "./chain/base.ts";
import { Chain } from "./chain/chain.ts";
import { spentCoins } from "./chain/spent-coins.ts";
import { tryBlock } from "./chain/try-block.ts";
import type { NodeClock } from "./clock.ts";

/** The size of the files is looked up again after this long. */
const SIZE_MS_MAX = 5_000;
const UNKNOWN = "Block not found";
const STAKED = "stakers decide which branch is followed on this network";

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
  #chain: ChainBase | null = null;
  #network: Network | null = null;
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
  ready(chain: ChainBase, network: Network): void {
    this.#chain = chain;
    this.#network = network;
    this.#warmup = null;
  }

  /** What the start is at. */
  say(step: string): void {
    this.#warmup = step;
  }

  get #ready(): ChainBase {
    if (this.#chain === null) throw new Error("the servers ask the chain only when it is open");
    return this.#chain;
  }

  /** The chain whose head work decides; null where stakers do. */
  get #byWork(): Chain | null {
    const chain = this.#ready;
    return chain instanceof Chain ? chain : null;
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

  async testBlock(bytes: Bytes): Promise<BlockVerdict> {
    const chain = this.#byWork;
    if (chain === null) return { ok: false, code: "staked", debug: STAKED, permanent: false };
    return tryBlock(chain, bytes, this.#clock.seconds());
  }

  async #change(change: (chain: Chain) => Promise<boolean>): Promise<Refusal> {
    const chain = this.#byWork;
    if (chain === null) return STAKED;
    return (await change(chain)) ? null : UNKNOWN;
  }

  invalidateBlock(hash: Bytes): Promise<Refusal> {
    return this.#change((chain) => chain.invalidate(hash));
  }

  reconsiderBlock(hash: Bytes): Promise<Refusal> {
    return this.#change((chain) => chain.reconsider(hash));
  }

  preciousBlock(hash: Bytes): Promise<Refusal> {
    return this.#change((chain) => chain.precious(hash));
  }

  isolate(names: readonly string[]): void {
    this.#network?.isolate(names);
  }

  setMockTime(seconds: number): void {
    this.#clock.set(seconds);
  }
}
