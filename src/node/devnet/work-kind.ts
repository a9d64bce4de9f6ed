// A devnet with proof of work: regtest nodes, one of which is asked for a block in every slot. The
// coins of the blocks go to the tellers' accounts in turn.
import type { Prng } from "../../base/prng.ts";
import { scriptAddress } from "../../ledger/bitcoin/address.ts";
import { REGTEST } from "../../ledger/bitcoin/networks.ts";
import type { NetworkKind } from "./network-kind.ts";
import { NodeRefused, NodeSilent, type RpcClient } from "./rpc-client.ts";
import { ACCOUNTS_PER_NODE, type Account } from "./wallet/accounts.ts";

/** A coinbase can be spent after this many blocks. */
const MATURITY = 100;
/** Mature coins that every teller begins with. */
const COINS_EACH = 2;

export class WorkKind implements NetworkKind {
  readonly staked = false;
  readonly #addresses: readonly string[];
  readonly #prng: Prng;
  #blocks = 0;

  constructor(accounts: readonly Account[], prng: Prng) {
    this.#prng = prng;
    this.#addresses = accounts
      .filter((_, index) => index % ACCOUNTS_PER_NODE === 0)
      .map(({ key }) => scriptAddress(key.scripts.p2wpkh, REGTEST.address) ?? "");
  }

  async prepare(): Promise<void> {}

  words(): readonly string[] {
    return ["--network", "regtest"];
  }

  async begin(rpc: RpcClient): Promise<void> {
    const height = await rpc.call<number>("getblockcount");
    const wanted = COINS_EACH * this.#addresses.length + MATURITY;
    for (let made = height; made < wanted; made++) {
      await rpc.call("generatetoaddress", 1, this.#next());
    }
  }

  #next(): string {
    return this.#addresses[this.#blocks++ % this.#addresses.length]!;
  }

  async slot(live: readonly RpcClient[]): Promise<void> {
    if (live.length === 0) return;
    const miner = live[this.#prng.below(live.length)]!;
    try {
      await miner.call("generatetoaddress", 1, this.#next());
    } catch (error) {
      // A node that goes down, or is busy with a reorganisation, leaves the slot empty.
      if (!(error instanceof NodeSilent || error instanceof NodeRefused)) throw error;
    }
  }
}
