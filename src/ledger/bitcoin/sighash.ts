// What the signatures of one transaction sign, in each script version, with every part that several
// inputs share computed once: so the work grows with the inputs, not with their square, wherever
// the rule allows it. Rules: BIP143, BIP341, and Bitcoin Core's SignatureHash.
import { type Bytes, bytesEqual, writeU32, writeU64 } from "../../base/bytes.ts";
import { compactSizeBytes } from "../../base/reader.ts";
import { sha256 } from "../../crypto/hash.ts";
import { checkTaprootTweak, verifyEcdsa, verifySchnorr } from "../../crypto/secp256k1.ts";
import type { Coin } from "./coin.ts";
import { LegacyHashes } from "./sighash-legacy.ts";
import { taprootHash } from "./sighash-taproot.ts";
import { witnessHashInto } from "./sighash-witness.ts";
import { copyInto, copyScript } from "./sighash-writer.ts";
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
    this.#prevouts ??= sha256(allPrevouts(this.transaction));
    return this.#prevouts;
  }

  prevoutsDouble(): Bytes {
    this.#prevoutsDouble ??= sha256(this.prevoutsSingle());
    return this.#prevoutsDouble;
  }

  sequencesSingle(): Bytes {
    this.#sequences ??= sha256(allSequences(this.transaction));
    return this.#sequences;
  }

  sequencesDouble(): Bytes {
    this.#sequencesDouble ??= sha256(this.sequencesSingle());
    return this.#sequencesDouble;
  }

  outputsSingle(): Bytes {
    this.#outputs ??= sha256(allOutputs(this.transaction));
    return this.#outputs;
  }

  outputsDouble(): Bytes {
    this.#outputsDouble ??= sha256(this.outputsSingle());
    return this.#outputsDouble;
  }

  amountsSingle(): Bytes {
    this.#amounts ??= sha256(allAmounts(this.coins));
    return this.#amounts;
  }

  scriptsSingle(): Bytes {
    this.#scripts ??= sha256(allScripts(this.coins));
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

function allPrevouts(transaction: Transaction): Bytes {
  const { bytes, inputs } = transaction;
  const out = new Uint8Array(inputs.length * 36);
  let at = 0;
  for (const input of inputs) {
    at = copyInto(out, at, bytes, input.outpointAt, input.outpointAt + 36);
  }
  return out;
}

function allSequences(transaction: Transaction): Bytes {
  const out = new Uint8Array(transaction.inputs.length * 4);
  let at = 0;
  for (const input of transaction.inputs) {
    writeU32(out, at, input.sequence);
    at += 4;
  }
  return out;
}

function allOutputs(transaction: Transaction): Bytes {
  const first = transaction.outputs[0];
  return transaction.bytes.subarray(first?.at ?? transaction.bodyEnd, transaction.bodyEnd);
}

function allAmounts(coins: readonly Coin[]): Bytes {
  const out = new Uint8Array(coins.length * 8);
  let at = 0;
  for (const coin of coins) {
    writeU64(out, at, coin.value);
    at += 8;
  }
  return out;
}

function allScripts(coins: readonly Coin[]): Bytes {
  let size = 0;
  for (const { script } of coins) size += compactSizeBytes(script.length) + script.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const { script } of coins) at = copyScript(out, at, script);
  return out;
}
