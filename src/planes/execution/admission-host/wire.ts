// What crosses between a node's main thread and its partition hosts: many small messages in one
// buffer, which is handed over whole. Objects would cost more to copy than the work they ask for.
//
//   message = type u8 | length u32 | body                    ids as bytes, little-endian

import { type Bytes, readU32 } from "../../../base/bytes.ts";
import { Reader } from "../../../base/reader.ts";
import type { Writer } from "../../../base/writer.ts";
import { type Txid, txidKey } from "../../../state/admission/keys.ts";
import type {
  AdmissionRecord,
  Attempt,
  LeaveCause,
  OrderKey,
} from "../../../state/admission/records.ts";
import type { Answer, Verdict, Verify } from "../admission/messages.ts";

export const TO_NODE = {
  verify: 1,
  answer: 2,
  admitted: 3,
  evicted: 4,
  confirmed: 5,
  stepped: 6,
  state: 7,
} as const;

export const TO_HOST = { submit: 1, verdict: 2, drop: 3 } as const;

export const ADMITTED_NOW = 0;
export const ADMITTED_BEFORE = 1;
export const ADMITTED_AGAIN = 2;

const CAUSES: readonly LeaveCause[] = [
  "chain",
  "lock",
  "rules",
  "policy",
  "expired",
  "replaced",
  "reset",
];
const ANSWERS: readonly Answer["kind"][] = ["accepted", "confirmed", "parked", "rejected", "busy"];

/** Reads numbers and ids of a message's body; the messages of a buffer use one after another. */
const NO_TXIDS: readonly Txid[] = [];

export class Body {
  reader: Reader;
  readonly #view: DataView;

  constructor(bytes: Bytes) {
    this.reader = new Reader(bytes);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes to the message at `at`. */
  open(at: number, end: number): void {
    this.reader = new Reader(this.reader.bytes, at, end);
  }

  f64(): number {
    return this.#view.getFloat64(this.reader.skip(8), true);
  }

  i32(): number {
    return this.reader.u32() | 0;
  }

  txid(): Txid {
    const at = this.reader.skip(32);
    return txidKey(this.reader.bytes, at);
  }

  txids(): readonly Txid[] {
    const length = this.reader.u32();
    return length === 0 ? NO_TXIDS : Array.from({ length }, () => this.txid());
  }

  optionalTxid(): Txid | null {
    return this.reader.u8() === 0 ? null : this.txid();
  }

  text(): string {
    const length = this.reader.u16();
    if (length === 0) return "";
    const at = this.reader.skip(length);
    return String.fromCharCode(...this.reader.bytes.subarray(at, at + length));
  }

  /** A view of the message. */
  view(): Bytes {
    const length = this.reader.u32();
    const at = this.reader.skip(length);
    return this.reader.bytes.subarray(at, at + length);
  }

  attempt(): Attempt {
    return { seq: this.reader.u32(), epoch: this.reader.u32(), counter: this.f64() };
  }
}

/** Calls back for every message of a buffer. */
export function eachMessage(bytes: Bytes, visit: (type: number, body: Body) => void): void {
  const body = new Body(bytes);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + readU32(bytes, at + 1);
    body.open(at + 5, end);
    visit(bytes[at]!, body);
    at = end;
  }
}

/** Begins a message; `out.close` of what it returns ends it. */
function begin(out: Writer, type: number): number {
  out.u8(type);
  return out.open();
}

export function putAttempt(out: Writer, { seq, epoch, counter }: Attempt): void {
  out.u32(seq);
  out.u32(epoch);
  out.f64(counter);
}

function putOptionalTxid(out: Writer, txid: Txid | null): void {
  out.u8(txid === null ? 0 : 1);
  if (txid !== null) out.key(txid);
}

/** The head says whom to answer; the rest is the job that a verifier gets as it is. */
export function putVerify(out: Writer, partition: number, message: Verify): void {
  const opened = begin(out, TO_NODE.verify);
  out.u16(partition);
  out.key(message.txid);
  putAttempt(out, message.attempt);
  out.u32(message.flags);
  out.u32(message.height);
  out.sized(message.candidate.raw);
  out.u16(message.coins.length);
  for (const { value, script, height, coinbase } of message.coins) {
    out.f64(value);
    // An unconfirmed coin counts as made by the block that is judged for.
    out.u32((height < 0 ? message.height : height) * 2 + (coinbase ? 1 : 0));
    out.sized(script);
  }
  out.close(opened);
}

export interface VerifyHead {
  readonly partition: number;
  readonly txid: Txid;
  readonly attempt: Attempt;
  readonly flags: number;
}

export function readVerifyHead(body: Body): VerifyHead {
  const partition = body.reader.u16();
  return { partition, txid: body.txid(), attempt: body.attempt(), flags: body.reader.u32() };
}

export function putAnswer(out: Writer, token: number, txid: Txid, answer: Answer): void {
  const opened = begin(out, TO_NODE.answer);
  out.u32(token);
  out.key(txid);
  out.u8(ANSWERS.indexOf(answer.kind));
  out.f64(numberOf(answer));
  const rejected = answer.kind === "rejected" ? answer : null;
  out.u8(rejected?.permanent === true ? 1 : 0);
  out.text(rejected?.code ?? "");
  putOptionalTxid(out, rejected?.by ?? null);
  out.close(opened);
}

function numberOf(answer: Answer): number {
  switch (answer.kind) {
    case "accepted":
      return answer.seq;
    case "confirmed":
      return answer.height;
    case "parked":
      return answer.deadlineMs;
    case "busy":
      return answer.retryAfterMs;
    case "rejected":
      return 0;
  }
}

export function readAnswer(body: Body): { token: number; txid: Txid; answer: Answer } {
  const token = body.reader.u32();
  const txid = body.txid();
  const kind = ANSWERS[body.reader.u8()]!;
  const number = body.f64();
  const permanent = body.reader.u8() === 1;
  const code = body.text();
  const by = body.optionalTxid();
  return { token, txid, answer: answerOf(kind, number, permanent, code, by) };
}

function answerOf(
  kind: Answer["kind"],
  number: number,
  permanent: boolean,
  code: string,
  by: Txid | null,
): Answer {
  switch (kind) {
    case "accepted":
      return { kind, seq: number };
    case "confirmed":
      return { kind, height: number };
    case "parked":
      return { kind, deadlineMs: number };
    case "busy":
      return { kind, retryAfterMs: number };
    case "rejected":
      return { kind, code, permanent, by };
  }
}

/** A record as the node's index wants it. */
export interface AdmittedMessage {
  readonly how: number;
  readonly partition: number;
  readonly txid: Txid;
  readonly fee: number;
  readonly sigops: number;
  readonly size: number;
  readonly round: number;
  readonly position: number;
  readonly order: OrderKey;
  readonly since: number;
  /** A view of the message. */
  readonly raw: Bytes;
}

export function putAdmitted(
  out: Writer,
  how: number,
  partition: number,
  record: AdmissionRecord,
): void {
  const opened = begin(out, TO_NODE.admitted);
  out.u8(how);
  out.u16(partition);
  out.key(record.txid);
  out.f64(record.fee);
  out.u32(record.sigops);
  out.u32(record.candidate.size);
  out.i32(record.round);
  out.i32(record.position);
  out.i32(record.order.restoredBy);
  out.i32(record.order.major);
  out.i32(record.order.minor);
  out.f64(record.since);
  out.sized(record.candidate.raw);
  out.close(opened);
}

export function readAdmitted(body: Body): AdmittedMessage {
  return {
    how: body.reader.u8(),
    partition: body.reader.u16(),
    txid: body.txid(),
    fee: body.f64(),
    sigops: body.reader.u32(),
    size: body.reader.u32(),
    round: body.i32(),
    position: body.i32(),
    order: { restoredBy: body.i32(), major: body.i32(), minor: body.i32() },
    since: body.f64(),
    raw: body.view(),
  };
}

export function putEvicted(out: Writer, txid: Txid, cause: LeaveCause, by: Txid | null): void {
  const opened = begin(out, TO_NODE.evicted);
  out.key(txid);
  out.u8(CAUSES.indexOf(cause));
  putOptionalTxid(out, by);
  out.close(opened);
}

export function readEvicted(body: Body): { txid: Txid; cause: LeaveCause; by: Txid | null } {
  const txid = body.txid();
  const cause = CAUSES[body.reader.u8()]!;
  return { txid, cause, by: body.optionalTxid() };
}

export function putConfirmed(out: Writer, txid: Txid): void {
  const opened = begin(out, TO_NODE.confirmed);
  out.key(txid);
  out.close(opened);
}

export function putStepped(out: Writer, seq: number): void {
  const opened = begin(out, TO_NODE.stepped);
  out.u32(seq);
  out.close(opened);
}

/** How a host stands; sent when it changes. */
export interface HostState {
  /** Fee per virtual byte below which nothing is admitted. */
  readonly floorRate: number;
  readonly bytes: number;
  readonly settled: boolean;
  /** Too many blocks are under way for admission to follow. */
  readonly suspended: boolean;
  /** Why nothing is admitted, or empty. */
  readonly fault: string;
  /** The journal's disk has failed: nothing will be admitted before a restart. */
  readonly failed: boolean;
}

export function putState(out: Writer, state: HostState): void {
  const opened = begin(out, TO_NODE.state);
  out.f64(state.floorRate);
  out.f64(state.bytes);
  out.u8((state.settled ? 1 : 0) | (state.suspended ? 2 : 0) | (state.failed ? 4 : 0));
  out.text(state.fault);
  out.close(opened);
}

export function readState(body: Body): HostState {
  const floorRate = body.f64();
  const bytes = body.f64();
  const flags = body.reader.u8();
  const fault = body.text();
  const [settled, suspended, failed] = [1, 2, 4].map((flag) => (flags & flag) !== 0);
  return { floorRate, bytes, settled: settled!, suspended: suspended!, fault, failed: failed! };
}

export interface SubmitMessage {
  readonly partition: number;
  readonly token: number;
  readonly source: number;
  readonly size: number;
  readonly txid: Bytes;
  readonly raw: Bytes;
}

export function putSubmit(out: Writer, message: SubmitMessage): void {
  const opened = begin(out, TO_HOST.submit);
  out.u16(message.partition);
  out.u32(message.token);
  out.u32(message.source);
  out.u32(message.size);
  out.raw(message.txid);
  out.sized(message.raw);
  out.close(opened);
}

/** The node wants an admitted transaction gone. */
export function putDrop(out: Writer, partition: number, txid: Txid): void {
  const opened = begin(out, TO_HOST.drop);
  out.u16(partition);
  out.key(txid);
  out.close(opened);
}

export function putVerdict(out: Writer, head: VerifyHead, verdict: Verdict): void {
  const opened = begin(out, TO_HOST.verdict);
  out.u16(head.partition);
  out.key(head.txid);
  putAttempt(out, head.attempt);
  out.u32(head.flags);
  out.u8(verdict.ok ? (verdict.sponsored === true ? 3 : 1) : verdict.permanent ? 2 : 0);
  out.f64(verdict.ok ? verdict.fee : 0);
  out.u32(verdict.ok ? verdict.sigops : 0);
  out.text(verdict.ok ? "" : verdict.code);
  putTxids(out, verdict.ok ? (verdict.replaces ?? []) : []);
  putTxids(out, verdict.ok ? (verdict.displaces ?? []) : []);
  out.close(opened);
}

function putTxids(out: Writer, txids: readonly Txid[]): void {
  out.u32(txids.length);
  for (const txid of txids) out.key(txid);
}

export function readVerdict(body: Body): { head: VerifyHead; verdict: Verdict } {
  const head = readVerifyHead(body);
  const how = body.reader.u8();
  const fee = body.f64();
  const sigops = body.reader.u32();
  const code = body.text();
  if (how === 1 || how === 3) {
    const [replaces, displaces] = [body.txids(), body.txids()];
    return { head, verdict: { ok: true, fee, sigops, sponsored: how === 3, replaces, displaces } };
  }
  return { head, verdict: { ok: false, code, permanent: how === 2 } };
}
