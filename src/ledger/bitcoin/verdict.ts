// What a judge answers. The codes are Bitcoin Core's own reject reasons, so that operators and
// tests can compare them word for word; the consequence says what the answer means for the thing
// that was judged (Core's BlockValidationResult and TxValidationResult in consensus/validation.h).

/** What follows from a rejection. */
export type Consequence =
  /** It breaks a rule and always will: mark it, and all that builds on it, as invalid. */
  | "invalid"
  /** The bytes were changed on the way, the hash may well be good: forget the bytes only. */
  | "mutated"
  /** Its time is too far ahead: try again later. */
  | "future"
  /** A coin or a parent block is not known (or no longer there): ask for it. */
  | "missing"
  /** Not valid yet: a coinbase too young, a lock not yet open. Only for a lone transaction. */
  | "premature";

export type RejectCode =
  | "bad-txns-vin-empty"
  | "bad-txns-vout-empty"
  | "bad-txns-oversize"
  | "bad-txns-vout-negative"
  | "bad-txns-vout-toolarge"
  | "bad-txns-txouttotal-toolarge"
  | "bad-txns-inputs-duplicate"
  | "bad-cb-length"
  | "bad-txns-prevout-null"
  | "bad-txns-inputs-missingorspent"
  | "bad-txns-premature-spend-of-coinbase"
  | "bad-txns-inputvalues-outofrange"
  | "bad-txns-in-belowout"
  | "bad-txns-fee-outofrange"
  | "bad-txns-accumulated-fee-outofrange"
  | "bad-txns-nonfinal"
  | "bad-txns-duplicate"
  | "bad-txns-BIP30"
  | "bad-txnmrklroot"
  | "bad-blk-length"
  | "bad-blk-sigops"
  | "bad-blk-weight"
  | "bad-cb-missing"
  | "bad-cb-multiple"
  | "bad-cb-height"
  | "bad-cb-amount"
  | "bad-witness-nonce-size"
  | "bad-witness-merkle-match"
  | "unexpected-witness"
  | "bad-signet-blksig"
  | "bad-blk-count"
  | "bad-witness-root"
  | "bad-cb-due"
  | "bad-txns-spends-bond"
  | "high-hash"
  | "bad-diffbits"
  | "time-too-old"
  | "time-too-new"
  | "time-timewarp-attack"
  | "bad-prevblk"
  | "prev-blk-not-found"
  | "duplicate-invalid"
  | `bad-version(0x${string})`
  | `mandatory-script-verify-flag-failed (${string})`;

export interface Accepted {
  readonly ok: true;
}

export interface Rejection {
  readonly ok: false;
  readonly code: RejectCode;
  readonly consequence: Consequence;
  /** More for people; nothing depends on it. */
  readonly debug?: string;
}

export type Verdict = Accepted | Rejection;

export const ACCEPTED: Accepted = { ok: true };

/** A rejection; `consequence` is "invalid" unless the rule says otherwise. */
export function reject(
  code: RejectCode,
  debug?: string,
  consequence: Consequence = "invalid",
): Rejection {
  return debug === undefined
    ? { ok: false, code, consequence }
    : { ok: false, code, consequence, debug };
}

/** The rejection of a block whose script failed; `error` is Bitcoin Core's sentence for it. */
export function rejectScript(error: string, debug?: string): Rejection {
  return reject(`mandatory-script-verify-flag-failed (${error})`, debug);
}
