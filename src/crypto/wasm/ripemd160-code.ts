// Emits RIPEMD-160 (Dobbertin, Bosselaers, Preneel) of one 64-byte block as WebAssembly, for
// hash160, which always hashes 32 bytes. The orders of the message words follow from two
// permutations; both lines shift a word by the same amount in a given round.
import {
  add,
  and,
  type Code,
  code,
  constant,
  get,
  I32,
  load,
  or,
  rotateLeft,
  set,
  store,
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

const not = (a: Code): Code => xor(a, constant(-1));

/** The five functions of the left line; the right line takes them backwards. */
const FUNCTIONS: readonly ((x: Code, y: Code, z: Code) => Code)[] = [
  (x, y, z) => xor(xor(x, y), z),
  (x, y, z) => xor(z, and(x, xor(y, z))),
  (x, y, z) => xor(or(x, not(y)), z),
  (x, y, z) => xor(y, and(z, xor(x, y))),
  (x, y, z) => xor(x, or(y, not(z))),
];

/** 80 steps over five locals; `order` is the first round's order of the words. */
function line(
  locals: readonly number[],
  first: readonly number[],
  constants: readonly number[],
  functionOf: (round: number) => (x: Code, y: Code, z: Code) => Code,
): Code {
  const input = 0;
  const steps: Code[] = [];
  let order = first;
  for (let step = 0; step < 80; step++) {
    const round = Math.floor(step / 16);
    if (step > 0 && step % 16 === 0) order = order.map((word) => RHO[word]!);
    const word = order[step % 16]!;
    const local = (index: number): number => locals[(index + 80 - step) % 5]!;
    const [a, b, c, d, e] = [local(0), local(1), local(2), local(3), local(4)];
    const mixed = functionOf(round)(get(b), get(c), get(d));
    const sum = add(
      add(get(a), mixed),
      add(load(get(input), word * 4), constant(constants[round]!)),
    );
    steps.push(
      set(a, add(rotateLeft(sum, SHIFTS[round]![word]!), get(e))),
      set(c, rotateLeft(get(c), 10)),
    );
  }
  return steps;
}

/** ripemd(input, out): the digest of one padded block, 20 bytes at `out`. */
export function ripemdFunction(): WasmFunction {
  const out = 1;
  const left = [2, 3, 4, 5, 6];
  const right = [7, 8, 9, 10, 11];
  const natural = Array.from({ length: 16 }, (_, at) => at);
  const turned = natural.map((at) => (9 * at + 5) % 16);
  return {
    name: "ripemd",
    parameters: 2,
    locals: new Array<ValueType>(10).fill(I32),
    body: code(
      ...[left, right].flatMap((locals) =>
        locals.map((local, at) => set(local, constant(INITIAL[at]!))),
      ),
      line(left, natural, LEFT_CONSTANTS, (round) => FUNCTIONS[round]!),
      line(right, turned, RIGHT_CONSTANTS, (round) => FUNCTIONS[4 - round]!),
      ...natural.slice(0, 5).map((at) => {
        const sum = add(get(left[(at + 2) % 5]!), get(right[(at + 3) % 5]!));
        return store(get(out), at * 4, add(constant(INITIAL[(at + 1) % 5]!), sum));
      }),
    ),
  };
}
