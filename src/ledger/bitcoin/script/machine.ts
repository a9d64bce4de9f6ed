// What a script changes while it runs: the two stacks, the open conditions, and the place within
// the script. One machine serves all scripts of one input, since they share a stack. Limits:
// Bitcoin Core's script/script.h.
import type { Bytes } from "../../../base/bytes.ts";
import type { SignatureHashes } from "../sighash.ts";
import { readScriptNumber } from "./script-number.ts";

export const SCRIPT_BYTES_MAX = 10_000;
export const ITEM_BYTES_MAX = 520;
export const OPERATIONS_MAX = 201;
export const MULTISIG_KEYS_MAX = 20;
export const STACK_ITEMS_MAX = 1000;
/** Bytes of an operand of arithmetic. */
export const NUMBER_BYTES_MAX = 4;

/** How signatures are hashed and which rules hold; ordered by age. */
export const BASE = 0;
export const WITNESS_V0 = 1;
export const TAPSCRIPT = 3;
export type ScriptVersion = typeof BASE | typeof WITNESS_V0 | typeof TAPSCRIPT;

const NOTHING: Bytes = new Uint8Array(0);

export class Machine {
  readonly hashes: SignatureHashes;
  readonly inputIndex: number;
  readonly flags: number;
  /** Bottom first. Items are never changed in place: they may be shared. */
  readonly stack: Bytes[] = [];
  readonly alternative: Bytes[] = [];
  version: ScriptVersion = BASE;
  script: Bytes = NOTHING;
  /** Offset behind the operation being run. */
  at = 0;
  /** Which operation of the script is being run, from 0. */
  position = 0;
  operations = 0;
  /** Where the code that signatures commit to begins. */
  codeAt = 0;
  /** BIP342: position of the last CODESEPARATOR that was run. */
  codeSeparator = 0xffffffff;
  /** Open IFs. */
  conditions = 0;
  /** How many of them enclose the outermost that is false; -1 when all are true. */
  firstFalse = -1;
  /** BIP341 and BIP342, of the witness being run. */
  leafHash: Bytes = NOTHING;
  annexHash: Bytes | null = null;
  weightLeft = 0;

  constructor(hashes: SignatureHashes, inputIndex: number, flags: number) {
    this.hashes = hashes;
    this.inputIndex = inputIndex;
    this.flags = flags;
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Makes ready for another script on the same stack. */
  begin(script: Bytes, version: ScriptVersion): void {
    this.script = script;
    this.version = version;
    this.alternative.length = 0;
    this.at = 0;
    this.position = 0;
    this.operations = 0;
    this.codeAt = 0;
    this.codeSeparator = 0xffffffff;
    this.conditions = 0;
    this.firstFalse = -1;
  }

  /** The item `depth` below the top; the caller has made sure that it exists. */
  peek(depth: number): Bytes {
    return this.stack[this.stack.length - 1 - depth]!;
  }

  drop(count: number): void {
    this.stack.length -= count;
  }

  /** The number in the item `depth` below the top; NaN when it is none. */
  number(depth: number, flagMinimal: number, bytesMax: number = NUMBER_BYTES_MAX): number {
    return readScriptNumber(this.peek(depth), (this.flags & flagMinimal) !== 0, bytesMax);
  }
}
