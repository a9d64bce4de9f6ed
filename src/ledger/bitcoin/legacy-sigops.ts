// Placeholder until the script engine is merged.
import type { Transaction } from "./transaction.ts";

function sigopsOf(bytes: Uint8Array, from: number, end: number): number {
  let count = 0;
  for (let at = from; at < end; ) {
    const opcode = bytes[at++]!;
    let length = opcode < 0x4c ? opcode : 0;
    if (opcode >= 0x4c && opcode <= 0x4e) {
      const width = 1 << (opcode - 0x4c);
      if (width > end - at) return count;
      for (let byte = width - 1; byte >= 0; byte--) length = length * 256 + bytes[at + byte]!;
      at += width;
    }
    if (length > end - at) return count;
    at += length;
    if (opcode === 0xac || opcode === 0xad) count += 1;
    else if (opcode === 0xae || opcode === 0xaf) count += 20;
  }
  return count;
}

export function legacySigops(transaction: Transaction): number {
  let count = 0;
  for (const script of [...transaction.inputs, ...transaction.outputs]) {
    count += sigopsOf(transaction.bytes, script.scriptAt, script.scriptEnd);
  }
  return count;
}
