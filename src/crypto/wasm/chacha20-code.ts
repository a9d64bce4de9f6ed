// Emits the ChaCha20 block function (RFC 8439) as WebAssembly.
import {
  add,
  type Code,
  code,
  constant,
  get,
  I32,
  load,
  repeat,
  rotateLeft,
  set,
  store,
  type ValueType,
  type WasmFunction,
  xor,
} from "./assembler.ts";

function quarter(a: number, b: number, c: number, d: number): Code {
  const step = (sum: number, by: number, turned: number, places: number): Code => [
    set(sum, add(get(sum), get(by))),
    set(turned, rotateLeft(xor(get(turned), get(sum)), places)),
  ];
  return [step(a, b, d, 16), step(c, d, b, 12), step(a, b, d, 8), step(c, d, b, 7)];
}

/** chacha(state, out, blocks): key stream from 16 words of state, whose counter goes up. */
export function chachaFunction(): WasmFunction {
  const [state, out, blocks, rounds, first] = [0, 1, 2, 3, 4];
  const words = Array.from({ length: 16 }, (_, at) => at);
  const of = (...at: [number, number, number, number]): Code => {
    const [a, b, c, d] = at.map((word) => first + word) as typeof at;
    return quarter(a, b, c, d);
  };
  const columns = [0, 1, 2, 3].map((at) => of(at, at + 4, at + 8, at + 12));
  const diagonals = [of(0, 5, 10, 15), of(1, 6, 11, 12), of(2, 7, 8, 13), of(3, 4, 9, 14)];
  const initial = (word: number): Code => load(get(state), word * 4);
  const block = code(
    words.map((word) => set(first + word, initial(word))),
    set(rounds, constant(10)),
    repeat(rounds, code(columns, diagonals)),
    words.map((word) => store(get(out), word * 4, add(get(first + word), initial(word)))),
    store(get(state), 48, add(load(get(state), 48), constant(1))),
    set(out, add(get(out), constant(64))),
  );
  return {
    name: "chacha",
    parameters: 3,
    locals: new Array<ValueType>(17).fill(I32),
    body: repeat(blocks, block),
  };
}
