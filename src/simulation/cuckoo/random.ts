// The random words of the fast engines: sfc32 (C. Doty-Humphrey's small fast counter, public domain
// design), seeded from SHA-256 of the experiment's seed and the run's number, filled 2^14 at a time.
// Hot: one word per move of a share.
import { sha256 } from "../../crypto/hash.ts";

const WORDS = 1 << 14;
const TWO_32 = 2 ** 32;

export class Words {
  readonly buffer: Uint32Array = new Uint32Array(WORDS);
  at: number = WORDS;
  private readonly state = new Uint32Array(4);

  constructor(seed: string, run: number) {
    const text = new TextEncoder().encode(`${seed}/${run}`);
    const digest = sha256(text);
    const view = new DataView(digest.buffer, digest.byteOffset);
    for (let word = 0; word < 4; word++) this.state[word] = view.getUint32(word * 4);
    for (let skip = 0; skip < 12; skip++) this.fill(1);
    this.at = WORDS;
  }

  /** Writes the next `count` words to the front of the buffer. */
  private fill(count: number): void {
    const { buffer, state } = this;
    let a = state[0]! | 0;
    let b = state[1]! | 0;
    let c = state[2]! | 0;
    let d = state[3]! | 0;
    for (let at = 0; at < count; at++) {
      const sum = (((a + b) | 0) + d) | 0;
      d = (d + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = ((c << 21) | (c >>> 11)) + sum;
      buffer[at] = sum;
    }
    state[0] = a;
    state[1] = b;
    state[2] = c;
    state[3] = d;
  }

  /** Discards what is left and fills the whole buffer; for loops that read the buffer themselves. */
  refill(): void {
    this.fill(WORDS);
    this.at = 0;
  }

  /** A whole number in [0, 2^32). */
  word(): number {
    if (this.at >= WORDS) this.refill();
    return this.buffer[this.at++]!;
  }

  /** A whole number in [0, n); the bias, n / 2^32, is far below what any run could show. */
  below(n: number): number {
    return Math.floor((this.word() * n) / TWO_32);
  }

  /** How many hostile are among `draws` taken from `size` of which `hostile` are hostile. */
  hypergeometric(size: number, hostile: number, draws: number): number {
    // The smaller of the sample and what it leaves behind is drawn one by one.
    if (draws * 2 > size) return hostile - this.hypergeometric(size, hostile, size - draws);
    let left = size;
    let bad = hostile;
    for (let taken = 0; taken < draws && bad > 0; taken++) {
      if (this.below(left) < bad) bad--;
      left--;
    }
    return hostile - bad;
  }
}
