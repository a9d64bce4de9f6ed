// The home's side of admission, from SUBMIT to the last OK: READ, verify, HOLD, COMMIT. Nothing
// shared is touched before the scripts are known valid, and nothing here survives a crash or a chain
// record except the verdict of the scripts.
import { bytesEqual } from "../../../base/bytes.ts";
import { type HoldVerdict, judgeHold } from "../../../state/admission/claims.ts";
import { inputKeys, type Part, partsOf } from "../../../state/admission/leave.ts";
import {
  isFinal,
  isMature,
  isRelativeLockRipe,
  relativeLock,
} from "../../../state/admission/locks.ts";
import { type Candidate, type CoinRecord, NO_ROUND } from "../../../state/admission/records.ts";
import { commitHere, holdOf, putEarlyCoins, tryCommit } from "./commit.ts";
import { askAgainLater, onClaimed } from "./contention.ts";
import {
  type Answer,
  CLIENT,
  type Coins,
  type Handed,
  type Ok,
  type Refuse,
  type Status,
  type Submit,
  type Token,
  VERIFIER,
  type VerdictMessage,
} from "./messages.ts";
import { readHere } from "./parent.ts";
import { askHeir, unpark } from "./parking.ts";
import type { Parked, Partition, Preparing, PreparingPart } from "./partition.ts";
import {
  abandon,
  againAfter,
  confirmedHeight,
  live,
  nextAttempt,
  parkPreparing,
  partFrom,
  reject,
  restartAfter,
} from "./preparing.ts";
import { floorRate, isFull } from "./pressure.ts";
import {
  askDisplaced,
  considerReplacement,
  displacedOf,
  forgetDisplaced,
  lookAgain,
  noteStanding,
} from "./replace.ts";

const NO_CLAIMANTS: PreparingPart["claimants"] = [];

/** Of those that are not reading: never written to. */
const NO_COINS: Preparing["coins"] = [];

/** Of those that stand in nobody's way: never written to. */
const NO_CONE: Preparing["cone"] = new Map();

const PREMATURE = "bad-txns-premature-spend-of-coinbase";
const NOT_FINAL = "non-BIP68-final";

export function onSubmit(p: Partition, message: Submit): void {
  const { candidate, token, source, given } = message;
  const known = knownAnswer(p, candidate);
  if (known !== null) {
    answer(p, token, candidate, known);
    return;
  }
  const preparing = p.preparing.get(candidate.txid);
  if (preparing !== undefined) {
    // Another witness must not share the verdict of the one that is being judged.
    if (bytesEqual(preparing.candidate.raw, candidate.raw)) join(p, preparing, token);
    else answer(p, token, candidate, { kind: "busy", retryAfterMs: p.config.limits.repeatMs });
    return;
  }
  const parked = p.parked.get(candidate.txid);
  const { limits } = p.config;
  if (parked !== undefined && (parked.heir !== null || p.now - parked.triedAt < limits.repeatMs)) {
    askHeir(p, parked);
    answer(p, token, candidate, { kind: "parked", deadlineMs: parked.deadline });
    return;
  }
  const ofSource = p.preparingBySource.get(source) ?? 0;
  if (
    p.preparing.size >= limits.preparingCountMax ||
    ofSource >= limits.preparingPerSourceMax ||
    isFull(p)
  ) {
    answer(p, token, candidate, { kind: "busy", retryAfterMs: limits.repeatMs });
    return;
  }
  unpark(p, candidate.txid);
  begin(p, candidate, source, token === null ? [] : [token], given);
}

/** What a home answers without looking further: the same as before. */
function knownAnswer(p: Partition, candidate: Candidate): Answer | null {
  const { txid } = candidate;
  if (p.view.hasRecord(txid)) {
    return { kind: "accepted", seq: p.view.record(txid)!.attempt.seq };
  }
  if (p.view.leaving(txid) !== null) {
    return { kind: "busy", retryAfterMs: p.config.limits.resendMs };
  }
  return null;
}

function answer(p: Partition, token: Token | null, candidate: Candidate, what: Answer): void {
  if (token === null) return;
  p.send(CLIENT, { type: "answer", token, txid: candidate.txid, answer: what });
}

function join(p: Partition, preparing: Preparing, token: Token | null): void {
  if (token === null || preparing.tokens.includes(token)) return;
  if (preparing.tokens.length < p.config.limits.tokensPerTransactionMax) {
    preparing.tokens.push(token);
  } else {
    const retryAfterMs = p.config.limits.repeatMs;
    answer(p, token, preparing.candidate, { kind: "busy", retryAfterMs });
  }
}

/** PREPARING begins. */
export function begin(
  p: Partition,
  candidate: Candidate,
  source: number,
  tokens: Token[],
  given: readonly CoinRecord[] | null,
  parked: Parked | null = null,
): void {
  const parts = partsOf(p.config.places, p.self, candidate).map(preparingPart);
  const preparing: Preparing = {
    candidate,
    source,
    tokens,
    attempt: nextAttempt(p),
    stage: "read",
    parts,
    coins: NO_COINS,
    given,
    verdict: null,
    flags: 0,
    deadline: p.now + p.config.limits.preparingMsMax,
    retries: 0,
    delayMs: 0,
    againAt: Number.POSITIVE_INFINITY,
    cone: NO_CONE,
    yielded: null,
    parked,
  };
  p.preparing.set(candidate.txid, preparing);
  p.preparingBySource.set(source, (p.preparingBySource.get(source) ?? 0) + 1);
  startRead(p, preparing);
}

function preparingPart({ partition, inputs, outputs }: Part): PreparingPart {
  return {
    partition,
    inputs,
    outputs,
    state: "idle",
    mayHold: false,
    round: NO_ROUND,
    ancestors: 0,
    claimants: NO_CLAIMANTS,
  };
}

/** First step of the live attempt. */
function startRead(p: Partition, preparing: Preparing): void {
  const { candidate, parts } = preparing;
  preparing.stage = "read";
  preparing.coins = new Array<CoinRecord | null>(candidate.inputs.length).fill(null);
  for (const part of parts) {
    part.state = "idle";
    part.claimants = NO_CLAIMANTS;
  }
  if (!isFinal(candidate, p.chain)) {
    reject(p, preparing, "non-final", false);
    return;
  }
  if (!p.config.rules.coinsWithDecision) putEarlyCoins(p, preparing);
  if (preparing.given !== null) {
    readGiven(p, preparing, preparing.given);
    return;
  }
  askToRead(p, preparing);
}

function readGiven(p: Partition, preparing: Preparing, given: readonly CoinRecord[]): void {
  for (let vin = 0; vin < given.length; vin++) preparing.coins[vin] = given[vin]!;
  verify(p, preparing);
}

/** READ to every partition that has not answered; coins of this host are read at once. */
function askToRead(p: Partition, preparing: Preparing): void {
  const { candidate, attempt, parts } = preparing;
  const { txid } = candidate;
  for (const part of parts) {
    if (part.inputs.length === 0 || part.state === "done") continue;
    const inputs = inputKeys(candidate, part.inputs);
    const owner = p.ownerHere(part.partition);
    if (owner === null) {
      part.state = "asked";
      p.send(part.partition, { type: "read", txid, attempt, inputs });
      continue;
    }
    const coins = readHere(owner, p.self, txid, inputs);
    if (coins === null) {
      parkPreparing(p, preparing);
      return;
    }
    noteCoins(preparing, part, coins);
  }
  readDone(p, preparing);
  // Still reading: some partition was asked.
  if (preparing.stage === "read") againAfter(p, preparing, p.config.limits.repeatMs);
}

function noteCoins(preparing: Preparing, part: PreparingPart, coins: readonly CoinRecord[]): void {
  part.state = "done";
  for (let index = 0; index < part.inputs.length; index++) {
    preparing.coins[part.inputs[index]!] = coins[index]!;
  }
}

function readDone(p: Partition, preparing: Preparing): void {
  if (preparing.stage !== "read" || preparing.coins.includes(null)) return;
  verify(p, preparing);
}

export function onCoins(p: Partition, from: number, message: Coins): void {
  const preparing = live(p, message.txid, message.attempt);
  if (preparing?.stage !== "read") return;
  const part = partFrom(preparing, from);
  if (part?.state !== "asked") return;
  noteCoins(preparing, part, message.coins);
  readDone(p, preparing);
}

/** Scripts, once per transaction and set of flags: outside, between reading and holding. */
function verify(p: Partition, preparing: Preparing): void {
  const { candidate, attempt, coins } = preparing;
  const { flags, height } = p.chain;
  const unripe = unripeCoin(p, preparing);
  if (unripe !== null) {
    reject(p, preparing, unripe, false);
    return;
  }
  if (preparing.verdict !== null && preparing.flags === flags) {
    startHold(p, preparing);
    return;
  }
  preparing.stage = "verify";
  p.send(VERIFIER, {
    type: "verify",
    txid: candidate.txid,
    attempt,
    candidate,
    coins: coins as readonly CoinRecord[],
    height: height + 1,
    flags,
  });
}

/** A lock that will refuse HOLD anyway: then it need not hold the other coins meanwhile. */
function unripeCoin(p: Partition, { candidate, coins }: Preparing): string | null {
  for (let vin = 0; vin < coins.length; vin++) {
    const coin = coins[vin]!;
    if (!isMature(coin, p.config.coinbaseMaturity, p.chain)) return PREMATURE;
    const lock = relativeLock(candidate.version, candidate.inputs[vin]!.sequence);
    if (!isRelativeLockRipe(coin, lock, p.chain)) return NOT_FINAL;
  }
  return null;
}

export function onVerdict(p: Partition, message: VerdictMessage): void {
  const preparing = live(p, message.txid, message.attempt);
  if (preparing?.stage !== "verify") return;
  const { verdict } = message;
  if (!verdict.ok) {
    // Coins that came from outside may be lies: then it is the source that is wrong.
    reject(p, preparing, verdict.code, verdict.permanent && preparing.given === null);
    return;
  }
  preparing.verdict = verdict;
  preparing.flags = message.flags;
  if (verdict.sponsored !== true && verdict.fee < floorRate(p) * preparing.candidate.size) {
    reject(p, preparing, "mempool min fee not met", false);
    return;
  }
  startHold(p, preparing);
}

function startHold(p: Partition, preparing: Preparing): void {
  preparing.stage = "hold";
  for (const part of preparing.parts) part.state = "idle";
  forgetDisplaced(preparing);
  askDisplaced(p, preparing);
  if (commitHere(p, preparing)) return;
  const own = partFrom(preparing, p.self);
  if (own !== null) {
    const verdict = judgeHold(p.context, holdOf(preparing, own));
    if (!verdict.ok && refused(p, preparing, own, verdict)) return;
  }
  sendHolds(p, preparing);
  commitIfReady(p, preparing);
  if (p.preparing.get(preparing.candidate.txid) !== preparing) return;
  againAfter(p, preparing, p.config.limits.repeatMs);
}

/** HOLD to every partition that has not said OK. */
function sendHolds(p: Partition, preparing: Preparing): void {
  for (const part of preparing.parts) if (part.partition !== p.self) sendHold(p, preparing, part);
}

function sendHold(p: Partition, preparing: Preparing, part: PreparingPart): void {
  if (part.state === "done") return;
  part.state = "asked";
  part.mayHold = true;
  p.send(part.partition, { type: "hold", ...holdOf(preparing, part) });
}

function commitIfReady(p: Partition, preparing: Preparing): void {
  const verdict = tryCommit(p, preparing);
  const own = partFrom(preparing, p.self);
  if (verdict !== null && !verdict.ok && own !== null) refused(p, preparing, own, verdict);
}

export function onOk(p: Partition, from: number, message: Ok): void {
  const preparing = p.config.rules.okComparesAttempt
    ? live(p, message.txid, message.attempt)
    : (p.preparing.get(message.txid) ?? null);
  if (preparing?.stage !== "hold") return;
  const part = partFrom(preparing, from);
  if (part === null || part.state === "done") return;
  part.state = "done";
  part.claimants = NO_CLAIMANTS;
  part.round = message.round;
  part.ancestors = message.ancestors;
  commitIfReady(p, preparing);
  // It may have been the last answer that another part's claimants were waiting for.
  if (preparing.cone.size > 0 && isLive(p, preparing)) considerReplacement(p, preparing);
}

export function onWait(p: Partition, txid: string, attempt: Ok["attempt"]): void {
  const preparing = live(p, txid, attempt);
  if (preparing !== null) parkPreparing(p, preparing);
}

export function onRefuse(p: Partition, from: number, message: Refuse): void {
  const preparing = live(p, message.txid, message.attempt);
  if (preparing?.stage !== "hold") return;
  const part = partFrom(preparing, from);
  if (part === null || part.state === "done") return;
  const { refusal } = message;
  if (refusal.code === "retry") {
    part.state = "refused";
    askAgainLater(p, preparing);
    return;
  }
  refused(p, preparing, part, refusal);
}

/** A partition cannot give its part; true when this attempt is over. */
function refused(
  p: Partition,
  preparing: Preparing,
  part: PreparingPart,
  refusal: Extract<HoldVerdict, { ok: false }>,
): boolean {
  const { attempt } = preparing;
  switch (refusal.code) {
    case "stale":
      // Only the home's own store can say this of a live attempt: an heir's claim is newer.
      restartAfter(p, preparing, p.config.limits.contendedMsMax);
      break;
    case "missing":
      parkPreparing(p, preparing);
      break;
    case "bad-coin":
      reject(p, preparing, "bad-coin", true);
      break;
    case "not-yet":
      reject(p, preparing, refusal.reason === "premature" ? PREMATURE : NOT_FINAL, false);
      break;
    case "too-many-children":
      reject(p, preparing, "too-many-children", false, refusal.parent);
      break;
    case "claimed":
      onClaimed(p, preparing, part, refusal.claimants);
      break;
  }
  return live(p, preparing.candidate.txid, attempt) === null;
}

/** The heir of claims asks for the rest of that part at once, when nobody else there is to leave. */
export function onHanded(p: Partition, from: number, { txid, attempt, left }: Handed): void {
  const preparing = live(p, txid, attempt);
  if (preparing?.stage !== "hold") return;
  const part = partFrom(preparing, from);
  if (part === null) return;
  part.claimants = part.claimants.filter((claimant) => claimant.txid !== left);
  if (part.claimants.length > 0) return;
  if (part.partition !== p.self) sendHold(p, preparing, part);
  commitIfReady(p, preparing);
}

/** Repeats what has no answer yet, or begins after a pause. */
export function onAgain(p: Partition, txid: string, attempt: Ok["attempt"]): void {
  const preparing = live(p, txid, attempt);
  if (preparing === null || p.now < preparing.againAt) return;
  preparing.againAt = Number.POSITIVE_INFINITY;
  switch (preparing.stage) {
    case "pause":
      startRead(p, preparing);
      return;
    case "read":
      askToRead(p, preparing);
      return;
    case "verify":
      return;
    case "hold": {
      lookAgain(preparing);
      const own = partFrom(preparing, p.self);
      if (own !== null) {
        const verdict = judgeHold(p.context, holdOf(preparing, own));
        if (!verdict.ok && refused(p, preparing, own, verdict)) return;
      }
      askDisplaced(p, preparing);
      const contended = preparing.parts.some((part) => part.state === "refused");
      sendHolds(p, preparing);
      if (contended) askAgainLater(p, preparing);
      else againAfter(p, preparing, p.config.limits.repeatMs);
      commitIfReady(p, preparing);
      return;
    }
  }
}

/** The home of a transaction that is in the way, or that is to be displaced, said how it stands. */
export function onStanding(p: Partition, message: Status): void {
  const preparing = p.preparing.get(message.asker);
  if (preparing?.stage !== "hold") return;
  noteStanding(preparing, message);
  considerReplacement(p, preparing);
  if (displacedOf(preparing).includes(message.txid) && isLive(p, preparing)) {
    commitIfReady(p, preparing);
  }
}

function isLive(p: Partition, preparing: Preparing): boolean {
  return preparing.stage === "hold" && p.preparing.get(preparing.candidate.txid) === preparing;
}

export function onDeadline(p: Partition, preparing: Preparing): void {
  abandon(p, preparing, { kind: "busy", retryAfterMs: p.config.limits.repeatMs });
}

/** The chain moved: every attempt is dead and begins again; the scripts stay verified. */
export function restartAll(p: Partition): void {
  for (const preparing of p.preparing.values()) {
    const { candidate } = preparing;
    const height = confirmedHeight(p, candidate);
    const confirmed = height === null ? null : ({ kind: "confirmed", height } as const);
    const known = knownAnswer(p, candidate) ?? confirmed;
    if (known !== null) {
      abandon(p, preparing, known);
      continue;
    }
    preparing.attempt = nextAttempt(p);
    preparing.againAt = Number.POSITIVE_INFINITY;
    preparing.delayMs = 0;
    preparing.cone = NO_CONE;
    preparing.yielded = null;
    startRead(p, preparing);
  }
}
