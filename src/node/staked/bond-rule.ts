// What the mempool of a network of stakers refuses beside the rules of transactions: to spend a bond.
// Consensus is opened after the mempool, so the rule learns of it later; until then blocks judge alone.
import type { Transaction } from "../../ledger/bitcoin/transaction.ts";
import type { Qpos } from "../../planes/consensus/qpos/core.ts";
import type { Registry } from "../../planes/consensus/qpos/registry.ts";
import type { Entry } from "../mempool/entry.ts";
import type { SpendRule } from "../mempool/spend-rule.ts";
import { bondsOf, type Outpoints, spendsAny, withoutBondSpends } from "./bonds.ts";

export class BondRule implements SpendRule {
  #core: Qpos | null = null;
  #known: { readonly registry: Registry; readonly bonds: Outpoints } | null = null;

  follow(core: Qpos): void {
    this.#core = core;
  }

  /** The bonds at the head: read once for each block. */
  #bonds(): Outpoints | null {
    if (this.#core === null) return null;
    const { registry } = this.#core.head;
    if (this.#known?.registry !== registry) this.#known = { registry, bonds: bondsOf(registry) };
    return this.#known.bonds;
  }

  fault(transaction: Transaction): string | null {
    const bonds = this.#bonds();
    return bonds !== null && spendsAny(transaction, bonds) ? "bad-txns-spends-bond" : null;
  }

  usable(entries: readonly Entry[]): readonly Entry[] {
    const bonds = this.#bonds();
    return bonds === null ? entries : withoutBondSpends(entries, bonds);
  }
}
