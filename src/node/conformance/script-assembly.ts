// Scripts as Bitcoin Core's test vectors write them: numbers are pushed, `0x…` is put in as it
// stands, 'text' is pushed, and words are opcodes with or without OP_ (core_io's ParseScript).
import { type Bytes, concatBytes, fromHex } from "../../base/bytes.ts";
import { OP, OP_1 } from "../../ledger/bitcoin/script/opcodes.ts";
import { pushOf } from "../../ledger/bitcoin/script/script-bytes.ts";
import { scriptNumber } from "../../ledger/bitcoin/script/script-number.ts";
import { MalformedCase } from "./report.ts";

const NUMBER_MAX = 0xffffffff;

const ALIASES: Readonly<Record<string, number>> = {
  NOP2: OP.CHECKLOCKTIMEVERIFY,
  NOP3: OP.CHECKSEQUENCEVERIFY,
};

/** The words: every opcode but the pushes, which are written as numbers and hex. */
const WORDS: ReadonlyMap<string, number> = new Map(
  [...Object.entries(OP), ...Object.entries(ALIASES)]
    .filter(([, opcode]) => opcode >= OP.NOP || opcode === OP.RESERVED)
    .flatMap(([name, opcode]) => [[name, opcode] as const, [`OP_${name}`, opcode] as const]),
);

function pushNumber(value: number): Bytes {
  if (value === 0) return new Uint8Array([0]);
  if (value === -1 || (value >= 1 && value <= 16)) return new Uint8Array([OP_1 - 1 + value]);
  return pushOf(scriptNumber(value));
}

function parseWord(word: string): Bytes {
  if (/^-?\d+$/.test(word)) {
    const value = Number(word);
    if (Math.abs(value) > NUMBER_MAX) throw new MalformedCase(`number ${word} out of range`);
    return pushNumber(value);
  }
  if (word.startsWith("0x")) {
    const bytes = fromHex(word.slice(2));
    if (bytes !== null && bytes.length > 0) return bytes;
  } else if (word.length >= 2 && word.startsWith("'") && word.endsWith("'")) {
    return pushOf(new TextEncoder().encode(word.slice(1, -1)));
  }
  const opcode = WORDS.get(word);
  if (opcode === undefined) throw new MalformedCase(`'${word}' is no script word`);
  return new Uint8Array([opcode]);
}

/** The script that `text` spells; a case with a word that is none is malformed. */
export function assembleScript(text: string): Bytes {
  const words = text.split(/[ \t\n]+/).filter((word) => word.length > 0);
  return concatBytes(...words.map(parseWord));
}
