// Scripts as the servers show them: assembly, type, address and descriptor (Bitcoin Core's
// core_io.cpp, script/solver.cpp and script/descriptor.cpp).
import { type Bytes, toHex } from "../../base/bytes.ts";
import { scriptAddress } from "../../ledger/bitcoin/address.ts";
import type { AddressParams } from "../../ledger/bitcoin/params.ts";
import { FLAG } from "../../ledger/bitcoin/script/flags.ts";
import { OP } from "../../ledger/bitcoin/script/opcodes.ts";
import {
  isPushOnly,
  isScriptHash,
  operationEnd,
  pushLength,
  witnessVersion,
} from "../../ledger/bitcoin/script/script-bytes.ts";
import { readScriptNumber } from "../../ledger/bitcoin/script/script-number.ts";
import { checkSignatureEncoding } from "../../ledger/bitcoin/script/signature-encoding.ts";
import type { JsonObject } from "../json/value.ts";
import { withChecksum } from "./descriptor-checksum.ts";

const NAMES = new Map<number, string>(
  Object.entries(OP).map(([name, opcode]) => [opcode, `OP_${name}`]),
);

function operationName(opcode: number): string {
  if (opcode === OP["1NEGATE"]) return "-1";
  if (opcode >= 0x51 && opcode <= 0x60) return String(opcode - 0x50);
  return NAMES.get(opcode) ?? "OP_UNKNOWN";
}

const HASH_TYPES: ReadonlyMap<number, string> = new Map([
  [1, "ALL"],
  [0x81, "ALL|ANYONECANPAY"],
  [2, "NONE"],
  [0x82, "NONE|ANYONECANPAY"],
  [3, "SINGLE"],
  [0x83, "SINGLE|ANYONECANPAY"],
]);

/** A push longer than a number: hex, or a signature with its hash type in words. */
function dataText(data: Bytes, decodeSignatures: boolean): string {
  const hashType = HASH_TYPES.get(data.at(-1) ?? 0);
  if (decodeSignatures && hashType !== undefined) {
    if (checkSignatureEncoding(data, FLAG.STRICTENC) === "OK") {
      return `${toHex(data, 0, data.length - 1)}[${hashType}]`;
    }
  }
  return toHex(data);
}

/** The script in words. `decodeSignatures`: for scripts that unlock. */
export function scriptAssembly(script: Bytes, decodeSignatures = false): string {
  const words: string[] = [];
  const decode = decodeSignatures && script[0] !== OP.RETURN;
  for (let at = 0; at < script.length; ) {
    const opcode = script[at]!;
    const end = operationEnd(script, at);
    if (end < 0) return [...words, "[error]"].join(" ");
    if (opcode <= OP.PUSHDATA4) {
      const data = script.subarray(end - pushLength(script, at), end);
      if (data.length <= 4) words.push(String(readScriptNumber(data, false, 4)));
      else words.push(dataText(data, decode));
    } else words.push(operationName(opcode));
    at = end;
  }
  return words.join(" ");
}

export type ScriptType =
  | "nonstandard"
  | "pubkey"
  | "pubkeyhash"
  | "scripthash"
  | "multisig"
  | "nulldata"
  | "anchor"
  | "witness_v0_keyhash"
  | "witness_v0_scripthash"
  | "witness_v1_taproot"
  | "witness_unknown";

export interface Solved {
  readonly type: ScriptType;
  /** Public keys of pubkey and multisig. */
  readonly keys: readonly Bytes[];
  /** Signatures that a multisig needs. */
  readonly required: number;
}

const plain = (type: ScriptType): Solved => ({ type, keys: [], required: 0 });

function isKey(data: Bytes): boolean {
  if (data.length === 33) return data[0] === 2 || data[0] === 3;
  return data.length === 65 && (data[0] === 4 || data[0] === 6 || data[0] === 7);
}

function solveWitness(script: Bytes, version: number): Solved {
  const length = script.length - 2;
  if (version === 0 && length === 20) return plain("witness_v0_keyhash");
  if (version === 0 && length === 32) return plain("witness_v0_scripthash");
  if (version === 1 && length === 32) return plain("witness_v1_taproot");
  if (version === 1 && length === 2 && script[2] === 0x4e && script[3] === 0x73) {
    return plain("anchor");
  }
  return plain(version === 0 ? "nonstandard" : "witness_unknown");
}

function isPublicKeyHash(script: Bytes): boolean {
  return (
    script.length === 25 &&
    script[0] === OP.DUP &&
    script[1] === OP.HASH160 &&
    script[2] === 20 &&
    script[23] === OP.EQUALVERIFY &&
    script[24] === OP.CHECKSIG
  );
}

function smallNumber(opcode: number | undefined): number {
  return opcode !== undefined && opcode >= 0x51 && opcode <= 0x60 ? opcode - 0x50 : -1;
}

/** m, the keys, n, CHECKMULTISIG; null for anything else. */
function solveMultisig(script: Bytes): Solved | null {
  const required = smallNumber(script[0]);
  if (required < 1 || script.at(-1) !== OP.CHECKMULTISIG) return null;
  const keys: Bytes[] = [];
  let at = 1;
  while (at < script.length) {
    const end = operationEnd(script, at);
    const length = end < 0 ? 0 : pushLength(script, at);
    const data = script.subarray(end - length, end);
    if (length === 0 || !isKey(data)) break;
    keys.push(data);
    at = end;
  }
  const count = smallNumber(script[at]);
  const whole = at + 2 === script.length && count === keys.length && required <= count;
  return whole ? { type: "multisig", keys, required } : null;
}

/** What kind of lock the script is. */
export function solveScript(script: Bytes): Solved {
  if (isScriptHash(script)) return plain("scripthash");
  const version = witnessVersion(script);
  if (version >= 0) return solveWitness(script, version);
  if (script[0] === OP.RETURN && isPushOnly(script.subarray(1))) return plain("nulldata");
  const key = script.subarray(1, script.length - 1);
  if (script.at(-1) === OP.CHECKSIG && script[0] === key.length && isKey(key)) {
    return { type: "pubkey", keys: [key], required: 1 };
  }
  if (isPublicKeyHash(script)) return plain("pubkeyhash");
  return solveMultisig(script) ?? plain("nonstandard");
}

/** The descriptor that Bitcoin Core infers without knowing any key. */
export function scriptDescriptor(script: Bytes, params: AddressParams): string {
  const { type, keys, required } = solveScript(script);
  if (type === "pubkey") return withChecksum(`pk(${toHex(keys[0]!)})`);
  if (type === "multisig" && keys.length <= 3) {
    return withChecksum(`multi(${required},${keys.map((key) => toHex(key)).join(",")})`);
  }
  if (type === "witness_v1_taproot") return withChecksum(`rawtr(${toHex(script, 2)})`);
  const address = scriptAddress(script, params);
  return withChecksum(address === null ? `raw(${toHex(script)})` : `addr(${address})`);
}

/** `scriptPubKey` of an output. */
export function lockJson(script: Bytes, params: AddressParams, withHex = true): JsonObject {
  const address = scriptAddress(script, params);
  const { type } = solveScript(script);
  return {
    asm: scriptAssembly(script),
    desc: scriptDescriptor(script, params),
    hex: withHex ? toHex(script) : undefined,
    address: address === null || type === "pubkey" ? undefined : address,
    type,
  };
}
