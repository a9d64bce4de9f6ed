// The entrance of transactions: what can be judged without coins is judged here, the rest goes to the
// transaction's home; answers come back and become Bitcoin Core's reject reasons. Bounded: beyond so
// many under way the caller is asked to come back.

import { assert } from "../../base/assert.ts";
import { type Bytes, readU32 } from "../../base/bytes.ts";
import { checkTransaction } from "../../ledger/bitcoin/check-transaction.ts";
import { BYTES_PER_SIGOP } from "../../ledger/bitcoin/policy/limits.ts";
import { standardFault } from "../../ledger/bitcoin/policy/standard.ts";
import {
  decodeTransaction,
  isCoinbase,
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
import { outpointKeyAt, txidKey } from "../../state/admission/keys.ts";
import type { Placement } from "../../state/placement.ts";
import type { Entries } from "./entries.ts";
import type { Hosts } from "./hosts.ts";
import type { Judging } from "./judging.ts";
import { Relations } from "./relations.ts";
import type { Member } from "./topology.ts";

/** Transactions under way at most: more are told to come back. */
const UNDER_WAY_MAX = 4_096;
/** So many are always let in. */
const UNDER_WAY_MIN = 1_024;
/** Beyond, no more than the node answers in this time: a longer queue only makes all of it late. */
const QUEUE_SECONDS = 0.5;
const RATE_WINDOW_MS = 250;
const RETRY_AFTER_MS = 500;

type Refused = Extract<TransactionVerdict, { ok: false }>;

export interface GatewayParts {
  readonly hosts: () => Hosts;
  readonly placement: Placement;
  readonly entries: Entries;
  readonly judging: Judging;
  readonly cache: VerifiedCache;
  readonly requireStandard: boolean;
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
}

interface UnderWay {
  readonly transaction: Transaction;
  readonly id: string;
  readonly raw: Bytes;
  readonly feeRateMax: number;
  readonly sponsored: boolean;
  readonly resolve: (verdict: TransactionVerdict) => void;
  judgement: TransactionJudgement | null;
  debug: string | null;
}

export class Gateway {
  readonly #parts: GatewayParts;
  /** By token. */
  readonly #underWay = new Map<number, UnderWay>();
  /** Newest token of each transaction under way. */
  readonly #tokens = new Map<string, number>();
  #nextToken = 1;
  readonly #rate: AnswerRate;
  readonly statistics = { submitted: 0, accepted: 0, busy: 0 };
  readonly relations: Relations;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    this.relations = new Relations(parts.entries, parts.requireStandard);
    this.#rate = new AnswerRate(parts.now);
  }

  get #underWayMax(): number {
    const fitting = this.#rate.perSecond * QUEUE_SECONDS;
    return Math.min(UNDER_WAY_MAX, Math.max(UNDER_WAY_MIN, fitting));
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** Takes a transaction; `source` names whom its bounds are counted against. */
  submit(raw: Bytes, options: GatewayOptions = {}, source = 0): Promise<TransactionVerdict> {
    this.statistics.submitted++;
    const checked = this.check(raw);
    if (!checked.ok) return Promise.resolve(checked.verdict);
    const closed = this.#parts.closed();
    if (closed !== null || this.#underWay.size >= this.#underWayMax) {
      this.statistics.busy++;
      return Promise.resolve(busy(RETRY_AFTER_MS, closed));
    }
    return this.#send(checked.transaction, checked.id, options, source);
  }

  /** Everything that needs no coin. */
  check(
    raw: Bytes,
  ):
    | { readonly ok: true; readonly transaction: Transaction; readonly id: string }
    | { readonly ok: false; readonly verdict: Refused } {
    const no = (kind: Refused["kind"], code: string, debug: string | null = null) => ({
      ok: false as const,
      verdict: refused(kind, code, debug),
    });
    const decoded = decodeTransaction(raw);
    if (!decoded.ok || decoded.end !== raw.length) return no("invalid", "TX decode failed");
    const transaction = decoded.value;
    const valid = checkTransaction(transaction);
    if (!valid.ok) return no("invalid", valid.code, valid.debug ?? null);
    if (isCoinbase(transaction)) return no("invalid", "coinbase");
    if (this.#parts.requireStandard) {
      const fault = standardFault(transaction);
      if (fault !== null) return no("rejected", fault);
    }
    const id = txidKey(transaction.txid);
    const known = this.#parts.entries.byId.get(id);
    if (known !== undefined) {
      const same = known.witnessId === txidKey(transaction.wtxid);
      if (same) return no("known", "txn-already-in-mempool");
      return no("rejected", "txn-same-nonwitness-data-in-mempool");
    }
    return { ok: true, transaction, id };
  }

  #send(
    transaction: Transaction,
    id: string,
    { feeRateMax = 0, sponsored = false }: GatewayOptions,
    source: number,
  ): Promise<TransactionVerdict> {
    const { placement, hosts } = this.#parts;
    const { txid } = transaction;
    const token = this.#nextToken;
    this.#nextToken = (this.#nextToken % 0xffff_fffe) + 1;
    placement.hash(txid, 0);
    const { partition } = placement;
    const raw = transaction.bytes.subarray(transaction.start, transaction.end);
    const size = Math.ceil(transactionWeight(transaction) / 4);
    putSubmit(hosts().writer(partition), { partition, token, source, size, txid, raw });
    if (this.#underWay.size === 0) hosts().hold();
    return new Promise((resolve) => {
      const [judgement, debug] = [null, null];
      const asked = { feeRateMax, sponsored, resolve };
      this.#underWay.set(token, { transaction, id, raw, ...asked, judgement, debug });
      this.#tokens.set(id, token);
    });
  }

  /** The coins of a transaction have been read: it can be judged. */
  onVerify(body: Body): void {
    const { judging, cache } = this.#parts;
    const head = readVerifyHead(body);
    const { reader } = body;
    const bytes = reader.bytes.subarray(reader.at, reader.end);
    const underWay = this.#find(head.txid);
    const wtxid = underWay?.transaction.wtxid ?? null;
    const skipScripts = wtxid !== null && cache.has(wtxid, head.flags);
    const member = memberOf(underWay?.transaction ?? transactionOf(bytes), head.txid, bytes);
    const early = this.#faultBeforeScripts(member);
    if (early !== null) {
      this.#tell(head, early, underWay);
      return;
    }
    this.relations.comes(member);
    const done = (judgement: TransactionJudgement): void => {
      if (judgement.ok && wtxid !== null) cache.add(wtxid, head.flags);
      this.#tell(head, this.#judgedAgain(member, judgement), underWay);
    };
    const sponsored = underWay?.sponsored ?? false;
    judging.add({ bytes, flags: head.flags, skipScripts, sponsored, done });
  }

  #find(txid: string): UnderWay | null {
    const token = this.#tokens.get(txid);
    return token === undefined ? null : (this.#underWay.get(token) ?? null);
  }

  /** What its relatives forbid, as a double spend that pays too little, is refused before scripts. */
  #faultBeforeScripts(member: Member): TransactionJudgement | null {
    // One that pays less than nothing breaks a rule that comes before these.
    const fault = member.fee < 0 ? null : this.relations.fault(member);
    return fault === null ? null : { ok: false, permanent: false, invalid: false, ...fault };
  }

  /** Its signature checks are known now, and may make it larger than its bytes do. */
  #judgedAgain(member: Member, judgement: TransactionJudgement): TransactionJudgement {
    if (!judgement.ok || judgement.sigops * BYTES_PER_SIGOP <= member.weight) return judgement;
    this.relations.decided(member.id);
    const counted = { ...member, sigops: judgement.sigops };
    const fault = this.#faultBeforeScripts(counted);
    if (fault === null) this.relations.comes(counted);
    return fault ?? judgement;
  }

  /** The home learns the verdict; the caller's limit on the fee is one more reason to refuse. */
  #tell(head: VerifyHead, judgement: TransactionJudgement, underWay: UnderWay | null): void {
    let told = judgement;
    if (underWay !== null && judgement.ok && underWay.feeRateMax > 0) {
      const size = adjustedSize(transactionWeight(underWay.transaction), judgement.sigops);
      if (judgement.fee > feeFor(underWay.feeRateMax, size)) told = TOO_DEAR;
    }
    if (underWay !== null) underWay.judgement = told;
    if (!told.ok) this.relations.decided(head.txid);
    const verdict = verdictOf(told, underWay?.sponsored ?? false);
    putVerdict(this.#parts.hosts().writer(head.partition), head, verdict);
  }

  onAnswer(body: Body): void {
    const { token, answer } = readAnswer(body);
    const underWay = this.#underWay.get(token);
    if (underWay === undefined) return;
    this.#rate.count();
    this.#underWay.delete(token);
    if (this.#underWay.size === 0) this.#parts.hosts().release();
    if (this.#tokens.get(underWay.id) === token) this.#tokens.delete(underWay.id);
    if (answer.kind !== "parked") this.relations.decided(underWay.id);
    underWay.resolve(this.#verdict(underWay, answer));
  }

  #verdict(underWay: UnderWay, answer: Answer): TransactionVerdict {
    const { transaction, judgement, id } = underWay;
    switch (answer.kind) {
      case "accepted": {
        this.statistics.accepted++;
        const { txid, wtxid } = transaction;
        const entry = this.#parts.entries.byId.get(id);
        const fee = entry?.fee ?? (judgement?.ok === true ? judgement.fee : 0);
        const size = entry?.size ?? Math.ceil(transactionWeight(transaction) / 4);
        return { ok: true, txid, wtxid, size, fee };
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
    const all = [...this.#underWay.values()];
    if (all.length > 0) this.#parts.hosts().release();
    this.#underWay.clear();
    this.#tokens.clear();
    for (const { resolve } of all) resolve(busy(RETRY_AFTER_MS, closed));
  }
}

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

/** The transaction of a job: height, then its bytes. */
function transactionOf(job: Bytes): Transaction {
  const decoded = decodeTransaction(job.slice(8, 8 + readU32(job, 4)));
  assert(decoded.ok, "a transaction that its home has read decodes");
  return decoded.value;
}

/** What policy must know of it before its scripts are run. */
function memberOf(transaction: Transaction, id: string, job: Bytes): Member {
  const { txid, wtxid, version, bytes, start, end, inputs, outputs } = transaction;
  return {
    id,
    txid,
    wtxid,
    version,
    weight: transactionWeight(transaction),
    sigops: 0,
    fee: outputs.reduce((left, { value }) => left - value, valueOfCoins(job)),
    raw: bytes.subarray(start, end),
    inputs: inputs.map(({ outpointAt }) => outpointKeyAt(bytes, outpointAt)),
  };
}

function verdictOf(judgement: TransactionJudgement, sponsored: boolean): Verdict {
  if (judgement.ok) return { ok: true, fee: judgement.fee, sigops: judgement.sigops, sponsored };
  return { ok: false, code: judgement.code, permanent: judgement.permanent };
}

export function refused(kind: Refused["kind"], code: string, debug: string | null): Refused {
  return { ok: false, kind, code, debug };
}

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
  if (judgement?.ok === false && judgement.invalid) {
    return refused(hasWitness && isScript(code) ? "witness" : "invalid", code, debug);
  }
  const kind = code === "bad-witness-nonstandard" ? "witness" : "rejected";
  return refused(kind, code, debug);
}

function isScript(code: string): boolean {
  return code.startsWith("mempool-script-verify-flag-failed");
}
