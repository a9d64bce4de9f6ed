// A record that is not what was written, named so that a person finds it. Damage is a verdict, not
// an exception: the disk is outside of us, and the caller decides between stopping and repairing.

export type DamageCause =
  /** The checksum of the record does not match. */
  | "checksum"
  /** No record starts here. */
  | "header"
  /** The file ends inside a record that is known to have been durable. */
  | "short"
  /** A file of the sequence is not there. */
  | "missing"
  /** The record is sound but not the one that belongs here. */
  | "order";

export interface Damage {
  readonly ok: false;
  readonly code: "damaged";
  /** Path as people know it: below the data directory. */
  readonly file: string;
  readonly offset: number;
  readonly cause: DamageCause;
  /** One line for people. */
  readonly message: string;
}

export function damage(file: string, offset: number, cause: DamageCause): Damage {
  const message = `damaged record at ${file} offset ${offset}: ${cause}`;
  return { ok: false, code: "damaged", file, offset, cause, message };
}
