// What the signatures of one transaction sign, in each script version, with every part that several
// inputs share computed once: so the work grows with the inputs, not with their square, wherever
// the rule allows it. Rules: BIP143, BIP341, and Bitcoin Core's SignatureHash.
import { type Bytes, bytesEqual, writeU32, writeU64 } from "../../base/bytes.ts";
import { compactSizeBytes } from "../../base/reader.ts";
import { hash256Into, sha256, sha256Into } from "../../crypto/hash.ts";
import { checkTaprootTweak, verifyEcdsa, verifySchnorr } from "../../crypto/secp256k1.ts";
import type { Coin } from "./coin.ts";
import { LegacyHashes } from "./sighash-legacy.ts";
import { taprootHash } from "./sighash-taproot.ts";
import { witnessHashInto } from "./sighash-witness.ts";
import { copyInto, copyScript, partScratch } from "./sighash-writer.ts";
import type { Transaction } from "./transaction.ts";

/**
 * Who judges signatures: secp256k1, or something that remembers what it said. The arrays are good
 * during the call only.
 */
export interface SignatureCheck {
  ecdsa(publicKey: Bytes, signature: Bytes, hash: Bytes): boolean;
  schnorr(publicKey: Bytes, signature: Bytes, message: Bytes): boolean;
  /** Whether the output key, of that parity, is the internal one tweaked. */
  tweak(internalKey: Bytes, tweak: Bytes, outputKey: Bytes, parity: 0 | 1): boolean;
}

const SECP256K1: SignatureCheck = {
  ecdsa: verifyEcdsa,
  schnorr: verifySchnorr,
  tweak: checkTaprootTweak,
};

/** The parts that all inputs of a transaction share in BIP143. */
export const PREVOUTS = 0;
export const SEQUENCES = 1;
export const OUTPUTS = 2;
export type Part = typeof PREVOUTS | typeof SEQUENCES | typeof OUTPUTS;

export class SignatureHashes {
  readonly transaction: Transaction;
  /** The coin that each input spends, in their order. */
  readonly coins: readonly Coin[];
  readonly check: SignatureCheck;
  #prevouts: Bytes | null = null;
  #sequences: Bytes | null = null;
  #outputs: Bytes | null = null;
  /** The double hashes, by part. */
  readonly #double: [Bytes | null, Bytes | null, Bytes | null] = [null, null, null];
  #amounts: Bytes | null = null;
  #scripts: Bytes | null = null;
  #output: Bytes | null = null;
  #outputIndex = -1;
  #legacy: LegacyHashes | null = null;
  /** The last hash of BIP143: signatures of one script mostly share it. */
  #last: Bytes | null = null;
  #lastCode: Bytes | null = null;
  #lastType = 0;
  #lastIndex = -1;
  readonly #keyHashes: Bytes[] = [];

  constructor(transaction: Transaction, coins: readonly Coin[], check: SignatureCheck) {
    this.transaction = transaction;
    this.coins = coins;
    this.check = check;
  }

  /** Before witnesses. `code`: the script from its last CODESEPARATOR, without the signature. */
  legacy(index: number, code: Bytes, hashType: number): Bytes {
    this.#legacy ??= new LegacyHashes(this.transaction);
    return this.#legacy.hash(index, code, hashType);
  }

  /** BIP143. */
  witness(index: number, code: Bytes, hashType: number): Bytes {
    const known = this.#last;
    if (known !== null && index === this.#lastIndex && hashType === this.#lastType) {
      if (bytesEqual(code, this.#lastCode!)) return known;
    }
    const hash = new Uint8Array(32);
    witnessHashInto(hash, this, index, code, hashType);
    this.#last = hash;
    this.#lastCode = code;
    this.#lastType = hashType;
    this.#lastIndex = index;
    return hash;
  }

  /** BIP341 and BIP342; null when the type is not defined or its output is not there. */
  taproot(
    index: number,
    hashType: number,
    annexHash: Bytes | null,
    leafHash: Bytes | null,
    codeSeparator: number,
  ): Bytes | null {
    return taprootHash(this, index, hashType, annexHash, leafHash, codeSeparator);
  }

  prevoutsSingle(): Bytes {
    this.#prevouts ??= hashPrevouts(this.transaction, false);
    return this.#prevouts;
  }

  prevoutsDouble(): Bytes {
    this.#double[PREVOUTS] ??=
      this.#prevouts === null ? hashPrevouts(this.transaction, true) : sha256(this.#prevouts);
    return this.#double[PREVOUTS];
  }

  sequencesSingle(): Bytes {
    this.#sequences ??= hashSequences(this.transaction, false);
    return this.#sequences;
  }

  sequencesDouble(): Bytes {
    this.#double[SEQUENCES] ??=
      this.#sequences === null ? hashSequences(this.transaction, true) : sha256(this.#sequences);
    return this.#double[SEQUENCES];
  }

  outputsSingle(): Bytes {
    this.#outputs ??= hashOutputs(this.transaction, false);
    return this.#outputs;
  }

  outputsDouble(): Bytes {
    this.#double[OUTPUTS] ??=
      this.#outputs === null ? hashOutputs(this.transaction, true) : sha256(this.#outputs);
    return this.#double[OUTPUTS];
  }

  /** The length of a shared part's message. */
  partBytes(part: Part): number {
    const { inputs, outputs, bodyEnd } = this.transaction;
    if (part === OUTPUTS) return bodyEnd - (outputs[0]?.at ?? bodyEnd);
    return inputs.length * (part === PREVOUTS ? 36 : 4);
  }

  /** Writes a shared part's message at `out[at]` and returns the offset behind it. */
  writePart(part: Part, out: Bytes, at: number): number {
    const { transaction } = this;
    if (part === PREVOUTS) return writePrevouts(out, at, transaction);
    if (part === SEQUENCES) return writeSequences(out, at, transaction);
    const { bytes, bodyEnd } = transaction;
    return copyInto(out, at, bytes, bodyEnd - this.partBytes(part), bodyEnd);
  }

  hasPart(part: Part): boolean {
    return this.#double[part] !== null;
  }

  /** Takes the double hash of a shared part that was hashed together with others'. */
  learnPart(part: Part, hash: Bytes): void {
    this.#double[part] = hash;
  }

  /** Takes what the P2WPKH input `index` signs with SIGHASH_ALL. */
  learnKeyHash(index: number, hash: Bytes): void {
    this.#keyHashes[index] = hash;
  }

  /** What was learnt of the input, or null. */
  keyHash(index: number): Bytes | null {
    return this.#keyHashes[index] ?? null;
  }

  amountsSingle(): Bytes {
    this.#amounts ??= hashAmounts(this.coins);
    return this.#amounts;
  }

  scriptsSingle(): Bytes {
    this.#scripts ??= hashScripts(this.coins);
    return this.#scripts;
  }

  /** The one output that SINGLE commits to; kept, since an input may ask for it often. */
  outputSingle(index: number): Bytes {
    if (this.#output === null || this.#outputIndex !== index) {
      const { at, scriptEnd } = this.transaction.outputs[index]!;
      this.#output = sha256(this.transaction.bytes.subarray(at, scriptEnd));
      this.#outputIndex = index;
    }
    return this.#output;
  }

  outputDouble(index: number): Bytes {
    return sha256(this.outputSingle(index));
  }
}

/**
 * Makes ready for checking the inputs of `transaction`. Nothing is hashed before it is needed.
 * `coins` has one coin an input; BIP341 signatures commit to all of them.
 */
export function prepareSignatureHashes(
  transaction: Transaction,
  coins: readonly Coin[],
  check: SignatureCheck = SECP256K1,
): SignatureHashes {
  return new SignatureHashes(transaction, coins, check);
}

/** The hash of `bytes[from, to)`, once or twice. */
function hashRange(bytes: Bytes, from: number, to: number, twice: boolean): Bytes {
  const hash = new Uint8Array(32);
  if (twice) hash256Into(hash, 0, bytes, from, to);
  else sha256Into(hash, 0, bytes, from, to);
  return hash;
}

function writePrevouts(out: Bytes, from: number, { bytes, inputs }: Transaction): number {
  let at = from;
  for (const input of inputs) {
    at = copyInto(out, at, bytes, input.outpointAt, input.outpointAt + 36);
  }
  return at;
}

function writeSequences(out: Bytes, from: number, { inputs }: Transaction): number {
  let at = from;
  for (const input of inputs) {
    writeU32(out, at, input.sequence);
    at += 4;
  }
  return at;
}

function hashPrevouts(transaction: Transaction, twice: boolean): Bytes {
  const out = partScratch(transaction.inputs.length * 36);
  return hashRange(out, 0, writePrevouts(out, 0, transaction), twice);
}

function hashSequences(transaction: Transaction, twice: boolean): Bytes {
  const out = partScratch(transaction.inputs.length * 4);
  return hashRange(out, 0, writeSequences(out, 0, transaction), twice);
}

function hashOutputs({ bytes, outputs, bodyEnd }: Transaction, twice: boolean): Bytes {
  return hashRange(bytes, outputs[0]?.at ?? bodyEnd, bodyEnd, twice);
}

function hashAmounts(coins: readonly Coin[]): Bytes {
  const out = partScratch(coins.length * 8);
  let at = 0;
  for (const coin of coins) {
    writeU64(out, at, coin.value);
    at += 8;
  }
  return hashRange(out, 0, at, false);
}

function hashScripts(coins: readonly Coin[]): Bytes {
  let size = 0;
  for (const { script } of coins) size += compactSizeBytes(script.length) + script.length;
  const out = partScratch(size);
  let at = 0;
  for (const { script } of coins) at = copyScript(out, at, script);
  return hashRange(out, 0, at, false);
}
