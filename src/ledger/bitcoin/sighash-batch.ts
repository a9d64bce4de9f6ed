// Hot: what many inputs of the usual forms sign, hashed together, four on the lanes of a vector: most
// of what such an input costs beside its signature check is hashing. P2WPKH with SIGHASH_ALL, and the
// key path of taproot with SIGHASH_DEFAULT. It only leaves hashes where their users look first;
// whether an input is of that form in the end is judged elsewhere.
import { assert } from "../../base/assert.ts";
import type { Bytes } from "../../base/bytes.ts";
import { hash256Batch, sha256Batch } from "../../crypto/hash-lanes.ts";
import type { SignatureHashes } from "./sighash.ts";
import { AMOUNTS, OUTPUTS, type Part, PREVOUTS, SCRIPTS, SEQUENCES } from "./sighash-parts.ts";
import { KEY_PATH_MESSAGE_BYTES, writeKeyPathMessage } from "./sighash-taproot.ts";
import { SIGHASH_ALL } from "./sighash-type.ts";
import { KEY_HASH_MESSAGE_BYTES, writeKeyHashMessage } from "./sighash-witness.ts";

/** Inputs [from, to) of one transaction, which are to be verified. */
export interface InputRange {
  readonly hashes: SignatureHashes;
  readonly from: number;
  readonly to: number;
}

/** Inputs, and transactions, in one call. */
export const BATCH_MAX = 64;
/** Longer parts are hashed alone, by whoever needs them. */
const PART_BYTES_MAX = 960;
const PARTS_MAX = 5;

const text: Bytes = new Uint8Array(BATCH_MAX * PARTS_MAX * PART_BYTES_MAX);
const ranges: Uint32Array = new Uint32Array(BATCH_MAX * PARTS_MAX * 2);
const results: Bytes = new Uint8Array(BATCH_MAX * PARTS_MAX * 32);

/** One of the two forms. */
interface Form {
  readonly parts: readonly Part[];
  readonly isDouble: boolean;
  readonly messageBytes: number;
  readonly write: (out: Bytes, from: number, hashes: SignatureHashes, index: number) => number;
  readonly hash: (bytes: Bytes, messages: Uint32Array, out: Bytes) => void;
}

const KEY_HASH: Form = {
  parts: [PREVOUTS, SEQUENCES, OUTPUTS],
  isDouble: true,
  messageBytes: KEY_HASH_MESSAGE_BYTES,
  write: writeKeyHashMessage,
  hash: hash256Batch,
};
const KEY_PATH: Form = {
  parts: [PREVOUTS, AMOUNTS, SCRIPTS, SEQUENCES, OUTPUTS],
  isDouble: false,
  messageBytes: KEY_PATH_MESSAGE_BYTES,
  write: writeKeyPathMessage,
  hash: sha256Batch,
};
const FORMS = [KEY_HASH, KEY_PATH] as const;

/** The form that the input seems to have, with the usual hash type. */
function formOf({ transaction, coins }: SignatureHashes, index: number): Form | null {
  const { script } = coins[index]!;
  const { witnessCount, witnessAt } = transaction.inputs[index]!;
  const { bytes } = transaction;
  if (script.length === 22 && script[0] === 0 && script[1] === 20) {
    const type = bytes[witnessAt + bytes[witnessAt]!];
    return witnessCount === 2 && type === SIGHASH_ALL ? KEY_HASH : null;
  }
  if (script.length !== 34 || script[0] !== 0x51 || script[1] !== 32) return null;
  return witnessCount === 1 && bytes[witnessAt] === 64 ? KEY_PATH : null;
}

/** Hashes what all inputs of a transaction share. */
function hashParts({ parts, isDouble, hash }: Form, users: readonly SignatureHashes[]): void {
  let end = 0;
  const wanted: { readonly hashes: SignatureHashes; readonly part: Part }[] = [];
  for (const hashes of users) {
    for (const part of parts) {
      if (hashes.hasPart(part, isDouble) || hashes.partBytes(part) > PART_BYTES_MAX) continue;
      ranges[wanted.length * 2] = end;
      end = hashes.writePart(part, text, end);
      ranges[wanted.length * 2 + 1] = end;
      wanted.push({ hashes, part });
    }
  }
  hash(text, ranges.subarray(0, wanted.length * 2), results);
  for (const [at, { hashes, part }] of wanted.entries()) {
    hashes.learnPart(part, isDouble, results.slice(at * 32, at * 32 + 32));
  }
}

interface Input {
  readonly hashes: SignatureHashes;
  readonly index: number;
}

/** Hashes what each of these inputs signs. */
function hashMessages({ messageBytes, write, hash }: Form, inputs: readonly Input[]): void {
  for (const [at, { hashes, index }] of inputs.entries()) {
    ranges[at * 2] = at * messageBytes;
    ranges[at * 2 + 1] = write(text, at * messageBytes, hashes, index);
  }
  hash(text, ranges.subarray(0, inputs.length * 2), results);
  for (const [at, { hashes, index }] of inputs.entries()) {
    hashes.learnUsual(index, results.slice(at * 32, at * 32 + 32));
  }
}

/** Makes ready what the usual ones among these inputs sign: at most BATCH_MAX ranges and inputs. */
export function hashUsualInputs(batch: readonly InputRange[]): void {
  for (const form of FORMS) {
    const inputs: Input[] = [];
    const users: SignatureHashes[] = [];
    for (const { hashes, from, to } of batch) {
      for (let index = from; index < to; index++) {
        if (formOf(hashes, index) !== form) continue;
        inputs.push({ hashes, index });
        if (users.at(-1) !== hashes) users.push(hashes);
      }
    }
    assert(inputs.length <= BATCH_MAX && users.length <= BATCH_MAX, "a batch fits its buffers");
    // A single one gains nothing from the lanes.
    if (inputs.length < 2) continue;
    hashParts(form, users);
    hashMessages(form, inputs);
  }
}
