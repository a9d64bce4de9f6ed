// What the signatures of one transaction sign, in each script version, with every part that several
// inputs share computed once: so the work grows with the inputs, not with their square, wherever
// the rule allows it. Rules: BIP143, BIP341, and Bitcoin Core's SignatureHash.
import { type Bytes, bytesEqual } from "../../base/bytes.ts";
import { hash256Into, sha256, sha256Into } from "../../crypto/hash.ts";
import { checkTaprootTweak, verifyEcdsa, verifySchnorr } from "../../crypto/secp256k1.ts";
import type { Coin } from "./coin.ts";
import { LegacyHashes } from "./sighash-legacy.ts";
import { OUTPUTS, type Part, partBytes, writerOf } from "./sighash-parts.ts";
import { taprootHash } from "./sighash-taproot.ts";
import { witnessHashInto } from "./sighash-witness.ts";
import { partScratch } from "./sighash-writer.ts";
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

type Parts = [Bytes | null, Bytes | null, Bytes | null, Bytes | null, Bytes | null];

export class SignatureHashes {
  readonly transaction: Transaction;
  /** The coin that each input spends, in their order. */
  readonly coins: readonly Coin[];
  readonly check: SignatureCheck;
  /** By part. */
  readonly #once: Parts = [null, null, null, null, null];
  readonly #twice: Parts = [null, null, null, null, null];
  #output: Bytes | null = null;
  #outputIndex = -1;
  #legacy: LegacyHashes | null = null;
  /** The last hash of BIP143: signatures of one script mostly share it. */
  #last: Bytes | null = null;
  #lastCode: Bytes | null = null;
  #lastType = 0;
  #lastIndex = -1;
  readonly #usual: Bytes[] = [];
  readonly #ownKeys: boolean[] = [];

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

  /** The hash of a shared part. */
  once(part: Part): Bytes {
    this.#once[part] ??= this.#hashPart(part, false);
    return this.#once[part];
  }

  /** The double hash of a shared part. */
  twice(part: Part): Bytes {
    const once = this.#once[part];
    this.#twice[part] ??= once === null ? this.#hashPart(part, true) : sha256(once);
    return this.#twice[part];
  }

  #hashPart(part: Part, twice: boolean): Bytes {
    if (part === OUTPUTS) {
      const { bytes, bodyEnd } = this.transaction;
      return hashRange(bytes, bodyEnd - this.partBytes(part), bodyEnd, twice);
    }
    const out = partScratch(this.partBytes(part));
    return hashRange(out, 0, this.writePart(part, out, 0), twice);
  }

  /** The length of a shared part's message. */
  partBytes(part: Part): number {
    return partBytes(part, this.transaction, this.coins);
  }

  /** Writes a shared part's message at `out[at]` and returns the offset behind it. */
  writePart(part: Part, out: Bytes, at: number): number {
    return writerOf(part)(out, at, this.transaction, this.coins);
  }

  hasPart(part: Part, twice: boolean): boolean {
    return (twice ? this.#twice : this.#once)[part] !== null;
  }

  /** Takes the hash of a shared part that was hashed together with others'. */
  learnPart(part: Part, twice: boolean, hash: Bytes): void {
    (twice ? this.#twice : this.#once)[part] = hash;
  }

  /** Takes what input `index` signs with the usual hash type of its form: see sighash-batch.ts. */
  learnUsual(index: number, hash: Bytes): void {
    this.#usual[index] = hash;
  }

  /** What was learnt of the input, or null. */
  usual(index: number): Bytes | null {
    return this.#usual[index] ?? null;
  }

  /** The 33 bytes at the end of the input's witness are the key that its coin's script `0 <20>` names. */
  learnOwnKey(index: number): void {
    this.#ownKeys[index] = true;
  }

  hasOwnKey(index: number): boolean {
    return this.#ownKeys[index] === true;
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
