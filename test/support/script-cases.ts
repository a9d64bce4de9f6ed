// Random spends for a comparison of script interpreters: every way of locking coins before taproot,
// operations and numbers at their edges, signatures good and spoilt, flags in any combination.
import { type Bytes, concatBytes, hex, toHex } from "../../src/base/bytes.ts";
import type { Prng } from "../../src/base/prng.ts";
import { hash160 } from "../../src/crypto/hash.ts";
import { publicKeyCreate, signEcdsa } from "../../src/crypto/secp256k1.ts";
import type { NewInput, NewTransaction } from "../../src/ledger/bitcoin/encode.ts";
import { FLAG } from "../../src/ledger/bitcoin/script/flags.ts";
import { OP } from "../../src/ledger/bitcoin/script/opcodes.ts";
import { pushOf } from "../../src/ledger/bitcoin/script/script-bytes.ts";
import { scriptNumber } from "../../src/ledger/bitcoin/script/script-number.ts";
import { derSignature } from "../../src/node/generate-chain/keys.ts";
import { toScriptHash, toWitnessHash } from "./locked-coins.ts";

export interface ScriptCase {
  readonly transaction: NewTransaction;
  readonly index: number;
  readonly value: number;
  /** Of the coin that is spent. */
  readonly script: Bytes;
  readonly flags: number;
}

/** What the interpreter compared with signs: 32 bytes, `version` 0 before witnesses, 1 with them. */
export type SignatureHash = (
  transaction: NewTransaction,
  index: number,
  code: Bytes,
  value: number,
  hashType: number,
  version: 0 | 1,
) => Bytes;

interface Spend {
  readonly script: Bytes;
  readonly scriptSig: Bytes;
  readonly witness: readonly Bytes[];
}

type Wrapping = "bare" | "p2sh" | "p2wsh" | "p2sh-p2wsh";

/** The operation that pushes 1. */
const TRUE = 0x51;
const NOTHING = new Uint8Array(0);
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const NUMBERS = [0, 1, -1, 2, 3, 16, 17, 127, 128, 255, 256, 520, 32767, 32768, 4194305];
const LARGE = [2147483647, -2147483647, 2147483648, 500_000_000, 4294967295];
/** Not minimal, negative zero, too long. */
const ODD_NUMBERS = [[0x80], [0, 0], [1, 0], [0, 0x80], [0, 0, 0, 0, 0], [255, 255, 255, 255, 127]];
const HASH_TYPES = [1, 1, 1, 2, 3, 0x81, 0x82, 0x83, 0, 4, 0x80, 0x41, 0xff];
const FREQUENT = [
  OP.CHECKSIG,
  OP.CHECKSIGVERIFY,
  OP.CHECKMULTISIG,
  OP.CHECKMULTISIGVERIFY,
  OP.CODESEPARATOR,
  OP.CHECKLOCKTIMEVERIFY,
  OP.CHECKSEQUENCEVERIFY,
  OP.DUP,
  OP.SIZE,
  OP.VERIFY,
  OP.EQUAL,
];
const SEQUENCES = [0xffffffff, 0xfffffffe, 0, 1, 16, 255, 0x400001, 0x80000000];
const LOCK_TIMES = [0, 1, 16, 255, 500_000_000, 2147483647, 4294967295];
const CONSENSUS =
  FLAG.P2SH |
  FLAG.WITNESS |
  FLAG.DERSIG |
  FLAG.NULLDUMMY |
  FLAG.CHECKLOCKTIMEVERIFY |
  FLAG.CHECKSEQUENCEVERIFY;
/** Those that bcoin 1.0.2 has: up to WITNESS_PUBKEYTYPE. */
const FLAGS_BEFORE_TAPROOT = 0xffff;

/** The same signature with the other S. */
function withOtherS(compact: Bytes): Bytes {
  const other = ORDER - BigInt(`0x${toHex(compact, 32, 64)}`);
  return concatBytes(compact.subarray(0, 32), hex(other.toString(16).padStart(64, "0")));
}

/** One generator of cases; the same numbers, the same cases. */
export class ScriptCases {
  readonly #random: Prng;
  readonly #signatureHash: SignatureHash;
  readonly #uncompressed: (key: Bytes) => Bytes;
  readonly #secrets = [1, 2, 3].map((last) => {
    const secret = new Uint8Array(32);
    secret[31] = last;
    return secret;
  });
  #transaction: NewTransaction = { version: 1, lockTime: 0, inputs: [], outputs: [] };
  #index = 0;
  #value = 0;

  /** `uncompressed` gives the 65-byte form of a key. */
  constructor(random: Prng, signatureHash: SignatureHash, uncompressed: (key: Bytes) => Bytes) {
    this.#uncompressed = uncompressed;
    this.#random = random;
    this.#signatureHash = signatureHash;
  }

  #chance(share: number): boolean {
    return this.#random.below(1000) < share * 1000;
  }

  next(): ScriptCase {
    const random = this.#random;
    const count = 1 + random.below(3);
    const inputs = Array.from(
      { length: count },
      (): NewInput => ({
        txid: random.bytes(32),
        index: random.below(3),
        script: NOTHING,
        sequence: random.pick(SEQUENCES),
        witness: [],
      }),
    );
    const outputs = Array.from({ length: random.below(4) }, () => ({
      value: random.u32(),
      script: random.bytes(random.below(5)),
    }));
    const version = random.pick([1, 2, 0, 0xffffffff]);
    const lockTime = random.pick(LOCK_TIMES);
    this.#transaction = { version, lockTime, inputs, outputs };
    this.#index = random.below(count);
    this.#value = random.pick([0, 1, 100_000, 2_100_000_000_000_000]);
    const { script, scriptSig, witness } = this.#spoil(this.#spend());
    const full = inputs.map((input, at) =>
      at === this.#index ? { ...input, script: scriptSig, witness } : input,
    );
    return {
      transaction: { version, lockTime, inputs: full, outputs },
      index: this.#index,
      value: this.#value,
      script,
      flags: this.#flags(),
    };
  }

  #flags(): number {
    const chance = this.#random.below(10);
    if (chance < 2) return CONSENSUS;
    let flags = chance < 5 ? FLAGS_BEFORE_TAPROOT : this.#random.below(1 << 16);
    if ((flags & FLAG.CLEANSTACK) !== 0) flags |= FLAG.WITNESS;
    if ((flags & FLAG.WITNESS) !== 0) flags |= FLAG.P2SH;
    // bcoin discourages the two lock operations while they are not enforced, as Core once did.
    if ((flags & FLAG.DISCOURAGE_UPGRADABLE_NOPS) !== 0) {
      flags |= FLAG.CHECKLOCKTIMEVERIFY | FLAG.CHECKSEQUENCEVERIFY;
    }
    return flags;
  }

  #spend(): Spend {
    const wrapping = this.#random.pick<Wrapping>(["bare", "p2sh", "p2wsh", "p2sh-p2wsh"]);
    const version = wrapping.includes("w") ? 1 : 0;
    switch (this.#random.below(6)) {
      case 0:
        return this.#toKey();
      case 1:
        return this.#multisig(wrapping, version);
      case 2:
        return this.#signed(wrapping, version);
      case 3:
        return this.#program();
      default: {
        const items = Array.from({ length: this.#random.below(5) }, () => this.#item());
        return this.#wrap(this.#operations(1 + this.#random.below(12)), items, wrapping);
      }
    }
  }

  /** Now and then something that does not belong there. */
  #spoil(spend: Spend): Spend {
    const witness = this.#chance(0.03) ? [...spend.witness, this.#number()] : spend.witness;
    const more = this.#chance(0.02) ? this.#operations(1) : NOTHING;
    return { ...spend, witness, scriptSig: concatBytes(spend.scriptSig, more) };
  }

  #wrap(script: Bytes, items: readonly Bytes[], wrapping: Wrapping): Spend {
    const pushes = items.map((item) => this.#push(item));
    if (wrapping === "bare") return { script, scriptSig: concatBytes(...pushes), witness: [] };
    if (wrapping === "p2sh") {
      const scriptSig = concatBytes(...pushes, this.#push(script));
      return { script: toScriptHash(script), scriptSig, witness: [] };
    }
    const program = toWitnessHash(script);
    const witness = [...items, script];
    if (wrapping === "p2wsh") return { script: program, scriptSig: NOTHING, witness };
    return { script: toScriptHash(program), scriptSig: this.#push(program), witness };
  }

  #toKey(): Spend {
    const segwit = this.#chance(0.5);
    const secret = this.#random.pick(this.#secrets);
    const compressed = publicKeyCreate(secret);
    const key = this.#chance(0.8) ? compressed : this.#uncompressed(compressed);
    const head = Uint8Array.of(OP.DUP, OP.HASH160, 20);
    const tail = Uint8Array.of(OP.EQUALVERIFY, OP.CHECKSIG);
    const code = concatBytes(head, hash160(key), tail);
    const signer = this.#chance(0.9) ? secret : this.#random.pick(this.#secrets);
    const items = [this.#signature(code, segwit ? 1 : 0, signer), key];
    if (this.#chance(0.05)) items.push(this.#number());
    if (this.#chance(0.05)) items.shift();
    if (!segwit) {
      const scriptSig = concatBytes(...items.map((item) => this.#push(item)));
      return { script: code, scriptSig, witness: [] };
    }
    const script = concatBytes(Uint8Array.of(0, 20), hash160(key));
    return { script, scriptSig: NOTHING, witness: items };
  }

  #multisig(wrapping: Wrapping, version: 0 | 1): Spend {
    const count = this.#random.below(5);
    const needed = this.#random.below(count + 2);
    const secrets = Array.from({ length: count }, () => this.#random.pick(this.#secrets));
    const keys = secrets.map((secret) =>
      this.#chance(0.8) ? publicKeyCreate(secret) : this.#key(),
    );
    const behind = this.#random.below(10);
    const script = concatBytes(
      this.#push(scriptNumber(needed)),
      ...keys.map((key) => this.#push(key)),
      this.#push(scriptNumber(count)),
      Uint8Array.of(this.#chance(0.7) ? OP.CHECKMULTISIG : OP.CHECKMULTISIGVERIFY),
      behind === 0 ? Uint8Array.of(OP.NOT) : behind === 1 ? Uint8Array.of(TRUE) : NOTHING,
    );
    const items = [this.#chance(0.9) ? NOTHING : this.#number()];
    let left = needed;
    for (const [at, secret] of secrets.entries()) {
      if (left === 0 || !this.#chance(left / (count - at))) continue;
      items.push(this.#signature(script, version, secret));
      left--;
    }
    if (this.#chance(0.1)) items.push(this.#signature(script, version));
    if (this.#chance(0.1)) items.splice(this.#random.below(2), 1);
    return this.#wrap(script, items, wrapping);
  }

  /** One signature check among other operations, behind CODESEPARATORs, its signature in the script. */
  #signed(wrapping: Wrapping, version: 0 | 1): Spend {
    const secret = this.#random.pick(this.#secrets);
    const before = this.#chance(0.3)
      ? concatBytes(this.#operations(this.#random.below(3)), Uint8Array.of(OP.CODESEPARATOR))
      : NOTHING;
    const behind = concatBytes(
      this.#push(this.#chance(0.8) ? publicKeyCreate(secret) : this.#key()),
      Uint8Array.of(this.#chance(0.5) ? OP.CHECKSIG : OP.CHECKSIGVERIFY),
      this.#chance(0.5) ? this.#operations(this.#random.below(3)) : NOTHING,
    );
    const whole = concatBytes(before, behind);
    const code = this.#chance(0.7) ? behind : whole;
    const signature = this.#signature(code, version, secret);
    const held = this.#chance(0.15)
      ? concatBytes(this.#push(signature), Uint8Array.of(OP.DROP), whole)
      : whole;
    return this.#wrap(held, [signature], wrapping);
  }

  /** A witness program of any version that is not taproot's. */
  #program(): Spend {
    const length = this.#random.pick([1, 2, 3, 20, 31, 32, 33, 40, 41]);
    let version = this.#random.below(17);
    if (version === 1 && length === 32) version = 2;
    const head = Uint8Array.of(version === 0 ? 0 : TRUE - 1 + version, length);
    return {
      script: concatBytes(head, this.#random.bytes(length)),
      scriptSig: this.#chance(0.2) ? this.#push(this.#number()) : NOTHING,
      witness: this.#chance(0.5) ? [] : [this.#number()],
    };
  }

  #item(): Bytes {
    const chance = this.#random.below(10);
    if (chance < 7) return this.#number();
    return chance === 7 ? this.#key() : this.#random.bytes(this.#random.below(40));
  }

  #number(): Bytes {
    const chance = this.#random.below(100);
    if (chance < 15) return Uint8Array.from(this.#random.pick(ODD_NUMBERS));
    return scriptNumber(this.#random.pick(chance < 35 ? LARGE : NUMBERS));
  }

  /** A public key, in one of its forms or nearly so. */
  #key(): Bytes {
    const compressed = publicKeyCreate(this.#random.pick(this.#secrets));
    const long = this.#uncompressed(compressed).slice();
    switch (this.#random.below(8)) {
      case 0:
        // Hybrid, with the parity right or wrong.
        long[0] = 6 + this.#random.below(2);
        return long;
      case 1:
        return long;
      case 2:
        return compressed.subarray(0, this.#random.below(34));
      case 3:
        return this.#random.bytes(this.#random.pick([0, 1, 32, 33, 65]));
      default:
        return compressed;
    }
  }

  /** In the shortest way mostly. */
  #push(item: Bytes): Bytes {
    const chance = this.#random.below(100);
    const { length } = item;
    if (chance < 80) return pushOf(item);
    if (chance < 93 && length <= 75) return concatBytes(Uint8Array.of(length), item);
    if (chance < 97 && length <= 255) return concatBytes(Uint8Array.of(76, length), item);
    if (chance < 99) return concatBytes(Uint8Array.of(77, length & 255, length >> 8), item);
    return concatBytes(Uint8Array.of(78, length & 255, length >> 8, 0, 0), item);
  }

  /** No operation is cut off: what other interpreters sign then is not what Core signs. */
  #operations(count: number, depth = 0): Bytes {
    const parts: Bytes[] = [];
    for (let left = count; left > 0; left--) {
      const chance = this.#random.below(100);
      if (chance < 35) parts.push(this.#push(this.#number()));
      else if (chance < 44) parts.push(this.#push(this.#item()));
      else if (chance < 90) parts.push(Uint8Array.of(TRUE + 15 + this.#random.below(90)));
      else if (chance < 93 && depth < 3) parts.push(this.#condition(depth));
      else if (chance < 97) parts.push(Uint8Array.of(this.#random.pick(FREQUENT)));
      else parts.push(Uint8Array.of(79 + this.#random.below(177)));
    }
    return concatBytes(...parts);
  }

  #condition(depth: number): Bytes {
    return concatBytes(
      Uint8Array.of(this.#chance(0.5) ? 0 : TRUE, this.#chance(0.5) ? OP.IF : OP.NOTIF),
      this.#operations(this.#random.below(4), depth + 1),
      Uint8Array.of(OP.ELSE),
      this.#operations(this.#random.below(3), depth + 1),
      Uint8Array.of(OP.ENDIF),
    );
  }

  #signature(code: Bytes, version: 0 | 1, secret = this.#random.pick(this.#secrets)): Bytes {
    const type = this.#random.pick(HASH_TYPES);
    const hash = this.#signatureHash(
      this.#transaction,
      this.#index,
      code,
      this.#value,
      type,
      version,
    );
    const compact = signEcdsa(secret, hash);
    const good = derSignature(compact, type).slice(0, -1);
    return concatBytes(this.#spoiltSignature(good, compact), Uint8Array.of(type));
  }

  /** A DER signature without its hash type, now and then with something wrong. */
  #spoiltSignature(good: Bytes, compact: Bytes): Bytes {
    const spoilt = good.slice();
    switch (this.#random.below(30)) {
      case 0:
        return derSignature(withOtherS(compact), 0).slice(0, -1);
      case 1:
      case 2:
        // Not in R's or S's length or sign: a number above 256 bits is no matter of encoding for all.
        spoilt[this.#random.pick([0, 1, 2, 20, 21, 60])]! ^= 1 << this.#random.below(8);
        return spoilt;
      case 3:
        // A zero more than R needs.
        return concatBytes(Uint8Array.of(0x30, good[1]! + 1, 2, good[3]! + 1, 0), good.subarray(4));
      case 4:
        return good.subarray(0, this.#random.below(good.length));
      case 5:
        return concatBytes(good, Uint8Array.of(0));
      case 6:
        return NOTHING;
      default:
        return good;
    }
  }
}
