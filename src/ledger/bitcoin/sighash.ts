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

export class SignatureHashes {
  readonly transaction: Transaction;
  /** The coin that each input spends, in their order. */
  readonly coins: readonly Coin[];
  readonly check: SignatureCheck;
  #prevouts: Bytes | null = null;
  #prevoutsDouble: Bytes | null = null;
  #sequences: Bytes | null = null;
  #sequencesDouble: Bytes | null = null;
  #outputs: Bytes | null = null;
  #outputsDouble: Bytes | null = null;
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
    this.#prevoutsDouble ??=
      this.#prevouts === null ? hashPrevouts(this.transaction, true) : sha256(this.#prevouts);
    return this.#prevoutsDouble;
  }

  sequencesSingle(): Bytes {
    this.#sequences ??= hashSequences(this.transaction, false);
    return this.#sequences;
  }

  sequencesDouble(): Bytes {
    this.#sequencesDouble ??=
      this.#sequences === null ? hashSequences(this.transaction, true) : sha256(this.#sequences);
    return this.#sequencesDouble;
  }

  outputsSingle(): Bytes {
    this.#outputs ??= hashOutputs(this.transaction, false);
    return this.#outputs;
  }

  outputsDouble(): Bytes {
    this.#outputsDouble ??=
      this.#outputs === null ? hashOutputs(this.transaction, true) : sha256(this.#outputs);
    return this.#outputsDouble;
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

function hashPrevouts({ bytes, inputs }: Transaction, twice: boolean): Bytes {
  const out = partScratch(inputs.length * 36);
  let at = 0;
  for (const input of inputs) {
    at = copyInto(out, at, bytes, input.outpointAt, input.outpointAt + 36);
  }
  return hashRange(out, 0, at, twice);
}

function hashSequences({ inputs }: Transaction, twice: boolean): Bytes {
  const out = partScratch(inputs.length * 4);
  let at = 0;
  for (const input of inputs) {
    writeU32(out, at, input.sequence);
    at += 4;
  }
  return hashRange(out, 0, at, twice);
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
