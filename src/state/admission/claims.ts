// What a partition does with claims on its coins: HOLD, FINALIZE, RELEASE, and handing a claim to an
// heir. Pure transitions over the view; every one compares attempts before it acts, because messages
// come late, twice and out of order (docs/internals/admission.md, compare and act).

import { concatBytes, toHex, writeU64 } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/hash.ts";
import { type OutpointKey, outpointKey, outpointTxid, type Txid } from "./keys.ts";
import { ANCESTORS_SATURATED } from "./limits.ts";
import { type ChainFacts, isMature, isRelativeLockRipe } from "./locks.ts";
import {
  type Attempt,
  type ClaimMode,
  type CoinFacts,
  compareAttempts,
  type Heir,
  type LeaveCause,
  NO_ROUND,
  sameAttempt,
  UNCONFIRMED,
} from "./records.ts";
import type { ProtocolRules } from "./rules.ts";
import { isClaimable, type PartitionView } from "./view.ts";

/** An input of a HOLD. `digest` is of the coin the scripts saw when it did not come from READ. */
export interface HoldInput {
  readonly outpoint: OutpointKey;
  readonly vin: number;
  readonly lock: number;
  readonly digest: string | null;
}

/** An output that waits, closed, for its transaction's decision (placement by outpoint). */
export interface HoldOutput {
  readonly outpoint: OutpointKey;
  readonly value: number;
  readonly script: Uint8Array;
}

export interface Hold {
  readonly txid: Txid;
  readonly attempt: Attempt;
  readonly inputs: readonly HoldInput[];
  readonly outputs: readonly HoldOutput[];
}

export interface Claimant {
  readonly txid: Txid;
  readonly mode: ClaimMode;
  readonly outpoint: OutpointKey;
}

export type HoldVerdict =
  | { readonly ok: true; readonly round: number; readonly ancestors: number }
  | { readonly ok: false; readonly code: "stale" }
  | { readonly ok: false; readonly code: "missing"; readonly outpoints: readonly OutpointKey[] }
  | { readonly ok: false; readonly code: "bad-coin"; readonly outpoint: OutpointKey }
  | { readonly ok: false; readonly code: "not-yet"; readonly reason: "premature" | "relative-lock" }
  | { readonly ok: false; readonly code: "too-many-children"; readonly parent: Txid }
  | { readonly ok: false; readonly code: "claimed"; readonly claimants: readonly Claimant[] };

/** What a transition needs to know besides the view. */
export interface ClaimContext {
  readonly view: PartitionView;
  readonly rules: ProtocolRules;
  readonly chain: ChainFacts;
  readonly seq: number;
  readonly coinbaseMaturity: number;
  readonly childCountMax: number;
}

/** Fingerprint of the content of a coin that scripts are judged against. */
export function coinDigest(value: number, script: Uint8Array): string {
  const head = new Uint8Array(8);
  writeU64(head, 0, value);
  return toHex(sha256(concatBytes(head, script)), 0, 16);
}

/** Sum of two bounds. */
export function addAncestors(a: number, b: number): number {
  return Math.min(a + b, ANCESTORS_SATURATED);
}

/** Round and ancestors a spender inherits from distinct unconfirmed creators among its coins. */
function inherited(
  inputs: readonly HoldInput[],
  coins: readonly CoinFacts[],
): { ok: true; round: number; ancestors: number } {
  let round = NO_ROUND;
  let ancestors = 0;
  const seen: Txid[] = [];
  for (let index = 0; index < coins.length; index++) {
    const coin = coins[index]!;
    if (coin.height !== UNCONFIRMED) continue;
    if (coin.round > round) round = coin.round;
    const creator = outpointTxid(inputs[index]!.outpoint);
    if (seen.includes(creator)) continue;
    seen.push(creator);
    ancestors = addAncestors(ancestors, coin.ancestors);
  }
  return { ok: true, round, ancestors };
}

/** What was read of the coins of a HOLD at this chain position, input by input; null: nothing. */
export type KnownCoins = readonly (CoinFacts | null)[] | null;

/** A confirmed coin stays what it is until the next chain record; any other is looked up again. */
function coinOf(
  view: PartitionView,
  outpoint: OutpointKey,
  known: KnownCoins,
  index: number,
): CoinFacts | null {
  const coin = known === null ? null : known[index]!;
  return coin !== null && coin.height !== UNCONFIRMED ? coin : view.coinFacts(outpoint);
}

/** Judges a HOLD, all inputs or none, without writing anything. */
export function judgeHold(
  context: ClaimContext,
  hold: Hold,
  known: KnownCoins = null,
): HoldVerdict {
  const { view } = context;
  const { inputs } = hold;
  const coins = new Array<CoinFacts>(inputs.length);
  for (let index = 0; index < coins.length; index++) {
    const coin = coinOf(view, inputs[index]!.outpoint, known, index);
    if (!isClaimable(coin)) return { ok: false, code: "missing", outpoints: missing(view, inputs) };
    coins[index] = coin;
  }
  const claimants: Claimant[] = [];
  for (let index = 0; index < coins.length; index++) {
    const refusal = judgeCoin(context, hold, inputs[index]!, coins[index]!, claimants);
    if (refusal !== null) return refusal;
  }
  if (isReleasedSince(view, hold) || hasNewerOutput(view, hold))
    return { ok: false, code: "stale" };
  if (claimants.length > 0) return { ok: false, code: "claimed", claimants };
  const crowded = crowdedParent(context, hold, coins);
  if (crowded !== null) return { ok: false, code: "too-many-children", parent: crowded };
  return inherited(inputs, coins);
}

function missing(view: PartitionView, inputs: readonly HoldInput[]): OutpointKey[] {
  const keys = inputs.map(({ outpoint }) => outpoint);
  return keys.filter((outpoint) => !isClaimable(view.coinFacts(outpoint)));
}

function judgeCoin(
  context: ClaimContext,
  hold: Hold,
  input: HoldInput,
  coin: CoinFacts,
  claimants: Claimant[],
): HoldVerdict | null {
  if (input.digest !== null && input.digest !== digestOf(context.view, input.outpoint)) {
    return { ok: false, code: "bad-coin", outpoint: input.outpoint };
  }
  if (!isMature(coin, context.coinbaseMaturity, context.chain)) {
    return { ok: false, code: "not-yet", reason: "premature" };
  }
  if (!isRelativeLockRipe(coin, input.lock, context.chain)) {
    return { ok: false, code: "not-yet", reason: "relative-lock" };
  }
  const claim = context.view.claim(input.outpoint);
  if (claim === null) return null;
  if (claim.spender !== hold.txid) {
    claimants.push({ txid: claim.spender, mode: claim.mode, outpoint: input.outpoint });
    return null;
  }
  if (compareAttempts(claim.attempt, hold.attempt) > 0) return { ok: false, code: "stale" };
  return null;
}

function digestOf(view: PartitionView, outpoint: OutpointKey): string | null {
  const coin = view.coin(outpoint);
  return coin === null ? null : coinDigest(coin.value, coin.script);
}

/** A tombstone already released this attempt here: its HOLD is late (placement by outpoint). */
function isReleasedSince(view: PartitionView, hold: Hold): boolean {
  const released = view.store.released(hold.txid);
  return released !== null && compareAttempts(released, hold.attempt) >= 0;
}

function hasNewerOutput(view: PartitionView, hold: Hold): boolean {
  for (const { outpoint } of hold.outputs) {
    const coin = view.coinFacts(outpoint);
    if (coin?.attempt != null && compareAttempts(coin.attempt, hold.attempt) > 0) return true;
  }
  return false;
}

/** The unconfirmed creator that already has as many claimed outputs as allowed, or null. */
function crowdedParent(
  context: ClaimContext,
  hold: Hold,
  coins: readonly CoinFacts[],
): Txid | null {
  for (let at = 0; at < coins.length; at++) {
    if (coins[at]!.height !== UNCONFIRMED) continue;
    const parent = outpointTxid(hold.inputs[at]!.outpoint);
    const outputs = context.view.store.outputCount(parent);
    if (outputs <= context.childCountMax) continue;
    let claimed = 0;
    for (let index = 0; index < outputs; index++) {
      const claim = context.view.claim(outpointKey(parent, index));
      if (claim !== null && claim.spender !== hold.txid) claimed++;
    }
    if (claimed >= context.childCountMax) return parent;
  }
  return null;
}

/** Claims the inputs and keeps the outputs closed. */
export function applyHold(
  context: ClaimContext,
  hold: Hold,
  mode: ClaimMode,
  known: KnownCoins = null,
): void {
  const { view, rules } = context;
  for (let index = 0; index < hold.inputs.length; index++) {
    const { outpoint, vin, lock } = hold.inputs[index]!;
    const before = view.claim(outpoint);
    if (before !== null && sameAttempt(before.attempt, hold.attempt)) continue;
    if (before?.mode === "spent" && !rules.holdOvertakesSpent) continue;
    const coin = coinOf(view, outpoint, known, index);
    const claim = { spender: hold.txid, vin, attempt: hold.attempt, mode, lock };
    view.putClaim(outpoint, claim, coin?.coinbase === true);
  }
  for (const { outpoint, value, script } of hold.outputs) {
    const before = view.coinFacts(outpoint);
    if (before !== null && (before.attempt === null || sameAttempt(before.attempt, hold.attempt))) {
      continue;
    }
    view.putCoin(outpoint, {
      value,
      script,
      coinbase: false,
      height: UNCONFIRMED,
      round: NO_ROUND,
      ancestors: 0,
      attempt: hold.attempt,
      open: false,
    });
  }
}

/** HELD becomes SPENT, closed outputs open: only for exactly this attempt. */
export function finalize(
  context: ClaimContext,
  txid: Txid,
  attempt: Attempt,
  inputs: readonly OutpointKey[],
  outputs: readonly OutpointKey[],
  round: number,
  ancestors: number,
): void {
  const { view, rules } = context;
  for (const outpoint of inputs) {
    const claim = view.claim(outpoint);
    if (claim === null || claim.spender !== txid || claim.mode === "spent") continue;
    if (rules.finalizeComparesAttempt && !sameAttempt(claim.attempt, attempt)) continue;
    view.putClaim(outpoint, { ...claim, mode: "spent" });
  }
  for (const outpoint of outputs) {
    const coin = view.coin(outpoint);
    if (coin === null || coin.open || coin.attempt === null) continue;
    if (rules.finalizeComparesAttempt && !sameAttempt(coin.attempt, attempt)) continue;
    view.putCoin(outpoint, { ...coin, open: true, round, ancestors: ancestors + 1 });
  }
}

export interface Release {
  readonly txid: Txid;
  readonly attempt: Attempt;
  readonly inputs: readonly OutpointKey[];
  readonly outputs: readonly OutpointKey[];
  readonly cause: LeaveCause;
  readonly heir: Heir | null;
}

/**
 * Frees the claims of one transaction up to an attempt, or hands them to the heir; removes its
 * unconfirmed outputs and condemns who claimed them. Returns the heir's outpoints handed over.
 */
export function release(context: ClaimContext, what: Release): OutpointKey[] {
  const { view, rules } = context;
  const handed: OutpointKey[] = [];
  for (const outpoint of what.inputs) {
    const claim = view.claim(outpoint);
    if (claim === null) continue;
    if (rules.releaseComparesOwner && claim.spender !== what.txid) continue;
    if (rules.releaseComparesAttempt && compareAttempts(claim.attempt, what.attempt) > 0) continue;
    const heirInput = what.heir?.inputs.find((input) => input.outpoint === outpoint);
    if (what.heir === null || heirInput === undefined || what.heir.attempt.seq !== context.seq) {
      view.putClaim(outpoint, null);
      continue;
    }
    const { vin, lock } = heirInput;
    const { txid: spender, attempt } = what.heir;
    view.putClaim(outpoint, { spender, vin, attempt, mode: "held", lock });
    handed.push(outpoint);
  }
  for (const outpoint of what.outputs) {
    const coin = view.coinFacts(outpoint);
    if (coin === null || coin.attempt === null) continue;
    if (compareAttempts(coin.attempt, what.attempt) > 0) continue;
    removeCoin(context, outpoint, what.cause, what.txid);
  }
  return handed;
}

/** Removes an unconfirmed coin and condemns the transaction that claimed it. */
export function removeCoin(
  context: ClaimContext,
  outpoint: OutpointKey,
  cause: LeaveCause,
  parent: Txid | null,
): void {
  condemn(context, outpoint, cause, parent, parent);
  context.view.putCoin(outpoint, null);
}

/** Drops the claim on a coin; its holder is told, durably, that it has lost it. */
export function condemn(
  context: ClaimContext,
  outpoint: OutpointKey,
  cause: LeaveCause,
  parent: Txid | null,
  by: Txid | null,
): void {
  const { view, rules, seq } = context;
  const claim = view.claim(outpoint);
  if (claim === null) return;
  view.putClaim(outpoint, null);
  if (parent !== null && !rules.evictChildren) return;
  view.addOutbox({ child: claim.spender, attempt: claim.attempt, seq, cause, parent, by });
}
