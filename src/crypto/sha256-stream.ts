// SHA-256 fed piece by piece, with copies of the state on the way: for messages too long to be put
// together for each hash, or that share a long beginning. Short messages are faster in one piece
// (hash.ts).
import { createHash, type Hash } from "node:crypto";
import type { Bytes } from "../base/bytes.ts";
import { sha256 } from "./hash.ts";

export class Sha256Stream {
  readonly #state: Hash;

  constructor(state: Hash = createHash("sha256")) {
    this.#state = state;
  }

  /** Adds `bytes[from, to)`. */
  update(bytes: Bytes, from = 0, to: number = bytes.length): this {
    this.#state.update(bytes.subarray(from, to));
    return this;
  }

  /** The same state, to go another way from here. */
  copy(): Sha256Stream {
    return new Sha256Stream(this.#state.copy());
  }

  /** Double SHA-256 of what was added; the stream ends with it. */
  hash256(): Bytes {
    return sha256(this.#state.digest());
  }
}
