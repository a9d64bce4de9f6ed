// The decision. When every other partition holds its part, the home judges its own coins and writes
// record, coins and claims as one group: admitted on all partitions at once, or not at all.
import {
  addAncestors,
  applyHold,
  coinDigest,
  type Hold,
  type HoldInput,
  type HoldOutput,
  type HoldVerdict,
  judgeHold,
  type KnownCoins,
} from "../../../state/admission/claims.ts";
import { outpointKey } from "../../../state/admission/keys.ts";
import { inputKeys, isOwnOutput, outputKeys, ownOutputs } from "../../../state/admission/leave.ts";
import { isFinal, relativeLock } from "../../../state/admission/locks.ts";
import {
  type AdmissionRecord,
  type Candidate,
  NO_ROUND,
  UNCONFIRMED,
} from "../../../state/admission/records.ts";
import { sendEntriesFrom } from "./leaving.ts";
import { wakeWaiters } from "./parking.ts";
import type { Partition, Preparing, PreparingPart } from "./partition.ts";
import { answerAll, forget, reject } from "./preparing.ts";
import { noteRate, relievePressure } from "./pressure.ts";
import { displacedFault, evictDisplaced } from "./replace.ts";

/** The HOLD of one part. */
export function holdOf(preparing: Preparing, part: PreparingPart): Hold {
  const { candidate, attempt, given } = preparing;
  const inputs = part.inputs.map((vin): HoldInput => {
    const { outpoint, sequence } = candidate.inputs[vin]!;
    const coin = given?.[vin];
    const digest = coin === undefined ? null : coinDigest(coin.value, coin.script);
    return { outpoint, vin, lock: relativeLock(candidate.version, sequence), digest };
  });
  const outputs = part.outputs.map((index): HoldOutput => {
    const { value, script } = candidate.outputs[index]!;
    return { outpoint: outpointKey(candidate.txid, index), value, script };
  });
  return { txid: candidate.txid, attempt, inputs, outputs };
}

/** Commits if nothing is missing any more; returns the refusal of the home's own coins, if any. */
export function tryCommit(p: Partition, preparing: Preparing): HoldVerdict | null {
  const own = preparing.parts.find((part) => part.partition === p.self);
  for (const part of preparing.parts) if (part !== own && part.state !== "done") return null;
  if (own !== undefined) {
    const verdict = judgeHold(p.context, holdOf(preparing, own));
    if (!verdict.ok) return verdict;
    own.round = verdict.round;
    own.ancestors = verdict.ancestors;
  }
  let round = NO_ROUND;
  let ancestors = 0;
  for (const part of preparing.parts) {
    round = Math.max(round, part.round);
    ancestors = addAncestors(ancestors, part.ancestors);
  }
  const refusal = refuseByPolicy(p, preparing, ancestors);
  if (refusal !== null) {
    reject(p, preparing, refusal, false);
    return null;
  }
  if (!mayDisplace(p, preparing)) return null;
  commit(p, preparing, own ?? null, round, ancestors);
  return null;
}

/**
 * The decision in one step, when every coin lies in this host: its partitions share a journal, so
 * their claims and the record are one group, and nothing need be held before. False when a coin lies
 * elsewhere or is refused: then the long way finds out what is to be done.
 */
export function commitHere(p: Partition, preparing: Preparing): boolean {
  const { parts } = preparing;
  for (const part of parts) {
    if (part.outputs.length > 0 || p.ownerHere(part.partition) === null) return false;
  }
  let round = NO_ROUND;
  let ancestors = 0;
  const holds = new Array<Hold>(parts.length);
  const known = parts.map((part) => knownCoins(p, preparing, part));
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!;
    const hold = holdOf(preparing, part);
    const owner = p.ownerHere(part.partition)!;
    const verdict = judgeHold(owner.context, hold, known[index]!);
    if (!verdict.ok) return false;
    holds[index] = hold;
    round = Math.max(round, verdict.round);
    ancestors = addAncestors(ancestors, verdict.ancestors);
  }
  if (displacedFault(preparing) !== null) return false;
  const refusal = refuseByPolicy(p, preparing, ancestors);
  if (refusal !== null) {
    reject(p, preparing, refusal, false);
    return true;
  }
  for (let index = 0; index < parts.length; index++) {
    const owner = p.ownerHere(parts[index]!.partition)!;
    applyHold(owner.context, holds[index]!, "spent", known[index]!);
    if (owner !== p) p.takeGroupOf(owner);
  }
  const record = decide(p, preparing, round, ancestors);
  conclude(p, preparing, record);
  return true;
}

/** What READ found in the part's coins; what came with the transaction may be lies. */
function knownCoins(p: Partition, preparing: Preparing, part: PreparingPart): KnownCoins {
  if (preparing.given !== null || preparing.attempt.seq !== p.seq) return null;
  return part.inputs.map((vin) => preparing.coins[vin]!);
}

function refuseByPolicy(p: Partition, preparing: Preparing, ancestors: number): string | null {
  if (ancestors > p.config.limits.ancestorCountMax) return "too-long-mempool-chain";
  if (!isFinal(preparing.candidate, p.chain)) return "non-final";
  return null;
}

/** False while it is not known how those it displaces stand, or one of them has to stay. */
function mayDisplace(p: Partition, preparing: Preparing): boolean {
  const fault = displacedFault(preparing);
  if (fault === "sealed") reject(p, preparing, "txn-mempool-conflict", false);
  return fault === null;
}

function commit(
  p: Partition,
  preparing: Preparing,
  own: PreparingPart | null,
  parentRound: number,
  ancestors: number,
): void {
  const record = decide(p, preparing, parentRound, ancestors);
  if (own !== null) applyHold(p.context, holdOf(preparing, own), "spent");
  for (const part of preparing.parts) {
    if (part.partition !== p.self) sendFinalize(p, record, part);
  }
  conclude(p, preparing, record);
}

/** Record and coins; then everybody is told. */
function conclude(p: Partition, preparing: Preparing, record: AdmissionRecord): void {
  const { candidate } = preparing;
  const { txid } = candidate;
  const firstEntry = p.view.store.meta("outboxNext");
  p.view.putRecord(txid, record);
  evictDisplaced(p, preparing);
  const { places } = p.config;
  for (let index = 0; index < candidate.outputs.length; index++) {
    if (isOwnOutput(places, p.self, candidate, index)) putOutput(p, candidate, index, record);
  }
  noteRate(p, record);
  forget(p, preparing);
  answerAll(p, preparing, { kind: "accepted", seq: p.seq });
  p.emit({ type: "accepted", txid, record });
  sendEntriesFrom(p, firstEntry);
  wakeWaiters(p, txid);
  relievePressure(p);
}

/** The record: its round, and the next position of that round's log. */
function decide(
  p: Partition,
  preparing: Preparing,
  parentRound: number,
  ancestors: number,
): AdmissionRecord {
  const { candidate, attempt, verdict, flags } = preparing;
  const above = p.config.rules.roundAboveParents ? parentRound + 1 : 0;
  const round = Math.max(p.config.openRound, above);
  const position = p.view.store.meta(`log:${round}`);
  p.view.putMeta(`log:${round}`, position + 1);
  return {
    txid: candidate.txid,
    attempt,
    order: { restoredBy: 0, major: round, minor: p.self },
    round,
    position,
    fee: verdict?.ok === true ? verdict.fee : 0,
    sigops: verdict?.ok === true ? verdict.sigops : 0,
    ancestors,
    flags,
    since: p.chain.medianTime,
    candidate,
  };
}

function putOutput(
  p: Partition,
  candidate: Candidate,
  index: number,
  record: AdmissionRecord,
): void {
  const { value, script } = candidate.outputs[index]!;
  p.view.putCoin(outpointKey(candidate.txid, index), {
    value,
    script,
    coinbase: false,
    height: UNCONFIRMED,
    round: record.round,
    ancestors: record.ancestors + 1,
    attempt: record.attempt,
    open: true,
  });
}

/** Only in the mutant that shows coins before the decision. */
export function putEarlyCoins(p: Partition, preparing: Preparing): void {
  const { candidate, attempt } = preparing;
  for (const index of ownOutputs(p.config.places, p.self, candidate)) {
    const early = { attempt, round: p.config.openRound, ancestors: 0 } as AdmissionRecord;
    putOutput(p, candidate, index, early);
  }
  wakeWaiters(p, candidate.txid);
}

function sendFinalize(p: Partition, record: AdmissionRecord, part: PreparingPart): void {
  const { txid, attempt, candidate, round, ancestors } = record;
  p.send(part.partition, {
    type: "finalize",
    txid,
    attempt,
    inputs: inputKeys(candidate, part.inputs),
    outputs: outputKeys(txid, part.outputs),
    round,
    ancestors,
  });
}
