// The entrance of transactions: what can be judged without coins is judged here, the rest goes to the
// transaction's home; answers come back and become Bitcoin Core's reject reasons. Bounded: beyond so
// many under way the caller is asked to come back.

import { assert } from "../../base/assert.ts";
import { Budget } from "../../base/budget.ts";
import { type Bytes, bytesEqual, readU32 } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import { checkTransaction } from "../../ledger/bitcoin/check-transaction.ts";
import { BYTES_PER_SIGOP } from "../../ledger/bitcoin/policy/limits.ts";
import { burntValue, standardFault } from "../../ledger/bitcoin/policy/standard.ts";
import {
  decodeTransaction,
  hashTransactions,
  isCoinbase,
  readTransaction,
  type Transaction,
  transactionWeight,
} from "../../ledger/bitcoin/transaction.ts";
import type { Answer, Verdict } from "../../planes/execution/admission/messages.ts";
import {
  type Body,
  putDrop,
  putSubmit,
  putVerdict,
  readAnswer,
  readVerifyHead,
  type VerifyHead,
} from "../../planes/execution/admission-host/wire.ts";
import {
  adjustedSize,
  feeFor,
  type TransactionJudgement,
} from "../../planes/execution/judge-transaction.ts";
import type { VerifiedCache } from "../../planes/execution/verified-cache.ts";
import type { SubmitOptions, TransactionVerdict } from "../../ports/mempool.ts";
import { type OutpointKey, outpointKeyAt, type Txid, txidKey } from "../../state/admission/keys.ts";
import type { Placement } from "../../state/placement.ts";
import type { Entries } from "./entries.ts";
import type { Hosts } from "./hosts.ts";
import type { Job, Judging } from "./judging.ts";
import { Relations } from "./relations.ts";
import type { Replacement } from "./replacement.ts";
import type { SpendRule } from "./spend-rule.ts";
import { type Member, sizeOf } from "./topology.ts";

/** Transactions under way at most: more are told to come back. */
const UNDER_WAY_MAX = 4_096;
/** So many are always let in. */
const UNDER_WAY_MIN = 1_024;
/** Beyond, no more than the node answers in this time: a longer queue only makes all of it late. */
const QUEUE_SECONDS = 0.5;
const RATE_WINDOW_MS = 250;
const RETRY_AFTER_MS = 500;
const DEPARTING_MS = 50;
/** What is being decided counts so long at least, twice as long at most: homes give up after two seconds. */
const COMING_MS = 10_000;
/** A replacement of so few is always judged; those of more together as fast as this. */
const CONFLICTS_FREE = 4;
const CONFLICTS_PER_SECOND = 100;
const CONFLICTS_BURST = 400;

type Refused = Extract<TransactionVerdict, { ok: false }>;

export interface GatewayParts {
  readonly hosts: () => Hosts;
  readonly placement: Placement;
  readonly entries: Entries;
  readonly judging: Judging;
  readonly cache: VerifiedCache;
  readonly requireStandard: boolean;
  readonly spendRule: SpendRule | null;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Why nothing is taken now; null when it is. */
  readonly closed: () => Closed | null;
}

/** Why the mempool takes nothing for a while. */
export interface Closed {
  readonly code: "busy" | "disk-full";
  readonly why: string;
}

export interface GatewayOptions extends SubmitOptions {
  /** A child that comes with it pays for it, or it was admitted before: no floor is asked. */
  readonly sponsored?: boolean;
  /** Ids of what its package has paid for: they may leave for it. */
  readonly approved?: ReadonlySet<Txid>;
}

/** A transaction that has come and is looked at at the end of this turn, with the others. */
interface Arrived {
  readonly raw: Bytes;
  readonly feeRateMax: number;
  readonly burnMax: number;
  readonly sponsored: boolean;
  readonly approved: ReadonlySet<Txid> | null;
  readonly source: number;
  readonly resolve: (verdict: TransactionVerdict) => void;
}

/** A transaction that its home is dealing with. */
export interface UnderWay {
  readonly token: number;
  readonly transaction: Transaction;
  readonly id: Txid;
  readonly raw: Bytes;
  /** Keys of the coins it spends. */
  readonly inputs: readonly OutpointKey[];
  readonly feeRateMax: number;
  readonly sponsored: boolean;
  readonly approved: ReadonlySet<Txid> | null;
  readonly resolve: (verdict: TransactionVerdict) => void;
  judgement: TransactionJudgement | null;
  replacement: Replacement | null;
}

export class Gateway {
  readonly #parts: GatewayParts;
  #arrived: Arrived[] = [];
  readonly #byToken = new Map<number, UnderWay>();
  /** The first of each transaction. */
  readonly #byId = new Map<Txid, UnderWay>();
  /** Pay too little as far as is known; should the verifiers think otherwise, relatives are asked. */
  readonly #poor = new Set<Txid>();
  #nextToken = 1;
  #turnedAt = 0;
  /** Conflicts of wide replacements that there is time for. */
  readonly #conflicts: Budget;
  readonly #rate: AnswerRate;
  readonly statistics = { submitted: 0, accepted: 0, busy: 0 };
  readonly relations: Relations;
  /** Ids of what the index has let go and its home has not yet: it would say that it is admitted. */
  readonly departing: Set<Txid> = new Set();

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    this.relations = new Relations(parts.entries, parts.requireStandard);
    this.#rate = new AnswerRate(parts.now);
    this.#conflicts = new Budget(CONFLICTS_PER_SECOND, CONFLICTS_BURST, parts.now());
  }

  get #underWayMax(): number {
    const fitting = this.#rate.perSecond * QUEUE_SECONDS;
    return Math.min(UNDER_WAY_MAX, Math.max(UNDER_WAY_MIN, fitting));
  }

  get underWay(): number {
    return this.#byToken.size;
  }

  /** Takes a transaction; `source` names whom its bounds are counted against. */
  submit(raw: Bytes, options: GatewayOptions = {}, source = 0): Promise<TransactionVerdict> {
    this.statistics.submitted++;
    const closed = this.#parts.closed();
    const isFull = this.#byToken.size + this.#arrived.length >= this.#underWayMax;
    // A package that has begun is not stopped halfway for want of room.
    if (closed !== null || (isFull && options.approved === undefined)) {
      this.statistics.busy++;
      return Promise.resolve(busy(RETRY_AFTER_MS, closed));
    }
    return new Promise((resolve) => {
      const { feeRateMax = 0, burnMax = Number.POSITIVE_INFINITY } = options;
      const { sponsored = false, approved = null } = options;
      this.#arrived.push({ raw, feeRateMax, burnMax, sponsored, approved, source, resolve });
      if (this.#arrived.length === 1) queueMicrotask(() => this.#takeArrived());
    });
  }

  /** What came in one turn is decoded and hashed together: four hashes cost as much as one. */
  #takeArrived(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    let size = 0;
    for (const { raw } of arrived) size += raw.length;
    const bytes = new Uint8Array(size);
    const taken: Arrived[] = [];
    const transactions: Transaction[] = [];
    let at = 0;
    for (const one of arrived) {
      const end = at + one.raw.length;
      bytes.set(one.raw, at);
      const transaction = readTransaction(new Reader(bytes, at, end), true, false);
      if (transaction?.end === end) {
        taken.push(one);
        transactions.push(transaction);
      } else one.resolve(UNDECODABLE);
      at = end;
    }
    hashTransactions(bytes, transactions);
    for (let index = 0; index < taken.length; index++)
      this.#take(taken[index]!, transactions[index]!);
  }

  #take(arrived: Arrived, transaction: Transaction): void {
    const fault =
      burntValue(transaction) > arrived.burnMax ? TOO_MUCH_BURNT : this.#fault(transaction);
    if (fault !== null) arrived.resolve(fault);
    else this.#send(arrived, transaction, txidKey(transaction.txid));
  }

  /** Everything that needs no coin, of a transaction on its own. */
  check(
    raw: Bytes,
  ):
    | { readonly ok: true; readonly transaction: Transaction; readonly id: Txid }
    | { readonly ok: false; readonly verdict: Refused } {
    const decoded = decodeTransaction(raw);
    if (!decoded.ok || decoded.end !== raw.length) return { ok: false, verdict: UNDECODABLE };
    const transaction = decoded.value;
    const id = txidKey(transaction.txid);
    const verdict = this.#fault(transaction);
    return verdict === null ? { ok: true, transaction, id } : { ok: false, verdict };
  }

  #fault(transaction: Transaction): Refused | null {
    const valid = checkTransaction(transaction);
    if (!valid.ok) return refused("invalid", valid.code, valid.debug ?? null);
    if (isCoinbase(transaction)) return refused("invalid", "coinbase", null);
    if (this.#parts.requireStandard) {
      const fault = standardFault(transaction);
      if (fault !== null) return refused("rejected", fault, null);
    }
    const forbidden = this.#parts.spendRule?.fault(transaction) ?? null;
    if (forbidden !== null) return refused("rejected", forbidden, null);
    const known = this.#parts.entries.at(transaction.txid);
    if (known === null) return this.#isDeparting(transaction) ? busy(DEPARTING_MS, null) : null;
    const same = bytesEqual(known.wtxid, transaction.wtxid);
    if (same) return refused("known", "txn-already-in-mempool", null);
    return refused("rejected", "txn-same-nonwitness-data-in-mempool", null);
  }

  /** It leaves for another, and its partition has not said so yet. */
  #isDeparting({ txid }: Transaction): boolean {
    return this.departing.size > 0 && this.departing.has(txidKey(txid));
  }

  #send(arrived: Arrived, transaction: Transaction, id: Txid): void {
    const { feeRateMax, sponsored, approved, source, resolve } = arrived;
    const { placement, hosts } = this.#parts;
    const { txid, bytes, start, end } = transaction;
    const token = this.#nextToken;
    this.#nextToken = (this.#nextToken % 0xffff_fffe) + 1;
    placement.hash(txid, 0);
    const { partition } = placement;
    // A view: a copy is made when it is admitted.
    const raw = bytes.subarray(start, end);
    const size = Math.ceil(transactionWeight(transaction) / 4);
    putSubmit(hosts().writer(partition), { partition, token, source, size, txid, raw });
    if (this.#byToken.size === 0) hosts().hold();
    const inputs = transaction.inputs.map(({ outpointAt }) => outpointKeyAt(bytes, outpointAt));
    const underWay: UnderWay = {
      token,
      transaction,
      id,
      raw,
      inputs,
      feeRateMax,
      sponsored,
      approved,
      resolve,
      judgement: null,
      replacement: null,
    };
    this.#byToken.set(token, underWay);
    if (!this.#byId.has(id)) this.#byId.set(id, underWay);
  }

  /** The coins of a transaction have been read: it can be judged. */
  onVerify(body: Body): void {
    const { judging, cache, now } = this.#parts;
    if (now() - this.#turnedAt > COMING_MS) {
      this.#turnedAt = now();
      this.relations.turn();
    }
    const head = readVerifyHead(body);
    const { reader } = body;
    const bytes = reader.bytes.subarray(reader.at, reader.end);
    const underWay = this.find(head.txid, bytes, 8, readU32(bytes, 4));
    const skipScripts = underWay !== null && cache.has(underWay.transaction.wtxid, head.flags);
    const member = memberOf(head.txid, underWay, bytes);
    const isPoor = this.#isPoor(member, underWay);
    if (isPoor) this.#poor.add(member.id);
    const early = isPoor ? null : this.#comes(member, underWay);
    if (early !== null) {
      this.#tell(head, early, underWay);
      return;
    }
    judging.add({ bytes, head, skipScripts, member, underWay });
  }

  /** A verifier has judged. */
  judged({ head, member, underWay }: Job, judgement: TransactionJudgement): void {
    if (judgement.ok && underWay !== null) {
      this.#parts.cache.add(underWay.transaction.wtxid, head.flags);
    }
    this.#tell(head, this.#judgedAgain(member, judgement, underWay), underWay);
  }

  /**
   * What is under way with exactly the bytes at `at`. Another witness may have come under the same txid, and
   * what holds for one says nothing of the other.
   */
  find(id: Txid, bytes: Bytes, at: number, length: number): UnderWay | null {
    const underWay = this.#byId.get(id);
    if (underWay?.raw.length !== length) return null;
    return Buffer.compare(underWay.raw, bytes.subarray(at, at + length)) === 0 ? underWay : null;
  }

  /** It counts from now on, or its relatives forbid it: a double spend that pays too little costs no scripts. */
  #comes(member: Member, underWay: UnderWay | null): TransactionJudgement | null {
    const { sponsored = false, approved = null } = underWay ?? {};
    if (approved === null && !this.#mayConflict(member)) return TOO_MANY_CONFLICTS;
    const judged = this.relations.judge(member, { inPackage: sponsored, approved });
    if (judged.ok) this.relations.comes(member, judged.replacement);
    return judged.ok ? null : { ...judged, permanent: false, invalid: false };
  }

  /**
   * Is there time for another wide replacement? It may cost 2 ms for each of its conflicts, and is judged
   * before its signatures are looked at: who sends them without end must not have the node to himself.
   */
  #mayConflict({ inputs, id }: Member): boolean {
    if (inputs.length <= CONFLICTS_FREE) return true;
    const count = this.#parts.entries.conflicts(inputs, id)?.size ?? 0;
    if (count <= CONFLICTS_FREE) return true;
    if (!this.#conflicts.has(this.#parts.now())) return false;
    this.#conflicts.spend(count);
    return true;
  }

  /** It breaks a rule that comes before those of relatives, and that the verifiers judge. */
  #isPoor(member: Member, underWay: UnderWay | null): boolean {
    const least = underWay?.sponsored === true ? 0 : this.#parts.judging.leastFee(sizeOf(member));
    return member.fee < least;
  }

  /** Its signature checks are known now, and may make it larger than its bytes do. */
  #judgedAgain(
    member: Member,
    judgement: TransactionJudgement,
    underWay: UnderWay | null,
  ): TransactionJudgement {
    const isNew = this.#poor.delete(member.id);
    const isHeavy = judgement.ok && judgement.sigops * BYTES_PER_SIGOP > member.weight;
    if (!judgement.ok || !(isNew || isHeavy)) return judgement;
    this.relations.decided(member.id);
    return this.#comes({ ...member, sigops: judgement.sigops }, underWay) ?? judgement;
  }

  /** The home learns the verdict; the caller's limit on the fee is one more reason to refuse. */
  #tell(head: VerifyHead, judgement: TransactionJudgement, underWay: UnderWay | null): void {
    let told = judgement;
    if (underWay !== null && judgement.ok && underWay.feeRateMax > 0) {
      const size = adjustedSize(transactionWeight(underWay.transaction), judgement.sigops);
      if (judgement.fee > feeFor(underWay.feeRateMax, size)) told = TOO_DEAR;
    }
    const replacement = this.relations.replacementOf(head.txid);
    if (underWay !== null) {
      underWay.judgement = told;
      underWay.replacement = replacement;
    }
    if (!told.ok) this.relations.decided(head.txid);
    const verdict = verdictOf(told, underWay?.sponsored ?? false, replacement);
    putVerdict(this.#parts.hosts().writer(head.partition), head, verdict);
  }

  onAnswer(body: Body): void {
    const { token, answer } = readAnswer(body);
    const underWay = this.#byToken.get(token);
    if (underWay === undefined) return;
    this.#rate.count();
    this.#byToken.delete(token);
    if (this.#byToken.size === 0) this.#parts.hosts().release();
    if (this.#byId.get(underWay.id) === underWay) {
      this.#byId.delete(underWay.id);
      // Who was only told that its home is at work on the same, or on another witness of it, decides nothing.
      const { wtxid } = underWay.transaction;
      if (answer.kind !== "parked") this.relations.decided(underWay.id, wtxid);
    }
    underWay.resolve(this.#verdict(underWay, answer));
  }

  #verdict(underWay: UnderWay, answer: Answer): TransactionVerdict {
    const { transaction, judgement } = underWay;
    switch (answer.kind) {
      case "accepted": {
        this.statistics.accepted++;
        const { txid, wtxid } = transaction;
        const entry = this.#parts.entries.at(transaction.txid);
        const fee = entry?.fee ?? (judgement?.ok === true ? judgement.fee : 0);
        const size = entry?.size ?? Math.ceil(transactionWeight(transaction) / 4);
        const { replacement } = underWay;
        const replaced =
          replacement === null ? [] : [...replacement.leaving.values()].map((one) => one.txid);
        return { ok: true, txid, wtxid, size, fee, replaced };
      }
      case "confirmed":
        return refused("confirmed", "txn-already-known", null);
      case "parked":
        return refused("missing", "bad-txns-inputs-missingorspent", null);
      case "busy":
        this.statistics.busy++;
        return busy(answer.retryAfterMs, null);
      case "rejected":
        return rejection(answer.code, judgement, transaction.hasWitness);
    }
  }

  /** Lets an admitted transaction go. */
  drop(txid: Bytes): void {
    const { placement, hosts } = this.#parts;
    placement.hash(txid, 0);
    putDrop(hosts().writer(placement.partition), placement.partition, txidKey(txid));
  }

  /** Everything under way is told to come back; the partitions forget it, or decide it later. */
  dropAll(closed: Closed | null = null): void {
    const all = [...this.#byToken.values()];
    if (all.length > 0) this.#parts.hosts().release();
    this.#byToken.clear();
    this.#byId.clear();
    this.departing.clear();
    for (const { resolve } of all) resolve(busy(RETRY_AFTER_MS, closed));
  }
}

/** The clock is looked at once for so many answers. */
const COUNTED_AT_ONCE = 16;

/** How many answers come in a second, by the last full window. */
class AnswerRate {
  readonly #now: () => number;
  #since: number;
  #answers = 0;
  perSecond = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  count(): void {
    this.#answers++;
    if (this.#answers % COUNTED_AT_ONCE !== 0) return;
    const ms = this.#now() - this.#since;
    if (ms < RATE_WINDOW_MS) return;
    this.perSecond = (this.#answers * 1000) / ms;
    this.#answers = 0;
    this.#since += ms;
  }
}

const TOO_DEAR: TransactionJudgement = {
  ok: false,
  code: "max-fee-exceeded",
  permanent: false,
  invalid: false,
  debug: "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)",
};

const TOO_MANY_CONFLICTS: TransactionJudgement = {
  ok: false,
  code: "busy",
  permanent: false,
  invalid: false,
  debug: "too many replacements of many transactions at once",
};

/** Sum of the coins of a job. */
function valueOfCoins(job: Bytes): number {
  const view = new DataView(job.buffer, job.byteOffset, job.byteLength);
  let at = 8 + view.getUint32(4, true);
  let sum = 0;
  for (let left = view.getUint16(at, true); left > 0; left--) {
    sum += view.getFloat64(at + 2, true);
    at += 16 + view.getUint32(at + 14, true);
  }
  return sum;
}

/** The transaction of a job. */
function jobTransaction(job: Bytes): Bytes {
  return job.subarray(8, 8 + readU32(job, 4));
}

const NO_BYTES: Bytes = new Uint8Array(0);

/** What policy must know of a transaction before its scripts are run. */
function memberOf(id: Txid, underWay: UnderWay | null, job: Bytes): Member {
  let transaction = underWay?.transaction;
  if (transaction === undefined) {
    const decoded = decodeTransaction(jobTransaction(job).slice());
    assert(decoded.ok, "a transaction that its home has read decodes");
    transaction = decoded.value;
  }
  const { txid, wtxid, version, bytes, start, end, outputs } = transaction;
  let fee = valueOfCoins(job);
  for (const { value } of outputs) fee -= value;
  return {
    id,
    txid,
    wtxid,
    version,
    weight: transactionWeight(transaction),
    sigops: 0,
    fee,
    // Looked at only when nothing is paid; a view would keep what came in the same turn.
    raw: fee > 0 ? NO_BYTES : bytes.slice(start, end),
    inputs:
      underWay?.inputs ??
      transaction.inputs.map(({ outpointAt }) => outpointKeyAt(bytes, outpointAt)),
  };
}

function verdictOf(
  judgement: TransactionJudgement,
  sponsored: boolean,
  replacement: Replacement | null,
): Verdict {
  if (!judgement.ok) return { ok: false, code: judgement.code, permanent: judgement.permanent };
  const { fee, sigops } = judgement;
  if (replacement === null) return { ok: true, fee, sigops, sponsored };
  const { leaving, sibling } = replacement;
  const displaces = sibling === null ? [] : [sibling.id];
  return { ok: true, fee, sigops, sponsored, replaces: [...leaving.keys()], displaces };
}

export function refused(kind: Refused["kind"], code: string, debug: string | null): Refused {
  return { ok: false, kind, code, debug };
}

const UNDECODABLE: Refused = refused("invalid", "TX decode failed", null);

const TOO_MUCH_BURNT: Refused = refused("rejected", "max-burn-exceeded", null);

function busy(retryAfterMs: number, closed: Closed | null): Refused {
  const { code, why } = closed ?? { code: "busy", why: null };
  return { ok: false, kind: "busy", code, debug: why, retryAfterMs };
}

/** A refusal of the home or of the verifiers, with what is known of why. */
export function rejection(
  code: string,
  judgement: TransactionJudgement | null,
  hasWitness: boolean,
): Refused {
  const debug = judgement?.ok === false && judgement.code === code ? judgement.debug : null;
  if (code === "busy") return busy(RETRY_AFTER_MS, { code, why: debug ?? "" });
  if (judgement?.ok === false && judgement.invalid) {
    return refused(hasWitness && isScript(code) ? "witness" : "invalid", code, debug);
  }
  const kind = code === "bad-witness-nonstandard" ? "witness" : "rejected";
  return refused(kind, code, debug);
}

function isScript(code: string): boolean {
  return code.startsWith("mempool-script-verify-flag-failed");
}
