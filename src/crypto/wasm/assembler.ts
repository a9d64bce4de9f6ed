// A small WebAssembly assembler: an expression is a tree whose leaves are its bytes, and functions
// compose them. The hash kernels are emitted with it when the program starts, so there is no generated file
// and no toolchain. Encodings: WebAssembly core specification 2.0, chapter 5.

/** Instructions in WebAssembly's binary form, nested as they were composed. */
export type Code = number | Uint8Array | readonly Code[];

export const I32 = 0x7f;
export const V128 = 0x7b;
export type ValueType = typeof I32 | typeof V128;

export function code(...parts: readonly Code[]): Code {
  return parts;
}

/** Writes `part` at `at` of `out` and returns the end; by index, because this runs once, unoptimised. */
function write(part: Code, out: Uint8Array, at: number): number {
  if (typeof part === "number") {
    out[at] = part;
    return at + 1;
  }
  if (part instanceof Uint8Array) {
    out.set(part, at);
    return at + part.length;
  }
  let end = at;
  for (let index = 0; index < part.length; index++) end = write(part[index]!, out, end);
  return end;
}

/** Room for the longest module. */
const MODULE_BYTES_MAX = 0x2_0000;

function flatten(part: Code): Uint8Array {
  const out = new Uint8Array(MODULE_BYTES_MAX);
  return out.slice(0, write(part, out, 0));
}

function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}

function signed(value: number): Code {
  const bytes: number[] = [];
  let rest = value | 0;
  while (rest < -64 || rest > 63) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  bytes.push(rest & 0x7f);
  return bytes;
}

export const get = (local: number): Code => code(0x20, unsigned(local));
export const set = (local: number, value: Code): Code => code(value, 0x21, unsigned(local));
export const tee = (local: number, value: Code): Code => code(value, 0x22, unsigned(local));
export const constant = (value: number): Code => code(0x41, signed(value));
export const call = (index: number, ...values: readonly Code[]): Code =>
  code(values, 0x10, unsigned(index));

const binary =
  (opcode: Code) =>
  (a: Code, b: Code): Code =>
    code(a, b, opcode);

export const add: (a: Code, b: Code) => Code = binary(0x6a);
export const and: (a: Code, b: Code) => Code = binary(0x71);
export const or: (a: Code, b: Code) => Code = binary(0x72);
export const xor: (a: Code, b: Code) => Code = binary(0x73);
export const rotateLeft = (a: Code, by: number): Code => code(a, constant(by), 0x77);
export const shiftRight = (a: Code, by: number): Code => code(a, constant(by), 0x76);
export const load = (at: Code, offset: number): Code => code(at, [0x28, 2], unsigned(offset));
export const store = (at: Code, offset: number, value: Code): Code =>
  code(at, value, [0x36, 2], unsigned(offset));

/** i32 in the other byte order. */
export function swapBytes(local: number): Code {
  return or(
    and(rotateLeft(get(local), 8), constant(0x00ff00ff)),
    and(rotateLeft(get(local), 24), constant(0xff00ff00)),
  );
}

/** `body` again and again: `times` (a local) is counted down to zero and must begin at one or more. */
export function repeat(times: number, body: Code): Code {
  return code([0x03, 0x40], body, tee(times, add(get(times), constant(-1))), [0x0d, 0, 0x0b]);
}

const simd = (opcode: number): Code => code(0xfd, unsigned(opcode));

export const lanesAdd: (a: Code, b: Code) => Code = binary(simd(174));
export const lanesAnd: (a: Code, b: Code) => Code = binary(simd(78));
export const lanesOr: (a: Code, b: Code) => Code = binary(simd(80));
export const lanesXor: (a: Code, b: Code) => Code = binary(simd(81));
export const lanesShiftLeft = (a: Code, by: number): Code => code(a, constant(by), simd(171));
export const lanesShiftRight = (a: Code, by: number): Code => code(a, constant(by), simd(173));
export const lanesLoad = (at: Code, offset: number): Code =>
  code(at, simd(0), [0], unsigned(offset));
/** One i32 in every lane. */
export const lanesLoadSplat = (at: Code, offset: number): Code =>
  code(at, simd(9), [2], unsigned(offset));
export const lanesStore = (at: Code, offset: number, value: Code): Code =>
  code(at, value, simd(11), [0], unsigned(offset));
/** The i32 of one lane. */
export const lanesStoreOne = (at: Code, offset: number, value: Code, lane: number): Code =>
  code(at, value, simd(90), [2], unsigned(offset), lane);
export const lanesSplat = (value: Code): Code => code(value, simd(17));
/** Bytes of a (0-15) and b (16-31) in the order given. */
export const shuffle = (a: Code, b: Code, order: readonly number[]): Code =>
  code(a, b, simd(13), order);

const LOW_WORDS = [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23];
const HIGH_WORDS = [8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31];
const LOW_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const HIGH_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31];

/** Turns four vectors of one message's words each into four of one word of each message, and back. */
export function transpose(rows: readonly number[], spare: readonly number[]): Code {
  const [a, b, c, d] = rows as [number, number, number, number];
  const [e, f, g, h] = spare as [number, number, number, number];
  return code(
    set(e, shuffle(get(a), get(b), LOW_WORDS)),
    set(f, shuffle(get(a), get(b), HIGH_WORDS)),
    set(g, shuffle(get(c), get(d), LOW_WORDS)),
    set(h, shuffle(get(c), get(d), HIGH_WORDS)),
    set(a, shuffle(get(e), get(g), LOW_HALVES)),
    set(b, shuffle(get(e), get(g), HIGH_HALVES)),
    set(c, shuffle(get(f), get(h), LOW_HALVES)),
    set(d, shuffle(get(f), get(h), HIGH_HALVES)),
  );
}

export interface WasmFunction {
  readonly name: string;
  /** How many i32 parameters it takes; it returns nothing. */
  readonly parameters: number;
  /** Types of the locals behind the parameters. */
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

const vector = (items: readonly Code[]): Code => code(unsigned(items.length), ...items);
const sized = (part: Code): Code => {
  const bytes = flatten(part);
  return code(unsigned(bytes.length), bytes);
};
const section = (id: number, items: readonly Code[]): Code => code(id, sized(vector(items)));
const text = (name: string): Code => sized([...new TextEncoder().encode(name)]);

/** A module of these functions, all exported by name, and a memory exported as `memory`. */
export function assemble(memoryPages: number, functions: readonly WasmFunction[]): Uint8Array {
  const types = functions.map(({ parameters }) =>
    code(0x60, vector(new Array<Code>(parameters).fill(I32)), 0),
  );
  const bodies = functions.map(({ locals, body }) =>
    sized(code(vector(locals.map((type) => [1, type])), body, [0x0b])),
  );
  const exported = functions.map(({ name }, index) => code(text(name), [0], unsigned(index)));
  const memory = code(text("memory"), [2, 0]);
  return flatten([
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, types),
    section(
      3,
      functions.map((_, index) => unsigned(index)),
    ),
    section(5, [code(0, unsigned(memoryPages))]),
    section(7, [...exported, memory]),
    section(10, bodies),
  ]);
}

interface Instance {
  readonly exports: Record<string, unknown>;
}

interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => Instance;
  validate(bytes: Uint8Array): boolean;
}

const engine = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly;

/** True when this machine runs the module; false where it lacks an instruction, such as lanes. */
export function canRun(bytes: Uint8Array): boolean {
  return engine.validate(bytes);
}

export interface Running {
  readonly memory: ArrayBuffer;
  function(name: string): (...values: readonly number[]) => void;
}

/** Compiles and starts a module. */
export function run(bytes: Uint8Array): Running {
  const { exports } = new engine.Instance(new engine.Module(bytes));
  const { buffer } = exports["memory"] as { buffer: ArrayBuffer };
  return { memory: buffer, function: (name) => exports[name] as () => void };
}
