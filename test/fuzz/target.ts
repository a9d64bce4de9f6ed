// A decoder under attack: what it covers, valid encodings to begin from, and how to call it.
import type { Bytes } from "../../src/base/bytes.ts";

/** What came of an input. */
export type Outcome =
  /** Refused in the way that is documented for it. */
  | "refused"
  /** Taken; there is no way back to bytes. */
  | "taken"
  /** Taken, and encoded again. */
  | Bytes;

export interface FuzzTarget {
  readonly name: string;
  /** Exported decoders that run in it, as "path#name". */
  readonly covers: readonly string[];
  /** Valid encodings; each must be taken. */
  readonly corpus: readonly Bytes[];
  /** Must not throw whatever the input is; throwing is how `throws` decoders refuse. */
  readonly decode: (input: Bytes) => Outcome | Promise<Outcome>;
  /** Made over so that checksums and lengths hold again; half of the inputs get it. */
  readonly mend?: (input: Bytes) => Bytes;
  /** What was taken is encoded to the very input, not only to bytes that mean the same. */
  readonly exact?: boolean;
  /** Bytes that may be asked for at once, from those of the input; by default 64 times and 64 KiB. */
  readonly allocates?: (inputBytes: number) => number;
  /** Called once at the end. */
  readonly close?: () => Promise<void> | void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const text = (value: string): Bytes => encoder.encode(value);
export const textOf = (bytes: Bytes): string => decoder.decode(bytes);
/** One character for each byte: all that a header or an argument can hold. */
export const latin = (bytes: Bytes): string => Buffer.from(bytes).toString("latin1");
