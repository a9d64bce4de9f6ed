// Whose transaction is looked at next, before anything is known of it but its length. What nobody
// asked for, and orphans, cost tokens: a peer without any waits with its messages unread, so that a
// flood stays on its side of the wire. What is under judgement is bounded, more tightly while most of
// it is refused and the operator submits transactions of his own. Not from Bitcoin Core, which reads whatever comes.
import { Budget } from "../../base/budget.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MempoolView } from "../../ports/mempool.ts";
import {
  BESIDE_OWN_MS,
  SUBMITTED_BESIDE_OWN_MAX,
  SUBMITTED_BYTES_MAX,
  SUBMITTED_MAX,
  UNASKED_TOTAL_BURST,
  UNASKED_TOTAL_PER_SECOND,
} from "../limits.ts";
import type { Peer } from "../peer/peer.ts";

/** Of what is judged lately so much is good, or most of it is in the way. */
const WORTH_MIN = 0.5;
/** What one verdict counts: the last thirty or so are remembered. */
const WORTH_STEP = 1 / 32;

/** What it looks at. */
interface IntakeParts {
  readonly clock: Clock;
  readonly mempool: Pick<MempoolView, "underWay">;
}

/** A peer, as far as it matters here. */
type Payer = Pick<Peer, "kind" | "budgets">;

export class Intake {
  readonly #core: IntakeParts;
  /** Called when there is room for another judgement after there was none. */
  readonly #room: () => void;
  /** What all peers together may send unasked. */
  readonly #unasked: Budget;
  /** When the operator's own transactions were last seen under way. */
  #ownAt: number = Number.NEGATIVE_INFINITY;
  /** The share of what was judged lately that came in. */
  #worth = 1;
  /** Under judgement. */
  count = 0;
  bytes = 0;

  constructor(core: IntakeParts, room: () => void) {
    this.#core = core;
    this.#room = room;
    const now = core.clock.elapsed();
    this.#unasked = new Budget(UNASKED_TOTAL_PER_SECOND, UNASKED_TOTAL_BURST, now);
  }

  #isFull(): boolean {
    const now = this.#core.clock.elapsed();
    if (this.#core.mempool.underWay() > this.count) this.#ownAt = now;
    const isInTheWay = now - this.#ownAt < BESIDE_OWN_MS && this.#worth < WORTH_MIN;
    const most = isInTheWay ? SUBMITTED_BESIDE_OWN_MAX : SUBMITTED_MAX;
    return this.count >= most || this.bytes >= SUBMITTED_BYTES_MAX;
  }

  /** Whether a transaction of this peer may be read now; `asked` is how many it still owes us. */
  mayRead(peer: Payer, asked: number): boolean {
    if (this.#isFull()) return false;
    if (peer.kind === "manual") return true;
    const now = this.#core.clock.elapsed();
    if (!peer.budgets.unasked.has(now)) return false;
    return asked > 0 || this.#unasked.has(now);
  }

  /**
   * The peer sent what nobody asked for, or an orphan. The operator's own peers may. All pay together
   * only for what that budget let in: else those that owe us something would put it in debt without
   * end, and who owes nothing would wait for good, with its blocks behind its transaction.
   */
  charge(peer: Payer, asked: number): void {
    if (peer.kind === "manual") return;
    peer.budgets.unasked.spend(1);
    if (asked === 0) this.#unasked.spend(1);
  }

  /** Its orphan's parent has come. */
  refund(peer: Payer): void {
    if (peer.kind !== "manual") peer.budgets.unasked.grant(1);
  }

  begin(bytes: number): void {
    this.count++;
    this.bytes += bytes;
  }

  /** It has been judged; `accepted`: it came in. */
  end(bytes: number, accepted: boolean): void {
    const was = this.#isFull();
    this.#worth += (Number(accepted) - this.#worth) * WORTH_STEP;
    this.count--;
    this.bytes -= bytes;
    if (was && !this.#isFull()) this.#room();
  }
}
