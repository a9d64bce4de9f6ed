// The fixed schedules: flaws found while the protocol was designed, and what random runs rarely meet.
// Each returns what went wrong, or null.
import { outpointKey } from "../../../state/admission/keys.ts";
import { compareOrder, sameAttempt } from "../../../state/admission/records.ts";
import type { ProtocolRules } from "../../../state/admission/rules.ts";
import { mailOf, Stage, txidAt } from "./stage.ts";

export interface Schedule {
  readonly name: string;
  /** The invariant it would break. */
  readonly rule: string;
  play(rules: ProtocolRules): string | null;
}

const COIN = outpointKey(txidAt(1, 1), 0);
const OTHER = outpointKey(txidAt(2, 2), 0);
const T = txidAt(0, 0x10);
const U = txidAt(2, 0x11);

/** Flaw 2: FINALIZE of an old attempt arrives while a new attempt of T is undecided. */
function lateFinalize(rules: ProtocolRules): string | null {
  const stage = new Stage(rules, 3, [COIN, OTHER]);
  const candidate = stage.candidate(T, [COIN, OTHER]);
  stage.submit(candidate);
  stage.run(mailOf("finalize", T));
  const late = stage.withhold(({ to, message }) => to === 1 && message.type === "finalize");
  stage.run();
  stage.drop(T);
  stage.run();
  stage.submit(candidate);
  // The new attempt holds its coin at 1; the HOLD to 2 is lost.
  stage.run(({ to, message }) => to === 2 && message.type === "hold");
  for (const envelope of late) stage.deliver(envelope);
  const claim = stage.claimOn(COIN);
  if (stage.isAdmitted(T)) return "the schedule did not keep T undecided";
  return claim?.mode === "held" ? null : "an undecided claim became SPENT";
}

/** Late HOLD, then late FINALIZE, of an attempt that was admitted and evicted. */
function stageWithGhost(rules: ProtocolRules): Stage {
  const stage = new Stage(rules, 3, [COIN, OTHER]);
  const candidate = stage.candidate(T, [COIN]);
  stage.submit(candidate);
  stage.run(mailOf("hold", T));
  const hold = stage.copies(mailOf("hold", T));
  stage.run(mailOf("finalize", T));
  const finalize = stage.copies(mailOf("finalize", T));
  stage.run();
  stage.drop(T);
  stage.run();
  for (const envelope of [...hold, ...finalize]) stage.deliver(envelope);
  return stage;
}

/** Flaw 3: the SPENT claim of nobody must not block the coin for ever. */
function spentGhost(rules: ProtocolRules): string | null {
  const stage = stageWithGhost(rules);
  if (stage.claimOn(COIN)?.mode !== "spent") return "the schedule made no ghost";
  const candidate = stage.candidate(U, [COIN]);
  for (let tries = 0; tries < 8 && !stage.isAdmitted(U); tries++) {
    stage.submit(candidate);
    stage.wait(2_500);
  }
  return stage.isAdmitted(U) ? null : "a coin is blocked by a transaction that nobody knows";
}

/** Flaw 3, followed by a new attempt of the same transaction. */
function spentGhostReturns(rules: ProtocolRules): string | null {
  const stage = stageWithGhost(rules);
  const record = () => stage.home(T).view.record(T);
  stage.submit(stage.candidate(T, [COIN]));
  stage.run();
  const admitted = record();
  if (admitted === null) return "the new attempt was not admitted";
  const claim = stage.claimOn(COIN);
  return claim !== null && sameAttempt(claim.attempt, admitted.attempt)
    ? null
    : "T is admitted by an attempt that does not hold its coin";
}

/** Flaw 5: RELEASE reaches a partition that has not undone the block that spent the coin. */
function earlyRelease(rules: ProtocolRules): string | null {
  const stage = new Stage(rules, 3, [COIN]);
  const candidate = stage.candidate(T, [COIN]);
  stage.submit(candidate);
  stage.run();
  stage.append(0, [[candidate]]);
  stage.advanceAll();
  stage.run();
  stage.append(1, [[], []]);
  stage.advance(0);
  stage.run();
  stage.drop(T);
  stage.run();
  stage.advance(1);
  const isKnown = stage.isAdmitted(T) || stage.home(T).view.leaving(T) !== null;
  return stage.claimOn(COIN) === null || isKnown ? null : "a claim returned that nobody owns";
}

/** Flaw 6: a lagging partition asks a home that has already confirmed and forgotten T. */
function laggingQuery(rules: ProtocolRules): string | null {
  const stage = new Stage(rules, 3, [COIN]);
  const candidate = stage.candidate(T, [COIN]);
  stage.submit(candidate);
  stage.run(mailOf("finalize", T));
  stage.withhold(mailOf("finalize", T));
  stage.append(0, [[candidate]]);
  stage.advance(0);
  // Partition 1 is one record behind and asks about its HELD claim; so is the home of U.
  stage.wait(3_000);
  stage.submit(stage.candidate(U, [COIN]));
  stage.wait(1_500);
  return stage.isAdmitted(U)
    ? "a second spend of a confirmed transaction's coin was admitted"
    : null;
}

/** EVICT of an old attempt arrives when the transaction has been admitted anew. */
function lateEvict(rules: ProtocolRules): string | null {
  const stage = new Stage(rules, 3, [COIN]);
  const parent = stage.candidate(U, [COIN]);
  const child = stage.candidate(T, [outpointKey(U, 0)]);
  for (const candidate of [parent, child]) {
    stage.submit(candidate);
    stage.run();
  }
  stage.drop(U);
  stage.run(mailOf("evict", T));
  const late = stage.copies(mailOf("evict", T));
  stage.run();
  if (stage.isAdmitted(T)) return "the child did not leave with its parent";
  for (const candidate of [parent, child]) {
    stage.submit(candidate);
    stage.wait(1_000);
  }
  if (!stage.isAdmitted(T)) return "the child was not admitted again";
  for (const envelope of late) stage.deliver(envelope);
  return stage.isAdmitted(T) ? null : "an old EVICT removed a new admission";
}

/** Two reorganisations restore a child first and its parent, then higher in the chain, second. */
function invertedRestores(rules: ProtocolRules): string | null {
  const stage = new Stage(rules, 3, [COIN]);
  const parent = stage.candidate(U, [COIN]);
  const child = stage.candidate(T, [outpointKey(U, 0)]);
  stage.append(0, [[parent]]);
  stage.append(0, [[child]]);
  stage.append(2, [[], [], [parent]]);
  stage.append(1, [[], []]);
  for (let record = 0; record < 4; record++) {
    stage.advanceAll();
    stage.run();
  }
  const parentRecord = stage.home(U).view.record(U);
  const childRecord = stage.home(T).view.record(T);
  if (parentRecord === null || childRecord === null) return "a transaction was not restored";
  return compareOrder(parentRecord, childRecord) < 0 ? null : "a child stands before its parent";
}

/** An old owner that has never heard of T acknowledges its eviction. */
function staleAcknowledgement(rules: ProtocolRules): string | null {
  const stage = new Stage(rules, 3, [COIN]);
  stage.submit(stage.candidate(U, [COIN]));
  stage.run();
  const stale = stage.takeOver(0);
  stage.submit(stage.candidate(T, [outpointKey(U, 0)]));
  stage.run();
  stage.drop(U);
  stage.run(mailOf("evict", T));
  for (const envelope of stage.withhold(mailOf("evict", T))) stage.deliverToStale(stale, envelope);
  stage.run();
  stage.wait(2_000);
  return stage.isAdmitted(T) ? "a child stays without its parent, and nobody tells it" : null;
}

export const SCHEDULES: readonly Schedule[] = [
  { name: "late-finalize", rule: "I5", play: lateFinalize },
  { name: "spent-ghost", rule: "I10", play: spentGhost },
  { name: "spent-ghost-returns", rule: "I4", play: spentGhostReturns },
  { name: "early-release", rule: "I10", play: earlyRelease },
  { name: "lagging-query", rule: "I11", play: laggingQuery },
  { name: "late-evict", rule: "I13", play: lateEvict },
  { name: "stale-acknowledgement", rule: "I4", play: staleAcknowledgement },
  { name: "inverted-restores", rule: "I12", play: invertedRestores },
];
