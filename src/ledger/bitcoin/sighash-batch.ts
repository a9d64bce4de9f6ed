// Hot: what many inputs of the usual forms sign, hashed together, four on the lanes of a vector: most
// of what such an input costs beside its signature check is hashing. P2WPKH with SIGHASH_ALL, and the
// key path of taproot with SIGHASH_DEFAULT. It only leaves hashes where their users look first;
// whether an input is of that form in the end is judged elsewhere.
import { assert } from "../../base/assert.ts";
import { type Bytes, rangeEqual } from "../../base/bytes.ts";
import { hash256Batch, SLOTS_MAX, Slots, sha256Batch } from "../../crypto/hash-lanes.ts";
import type { SignatureHashes } from "./sighash.ts";
import { AMOUNTS, OUTPUTS, type Part, PREVOUTS, SCRIPTS, SEQUENCES } from "./sighash-parts.ts";
import { KEY_PATH_MESSAGE_BYTES, writeKeyPathOwn, writeKeyPathShared } from "./sighash-taproot.ts";
import { SIGHASH_ALL } from "./sighash-type.ts";
import { KEY_HASH_MESSAGE_BYTES, writeKeyHashOwn, writeKeyHashShared } from "./sighash-witness.ts";
import { copyInto } from "./sighash-writer.ts";

/** Inputs [from, to) of one transaction, which are to be verified. */
export interface InputRange {
  readonly hashes: SignatureHashes;
  readonly from: number;
  readonly to: number;
}

/** Inputs, and transactions, in one call. */
export const BATCH_MAX: number = SLOTS_MAX;
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
  readonly messages: Slots;
  /** What all inputs of a transaction have in common in their messages, and the rest. */
  readonly writeShared: (out: Bytes, from: number, hashes: SignatureHashes) => void;
  readonly writeOwn: (out: Bytes, from: number, hashes: SignatureHashes, index: number) => void;
  readonly hash: (bytes: Bytes, messages: Uint32Array, out: Bytes) => void;
}

/** Of a compressed key. */
const KEY_BYTES = 33;
const keys = new Slots(KEY_BYTES);

const KEY_HASH: Form = {
  parts: [PREVOUTS, SEQUENCES, OUTPUTS],
  isDouble: true,
  messages: new Slots(KEY_HASH_MESSAGE_BYTES),
  writeShared: writeKeyHashShared,
  writeOwn: writeKeyHashOwn,
  hash: hash256Batch,
};
const KEY_PATH: Form = {
  parts: [PREVOUTS, AMOUNTS, SCRIPTS, SEQUENCES, OUTPUTS],
  isDouble: false,
  messages: new Slots(KEY_PATH_MESSAGE_BYTES),
  writeShared: writeKeyPathShared,
  writeOwn: writeKeyPathOwn,
  hash: sha256Batch,
};
/** The form that the input seems to have, with the usual hash type. */
function formOf({ transaction, coins }: SignatureHashes, index: number): Form | null {
  const { script } = coins[index]!;
  const { witnessCount, witnessAt, witnessEnd } = transaction.inputs[index]!;
  const { bytes } = transaction;
  if (script.length === 22 && script[0] === 0 && script[1] === 20) {
    const signatureEnd = witnessAt + 1 + bytes[witnessAt]!;
    const isWhole =
      signatureEnd + 1 + KEY_BYTES === witnessEnd && bytes[signatureEnd] === KEY_BYTES;
    return witnessCount === 2 && bytes[signatureEnd - 1] === SIGHASH_ALL && isWhole
      ? KEY_HASH
      : null;
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

/** Hashes what each of these inputs signs; the parts are known. */
function hashMessages(form: Form, inputs: readonly Input[]): void {
  const { messages, writeShared, writeOwn, isDouble } = form;
  const { bytes, at: first } = messages.open();
  let at = first;
  let last: SignatureHashes | null = null;
  for (const { hashes, index } of inputs) {
    // Most of it is as in the input before, and its padding.
    if (at > first) bytes.copyWithin(at, at - messages.stride, at);
    if (hashes !== last) writeShared(bytes, at, hashes);
    writeOwn(bytes, at, hashes, index);
    last = hashes;
    at += messages.stride;
  }
  messages.hash(inputs.length, isDouble, results);
  for (let slot = 0; slot < inputs.length; slot++) {
    const { hashes, index } = inputs[slot]!;
    hashes.learnUsual(index, results.slice(slot * 32, slot * 32 + 32));
  }
}

/** Hashes the keys of these inputs of P2WPKH, and tells which are those that their coins name. */
function hashKeys(inputs: readonly Input[]): void {
  const { bytes, at: first } = keys.open();
  let at = first;
  for (const { hashes, index } of inputs) {
    const { transaction } = hashes;
    const { witnessEnd } = transaction.inputs[index]!;
    if (at > first) bytes.copyWithin(at, at - keys.stride, at);
    copyInto(bytes, at, transaction.bytes, witnessEnd - KEY_BYTES, witnessEnd);
    at += keys.stride;
  }
  keys.hash160(inputs.length, results);
  for (let slot = 0; slot < inputs.length; slot++) {
    const { hashes, index } = inputs[slot]!;
    if (rangeEqual(results, slot * 32, hashes.coins[index]!.script, 2, 20)) {
      hashes.learnOwnKey(index);
    }
  }
}

/** Makes ready what the usual ones among these inputs sign: at most BATCH_MAX ranges and inputs. */
export function hashUsualInputs(batch: readonly InputRange[]): void {
  const keyHash: Input[] = [];
  const keyPath: Input[] = [];
  for (const { hashes, from, to } of batch) {
    for (let index = from; index < to; index++) {
      const form = formOf(hashes, index);
      if (form === KEY_HASH) keyHash.push({ hashes, index });
      else if (form === KEY_PATH) keyPath.push({ hashes, index });
    }
  }
  // A single one gains nothing from the lanes.
  if (keyHash.length > 1) {
    hashForm(KEY_HASH, keyHash);
    hashKeys(keyHash);
  }
  if (keyPath.length > 1) hashForm(KEY_PATH, keyPath);
}

function hashForm(form: Form, inputs: readonly Input[]): void {
  const users: SignatureHashes[] = [];
  for (const { hashes } of inputs) if (users.at(-1) !== hashes) users.push(hashes);
  assert(inputs.length <= BATCH_MAX && users.length <= BATCH_MAX, "a batch fits its buffers");
  hashParts(form, users);
  hashMessages(form, inputs);
}
