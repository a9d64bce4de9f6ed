// Runs one target: seeded inputs, and the promises every decoder makes. A failure names the seed, the
// number of the input and the input, and is run again with PANDO_FUZZ_SEED.
import assert from "node:assert/strict";
import { type Bytes, bytesEqual, toHex } from "../../src/base/bytes.ts";
import { seededRandom } from "../support/world.ts";
import { mostAllocated } from "./allocation.ts";
import { mutated } from "./mutate.ts";
import { FUZZ_RUNS, FUZZ_SEED } from "./runs.ts";
import type { FuzzTarget, Outcome } from "./target.ts";

export interface FuzzCounts {
  runs: number;
  taken: number;
  refused: number;
}

function seedOf(name: string): number {
  let seed = FUZZ_SEED;
  for (const letter of name) seed = (Math.imul(seed, 31) + letter.charCodeAt(0)) >>> 0;
  return seed;
}

const allowance = (bytes: number): number => bytes * 64 + 65_536;

type Soon<T> = T | Promise<T>;

/** Few decoders make one wait, and a promise for each of a million inputs takes a tenth of the time. */
function then<A, B>(soon: Soon<A>, next: (value: A) => Soon<B>): Soon<B> {
  return soon instanceof Promise ? soon.then(next) : next(soon);
}

/** What it made of the input; throws when a promise of decoders is broken. */
function one(target: FuzzTarget, input: Bytes): Soon<Outcome> {
  const given = input.slice();
  const { answer, most } = mostAllocated(() => target.decode(given));
  return then(answer, (outcome) => {
    const bound = (target.allocates ?? allowance)(input.length);
    assert.ok(most <= bound, `asked for ${most} bytes at once; ${bound} are allowed`);
    if (typeof outcome === "string") return outcome;
    if (target.exact === true) {
      assert.ok(bytesEqual(outcome, input), "decoded and encoded it is another");
      return outcome;
    }
    return then(target.decode(outcome), (again) => {
      assert.ok(typeof again !== "string", "what was encoded again is refused");
      assert.ok(bytesEqual(again, outcome), "decoding and encoding come to no rest");
      return outcome;
    });
  });
}

export async function fuzz(target: FuzzTarget): Promise<FuzzCounts> {
  const counts: FuzzCounts = { runs: 0, taken: 0, refused: 0 };
  // Plain arrays: what is a Buffer would be changed in place, since its slices are views.
  const corpus = target.corpus.map((bytes) => new Uint8Array(bytes));
  for (const [number, valid] of corpus.entries()) {
    const outcome = await one(target, valid);
    assert.notEqual(outcome, "refused", `valid encoding ${number} is refused`);
    if (typeof outcome !== "string") {
      assert.ok(bytesEqual(outcome, valid), `valid encoding ${number} comes back as another`);
    }
  }
  const random = seededRandom(seedOf(target.name));
  for (; counts.runs < FUZZ_RUNS; counts.runs++) {
    const raw = mutated(corpus, random);
    const input = target.mend !== undefined && random.below(2) === 0 ? target.mend(raw) : raw;
    try {
      const made = one(target, input);
      const outcome = made instanceof Promise ? await made : made;
      if (outcome === "refused") counts.refused += 1;
      else counts.taken += 1;
    } catch (error) {
      const where = `${target.name}, input ${counts.runs} of PANDO_FUZZ_SEED=${FUZZ_SEED}`;
      throw new Error(`${where}: ${toHex(input)}`, { cause: error });
    }
  }
  return counts;
}
