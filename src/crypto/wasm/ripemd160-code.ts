// Emits RIPEMD-160 (Dobbertin, Bosselaers, Preneel) of 32 bytes as WebAssembly: what HASH160 makes of
// a digest, one at a time on i32 and four at a time on the lanes of v128. The orders of the message
// words follow from two permutations; both lines shift a word by the same amount in a given round.
import {
  add,
  and,
  type Code,
  code,
  constant,
  get,
  I32,
  lanesAdd,
  lanesAnd,
  lanesLoad,
  lanesOr,
  lanesShiftLeft,
  lanesShiftRight,
  lanesSplat,
  lanesStore,
  lanesStoreOne,
  lanesXor,
  load,
  or,
  rotateLeft,
  set,
  store,
  transpose,
  V128,
  type ValueType,
  type WasmFunction,
  xor,
} from "./assembler.ts";

const RHO = [7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8];
const SHIFTS = [
  [11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8],
  [12, 13, 11, 15, 6, 9, 9, 7, 12, 15, 11, 13, 7, 8, 7, 7],
  [13, 15, 14, 11, 7, 7, 6, 8, 13, 14, 13, 12, 5, 5, 6, 9],
  [14, 11, 12, 14, 8, 6, 5, 5, 15, 12, 15, 14, 9, 9, 8, 6],
  [15, 12, 13, 13, 9, 5, 8, 6, 14, 11, 12, 11, 8, 6, 5, 5],
];
const LEFT_CONSTANTS = [0, 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xa953fd4e];
const RIGHT_CONSTANTS = [0x50a28be6, 0x5c4dd124, 0x6d703ef3, 0x7a6d76e9, 0];
const INITIAL = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];

/** Words of the message; behind them stand its end mark and its length in bits. */
const MESSAGE_WORDS = 8;
const padding = (word: number): number => (word === 8 ? 0x80 : word === 14 ? 256 : 0);

interface WordKind {
  readonly type: ValueType;
  add(a: Code, b: Code): Code;
  and(a: Code, b: Code): Code;
  or(a: Code, b: Code): Code;
  xor(a: Code, b: Code): Code;
  constant(value: number): Code;
  rotateLeft(local: number, by: number): Code;
}

const SCALAR: WordKind = {
  type: I32,
  add,
  and,
  or,
  xor,
  constant,
  rotateLeft: (local, by) => rotateLeft(get(local), by),
};

const LANES: WordKind = {
  type: V128,
  add: lanesAdd,
  and: lanesAnd,
  or: lanesOr,
  xor: lanesXor,
  constant: (value) => lanesSplat(constant(value)),
  rotateLeft: (local, by) =>
    lanesOr(lanesShiftLeft(get(local), by), lanesShiftRight(get(local), 32 - by)),
};

/** The function of a round of the left line; the right line takes them backwards. */
function mix({ and, or, xor, constant }: WordKind, round: number, x: Code, y: Code, z: Code): Code {
  const not = (a: Code): Code => xor(a, constant(-1));
  switch (round) {
    case 0:
      return xor(xor(x, y), z);
    case 1:
      return xor(z, and(x, xor(y, z)));
    case 2:
      return xor(or(x, not(y)), z);
    case 3:
      return xor(y, and(z, xor(x, y)));
    default:
      return xor(x, or(y, not(z)));
  }
}

interface Line {
  readonly locals: readonly number[];
  /** The first round's order of the words. */
  readonly order: readonly number[];
  readonly constants: readonly number[];
  readonly isRight: boolean;
}

/** 80 steps over five locals; `message` gives a word of the message. */
function steps(kind: WordKind, line: Line, message: (word: number) => Code): Code {
  const done: Code[] = [];
  let { order } = line;
  for (let step = 0; step < 80; step++) {
    const round = Math.floor(step / 16);
    if (step > 0 && step % 16 === 0) order = order.map((word) => RHO[word]!);
    const word = order[step % 16]!;
    const local = (index: number): number => line.locals[(index + 80 - step) % 5]!;
    const [a, b, c, d, e] = [local(0), local(1), local(2), local(3), local(4)];
    const mixed = mix(kind, line.isRight ? 4 - round : round, get(b), get(c), get(d));
    let sum = kind.add(get(a), mixed);
    if (word < MESSAGE_WORDS) sum = kind.add(sum, message(word));
    const fixed = (line.constants[round]! + padding(word)) | 0;
    if (fixed !== 0) sum = kind.add(sum, kind.constant(fixed));
    done.push(
      set(a, sum),
      set(a, kind.add(kind.rotateLeft(a, SHIFTS[round]![word]!), get(e))),
      set(c, kind.rotateLeft(c, 10)),
    );
  }
  return done;
}

const range = (first: number, length: number): number[] =>
  Array.from({ length }, (_, at) => first + at);

/** Both lines over ten locals from `first` on; leaves the digest's words in the first five. */
function digest(kind: WordKind, first: number, message: (word: number) => Code): Code {
  const left = range(first, 5);
  const right = range(first + 5, 5);
  const natural = range(0, 16);
  const turned = natural.map((at) => (9 * at + 5) % 16);
  const begin = [left, right].flatMap((locals) =>
    locals.map((local, at) => set(local, kind.constant(INITIAL[at]!))),
  );
  const sums = natural.slice(0, 5).map((at) => {
    const both = kind.add(get(left[(at + 2) % 5]!), get(right[(at + 3) % 5]!));
    return kind.add(kind.constant(INITIAL[(at + 1) % 5]!), both);
  });
  return code(
    begin,
    steps(
      kind,
      { locals: left, order: natural, constants: LEFT_CONSTANTS, isRight: false },
      message,
    ),
    steps(
      kind,
      { locals: right, order: turned, constants: RIGHT_CONSTANTS, isRight: true },
      message,
    ),
    // All five are on the stack before the first is written.
    sums,
    ...left.toReversed().map((local) => code([0x21], local)),
  );
}

/** ripemd(input, out): the digest of 32 bytes, 20 bytes at `out`. */
export function ripemdFunction(): WasmFunction {
  const [input, out, first] = [0, 1, 2] as const;
  return {
    name: "ripemd",
    parameters: 2,
    locals: new Array<ValueType>(10).fill(I32),
    body: code(
      digest(SCALAR, first, (word) => load(get(input), word * 4)),
      ...range(0, 5).map((at) => store(get(out), at * 4, get(first + at))),
    ),
  };
}

/**
 * ripemdLanes(input, out): the digests of four times 32 bytes that lie one after the other, each in
 * the first 20 of 32 bytes at `out`, which may be `input`.
 */
export function ripemdLanesFunction(): WasmFunction {
  const [input, out] = [0, 1] as const;
  const words = range(2, MESSAGE_WORDS);
  const first = 2 + MESSAGE_WORDS;
  const digests = range(first, 5);
  const spare = range(first + 5, 4);
  const rows = range(0, 4).map((lane) =>
    code(
      set(words[lane]!, lanesLoad(get(input), lane * 32)),
      set(words[lane + 4]!, lanesLoad(get(input), lane * 32 + 16)),
    ),
  );
  return {
    name: "ripemdLanes",
    parameters: 2,
    locals: new Array<ValueType>(MESSAGE_WORDS + 10).fill(V128),
    body: code(
      ...rows,
      transpose(words.slice(0, 4), spare),
      transpose(words.slice(4), spare),
      digest(LANES, first, (word) => get(words[word]!)),
      transpose(digests.slice(0, 4), spare),
      ...range(0, 4).map((lane) =>
        code(
          lanesStore(get(out), lane * 32, get(digests[lane]!)),
          lanesStoreOne(get(out), lane * 32 + 16, get(digests[4]!), lane),
        ),
      ),
    ),
  };
}
