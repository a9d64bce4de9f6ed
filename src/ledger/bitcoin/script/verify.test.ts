import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, concatBytes } from "../../../base/bytes.ts";
import { hash160, sha256 } from "../../../crypto/hash.ts";
import { publicKeyCreate } from "../../../crypto/secp256k1.ts";
import { encodeTransaction } from "../encode.ts";
import { prepareSignatureHashes, type SignatureCheck } from "../sighash.ts";
import { decodeTransaction, type Transaction } from "../transaction.ts";
import { FLAG, FLAGS_ALL, FLAGS_CONSENSUS, FLAGS_STANDARD, fillFlags } from "./flags.ts";
import { OP } from "./opcodes.ts";
import { pushOf } from "./script-bytes.ts";
import { type ScriptError, scriptErrorMessage } from "./script-error.ts";
import { verifyInput } from "./verify.ts";

const NOTHING = new Uint8Array(0);
const ZERO = new Uint8Array(32);

/** Bytes of a script: numbers are bytes, arrays are put in as they are. */
function script(...parts: readonly (number | Bytes)[]): Bytes {
  return concatBytes(
    ...parts.map((part) => (typeof part === "number" ? Uint8Array.of(part) : part)),
  );
}

interface Spending {
  readonly scriptSig?: Bytes;
  readonly witness?: readonly Bytes[];
  readonly flags?: number;
  readonly version?: number;
  readonly lockTime?: number;
  readonly sequence?: number;
  readonly check?: SignatureCheck;
}

function transactionOf(spending: Spending): Transaction {
  const decoded = decodeTransaction(
    encodeTransaction({
      version: spending.version ?? 2,
      lockTime: spending.lockTime ?? 0,
      inputs: [
        {
          txid: ZERO,
          index: 0,
          script: spending.scriptSig ?? NOTHING,
          sequence: spending.sequence ?? 0,
          witness: spending.witness ?? [],
        },
      ],
      outputs: [{ value: 1, script: NOTHING }],
    }),
  );
  assert.ok(decoded.ok);
  return decoded.value;
}

function spend(scriptPubKey: Bytes, spending: Spending = {}): ScriptError {
  const transaction = transactionOf(spending);
  const coins = [{ value: 1, script: scriptPubKey, height: 1, coinbase: false }];
  const hashes = prepareSignatureHashes(transaction, coins, spending.check);
  return verifyInput(transaction, 0, coins, spending.flags ?? FLAGS_CONSENSUS, hashes);
}

const ALL_GOOD: SignatureCheck = { ecdsa: () => true, schnorr: () => true, tweak: () => true };

/** A taproot output whose control block `ALL_GOOD` lets pass. */
const TAPROOT = script(0x51, 32, ZERO.slice().fill(1));
const CONTROL = Uint8Array.of(0xc0, ...ZERO);

function tapscript(code: Bytes, items: readonly Bytes[] = [], flags = FLAGS_CONSENSUS) {
  return spend(TAPROOT, { witness: [...items, code, CONTROL], check: ALL_GOOD, flags });
}

function witnessScript(code: Bytes, items: readonly Bytes[] = [], flags = FLAGS_CONSENSUS) {
  return spend(script(0, 32, sha256(code)), { witness: [...items, code], flags });
}

test("limits: 520 bytes an item, 10,000 a script, 201 operations, 1,000 items", () => {
  const nops = (count: number): Bytes => new Uint8Array(count).fill(OP.NOP);
  assert.equal(spend(script(0x51, nops(201))), "OK");
  assert.equal(spend(script(0x51, nops(202))), "OP_COUNT");
  const big = (bytes: number): Bytes => pushOf(new Uint8Array(bytes).fill(1));
  assert.equal(spend(big(520)), "OK");
  assert.equal(spend(big(521)), "PUSH_SIZE");
  const pushes = (count: number): Bytes => new Uint8Array(count).fill(0x51);
  assert.equal(spend(pushes(1000)), "OK");
  assert.equal(spend(pushes(1001)), "STACK_SIZE");
  assert.equal(spend(script(0, OP.IF, new Uint8Array(9998).fill(0x51))), "UNBALANCED_CONDITIONAL");
  assert.equal(spend(script(0, OP.IF, new Uint8Array(9999).fill(0x51))), "SCRIPT_SIZE");
});

test("tapscript has no limits on script bytes and operations, but the same on items", () => {
  assert.equal(tapscript(script(0x51, new Uint8Array(20_000).fill(OP.NOP))), "OK");
  assert.equal(tapscript(pushOf(new Uint8Array(521).fill(1))), "PUSH_SIZE");
  assert.equal(tapscript(script(0x51), [new Uint8Array(521)]), "PUSH_SIZE");
  assert.equal(tapscript(script(0x51), new Array<Bytes>(1001).fill(NOTHING)), "STACK_SIZE");
});

test("conditions: only whole ones, minimal where the version asks for it", () => {
  assert.equal(spend(script(0x51, OP.IF, 0x51, OP.ELSE, 0, OP.ENDIF)), "OK");
  assert.equal(spend(script(0, OP.IF, 0, OP.ELSE, 0x51, OP.ELSE, 0, OP.ENDIF)), "OK");
  assert.equal(spend(script(0x51, OP.IF)), "UNBALANCED_CONDITIONAL");
  assert.equal(spend(script(0x51, OP.ENDIF)), "UNBALANCED_CONDITIONAL");
  assert.equal(spend(script(0, OP.IF, OP.VERIF, OP.ENDIF, 0x51)), "BAD_OPCODE");
  const branch = script(OP.IF, 0x51, OP.ELSE, 0x51, OP.ENDIF);
  const two = Uint8Array.of(2);
  assert.equal(witnessScript(branch, [two]), "OK");
  assert.equal(witnessScript(branch, [two], FLAGS_STANDARD), "MINIMALIF");
  assert.equal(tapscript(branch, [two]), "TAPSCRIPT_MINIMALIF");
});

test("disabled operations fail even where they are not run", () => {
  assert.equal(spend(script(0, OP.IF, OP.CAT, OP.ENDIF, 0x51)), "DISABLED_OPCODE");
  assert.equal(tapscript(script(0, OP.IF, OP.CAT)), "OK");
});

test("OP_SUCCESS ends a tapscript well, unless an operation before it is cut off", () => {
  assert.equal(tapscript(script(0, OP.RETURN, 0xfe)), "OK");
  assert.equal(tapscript(script(0xfe), [], FLAGS_STANDARD), "DISCOURAGE_OP_SUCCESS");
  assert.equal(tapscript(script(2, 0xfe)), "BAD_OPCODE");
  assert.equal(tapscript(script(0xff)), "BAD_OPCODE");
});

test("each signature of a tapscript takes 50 from the witness's weight", () => {
  const signature = new Uint8Array(64);
  const key = pushOf(ZERO);
  const once = script(OP.DUP, key, OP.CHECKSIGVERIFY);
  const times = (count: number): Bytes =>
    script(...new Array<Bytes>(count).fill(once), OP.DROP, 0x51);
  assert.equal(tapscript(times(3), [signature]), "OK");
  // 36 bytes of script for 50 of budget: the more, the worse.
  assert.equal(tapscript(times(20), [signature]), "TAPSCRIPT_VALIDATION_WEIGHT");
});

test("tapscript: no CHECKMULTISIG; CHECKSIGADD only there; keys of other sizes are for later", () => {
  assert.equal(tapscript(script(0, 0, 0, OP.CHECKMULTISIG)), "TAPSCRIPT_CHECKMULTISIG");
  assert.equal(spend(script(0, 0, 0, OP.CHECKSIGADD)), "BAD_OPCODE");
  assert.equal(tapscript(script(0x51, pushOf(ZERO), OP.CHECKSIGADD), [NOTHING]), "OK");
  const later = script(0x51, 0x51, OP.CHECKSIGADD, 0x52, OP.EQUAL);
  assert.equal(tapscript(later, [Uint8Array.of(1)]), "OK");
  const policy = tapscript(later, [Uint8Array.of(1)], FLAGS_STANDARD);
  assert.equal(policy, "DISCOURAGE_UPGRADABLE_PUBKEYTYPE");
  assert.equal(tapscript(script(0, 0, OP.CHECKSIG)), "TAPSCRIPT_EMPTY_PUBKEY");
});

test("P2SH and witness programs: each step of the way", () => {
  const redeem = script(0x51);
  const output = script(OP.HASH160, 20, hash160(redeem), OP.EQUAL);
  assert.equal(spend(output, { scriptSig: pushOf(redeem) }), "OK");
  assert.equal(spend(output, { scriptSig: script(OP.NOP, pushOf(redeem)) }), "SIG_PUSHONLY");
  const nop = script(OP.NOP, pushOf(redeem));
  assert.equal(spend(output, { scriptSig: nop, flags: 0 }), "OK");
  const program = script(0, 32, sha256(redeem));
  assert.equal(spend(program, { witness: [redeem] }), "OK");
  assert.equal(spend(program, { witness: [script(0x52)] }), "WITNESS_PROGRAM_MISMATCH");
  assert.equal(spend(program), "WITNESS_PROGRAM_WITNESS_EMPTY");
  assert.equal(spend(program, { scriptSig: script(0x51), witness: [redeem] }), "WITNESS_MALLEATED");
  assert.equal(spend(program, { flags: FLAG.P2SH }), "OK");
  assert.equal(spend(script(0x51), { witness: [redeem] }), "WITNESS_UNEXPECTED");
  assert.equal(spend(script(0, 2, 1, 1)), "WITNESS_PROGRAM_WRONG_LENGTH");
  const nested = script(OP.HASH160, 20, hash160(program), OP.EQUAL);
  assert.equal(spend(nested, { scriptSig: pushOf(program), witness: [redeem] }), "OK");
  const twice = script(0x51, pushOf(program));
  assert.equal(spend(nested, { scriptSig: twice, witness: [redeem] }), "WITNESS_MALLEATED_P2SH");
});

test("programs of later versions pass by consensus, but for those known to policy", () => {
  const later = script(0x52, 2, 1, 1);
  assert.equal(spend(later), "OK");
  assert.equal(spend(later, { flags: FLAGS_STANDARD }), "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM");
  assert.equal(spend(script(0x51, 2, 0x4e, 0x73), { flags: FLAGS_STANDARD }), "OK");
  // A program is pushed before it is read as one, and what is pushed must be true.
  assert.equal(spend(script(0x52, 2, 0, 0x80)), "EVAL_FALSE");
});

test("lock times of both kinds", () => {
  const height = script(0x5a, OP.CHECKLOCKTIMEVERIFY); // 10
  assert.equal(spend(height, { lockTime: 10 }), "OK");
  assert.equal(spend(height, { lockTime: 9 }), "UNSATISFIED_LOCKTIME");
  assert.equal(spend(height, { lockTime: 500_000_000 }), "UNSATISFIED_LOCKTIME");
  assert.equal(spend(height, { lockTime: 10, sequence: 0xffffffff }), "UNSATISFIED_LOCKTIME");
  assert.equal(spend(height, { lockTime: 9, flags: 0 }), "OK");
  assert.equal(spend(script(0x4f, OP.CHECKLOCKTIMEVERIFY)), "NEGATIVE_LOCKTIME");
  const sequence = script(0x5a, OP.CHECKSEQUENCEVERIFY);
  assert.equal(spend(sequence, { sequence: 10 }), "OK");
  assert.equal(spend(sequence, { sequence: 9 }), "UNSATISFIED_LOCKTIME");
  assert.equal(spend(sequence, { sequence: 10, version: 1 }), "UNSATISFIED_LOCKTIME");
  assert.equal(spend(sequence, { sequence: 10, version: 0xffffffff }), "OK");
  assert.equal(spend(sequence, { sequence: 0x0040_000a }), "UNSATISFIED_LOCKTIME");
  const disabled = script(5, Uint8Array.of(0, 0, 0, 0x80, 0), OP.CHECKSEQUENCEVERIFY);
  assert.equal(spend(disabled), "OK");
});

test("numbers of more than four bytes are refused, results of five are kept", () => {
  const greatest = pushOf(Uint8Array.of(255, 255, 255, 0x7f));
  const sum = script(greatest, greatest, OP.ADD);
  assert.equal(spend(sum), "OK");
  assert.equal(spend(script(sum, OP["1ADD"])), "SCRIPTNUM");
  const padded = script(2, 1, 0, OP["1ADD"]);
  assert.equal(spend(padded), "OK");
  assert.equal(spend(padded, { flags: FLAG.MINIMALDATA }), "SCRIPTNUM");
});

test("the sentences of errors are Bitcoin Core's", () => {
  assert.equal(scriptErrorMessage("EQUALVERIFY"), "Script failed an OP_EQUALVERIFY operation");
});

const OPCODES = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0x4f, max: 0xbb }) },
  { weight: 1, arbitrary: fc.nat(255) },
);
const CODE = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: OPCODES.map((opcode) => Uint8Array.of(opcode)) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }).map(pushOf) },
    ),
    { maxLength: 40 },
  )
  .map((parts) => concatBytes(...parts));
const ITEMS = fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 5 });
const VERSIONS = ["bare", "p2sh", "p2wsh", "p2tr"] as const;

/** Any script in any place gives an answer, and the flags only ever take some away. */
test("random scripts never throw, and more flags never make one valid", () => {
  fc.assert(
    fc.property(
      CODE,
      CODE,
      ITEMS,
      fc.constantFrom(...VERSIONS),
      fc.nat(FLAGS_ALL),
      fc.nat(FLAGS_ALL),
      (code, scriptSig, items, version, flags, more) => {
        const few = fillFlags(flags & ~FLAG.CLEANSTACK);
        const many = fillFlags(few | more);
        const judge = (under: number): ScriptError => {
          if (version === "bare") return spend(code, { scriptSig, flags: under, check: ALL_GOOD });
          if (version === "p2tr") return tapscript(code, items, under);
          if (version === "p2wsh") return witnessScript(code, items, under);
          const output = script(OP.HASH160, 20, hash160(code), OP.EQUAL);
          const pushes = concatBytes(...items.map(pushOf), pushOf(code));
          return spend(output, { scriptSig: pushes, flags: under, check: ALL_GOOD });
        };
        const answer = judge(few);
        assert.notEqual(scriptErrorMessage(answer), undefined);
        if (answer !== "OK") assert.notEqual(judge(many), "OK");
      },
    ),
    { numRuns: 4000 },
  );
});

test("CHECKMULTISIG without the item behind its signatures fails before it looks at them", () => {
  const key = publicKeyCreate(new Uint8Array(32).fill(1));
  const rubbish = Uint8Array.of(0x30, 1);
  const code = script(0x51, pushOf(key), 0x51, OP.CHECKMULTISIG);
  const flags = FLAGS_STANDARD;
  const short = pushOf(rubbish);
  assert.equal(spend(code, { scriptSig: short, flags }), "INVALID_STACK_OPERATION");
  assert.equal(spend(code, { scriptSig: script(0, short), flags }), "SIG_DER");
});
