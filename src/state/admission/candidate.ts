// A candidate from a transaction's raw bytes: what admission needs of it, as the records want it. The
// bytes have been decoded before, so a failure here is our own mistake.

import { assert } from "../../base/assert.ts";
import { type Bytes, readU32 } from "../../base/bytes.ts";
import { Reader } from "../../base/reader.ts";
import { isUnspendable } from "../../ledger/bitcoin/script/script-bytes.ts";
import { outpointKeyAt, type Txid } from "./keys.ts";
import type { Candidate, CandidateInput, CandidateOutput } from "./records.ts";

/** The candidate of `raw`, which it looks at: whoever keeps it must own those bytes. */
export function candidateOf(raw: Bytes, txid: Txid, size: number): Candidate {
  return new RawCandidate(raw, txid, size);
}

/** A candidate that may be kept: its bytes are its own. */
export function ownCandidate(candidate: Candidate): Candidate {
  const { raw, txid, size } = candidate;
  return candidate instanceof RawCandidate ? new RawCandidate(raw.slice(), txid, size) : candidate;
}

/** The number of outputs of `raw`, without a look at each. */
export function outputCountOf(raw: Bytes): number {
  const reader = new Reader(raw);
  for (let left = inputCount(reader); left > 0; left--) skipInput(reader);
  return reader.compactSize();
}

/** Passes over an input; returns where its outpoint lies. */
export function skipInput(reader: Reader): number {
  const outpointAt = reader.skip(36);
  reader.skip(reader.compactSize() + 4);
  return outpointAt;
}

/** Reads as far as the first input; returns how many there are. */
export function inputCount(reader: Reader): number {
  reader.skip(4);
  const count = reader.compactSize();
  if (count > 0) return count;
  assert(reader.u8() === 1, "a candidate has inputs");
  return reader.compactSize();
}

/**
 * Hot: what a candidate names is read when somebody asks, the inputs at once and the outputs with
 * the decision, so that one that waits for its verdict is few objects; the witness is passed over.
 */
class RawCandidate implements Candidate {
  readonly txid: Txid;
  readonly size: number;
  readonly raw: Bytes;
  #inputs: readonly CandidateInput[] | null = null;
  #outputs: readonly CandidateOutput[] | null = null;
  #outputsAt = 0;

  constructor(raw: Bytes, txid: Txid, size: number) {
    this.raw = raw;
    this.txid = txid;
    this.size = size;
  }

  get version(): number {
    return readU32(this.raw, 0);
  }

  get lockTime(): number {
    return readU32(this.raw, this.raw.length - 4);
  }

  get inputs(): readonly CandidateInput[] {
    this.#inputs ??= this.#readInputs();
    return this.#inputs;
  }

  get outputs(): readonly CandidateOutput[] {
    this.#outputs ??= this.#readOutputs();
    return this.#outputs;
  }

  #readInputs(): CandidateInput[] {
    const { raw } = this;
    const reader = new Reader(raw);
    const inputs: CandidateInput[] = [];
    for (let left = inputCount(reader); left > 0; left--) {
      const outpoint = outpointKeyAt(raw, reader.skip(36));
      reader.skip(reader.compactSize());
      inputs.push({ outpoint, sequence: reader.u32() });
    }
    this.#outputsAt = reader.at;
    assert(reader.fault === null, "a candidate's bytes decode");
    return inputs;
  }

  #readOutputs(): CandidateOutput[] {
    const { raw } = this;
    this.#inputs ??= this.#readInputs();
    const reader = new Reader(raw, this.#outputsAt);
    const outputs: CandidateOutput[] = [];
    for (let left = reader.compactSize(); left > 0; left--) {
      const value = reader.i64();
      const length = reader.compactSize();
      const from = reader.skip(length);
      const spendable = !isUnspendable(raw, from, from + length);
      outputs.push({ value, script: raw.subarray(from, from + length), spendable });
    }
    assert(reader.fault === null, "a candidate's bytes decode");
    return outputs;
  }
}
