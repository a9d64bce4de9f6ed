// The load generator: at a steady rate it makes signed payments and hands them to the nodes, each
// teller's through its own node. What a node has not answered is sent again unchanged; what it has
// acknowledged and not confirmed for a while is sent again too, so that a payment survives a node
// that lost its mempool.
import { appendFileSync } from "node:fs";
import type { Prng } from "../../../base/prng.ts";
import { boundLog } from "../bounded-log.ts";
import { NodeSilent, type RpcCall, type RpcClient } from "../rpc-client.ts";
import type { Account } from "./accounts.ts";
import type { Payment, PaymentBook } from "./payment-book.ts";
import { meaningOf, signPayment } from "./sending.ts";

export interface LoadOptions {
  readonly accounts: readonly Account[];
  readonly book: PaymentBook;
  readonly prng: Prng;
  /** Payments a second over all nodes. */
  readonly rate: number;
  /** A node's client while it is up. */
  readonly rpcOf: (node: number) => RpcClient | null;
  readonly nodes: number;
  readonly slotSeconds: number;
  /** Every acknowledged payment's txid is appended here. */
  readonly journal: string;
}

/** Payments in one batch: more would hold up other calls. */
const BATCH_MAX = 100;
/** Sent and not answered, for each node: above it no new ones are made. */
const UNANSWERED_MAX = 200;
/** Acknowledged payments that are sent again in one slot. */
const AGAIN_MAX = 100;
/** Slots after which an unconfirmed payment is sent again. */
const AGAIN_SLOTS = 15;
/** The window is what is asked for in this many slots, and shrinks to the least. */
const WINDOW_SLOTS = 5;
const WINDOW_MIN = 10;
/** Slots without a confirmed payment after which the window is halved. */
const STALLED_SLOTS = 4;
const WINDOW_GROWTH = 1.5;
/** Slots after which a payment without its parents is given up. */
const MISSING_SLOTS = 60;
const JOURNAL_BYTES_MAX = 8 * 1024 * 1024;

interface Teller {
  /** Made and not acknowledged. */
  unanswered: Payment[];
  busy: boolean;
  /** Payments that it may make now. */
  allowance: number;
  /** The slot that was looked at last. */
  slot: number;
  isNewSlot: boolean;
  /** Unconfirmed payments that it may have. */
  window: number;
  /** Unconfirmed when the slot began, and made since. */
  waiting: number;
  made: number;
  /** The slot in which something was confirmed. */
  confirmedSlot: number;
  /** Why it could not pay at some moment of this slot, and in all of the last one. */
  held: string | null;
  idle: string | null;
}

export class Load {
  readonly #options: LoadOptions;
  readonly #tellers: readonly Teller[];
  #paused = false;
  #lastMs: number | null = null;
  /** The node's reason against the last payment that was given up; null when there was none. */
  refusal: string | null = null;

  constructor(options: LoadOptions) {
    this.#options = options;
    const slotful = (options.rate / options.nodes) * options.slotSeconds;
    this.#tellers = Array.from({ length: options.nodes }, () => ({
      unanswered: [],
      busy: false,
      allowance: 0,
      slot: 0,
      isNewSlot: false,
      window: Math.max(WINDOW_MIN, 2 * slotful),
      waiting: 0,
      made: 0,
      confirmedSlot: 0,
      held: null,
      idle: null,
    }));
  }

  /** No new payments; those under way are still looked after. */
  pause(): void {
    this.#paused = true;
  }

  /** Why no teller has paid in the last slot, in a few words; null when one has. */
  get idle(): string | null {
    const reasons = this.#tellers.map(({ idle }) => idle);
    return reasons.some((reason) => reason === null) ? null : (reasons[0] ?? null);
  }

  get unanswered(): number {
    return this.#tellers.reduce((sum, { unanswered }) => sum + unanswered.length, 0);
  }

  /** Gives every node that is not busy what is due; call often. */
  tick(nowMs: number, slot: number): void {
    const seconds = Math.min(1, (nowMs - (this.#lastMs ?? nowMs)) / 1000);
    this.#lastMs = nowMs;
    const live = this.#tellers.flatMap((teller, node) => {
      const rpc = this.#options.rpcOf(node);
      return rpc === null ? [] : [{ teller, node, rpc }];
    });
    const rate = this.#options.rate / Math.max(1, live.length);
    for (const { teller, node, rpc } of live) {
      if (slot > teller.slot) this.#newSlot(teller, node, slot, rate);
      teller.allowance = this.#paused
        ? 0
        : Math.min(Math.max(1, rate), teller.allowance + rate * seconds);
      if (!teller.busy) void this.#turn(teller, node, rpc, slot);
    }
  }

  /** Looks at what was confirmed, and sets the window; `rate` is what the teller is asked for. */
  #newSlot(teller: Teller, node: number, slot: number, rate: number): void {
    const waiting = this.#options.book.unconfirmedOn(node);
    if (waiting < teller.waiting + teller.made || waiting === 0) teller.confirmedSlot = slot;
    teller.waiting = waiting;
    teller.idle = teller.made === 0 ? teller.held : null;
    teller.held = null;
    teller.made = 0;
    const most = Math.max(WINDOW_MIN, rate * WINDOW_SLOTS * this.#options.slotSeconds);
    const stalled = slot - teller.confirmedSlot >= STALLED_SLOTS;
    const factor = stalled ? 0.5 : teller.confirmedSlot === slot ? WINDOW_GROWTH : 1;
    teller.window = Math.min(most, Math.max(WINDOW_MIN, teller.window * factor));
    teller.isNewSlot = true;
    teller.slot = slot;
  }

  /** One exchange with a node; never rejects. */
  async #turn(teller: Teller, node: number, rpc: RpcClient, slot: number): Promise<void> {
    teller.busy = true;
    // What came into a block although its answer was lost is done.
    teller.unanswered = teller.unanswered.filter(({ acknowledged }) => !acknowledged);
    try {
      this.#make(teller, node, slot);
      const again = this.#again(teller, node, slot);
      const batch = [...again, ...teller.unanswered.slice(0, BATCH_MAX)];
      if (batch.length > 0) await this.#send(teller, rpc, batch, slot);
    } catch (error) {
      // Its state will say why; the payments wait.
      if (!(error instanceof NodeSilent)) throw error;
    } finally {
      teller.busy = false;
    }
  }

  #make(teller: Teller, node: number, slot: number): void {
    const { book, prng, accounts } = this.#options;
    if (teller.allowance < 1) return;
    let unconfirmed = book.unconfirmedOn(node);
    while (teller.allowance >= 1 && teller.unanswered.length < UNANSWERED_MAX) {
      if (unconfirmed >= teller.window) {
        teller.held = "waits for blocks";
        return;
      }
      const plan = book.next(node, prng);
      if (plan === null) {
        teller.held = book.coins(node).length === 0 ? "no coins" : "waits for blocks";
        return;
      }
      teller.allowance -= 1;
      teller.made += 1;
      unconfirmed += 1;
      const { txid, raw } = signPayment(plan, accounts);
      teller.unanswered.push(book.made(plan, txid, raw, slot));
    }
  }

  #again(teller: Teller, node: number, slot: number): Payment[] {
    if (!teller.isNewSlot) return [];
    teller.isNewSlot = false;
    const payments = this.#options.book.waiting(node, slot - AGAIN_SLOTS, AGAIN_MAX);
    for (const payment of payments) payment.sentSlot = slot;
    return payments;
  }

  async #send(
    teller: Teller,
    rpc: RpcClient,
    payments: readonly Payment[],
    slot: number,
  ): Promise<void> {
    const calls = payments.map(({ raw }): RpcCall => ["sendrawtransaction", raw]);
    const answers = await rpc.batch(calls);
    const done = new Set<Payment>();
    const taken: string[] = [];
    payments.forEach((payment, index) => {
      const meaning = meaningOf(answers[index]!);
      const first = !payment.acknowledged;
      if (meaning === "taken") {
        if (first) taken.push(payment.txid);
        this.#options.book.accepted(payment);
        done.add(payment);
      } else if (meaning === "refused" || (meaning === "missing" && this.#old(payment, slot))) {
        const answer = answers[index]!;
        if (!answer.ok) this.refusal = answer.error.message;
        this.#options.book.rejected(payment);
        done.add(payment);
      }
    });
    teller.unanswered = teller.unanswered.filter((payment) => !done.has(payment));
    this.#record(taken);
  }

  #old(payment: Payment, slot: number): boolean {
    // An acknowledged one is never given up: its parents come back with the branch they are on.
    return !payment.acknowledged && slot - payment.sentSlot > MISSING_SLOTS;
  }

  #record(txids: readonly string[]): void {
    if (txids.length === 0) return;
    const { journal } = this.#options;
    appendFileSync(journal, `${txids.join("\n")}\n`);
    boundLog(journal, JOURNAL_BYTES_MAX);
  }
}
