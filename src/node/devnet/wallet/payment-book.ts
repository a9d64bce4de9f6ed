// The load generator's own view of its coins and of the payments under way. Each coin belongs to
// the teller of one node and is spent once, through that node; a payment that the node acknowledged
// is kept until it is deep in the chain of every node, so that it can be sent again. Pure: what the
// nodes say comes in as calls, what to send goes out as records.
import { assert } from "../../../base/assert.ts";
import type { Prng } from "../../../base/prng.ts";

export interface BookCoin {
  /** "txid:index". */
  readonly id: string;
  readonly txid: string;
  readonly index: number;
  readonly value: number;
  /** Index in the list of accounts. */
  readonly account: number;
  /** The teller that may spend it. */
  readonly node: number;
}

export interface NewOutput {
  readonly value: number;
  readonly account: number;
}

/** A payment of an earlier run, as a mempool holds it. */
export interface FoundPayment {
  readonly txid: string;
  readonly raw: string;
  readonly node: number;
  readonly outputs: readonly NewOutput[];
  /** The coins that it spends, "txid:index". */
  readonly spends: readonly string[];
}

/** What to build and sign. */
export interface PaymentPlan {
  readonly node: number;
  readonly inputs: readonly BookCoin[];
  readonly outputs: readonly NewOutput[];
}

/** Unconfirmed payments that hang together. One that was joined to another points there. */
interface Cluster {
  count: number;
  joined: Cluster | null;
}

export interface Payment {
  readonly txid: string;
  readonly raw: string;
  readonly node: number;
  readonly inputs: readonly BookCoin[];
  readonly outputs: readonly BookCoin[];
  /** Unconfirmed transactions that it stands on, itself included, when it was made. */
  readonly ancestors: number;
  readonly cluster: Cluster;
  acknowledged: boolean;
  /** One bit for each node in whose chain it is. */
  confirmedOn: number;
  confirmedHeight: number;
  /** Slot in which it was sent last. */
  sentSlot: number;
}

export interface BookOptions {
  /** The teller of each account. */
  readonly nodeOfAccount: readonly number[];
  /** Coins that each teller tries to have. */
  readonly coinsTarget: number;
}

/** Half of what the mempool allows, because a merge adds up both sides. */
export const ANCESTORS_MAX = 24;
/**
 * Half of what the mempool allows in one cluster, 64: it may still count a payment that is in the
 * newest block already.
 */
export const CLUSTER_MAX = 30;
/** Payments kept: above it none are made until some are settled. */
export const PAYMENTS_MAX = 40_000;
/** Coins of one teller: smaller ones beyond are left lying. */
export const COINS_MAX = 20_000;
/** A coin below this is worth no output of its own. */
export const COIN_VALUE_MIN = 2_000;
/** Coins looked at for one payment. */
const LOOKS_MAX = 24;
/** Outputs of a transaction that makes small coins of a large one. */
const SPLIT_MAX = 100;
const SPLIT_VALUE_MIN = 50_000;
/** Base units per virtual byte. */
const FEE_RATE = 2;
const TRANSACTION_SIZE = 11;
const INPUT_SIZE = 69;
const OUTPUT_SIZE = 31;

export function feeOf(inputs: number, outputs: number): number {
  return FEE_RATE * (TRANSACTION_SIZE + inputs * INPUT_SIZE + outputs * OUTPUT_SIZE);
}

const bit = (node: number): number => 2 ** node;
const has = (mask: number, node: number): boolean => Math.floor(mask / bit(node)) % 2 === 1;

function clusterAt(payment: Payment): Cluster {
  let { cluster } = payment;
  while (cluster.joined !== null) cluster = cluster.joined;
  return cluster;
}

export class PaymentBook {
  readonly #options: BookOptions;
  /** Unspent coins by teller. */
  readonly #coins: BookCoin[][];
  readonly #known = new Set<string>();
  /** Spent by payments under way. */
  readonly #gone = new Set<string>();
  readonly #accounts: readonly (readonly number[])[];
  readonly #payments = new Map<string, Payment>();
  acknowledged = 0;
  settled = 0;
  refused = 0;
  /** Acknowledged by a node and refused by it later: must stay 0. */
  readonly lost: Set<string> = new Set<string>();

  constructor(options: BookOptions) {
    this.#options = options;
    const nodes = Math.max(...options.nodeOfAccount) + 1;
    this.#coins = Array.from({ length: nodes }, () => []);
    this.#accounts = this.#coins.map((_, node) =>
      options.nodeOfAccount.flatMap((owner, account) => (owner === node ? [account] : [])),
    );
  }

  coins(node: number): readonly BookCoin[] {
    return this.#coins[node]!;
  }

  payments(): IterableIterator<Payment> {
    return this.#payments.values();
  }

  payment(txid: string): Payment | null {
    return this.#payments.get(txid) ?? null;
  }

  get paymentCount(): number {
    return this.#payments.size;
  }

  /** A coin found in the chain or made by a payment; one that is known already is not taken twice. */
  addCoin(coin: BookCoin): void {
    const mine = this.#coins[coin.node]!;
    if (this.#known.has(coin.id) || this.#gone.has(coin.id)) return;
    if (mine.length >= COINS_MAX) return;
    this.#known.add(coin.id);
    mine.push(coin);
  }

  #take(node: number, at: number): BookCoin {
    const mine = this.#coins[node]!;
    const coin = mine[at]!;
    mine[at] = mine.at(-1)!;
    mine.pop();
    this.#known.delete(coin.id);
    return coin;
  }

  /** Unconfirmed ancestors that spending the coin adds; null when its node does not know it yet. */
  ancestorsOf(coin: BookCoin): number | null {
    const parent = this.#payments.get(coin.txid);
    if (parent === undefined || has(parent.confirmedOn, coin.node)) return 0;
    return parent.node === coin.node && parent.acknowledged ? parent.ancestors : null;
  }

  /** What the teller of `node` pays next; null: no coin is fit, or too much is under way. */
  next(node: number, prng: Prng): PaymentPlan | null {
    const mine = this.#coins[node]!;
    if (mine.length === 0 || this.#payments.size >= PAYMENTS_MAX) return null;
    const few = mine.length < this.#options.coinsTarget / 2;
    const found = few ? this.#largest(node, prng) : this.#some(node, prng);
    if (found.length === 0) return null;
    const inputs = found.sort((a, b) => b - a).map((at) => this.#take(node, at));
    let value = 0;
    for (const coin of inputs) value += coin.value;
    const outputs = this.#outputs(node, value, inputs.length, few, prng);
    if (outputs !== null) return { node, inputs, outputs };
    for (const coin of inputs) this.addCoin(coin);
    return null;
  }

  /** The place of the largest of some fit coins. */
  #largest(node: number, prng: Prng): number[] {
    const mine = this.#coins[node]!;
    let best = -1;
    for (let look = 0; look < LOOKS_MAX; look++) {
      const at = mine.length <= LOOKS_MAX ? look % mine.length : prng.below(mine.length);
      const ancestors = this.ancestorsOf(mine[at]!);
      if (ancestors === null || ancestors >= ANCESTORS_MAX) continue;
      if (!this.#hangTogether([mine[at]!])) continue;
      if (best < 0 || mine[at]!.value > mine[best]!.value) best = at;
    }
    return best < 0 ? [] : [best];
  }

  /** The clusters of what makes these coins, as far as it is not in their node's chain. */
  #clustersOf(coins: readonly BookCoin[]): Set<Cluster> {
    const clusters = new Set<Cluster>();
    for (const { txid, node } of coins) {
      const parent = this.#payments.get(txid);
      if (parent === undefined || has(parent.confirmedOn, node)) continue;
      clusters.add(clusterAt(parent));
    }
    return clusters;
  }

  /** True when a payment of these coins does not make a cluster too large. */
  #hangTogether(coins: readonly BookCoin[]): boolean {
    let sum = 1;
    for (const { count } of this.#clustersOf(coins)) sum += count;
    return sum <= CLUSTER_MAX;
  }

  /** How many coins a payment spends: one more than it makes when there are too many. */
  #wanted(count: number): number {
    const { coinsTarget } = this.#options;
    if (count < coinsTarget) return 1;
    return count < 1.5 * coinsTarget ? 2 : 3;
  }

  /** The places of as many fit coins as a payment wants. */
  #some(node: number, prng: Prng): number[] {
    const mine = this.#coins[node]!;
    const wanted = this.#wanted(mine.length);
    const places: number[] = [];
    let sum = 0;
    let ancestorSum = 0;
    for (let look = 0; look < LOOKS_MAX; look++) {
      const enough = sum >= 2 * COIN_VALUE_MIN + feeOf(places.length, 2);
      if (enough && places.length >= wanted) break;
      const at = prng.below(mine.length);
      const ancestors = this.ancestorsOf(mine[at]!);
      if (ancestors === null || ancestorSum + ancestors >= ANCESTORS_MAX) continue;
      if (places.includes(at)) continue;
      if (!this.#hangTogether([...places, at].map((place) => mine[place]!))) continue;
      places.push(at);
      sum += mine[at]!.value;
      ancestorSum += ancestors;
    }
    return places;
  }

  #outputs(
    node: number,
    value: number,
    inputs: number,
    few: boolean,
    prng: Prng,
  ): readonly NewOutput[] | null {
    const own = this.#accounts[node]!;
    const room = Math.min(SPLIT_MAX, Math.floor(value / SPLIT_VALUE_MIN));
    const count = Math.min(room, this.#options.coinsTarget - this.#coins[node]!.length);
    if (few && count > 2) {
      const each = Math.floor((value - feeOf(inputs, count)) / count);
      return Array.from({ length: count }, (_, at) => ({
        value: each,
        account: own[at % own.length]!,
      }));
    }
    const left = value - feeOf(inputs, 2);
    if (left < 2 * COIN_VALUE_MIN) return null;
    // A quarter to a half, to anybody; the rest comes back.
    const paid = Math.max(COIN_VALUE_MIN, Math.floor((left * (256 + prng.below(256))) / 1024));
    return [
      { value: paid, account: prng.below(this.#options.nodeOfAccount.length) },
      { value: left - paid, account: own[prng.below(own.length)]! },
    ];
  }

  /** A plan that was built and signed; its outputs can be spent once it is acknowledged. */
  made(plan: PaymentPlan, txid: string, raw: string, slot: number): Payment {
    let ancestors = 1;
    for (const coin of plan.inputs) ancestors += this.ancestorsOf(coin) ?? 0;
    const { node, inputs, outputs } = plan;
    return this.#keep({ txid, raw, node, inputs }, outputs, ancestors, slot);
  }

  /** Payments of an earlier run that the nodes' mempools still hold. */
  adopt(found: readonly FoundPayment[]): void {
    for (const { spends } of found) for (const id of spends) this.#gone.add(id);
    for (const { txid, raw, node, outputs } of found) {
      if (this.#payments.has(txid)) continue;
      // How many stand under it is not known: its coins wait until it is confirmed.
      const kept = this.#keep({ txid, raw, node, inputs: [] }, outputs, ANCESTORS_MAX, 0);
      kept.acknowledged = true;
      for (const coin of kept.outputs) this.addCoin(coin);
    }
  }

  #keep(
    from: Pick<Payment, "txid" | "raw" | "node" | "inputs">,
    outputs: readonly NewOutput[],
    ancestors: number,
    slot: number,
  ): Payment {
    const { txid, raw, node, inputs } = from;
    const coins = outputs.map(({ value, account }, index) => ({
      id: `${txid}:${index}`,
      txid,
      index,
      value,
      account,
      node: this.#options.nodeOfAccount[account]!,
    }));
    const cluster: Cluster = { count: 1, joined: null };
    for (const parents of this.#clustersOf(inputs)) {
      cluster.count += parents.count;
      parents.joined = cluster;
    }
    const state = { acknowledged: false, confirmedOn: 0, confirmedHeight: 0, sentSlot: slot };
    const payment = { txid, raw, node, inputs, outputs: coins, ancestors, cluster, ...state };
    for (const { id } of inputs) this.#gone.add(id);
    this.#payments.set(txid, payment);
    return payment;
  }

  /** The node has taken it, durably. */
  accepted(payment: Payment): void {
    if (payment.acknowledged) return;
    payment.acknowledged = true;
    this.acknowledged += 1;
    for (const coin of payment.outputs) this.addCoin(coin);
  }

  /** The node will never take it: what it would have spent is not ours any more. */
  rejected(payment: Payment): void {
    if (payment.acknowledged) {
      this.lost.add(payment.txid);
      return;
    }
    this.refused += 1;
    assert(this.#payments.delete(payment.txid), "it is rejected once");
    // A later look into the chain may find them unspent.
    for (const { id } of payment.inputs) this.#gone.delete(id);
  }

  /** The node's chain has these transactions now. */
  connected(node: number, txids: readonly string[], height: number): number {
    let own = 0;
    for (const txid of txids) {
      const payment = this.#payments.get(txid);
      if (payment === undefined || has(payment.confirmedOn, node)) continue;
      payment.confirmedOn += bit(node);
      payment.confirmedHeight = Math.max(payment.confirmedHeight, height);
      // One whose answer was lost has been taken all the same.
      this.accepted(payment);
      own += 1;
    }
    return own;
  }

  /** The node's chain has dropped these transactions. */
  disconnected(node: number, txids: readonly string[]): void {
    for (const txid of txids) {
      const payment = this.#payments.get(txid);
      if (payment !== undefined && has(payment.confirmedOn, node)) payment.confirmedOn -= bit(node);
    }
  }

  /** Forgets what is in the chain of every node of `live`, at `height` or below. */
  settle(live: readonly number[], height: number): void {
    if (live.length === 0) return;
    for (const payment of this.#payments.values()) {
      const everywhere = live.every((node) => has(payment.confirmedOn, node));
      if (!everywhere || payment.confirmedHeight > height) continue;
      this.#payments.delete(payment.txid);
      for (const { id } of payment.inputs) this.#gone.delete(id);
      this.settled += 1;
    }
  }

  /** Acknowledged payments of `node` that are in its chain not yet, sent before `slot`, oldest first. */
  waiting(node: number, slot: number, most: number): Payment[] {
    const found: Payment[] = [];
    for (const payment of this.#payments.values()) {
      if (payment.node !== node || !payment.acknowledged) continue;
      if (has(payment.confirmedOn, node) || payment.sentSlot > slot) continue;
      found.push(payment);
      if (found.length >= most) break;
    }
    return found;
  }

  /** Payments of the teller of `node` that its own chain does not have. */
  unconfirmedOn(node: number): number {
    let count = 0;
    for (const payment of this.#payments.values()) {
      if (payment.node === node && !has(payment.confirmedOn, node)) count += 1;
    }
    return count;
  }

  /** Acknowledged payments that some node of `live` has not confirmed. */
  unconfirmed(live: readonly number[]): Payment[] {
    return [...this.#payments.values()].filter(
      (payment) => payment.acknowledged && !live.every((node) => has(payment.confirmedOn, node)),
    );
  }
}
