// A devnet with stakers: one network file, made when the devnet is, and a key file for each staker,
// given to the node that acts for it. The stakers' bonds and the tellers' coins are in the genesis
// block.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "../../ports/clock.ts";
import { createStakerFiles } from "../stake/open-signer.ts";
import type { GenesisCoin } from "../staked/network-file.ts";
import { newNetwork } from "../staked/new-network.ts";
import type { NetworkKind } from "./network-kind.ts";
import { type DevnetPlan, nodeOfStaker } from "./plan.ts";
import type { Account } from "./wallet/accounts.ts";

export interface StakedKindOptions {
  readonly folder: string;
  readonly plan: DevnetPlan;
  readonly accounts: readonly Account[];
  readonly random: Random;
  readonly nowMs: number;
}

/** The network cannot be made; the message says why. */
export class NetworkFault extends Error {}

/** Base units of each account's first coin: payments for years. */
const FIRST_COIN = 1_000_00_000_000;
/** From the making of the network to its first slot: the nodes are up by then. */
const LEAD_MS = 3_000;
/** A devnet that nobody runs for a day must not lose its stakers for their absence. */
const DISABLE_AFTER = 65_535;
const NAME = "devnet";

export class StakedKind implements NetworkKind {
  readonly staked = true;
  readonly #options: StakedKindOptions;

  constructor(options: StakedKindOptions) {
    this.#options = options;
  }

  get #file(): string {
    return join(this.#options.folder, "network.json");
  }

  #keyFile(staker: number): string {
    return join(this.#options.folder, "stakers", `staker-${staker + 1}`, "keys.json");
  }

  async prepare(): Promise<void> {
    if (existsSync(this.#file)) return;
    const { plan, accounts, random, nowMs } = this.#options;
    const coins = accounts.map(({ script }): GenesisCoin => ({ value: FIRST_COIN, script }));
    const made = newNetwork({
      name: NAME,
      stakers: plan.stakers,
      parameters: {
        slotMs: plan.slotMs,
        genesisMs: Math.ceil((nowMs + LEAD_MS) / 1000) * 1000,
        disableAfter: DISABLE_AFTER,
      },
      ledger: plan.blockBytes === null ? {} : { blockBytesMax: plan.blockBytes },
      coins,
      nowMs,
      random,
    });
    if (!made.ok) throw new NetworkFault(made.why);
    // Keys without a network file are those of a network that was half made.
    rmSync(join(this.#options.folder, "stakers"), { recursive: true, force: true });
    for (const [index, staker] of made.keys.entries()) {
      const path = this.#keyFile(index);
      mkdirSync(join(path, ".."), { recursive: true, mode: 0o700 });
      const written = createStakerFiles(path, { chainId: made.file.chainId, stakers: [staker] });
      if (!written.ok) throw new NetworkFault(written.why);
    }
    // Last: a network that was half made is made again.
    writeFileSync(this.#file, `${JSON.stringify(made.file, null, 2)}\n`);
  }

  words(node: number): readonly string[] {
    const { plan } = this.#options;
    const keys = Array.from({ length: plan.stakers }, (_, staker) => staker)
      .filter((staker) => nodeOfStaker(plan, staker) === node)
      .map((staker) => this.#keyFile(staker));
    const words = ["--network", this.#file];
    for (const path of keys) words.push("--staker-keys", path);
    return words;
  }

  /** Stakers need nobody to begin. */
  async begin(): Promise<void> {}

  async slot(): Promise<void> {}
}
