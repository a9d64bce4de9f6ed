// What running one file of test vectors came to. Each kind of file has a judge: a function that
// turns the file's cases into verdicts, counted here.

export type Kind =
  | "script_tests"
  | "tx_valid"
  | "tx_invalid"
  | "sighash"
  | "script_assets_test"
  | "base58_encode_decode"
  | "key_io_valid"
  | "key_io_invalid"
  | "bip341_wallet_vectors"
  | "bip340"
  | "wycheproof_ecdsa_bitcoin"
  | "murmur3";

/** One line of `pando conformance`. */
export interface Report {
  readonly file: string;
  readonly kind: Kind;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The first of them, to begin looking at. */
  readonly failures: readonly string[];
}

const FAILURES_SHOWN_MAX = 20;

/** Counts cases. */
export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;
  readonly failures: string[] = [];

  /** Counts one case: `fault` null when it passed, else what was wrong with it. */
  count(name: string, fault: string | null): void {
    if (fault === null) {
      this.passed++;
      return;
    }
    this.failed++;
    if (this.failures.length < FAILURES_SHOWN_MAX) this.failures.push(`${name}: ${fault}`);
  }

  /** Judges one case; a case whose fields are not as they should be has failed. */
  judge(name: string, judge: () => string | null): void {
    let fault: string | null;
    try {
      fault = judge();
    } catch (error) {
      if (!(error instanceof MalformedCase)) throw error;
      fault = `malformed case: ${error.message}`;
    }
    this.count(name, fault);
  }
}

/** A case that is not what its kind of file holds. */
export class MalformedCase extends Error {}
