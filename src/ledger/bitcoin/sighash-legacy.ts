// Hot: the signature hash from before witnesses. Each input signs the whole transaction with its own
// script put in, so a transaction costs the square of its size; this keeps that square as small as
// the rule allows. The transaction is written once with empty scripts; long ones are hashed from a
// state that has already taken everything before the input, and signatures under the same script
// share all but their hash type. Rule: Bitcoin Core's SignatureHash (script/interpreter.cpp).
import { type Bytes, bytesEqual, writeU32 } from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";
import { hash256Into } from "../../crypto/hash.ts";
import { Sha256Stream } from "../../crypto/sha256-stream.ts";
import { OP } from "./script/opcodes.ts";
import { operationEnd, pushDataAt } from "./script/script-bytes.ts";
import { OUTPUT_MASK, SIGHASH_ANYONECANPAY, SIGHASH_NONE, SIGHASH_SINGLE } from "./sighash-type.ts";
import { copyInto, scratch } from "./sighash-writer.ts";
import type { Transaction } from "./transaction.ts";

/** Messages longer than this are hashed piece by piece. */
const WHOLE_BYTES_MAX = 4096;

/** An input without a script: outpoint, length 0, sequence. */
const INPUT_BYTES = 41;
/** The output that SINGLE puts in place of those before its own: value -1, no script. */
const BLANK_OUTPUT: readonly number[] = [255, 255, 255, 255, 255, 255, 255, 255, 0];

/** What SINGLE signs when there is no output of its index: the number one, by an old mistake. */
function one(): Bytes {
  const hash = new Uint8Array(32);
  hash[0] = 1;
  return hash;
}

/** A long message up to its hash type, and the last hash made of it. */
interface Memory {
  readonly code: Bytes;
  readonly state: Sha256Stream | null;
  hashType: number;
  hash: Bytes;
}

/** The transaction with empty scripts, up to its outputs, and a state that has taken some of it. */
interface Blank {
  readonly bytes: Bytes;
  /** Where the first input begins. */
  readonly inputsAt: number;
  taken: number;
  state: Sha256Stream | null;
}

export class LegacyHashes {
  readonly #transaction: Transaction;
  /** Output count, outputs and lock time, as they are in the transaction. */
  readonly #outputsAndLock: Bytes;
  /** With the sequences of all inputs, for ALL; with zeros, for NONE and SINGLE. */
  #sequenced: Blank | null = null;
  #unsequenced: Blank | null = null;
  /** Of the input looked at last, one for each way of hashing. */
  readonly #memories: (Memory | null)[] = [null, null, null, null, null, null];
  #index = -1;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
    this.#outputsAndLock = outputsAndLock(transaction);
  }

  /** The hash that input `index` signs under `code` and `hashType` (an i32). */
  hash(index: number, code: Bytes, hashType: number): Bytes {
    const kind = hashType & OUTPUT_MASK;
    if (kind === SIGHASH_SINGLE && index >= this.#transaction.outputs.length) return one();
    if (index !== this.#index) {
      this.#memories.fill(null);
      this.#index = index;
    }
    const way =
      (kind === SIGHASH_SINGLE ? 2 : kind === SIGHASH_NONE ? 1 : 0) +
      ((hashType & SIGHASH_ANYONECANPAY) !== 0 ? 3 : 0);
    const memory = this.#memories[way]!;
    if (memory !== null && bytesEqual(memory.code, code)) {
      if (memory.hashType === hashType) return memory.hash;
      if (memory.state !== null) {
        memory.hash = finish(memory.state.copy(), hashType);
        memory.hashType = hashType;
        return memory.hash;
      }
    }
    return this.#fresh(index, code, hashType, way);
  }

  #fresh(index: number, code: Bytes, hashType: number, way: number): Bytes {
    const script = scriptCode(code);
    const head = this.#head(index, way);
    const tail = this.#tail(index, way);
    const size = head.to + script.length + INPUT_BYTES + tail.length + (head.rest?.length ?? 0);
    let state: Sha256Stream | null = null;
    let hash: Bytes;
    if (size <= WHOLE_BYTES_MAX) hash = hashWhole(head, script, tail, hashType);
    else {
      state = stateBehindHead(head).update(script).update(head.own, 0, 4);
      if (head.rest !== null) state.update(head.rest);
      state.update(tail);
      hash = finish(state.copy(), hashType);
    }
    this.#memories[way] = { code, state, hashType, hash };
    return hash;
  }

  /** What is hashed before and behind the script of input `index`, among the inputs. */
  #head(index: number, way: number): Head {
    const { bytes, inputs } = this.#transaction;
    const input = inputs[index]!;
    const own = new Uint8Array(4);
    writeU32(own, 0, input.sequence);
    if (way >= 3) {
      const alone = new Uint8Array(41);
      writeU32(alone, 0, this.#transaction.version);
      alone[4] = 1;
      copyInto(alone, 5, bytes, input.outpointAt, input.outpointAt + 36);
      return { bytes: alone, to: 41, own, rest: null, blank: null };
    }
    const blank = this.#blank(way === 0);
    const at = blank.inputsAt + index * INPUT_BYTES;
    const rest = blank.bytes.subarray(at + INPUT_BYTES);
    return { bytes: blank.bytes, to: at + 36, own, rest, blank };
  }

  #blank(sequenced: boolean): Blank {
    if (sequenced) {
      this.#sequenced ??= blankTransaction(this.#transaction, true);
      return this.#sequenced;
    }
    this.#unsequenced ??= blankTransaction(this.#transaction, false);
    return this.#unsequenced;
  }

  /** Output count, outputs and lock time as this way of hashing wants them. */
  #tail(index: number, way: number): Bytes {
    if (way % 3 === 0) return this.#outputsAndLock;
    const { bytes, outputs, end } = this.#transaction;
    const count = way % 3 === 1 ? 0 : index + 1;
    const output = outputs[index];
    const ownBytes = count === 0 ? 0 : output!.scriptEnd - output!.at;
    const blanks = Math.max(0, count - 1);
    const tail = new Uint8Array(compactSizeBytes(count) + blanks * 9 + ownBytes + 4);
    let at = writeCompactSize(tail, 0, count);
    for (let blank = 0; blank < blanks; blank++, at += 9) tail.set(BLANK_OUTPUT, at);
    if (count > 0) at = copyInto(tail, at, bytes, output!.at, output!.scriptEnd);
    copyInto(tail, at, bytes, end - 4, end);
    return tail;
  }
}

/** Around the script of the input that signs. */
interface Head {
  /** `bytes[0, to)` comes before the script. */
  readonly bytes: Bytes;
  readonly to: number;
  /** Its sequence, 4 bytes. */
  readonly own: Bytes;
  /** The inputs behind it; null when it stands alone. */
  readonly rest: Bytes | null;
  readonly blank: Blank | null;
}

function outputsAndLock(transaction: Transaction): Bytes {
  const { bytes, start, inputs, bodyAt, bodyEnd, end, hasWitness } = transaction;
  const last = inputs.at(-1);
  const at = last === undefined ? bodyAt + 1 : last.scriptEnd + 4;
  if (!hasWitness && start < end) return bytes.subarray(at, end);
  const joined = new Uint8Array(bodyEnd - at + 4);
  joined.set(bytes.subarray(at, bodyEnd), 0);
  joined.set(bytes.subarray(end - 4, end), bodyEnd - at);
  return joined;
}

function blankTransaction(transaction: Transaction, sequenced: boolean): Blank {
  const { bytes, inputs, version } = transaction;
  const inputsAt = 4 + compactSizeBytes(inputs.length);
  const out = new Uint8Array(inputsAt + inputs.length * INPUT_BYTES);
  writeU32(out, 0, version);
  writeCompactSize(out, 4, inputs.length);
  let at = inputsAt;
  for (const input of inputs) {
    copyInto(out, at, bytes, input.outpointAt, input.outpointAt + 36);
    if (sequenced) writeU32(out, at + 37, input.sequence);
    at += INPUT_BYTES;
  }
  return { bytes: out, inputsAt, taken: 0, state: null };
}

function hashWhole(head: Head, script: Bytes, tail: Bytes, hashType: number): Bytes {
  const out = scratch(WHOLE_BYTES_MAX + 64);
  let at = copyInto(out, 0, head.bytes, 0, head.to);
  at = copyInto(out, at, script, 0, script.length);
  at = copyInto(out, at, head.own, 0, 4);
  if (head.rest !== null) at = copyInto(out, at, head.rest, 0, head.rest.length);
  at = copyInto(out, at, tail, 0, tail.length);
  writeU32(out, at, hashType);
  const hash = new Uint8Array(32);
  hash256Into(hash, 0, out, 0, at + 4);
  return hash;
}

/** A state that has taken the head; inputs asked for in order never take a byte twice. */
function stateBehindHead(head: Head): Sha256Stream {
  const blank = head.blank;
  if (blank === null) return new Sha256Stream().update(head.bytes, 0, head.to);
  if (blank.state === null || blank.taken > head.to) {
    blank.state = new Sha256Stream();
    blank.taken = 0;
  }
  blank.state.update(blank.bytes, blank.taken, head.to);
  blank.taken = head.to;
  return blank.state.copy();
}

function finish(state: Sha256Stream, hashType: number): Bytes {
  const type = new Uint8Array(4);
  writeU32(type, 0, hashType);
  return state.update(type).hash256();
}

/**
 * The script code as it is hashed, its length before it: without CODESEPARATORs. What is behind a
 * cut-off operation is counted in the length but not written, as in Bitcoin Core.
 */
function scriptCode(code: Bytes): Bytes {
  let separators = 0;
  let end = 0;
  while (end < code.length) {
    if (code[end] === OP.CODESEPARATOR) separators++;
    const next = operationEnd(code, end);
    if (next < 0) {
      end = cutOffAt(code, end);
      break;
    }
    end = next;
  }
  const length = code.length - separators;
  const out = new Uint8Array(compactSizeBytes(length) + end - separators);
  let at = writeCompactSize(out, 0, length);
  if (separators === 0) {
    out.set(code.subarray(0, end), at);
    return out;
  }
  for (let from = 0; from < end; ) {
    const next = operationEnd(code, from);
    const to = next < 0 ? end : next;
    if (code[from] !== OP.CODESEPARATOR) at = copyInto(out, at, code, from, to);
    from = to;
  }
  return out;
}

/** Where reading stops in an operation that is cut off: behind its opcode and whole length. */
function cutOffAt(code: Bytes, at: number): number {
  const dataAt = pushDataAt(code, at);
  return dataAt < 0 ? at + 1 : dataAt;
}
