// Scripts as bytes: walking over their operations, recognising their forms, and taking signatures
// out of script code. Rule: Bitcoin Core's script/script.cpp and FindAndDelete.
import { type Bytes, rangeEqual, readU16, readU32 } from "../../../base/bytes.ts";
import { SCRIPT_BYTES_MAX } from "./machine.ts";
import { OP, OP_1, OP_16 } from "./opcodes.ts";
import { singleByte } from "./script-number.ts";

/**
 * Offset behind the operation at `at`, whose opcode is `script[at]`; -1 when its data or its length
 * is cut off. The data is the last `pushLength` bytes before that offset.
 */
export function operationEnd(script: Bytes, at: number): number {
  const dataAt = pushDataAt(script, at);
  if (dataAt < 0) return -1;
  const end = dataAt + pushLength(script, at);
  return end > script.length ? -1 : end;
}

/** Where the data of the operation at `at` begins; -1 when its length is cut off. */
export function pushDataAt(script: Bytes, at: number): number {
  const opcode = script[at]!;
  if (opcode < OP.PUSHDATA1 || opcode > OP.PUSHDATA4) return at + 1;
  const dataAt = at + (opcode === OP.PUSHDATA1 ? 2 : opcode === OP.PUSHDATA2 ? 3 : 5);
  return dataAt > script.length ? -1 : dataAt;
}

/** How many bytes the operation at `at` pushes, whose length is whole: 0 when it is no push. */
export function pushLength(script: Bytes, at: number): number {
  const opcode = script[at]!;
  if (opcode < OP.PUSHDATA1) return opcode;
  if (opcode > OP.PUSHDATA4) return 0;
  if (opcode === OP.PUSHDATA1) return script[at + 1]!;
  return opcode === OP.PUSHDATA2 ? readU16(script, at + 1) : readU32(script, at + 1);
}

/** True when a push of `item` by `opcode` is the shortest there is (MINIMALDATA). */
export function isMinimalPush(item: Bytes, opcode: number): boolean {
  const length = item.length;
  if (length === 0) return opcode === 0;
  if (length === 1) {
    const value = item[0]!;
    if ((value >= 1 && value <= 16) || value === 0x81) return false;
  }
  if (length < OP.PUSHDATA1) return opcode === length;
  if (length < 0x100) return opcode === OP.PUSHDATA1;
  return length >= 0x10000 || opcode === OP.PUSHDATA2;
}

/** The shortest script that pushes `item` as data (not by OP_1 … OP_16). */
export function pushOf(item: Bytes): Bytes {
  const length = item.length;
  const head = length < OP.PUSHDATA1 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 5;
  const script = new Uint8Array(head + length);
  if (head === 1) script[0] = length;
  else {
    script[0] = head === 2 ? OP.PUSHDATA1 : head === 3 ? OP.PUSHDATA2 : OP.PUSHDATA4;
    for (let at = 1, rest = length; at < head; at++, rest >>>= 8) script[at] = rest;
  }
  script.set(item, head);
  return script;
}

/** True when every operation is whole and none is greater than OP_16. */
export function isPushOnly(script: Bytes): boolean {
  for (let at = 0; at < script.length; ) {
    if (script[at]! > OP_16) return false;
    at = operationEnd(script, at);
    if (at < 0) return false;
  }
  return true;
}

/** What the last operation of a script that only pushes leaves on top: empty for OP_1 … OP_16. */
export function lastPush(script: Bytes): Bytes {
  let item = script.subarray(0, 0);
  for (let at = 0; at < script.length; ) {
    const end = operationEnd(script, at);
    if (end < 0) return item.subarray(0, 0);
    item = script.subarray(end - pushLength(script, at), end);
    at = end;
  }
  return item;
}

/** What nobody can ever spend makes no coin (Bitcoin Core's IsUnspendable). */
export function isUnspendable(bytes: Bytes, from: number, to: number): boolean {
  return (to > from && bytes[from] === OP.RETURN) || to - from > SCRIPT_BYTES_MAX;
}

/** BIP16: HASH160 push-20 EQUAL. */
export function isScriptHash(script: Bytes): boolean {
  return (
    script.length === 23 && script[0] === OP.HASH160 && script[1] === 20 && script[22] === OP.EQUAL
  );
}

/** BIP141: the version of a witness program, 0 … 16, or -1 when `script` is none. */
export function witnessVersion(script: Bytes): number {
  const length = script.length;
  if (length < 4 || length > 42 || script[1] !== length - 2) return -1;
  const opcode = script[0]!;
  if (opcode === 0) return 0;
  return opcode >= OP_1 && opcode <= OP_16 ? opcode - OP_1 + 1 : -1;
}

/** The item that OP_1NEGATE or OP_1 … OP_16 pushes. */
export function smallNumber(opcode: number): Bytes {
  return singleByte(opcode === OP["1NEGATE"] ? 0x81 : opcode - OP_1 + 1);
}

function matchAt(script: Bytes, at: number, pattern: Bytes): boolean {
  return pattern.length <= script.length - at && rangeEqual(script, at, pattern, 0, pattern.length);
}

/**
 * `script` without the operations that read `pattern`, byte for byte, wherever an operation begins;
 * the same array when there are none. What is behind a cut-off operation stays.
 */
export function withoutPattern(script: Bytes, pattern: Bytes): Bytes {
  if (pattern.length === 0 || pattern.length > script.length) return script;
  let kept: Bytes | null = null;
  let size = 0;
  let from = 0;
  for (let at = 0; at >= 0; ) {
    const found = at;
    while (matchAt(script, at, pattern)) at += pattern.length;
    if (at > found) {
      kept ??= new Uint8Array(script.length);
      kept.set(script.subarray(from, found), size);
      size += found - from;
      from = at;
    }
    at = at < script.length ? operationEnd(script, at) : -1;
  }
  if (kept === null) return script;
  kept.set(script.subarray(from), size);
  return kept.subarray(0, size + script.length - from);
}
