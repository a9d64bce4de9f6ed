// Emits SHA-256 (FIPS 180-4) as WebAssembly: one message at a time on i32, and four at a time on
// the lanes of v128. The round is written once over an interface that both word kinds implement.
import {
  add,
  and,
  type Code,
  call,
  code,
  constant,
  get,
  I32,
  lanesAdd,
  lanesAnd,
  lanesLoad,
  lanesLoadSplat,
  lanesOr,
  lanesShiftLeft,
  lanesShiftRight,
  lanesSplat,
  lanesStore,
  lanesXor,
  load,
  repeat,
  rotateLeft,
  set,
  shiftRight,
  shuffle,
  store,
  swapBytes,
  tee,
  transpose,
  V128,
  type ValueType,
  type WasmFunction,
  xor,
} from "./assembler.ts";

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) {
    if (value % divisor === 0) return false;
  }
  return true;
}

/** The first 32 bits of the fraction of the `root`-th root of the first `count` primes. */
function fractions(count: number, root: number): number[] {
  const words: number[] = [];
  for (let value = 2; words.length < count; value++) {
    if (!isPrime(value)) continue;
    // Exact by integers: the largest x with x^root <= value · 2^(32 · root).
    const target = BigInt(value) << BigInt(32 * root);
    let x = 0n;
    for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) {
      if ((x + bit) ** BigInt(root) <= target) x += bit;
    }
    words.push(Number(BigInt.asUintN(32, x)));
  }
  return words;
}

/** The initial state. */
export const INITIAL: readonly number[] = fractions(8, 2);
/** The round constants. */
export const CONSTANTS: readonly number[] = fractions(64, 3);

const rotateRight32 = (value: number, by: number): number => (value >>> by) | (value << (32 - by));

/** Round constants plus the message schedule of the block that pads a 64-byte message. */
export function paddingBlockConstants(): number[] {
  const words = new Array<number>(64).fill(0);
  words[0] = 0x80000000;
  words[15] = 512;
  for (let t = 16; t < 64; t++) {
    const [a, b] = [words[t - 15]!, words[t - 2]!];
    const s0 = rotateRight32(a, 7) ^ rotateRight32(a, 18) ^ (a >>> 3);
    const s1 = rotateRight32(b, 17) ^ rotateRight32(b, 19) ^ (b >>> 10);
    words[t] = (words[t - 16]! + s0 + words[t - 7]! + s1) | 0;
  }
  return words.map((word, t) => (word + CONSTANTS[t]!) >>> 0);
}

interface WordKind {
  readonly type: ValueType;
  add(a: Code, b: Code): Code;
  and(a: Code, b: Code): Code;
  xor(a: Code, b: Code): Code;
  rotateRight(local: number, by: number): Code;
  shiftRight(local: number, by: number): Code;
}

const SCALAR: WordKind = {
  type: I32,
  add,
  and,
  xor,
  rotateRight: (local, by) => rotateLeft(get(local), 32 - by),
  shiftRight: (local, by) => shiftRight(get(local), by),
};

const LANES: WordKind = {
  type: V128,
  add: lanesAdd,
  and: lanesAnd,
  xor: lanesXor,
  rotateRight: (local, by) =>
    lanesOr(lanesShiftRight(get(local), by), lanesShiftLeft(get(local), 32 - by)),
  shiftRight: (local, by) => lanesShiftRight(get(local), by),
};

/** Locals of one compression: the state a … h, the last 16 schedule words, three temporaries. */
interface Locals {
  readonly state: readonly number[];
  readonly words: readonly number[];
  readonly sum: number;
  readonly both: readonly [number, number];
}

const LOCALS_PER_COMPRESSION = 27;

function localsFrom(first: number): Locals {
  const at = (offset: number, length: number): number[] =>
    Array.from({ length }, (_, index) => first + offset + index);
  return {
    state: at(0, 8),
    words: at(8, 16),
    sum: first + 24,
    both: [first + 25, first + 26],
  };
}

function sigma(kind: WordKind, local: number, a: number, b: number, c: number): Code {
  const two = kind.xor(kind.rotateRight(local, a), kind.rotateRight(local, b));
  return kind.xor(two, kind.rotateRight(local, c));
}

/** words[t] += σ0(words[t - 15]) + words[t - 7] + σ1(words[t - 2]), indices modulo 16. */
function schedule(kind: WordKind, { words }: Locals, t: number): Code {
  const word = (back: number): number => words[(t + 16 - back) % 16]!;
  const small = (local: number, a: number, b: number, shift: number): Code => {
    const two = kind.xor(kind.rotateRight(local, a), kind.rotateRight(local, b));
    return kind.xor(two, kind.shiftRight(local, shift));
  };
  const older = kind.add(get(word(16)), small(word(15), 7, 18, 3));
  const newer = kind.add(get(word(7)), small(word(2), 17, 19, 10));
  return set(words[t % 16]!, kind.add(older, newer));
}

/** Round t; `input` is the round constant, or its sum with the schedule word. */
function round(kind: WordKind, locals: Locals, t: number, input: Code): Code {
  const [a, b, , d, e, f, g, h] = Array.from(
    { length: 8 },
    (_, at) => locals.state[(at + 64 - t) & 7]!,
  ) as [number, number, number, number, number, number, number, number];
  const [ab, bc] = t % 2 === 0 ? locals.both : [locals.both[1], locals.both[0]];
  const choice = kind.xor(get(g), kind.and(get(e), kind.xor(get(f), get(g))));
  const majority = kind.xor(get(b), kind.and(tee(ab, kind.xor(get(a), get(b))), get(bc)));
  return code(
    set(locals.sum, kind.add(kind.add(get(h), input), kind.add(sigma(kind, e, 6, 11, 25), choice))),
    set(d, kind.add(get(d), get(locals.sum))),
    set(h, kind.add(kind.add(get(locals.sum), majority), sigma(kind, a, 2, 13, 22))),
  );
}

/** What must hold before round 0: the second temporary is b xor c. */
function prepareRounds(kind: WordKind, { state, both }: Locals): Code {
  return set(both[1], kind.xor(get(state[1]!), get(state[2]!)));
}

const perRound = (count: number, emit: (t: number) => Code): Code =>
  code(...Array.from({ length: count }, (_, t) => emit(t)));

/** compress(state, input, blocks): blocks of 64 bytes into eight words in machine order. */
function compress(): WasmFunction {
  const [state, input, blocks] = [0, 1, 2];
  const locals = localsFrom(3);
  const swapped = (t: number): Code =>
    code(set(locals.sum, load(get(input), t * 4)), set(locals.words[t]!, swapBytes(locals.sum)));
  const rounds = perRound(64, (t) =>
    code(
      t < 16 ? swapped(t) : schedule(SCALAR, locals, t),
      round(SCALAR, locals, t, add(get(locals.words[t % 16]!), constant(CONSTANTS[t]!))),
    ),
  );
  const perBlock = code(
    perRound(8, (t) => set(locals.state[t]!, load(get(state), t * 4))),
    prepareRounds(SCALAR, locals),
    rounds,
    perRound(8, (t) =>
      store(get(state), t * 4, add(load(get(state), t * 4), get(locals.state[t]!))),
    ),
    set(input, add(get(input), constant(64))),
  );
  return {
    name: "compress",
    parameters: 3,
    locals: new Array<ValueType>(LOCALS_PER_COMPRESSION).fill(I32),
    body: repeat(blocks, perBlock),
  };
}

const reset = (state: number): Code =>
  perRound(8, (t) => store(constant(state), t * 4, constant(INITIAL[t]!)));

/** single(input, blocks): the digest of padded blocks, written as bytes at `out`. */
function single(state: number, out: number): WasmFunction {
  const word = 2;
  return {
    name: "single",
    parameters: 2,
    locals: [I32],
    body: code(
      reset(state),
      call(0, constant(state), get(0), get(1)),
      perRound(8, (t) =>
        code(set(word, load(constant(state), t * 4)), store(constant(out), t * 4, swapBytes(word))),
      ),
    ),
  };
}

/** twice(input, blocks): the digest of the digest; what pads a digest stands behind `out`. */
function twice(out: number): WasmFunction {
  return {
    name: "twice",
    parameters: 2,
    locals: [],
    body: code(call(1, get(0), get(1)), call(1, constant(out), constant(1))),
  };
}

/** The functions for one message at a time, over fixed places in memory. */
export function scalarFunctions(state: number, out: number): WasmFunction[] {
  return [compress(), single(state, out), twice(out)];
}

const SWAP_WORDS = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];

/** The same turn, with the bytes of each word in the other order. */
function transposeSwapped(rows: readonly number[], spare: readonly number[]): Code {
  const swap = (local: number): Code => set(local, shuffle(get(local), get(local), SWAP_WORDS));
  return code(transpose(rows, spare), ...rows.map(swap));
}

/** Loads one block of four messages, whose addresses are `first` + lane · `stride`. */
function loadBlocks(locals: Locals, pointer: number, first: Code, stride: Code): Code {
  const { words, state } = locals;
  const rows = [0, 1, 2, 3].map((lane) => {
    const next = lane === 0 ? first : add(get(pointer), stride);
    const loads = [0, 1, 2, 3].map((quarter) =>
      set(words[quarter * 4 + lane]!, lanesLoad(get(pointer), quarter * 16)),
    );
    return code(set(pointer, next), ...loads);
  });
  const turned = [0, 4, 8, 12].map((at) =>
    transposeSwapped(words.slice(at, at + 4), state.slice(0, 4)),
  );
  return code(...rows, ...turned);
}

/** Writes the four digests one after the other. */
function storeDigests({ state, words }: Locals, out: Code): Code {
  return code(
    transposeSwapped(state.slice(0, 4), words.slice(0, 4)),
    transposeSwapped(state.slice(4), words.slice(0, 4)),
    ...[0, 1, 2, 3].map((lane) =>
      code(
        lanesStore(out, lane * 32, get(state[lane]!)),
        lanesStore(out, lane * 32 + 16, get(state[lane + 4]!)),
      ),
    ),
  );
}

/** Where the lanes' functions find their tables and keep their state. */
export interface LaneLayout {
  readonly constants: number;
  readonly paddingConstants: number;
  /** Two times eight vectors. */
  readonly saved: number;
}

/** 64 rounds of a block in `words`: 16, then three times 16 with the schedule. */
function laneRounds(locals: Locals, pointer: number, counter: number, layout: LaneLayout): Code {
  const k = (t: number): Code => lanesLoadSplat(get(pointer), t * 4);
  const one = (t: number): Code => round(LANES, locals, t, lanesAdd(k(t), get(locals.words[t]!)));
  return code(
    prepareRounds(LANES, locals),
    set(pointer, constant(layout.constants)),
    perRound(16, one),
    set(counter, constant(3)),
    repeat(
      counter,
      code(
        set(pointer, add(get(pointer), constant(64))),
        perRound(16, (t) => code(schedule(LANES, locals, t), one(t))),
      ),
    ),
  );
}

/** 64 rounds of the block that pads a 64-byte message: its schedule is constant. */
function paddingRounds(locals: Locals, pointer: number, counter: number, layout: LaneLayout): Code {
  return code(
    prepareRounds(LANES, locals),
    set(pointer, constant(layout.paddingConstants)),
    set(counter, constant(4)),
    repeat(
      counter,
      code(
        perRound(16, (t) => round(LANES, locals, t, lanesLoadSplat(get(pointer), t * 4))),
        set(pointer, add(get(pointer), constant(64))),
      ),
    ),
  );
}

const resetLanes = ({ state }: Locals): Code =>
  perRound(8, (t) => set(state[t]!, lanesSplat(constant(INITIAL[t]!))));
const saveLanes = ({ state }: Locals, at: number): Code =>
  perRound(8, (t) => lanesStore(constant(at), t * 16, get(state[t]!)));
const addSaved = ({ state }: Locals, at: number): Code =>
  perRound(8, (t) => set(state[t]!, lanesAdd(get(state[t]!), lanesLoad(constant(at), t * 16))));
const addInitial = ({ state }: Locals): Code =>
  perRound(8, (t) => set(state[t]!, lanesAdd(get(state[t]!), lanesSplat(constant(INITIAL[t]!)))));

/** The digests in `state`, padded, become the next block. */
function digestBlock({ state, words }: Locals): Code {
  const fixed = (t: number): number => (t === 8 ? 0x80000000 : t === 15 ? 256 : 0);
  return perRound(16, (t) =>
    set(words[t]!, t < 8 ? get(state[t]!) : lanesSplat(constant(fixed(t)))),
  );
}

/** The second hash of a double one. */
function hashDigests(locals: Locals, pointer: number, counter: number, layout: LaneLayout): Code {
  return code(
    digestBlock(locals),
    resetLanes(locals),
    laneRounds(locals, pointer, counter, layout),
    addInitial(locals),
  );
}

/** nodes(input, out, groups): the double hash of each 64 bytes, in groups of four. */
function nodes(layout: LaneLayout): WasmFunction {
  const [input, out, groups, pointer, counter] = [0, 1, 2, 3, 4] as const;
  const locals = localsFrom(5);
  const rounds = laneRounds(locals, pointer, counter, layout);
  const group = code(
    loadBlocks(locals, pointer, get(input), constant(64)),
    resetLanes(locals),
    rounds,
    addInitial(locals),
    saveLanes(locals, layout.saved),
    paddingRounds(locals, pointer, counter, layout),
    addSaved(locals, layout.saved),
    hashDigests(locals, pointer, counter, layout),
    storeDigests(locals, get(out)),
    set(input, add(get(input), constant(256))),
    set(out, add(get(out), constant(128))),
  );
  const v128s = new Array<ValueType>(LOCALS_PER_COMPRESSION).fill(V128);
  return {
    name: "nodes",
    parameters: 3,
    locals: [I32, I32, ...v128s],
    body: repeat(groups, group),
  };
}

/**
 * messages(input, stride, blocks, out): the double hash of four padded messages of equal length;
 * `once`: the single one.
 */
function messages(layout: LaneLayout, name: string, once: boolean): WasmFunction {
  const [input, stride, blocks, out, pointer, counter] = [0, 1, 2, 3, 4, 5] as const;
  const locals = localsFrom(6);
  const { saved } = layout;
  const block = code(
    loadBlocks(locals, pointer, get(input), get(stride)),
    perRound(8, (t) => set(locals.state[t]!, lanesLoad(constant(saved), t * 16))),
    laneRounds(locals, pointer, counter, layout),
    addSaved(locals, saved),
    saveLanes(locals, saved),
    set(input, add(get(input), constant(64))),
  );
  const v128s = new Array<ValueType>(LOCALS_PER_COMPRESSION).fill(V128);
  return {
    name,
    parameters: 4,
    locals: [I32, I32, ...v128s],
    body: code(
      resetLanes(locals),
      saveLanes(locals, saved),
      repeat(blocks, block),
      ...(once ? [] : [hashDigests(locals, pointer, counter, layout)]),
      storeDigests(locals, get(out)),
    ),
  };
}

/** The functions for four messages at a time. */
export function laneFunctions(layout: LaneLayout): WasmFunction[] {
  return [nodes(layout), messages(layout, "twice", false), messages(layout, "once", true)];
}
