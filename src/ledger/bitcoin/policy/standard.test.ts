import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bytes, concatBytes, hex } from "../../../base/bytes.ts";
import { encodeTransaction, type NewTransaction } from "../encode.ts";
import { decodeTransaction, type Transaction } from "../transaction.ts";
import { scriptForm } from "./script-form.ts";
import { dustThreshold, standardFault, standardInputsFault } from "./standard.ts";

const KEY = concatBytes(hex("02"), new Uint8Array(32).fill(7));
const HASH20 = new Uint8Array(20).fill(1);
const HASH32 = new Uint8Array(32).fill(2);
const keyHash = concatBytes(hex("76a914"), HASH20, hex("88ac"));
const scriptHash = concatBytes(hex("a914"), HASH20, hex("87"));
const witnessKeyHash = concatBytes(hex("0014"), HASH20);
const witnessScriptHash = concatBytes(hex("0020"), HASH32);
const taproot = concatBytes(hex("5120"), HASH32);
const push = (item: Bytes): Bytes => concatBytes(Uint8Array.of(item.length), item);
const multisig = (needed: number, keys: number): Bytes =>
  concatBytes(
    Uint8Array.of(0x50 + needed),
    ...Array.from({ length: keys }, () => push(KEY)),
    Uint8Array.of(0x50 + keys, 0xae),
  );

test("forms of output scripts", () => {
  const forms: [Bytes, string][] = [
    [keyHash, "pubkeyhash"],
    [scriptHash, "scripthash"],
    [witnessKeyHash, "witness-keyhash"],
    [witnessScriptHash, "witness-scripthash"],
    [taproot, "taproot"],
    [hex("51024e73"), "anchor"],
    [hex("5202aabb"), "witness-unknown"],
    [concatBytes(hex("0015"), HASH20, hex("00")), "nonstandard"],
    [concatBytes(push(KEY), hex("ac")), "pubkey"],
    [multisig(1, 2), "multisig"],
    [multisig(3, 3), "multisig"],
    [multisig(3, 2), "nonstandard"],
    [hex("6a"), "nulldata"],
    [hex("6a0401020304"), "nulldata"],
    [hex("6aac"), "nonstandard"],
    [hex("51"), "nonstandard"],
    [hex(""), "nonstandard"],
  ];
  for (const [script, form] of forms) assert.equal(scriptForm(script), form);
});

test("dust as Bitcoin Core counts it", () => {
  assert.equal(dustThreshold(keyHash), 546);
  assert.equal(dustThreshold(scriptHash), 540);
  assert.equal(dustThreshold(witnessKeyHash), 294);
  assert.equal(dustThreshold(witnessScriptHash), 330);
  assert.equal(dustThreshold(taproot), 330);
  assert.equal(dustThreshold(hex("51024e73")), 240);
  assert.equal(dustThreshold(hex("6a00")), 0);
});

function made(changes: Partial<NewTransaction> = {}): Transaction {
  const input = { txid: HASH32, index: 0, script: hex(""), sequence: 0xffffffff, witness: [] };
  const decoded = decodeTransaction(
    encodeTransaction({
      version: 2,
      inputs: [input],
      outputs: [{ value: 10_000, script: keyHash }],
      lockTime: 0,
      ...changes,
    }),
  );
  assert.ok(decoded.ok);
  return decoded.value;
}

test("why a transaction is not relayed", () => {
  const input = { txid: HASH32, index: 0, script: hex(""), sequence: 0, witness: [] };
  const output = (script: Bytes, value = 10_000) => ({ value, script });
  assert.equal(standardFault(made()), null);
  assert.equal(standardFault(made({ version: 4 })), "version");
  assert.equal(standardFault(made({ version: 0 })), "version");
  const long = { ...input, script: concatBytes(hex("4d7306"), new Uint8Array(1651)) };
  assert.equal(standardFault(made({ inputs: [long] })), "scriptsig-size");
  assert.equal(
    standardFault(made({ inputs: [{ ...input, script: hex("ac") }] })),
    "scriptsig-not-pushonly",
  );
  assert.equal(standardFault(made({ outputs: [output(hex("51"))] })), "scriptpubkey");
  assert.equal(standardFault(made({ outputs: [output(multisig(1, 4))] })), "scriptpubkey");
  assert.equal(standardFault(made({ outputs: [output(multisig(1, 3))] })), null);
  assert.equal(standardFault(made({ outputs: [output(keyHash, 545)] })), null, "one may be dust");
  const twice = [output(keyHash, 545), output(keyHash, 545)];
  assert.equal(standardFault(made({ outputs: twice })), "dust");
  assert.equal(standardFault(made({ outputs: [output(hex("6a"), 0)] })), "tx-size-small");
});

test("coins and witnesses that are not relayed", () => {
  const coin = (script: Bytes) => ({ value: 1, script, height: 1, coinbase: false });
  const spend = (script: Bytes, witness: readonly Bytes[]) =>
    made({ inputs: [{ txid: HASH32, index: 0, script, sequence: 0, witness }] });
  const empty = hex("");
  const inputs = "bad-txns-nonstandard-inputs";
  const witness = "bad-witness-nonstandard";
  assert.equal(standardInputsFault(spend(empty, []), [coin(keyHash)]), null);
  assert.equal(standardInputsFault(spend(empty, []), [coin(hex("51"))]), inputs);
  assert.equal(standardInputsFault(spend(empty, []), [coin(hex("5202aabb"))]), inputs);
  assert.equal(standardInputsFault(spend(empty, []), [coin(scriptHash)]), inputs);
  // 16 signature checks in a script behind a hash: one too many.
  const many = push(new Uint8Array(16).fill(0xac));
  assert.equal(standardInputsFault(spend(many, []), [coin(scriptHash)]), inputs);
  const enough = push(new Uint8Array(15).fill(0xac));
  assert.equal(standardInputsFault(spend(enough, []), [coin(scriptHash)]), null);
  assert.equal(standardInputsFault(spend(empty, [hex("01")]), [coin(keyHash)]), witness);
  const script = (bytes: number) => [new Uint8Array(bytes)];
  assert.equal(standardInputsFault(spend(empty, script(3600)), [coin(witnessScriptHash)]), null);
  assert.equal(standardInputsFault(spend(empty, script(3601)), [coin(witnessScriptHash)]), witness);
  const item = [new Uint8Array(81), hex("51")];
  assert.equal(standardInputsFault(spend(empty, item), [coin(witnessScriptHash)]), witness);
  const annex = [new Uint8Array(64), hex("50")];
  assert.equal(standardInputsFault(spend(empty, annex), [coin(taproot)]), witness);
  const leaf = [new Uint8Array(81), hex("51"), concatBytes(hex("c0"), HASH32)];
  assert.equal(standardInputsFault(spend(empty, leaf), [coin(taproot)]), witness);
});
