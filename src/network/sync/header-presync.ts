// Headers of a branch that has not shown enough work yet, downloaded twice so that cheap ones cost us
// nothing: first only counted, with one salted bit remembered for every few hundred; then, once they
// have shown the work, fetched again, compared with those bits, and handed on behind a buffer that is
// too long to be guessed through. The method and its figures are Bitcoin Core's (headerssync.cpp,
// contrib/devtools/headerssync-params.py). No I/O; memory is bounded whatever the peer sends.
import { assert } from "../../base/assert.ts";
import { type Bytes, rangeEqual, readU32 } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import { siphash24Into } from "../../crypto/siphash.ts";
import { HEADER_BYTES } from "../../ledger/bitcoin/block.ts";
import { FUTURE_SECONDS_MAX } from "../../ledger/bitcoin/limits.ts";
import type { WorkParams } from "../../ledger/bitcoin/params.ts";
import { hasWork, mayFollow, workOfBits } from "../../ledger/bitcoin/work.ts";
import type { Random } from "../../ports/clock.ts";
import { HEADER_COUNT_MAX, PRESYNC_BUFFER_COUNT, PRESYNC_COMMITMENT_PERIOD } from "../limits.ts";

export interface PresyncBounds {
  /** One bit is remembered for so many headers. */
  readonly period: number;
  /** So many headers stand behind one before it is handed on. */
  readonly bufferCount: number;
  /** A message with fewer is the last. */
  readonly messageCount: number;
}

export const PRESYNC_BOUNDS: PresyncBounds = {
  period: PRESYNC_COMMITMENT_PERIOD,
  bufferCount: PRESYNC_BUFFER_COUNT,
  messageCount: HEADER_COUNT_MAX,
};

/** The header that the branch begins on, which we have. */
export interface PresyncStart {
  readonly hash: Bytes;
  readonly height: number;
  readonly bits: number;
  readonly work: bigint;
  /** Seconds since 1970. */
  readonly medianTime: number;
}

export interface PresyncOptions {
  readonly work: WorkParams;
  readonly start: PresyncStart;
  /** The branch must show as much work as this. */
  readonly wanted: bigint;
  /** Seconds since 1970. */
  readonly now: number;
  readonly random: Random;
  readonly bounds?: PresyncBounds;
}

export type PresyncFault =
  /** It ended before it had shown the work. */
  | "too-little-work"
  /** No chain can have so many blocks by now. */
  | "too-many-headers"
  | "not-continuous"
  | "high-hash"
  | "bad-diffbits"
  /** What came the second time is not what came first. */
  | "changed";

export type PresyncStep =
  /** `ready` may be accepted; then what follows `last` is to be asked for. */
  | { readonly kind: "more"; readonly ready: Bytes }
  /** `ready` are the last: the branch has shown its work. */
  | { readonly kind: "done"; readonly ready: Bytes }
  | { readonly kind: "over"; readonly fault: PresyncFault };

/** By the rule of the median time no chain gains more blocks a second. */
const BLOCKS_PER_SECOND_MAX = 6;
const NO_HEADERS: Bytes = new Uint8Array(0);

export class HeaderPresync {
  readonly #options: PresyncOptions;
  readonly #bounds: PresyncBounds;
  readonly #key: Uint32Array;
  readonly #hashOut = new Uint32Array(2);
  /** Which of every `period` heights are remembered: nobody else knows. */
  readonly #offset: number;
  readonly #bitsMax: number;
  #commitments: Bytes = new Uint8Array(64);
  #commitmentCount = 0;
  #compared = 0;
  #phase: "count" | "fetch" = "count";
  #last: Bytes;
  #height: number;
  #bits: number;
  #shown: bigint;
  /** Fetched again and not handed on: set aside once the work was shown for the first time. */
  #buffer: Bytes = NO_HEADERS;
  #buffered = 0;
  /** The work has been shown again: nothing more needs comparing. */
  #proven = false;

  constructor(options: PresyncOptions) {
    const { start, random, now } = options;
    this.#options = options;
    this.#bounds = options.bounds ?? PRESYNC_BOUNDS;
    assert(this.#bounds.period > 0 && this.#bounds.messageCount > 0, "bounds are positive");
    this.#key = new Uint32Array(random.bytes(16).slice().buffer);
    this.#offset = random.below(this.#bounds.period);
    const seconds = Math.max(0, now - start.medianTime) + FUTURE_SECONDS_MAX;
    this.#bitsMax = Math.ceil((BLOCKS_PER_SECOND_MAX * seconds) / this.#bounds.period);
    this.#last = start.hash;
    this.#height = start.height;
    this.#bits = start.bits;
    this.#shown = start.work;
  }

  get phase(): "count" | "fetch" {
    return this.#phase;
  }

  /** Hash of the last header that was looked at. */
  get last(): Bytes {
    return this.#last;
  }

  get height(): number {
    return this.#height;
  }

  /** Bytes that are held for the branch. */
  get heldBytes(): number {
    return this.#commitments.length + this.#buffer.length;
  }

  /** Takes the next message of headers from the peer. */
  take(headers: Bytes): PresyncStep {
    const count = headers.length / HEADER_BYTES;
    assert(count <= this.#bounds.messageCount, "a message is within its bound");
    for (let at = 0; at < headers.length; at += HEADER_BYTES) {
      const fault = this.#takeOne(headers.subarray(at, at + HEADER_BYTES));
      if (fault !== null) return { kind: "over", fault };
    }
    const isLast = count < this.#bounds.messageCount;
    if (this.#phase === "count" && this.#shown >= this.#options.wanted) {
      this.#beginAgain();
      return { kind: "more", ready: NO_HEADERS };
    }
    const ready = this.#release();
    if (this.#proven) return { kind: "done", ready };
    if (!isLast) return { kind: "more", ready };
    return { kind: "over", fault: this.#phase === "count" ? "too-little-work" : "changed" };
  }

  #takeOne(header: Bytes): PresyncFault | null {
    const { work, wanted } = this.#options;
    if (!rangeEqual(header, 4, this.#last, 0, 32)) return "not-continuous";
    const bits = readU32(header, 72);
    const hash = hash256(header);
    if (!hasWork(hash, bits, work)) return "high-hash";
    if (!mayFollow(work, this.#height + 1, this.#bits, bits)) return "bad-diffbits";
    this.#last = hash;
    this.#height += 1;
    this.#bits = bits;
    this.#shown += workOfBits(bits);
    const isRemembered = this.#height % this.#bounds.period === this.#offset;
    if (this.#phase === "count") return isRemembered ? this.#remember(hash) : null;
    if (this.#shown >= wanted) this.#proven = true;
    if (isRemembered && !this.#proven && !this.#isAsBefore(hash)) return "changed";
    this.#buffer.set(header, this.#buffered++ * HEADER_BYTES);
    return null;
  }

  #saltedBit(hash: Bytes): number {
    siphash24Into(this.#key, hash, 0, hash.length, this.#hashOut);
    return this.#hashOut[0]! & 1;
  }

  #remember(hash: Bytes): PresyncFault | null {
    const number = this.#commitmentCount;
    if (number >= this.#bitsMax) return "too-many-headers";
    if (number >> 3 === this.#commitments.length) {
      const size = Math.min(this.#commitments.length * 2, Math.ceil(this.#bitsMax / 8));
      const grown = new Uint8Array(size);
      grown.set(this.#commitments);
      this.#commitments = grown;
    }
    this.#commitments[number >> 3]! |= this.#saltedBit(hash) << (number & 7);
    this.#commitmentCount += 1;
    return null;
  }

  #isAsBefore(hash: Bytes): boolean {
    const number = this.#compared++;
    if (number >= this.#commitmentCount) return false;
    return ((this.#commitments[number >> 3]! >> (number & 7)) & 1) === this.#saltedBit(hash);
  }

  #beginAgain(): void {
    const { start } = this.#options;
    this.#phase = "fetch";
    this.#last = start.hash;
    this.#height = start.height;
    this.#bits = start.bits;
    this.#shown = start.work;
    const { bufferCount, messageCount } = this.#bounds;
    this.#buffer = new Uint8Array((bufferCount + messageCount) * HEADER_BYTES);
  }

  /** Headers with enough others behind them, or all once the work is shown. */
  #release(): Bytes {
    const kept = this.#proven ? 0 : this.#bounds.bufferCount;
    const count = this.#buffered - kept;
    if (count <= 0) return NO_HEADERS;
    const ready = this.#buffer.slice(0, count * HEADER_BYTES);
    this.#buffer.copyWithin(0, count * HEADER_BYTES, this.#buffered * HEADER_BYTES);
    this.#buffered -= count;
    return ready;
  }
}
