// Hot: the BIP143 hashes of many P2WPKH inputs at once, four on the lanes of a vector: half of what
// such an input costs beside its signature check is hashing. It only leaves hashes where their users
// look first; whether an input is of that form in the end is judged elsewhere.
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { hash256Batch } from "../../crypto/hash-lanes.ts";
import { OUTPUTS, type Part, PREVOUTS, SEQUENCES, type SignatureHashes } from "./sighash.ts";
import { SIGHASH_ALL } from "./sighash-type.ts";
import { KEY_HASH_MESSAGE_BYTES, writeKeyHashMessage } from "./sighash-witness.ts";

/** Inputs [from, to) of one transaction, which are to be verified. */
export interface InputRange {
  readonly hashes: SignatureHashes;
  readonly from: number;
  readonly to: number;
}

/** Ranges, and inputs, in one call. */
export const BATCH_MAX = 64;
/** Longer parts are hashed alone, by whoever needs them. */
const PART_BYTES_MAX = 960;
const PARTS = [PREVOUTS, SEQUENCES, OUTPUTS] as const;

const text: Bytes = new Uint8Array(BATCH_MAX * PARTS.length * PART_BYTES_MAX);
const ranges: Uint32Array = new Uint32Array(BATCH_MAX * PARTS.length * 2);
const results: Bytes = new Uint8Array(BATCH_MAX * PARTS.length * 32);

/** True when the input looks like P2WPKH with a signature over everything. */
function isCandidate({ transaction, coins }: SignatureHashes, index: number): boolean {
  const { script } = coins[index]!;
  if (script.length !== 22 || script[0] !== 0 || script[1] !== 20) return false;
  const { witnessCount, witnessAt } = transaction.inputs[index]!;
  const { bytes } = transaction;
  return witnessCount === 2 && bytes[witnessAt + bytes[witnessAt]!] === SIGHASH_ALL;
}

function candidatesOf({ hashes, from, to }: InputRange): number[] {
  const found: number[] = [];
  for (let index = from; index < to; index++) if (isCandidate(hashes, index)) found.push(index);
  return found;
}

/** Hashes what all inputs of a transaction share. */
function hashParts(users: readonly SignatureHashes[]): void {
  let end = 0;
  let count = 0;
  const wanted: { readonly hashes: SignatureHashes; readonly part: Part }[] = [];
  for (const hashes of users) {
    for (const part of PARTS) {
      const length = hashes.partBytes(part);
      if (length > PART_BYTES_MAX || hashes.hasPart(part)) continue;
      ranges[count * 2] = end;
      end = hashes.writePart(part, text, end);
      ranges[count * 2 + 1] = end;
      count += 1;
      wanted.push({ hashes, part });
    }
  }
  hash256Batch(text, ranges.subarray(0, count * 2), results);
  for (const [at, { hashes, part }] of wanted.entries()) {
    hashes.learnPart(part, results.slice(at * 32, at * 32 + 32));
  }
}

/** Hashes what each of these inputs signs. */
function hashMessages(inputs: readonly { hashes: SignatureHashes; index: number }[]): void {
  for (const [at, { hashes, index }] of inputs.entries()) {
    const from = at * KEY_HASH_MESSAGE_BYTES;
    ranges[at * 2] = from;
    ranges[at * 2 + 1] = writeKeyHashMessage(text, from, hashes, index);
  }
  hash256Batch(text, ranges.subarray(0, inputs.length * 2), results);
  for (const [at, { hashes, index }] of inputs.entries()) {
    hashes.learnKeyHash(index, results.slice(at * 32, at * 32 + 32));
  }
}

/** Makes ready the hashes of all P2WPKH inputs among these: at most BATCH_MAX ranges and inputs. */
export function hashKeyHashInputs(batch: readonly InputRange[]): void {
  const inputs: { hashes: SignatureHashes; index: number }[] = [];
  const users: SignatureHashes[] = [];
  for (const range of batch) {
    const found = candidatesOf(range);
    if (found.length > 0 && !users.includes(range.hashes)) users.push(range.hashes);
    for (const index of found) inputs.push({ hashes: range.hashes, index });
  }
  assert(inputs.length <= BATCH_MAX && users.length <= BATCH_MAX, "a batch fits its buffers");
  // A single one gains nothing from the lanes.
  if (inputs.length < 2) return;
  hashParts(users);
  hashMessages(inputs);
}
