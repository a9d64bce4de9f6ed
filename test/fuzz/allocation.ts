// Watches how much memory is asked for at once: the constructors of arrays and buffers are replaced by
// ones that note the greatest length. Decoders that believe a length they read are found so, also
// where the machine would have had the memory.

let most = 0;

const note = (bytes: number): void => {
  if (bytes > most) most = bytes;
};

const lengthOf = (value: unknown): number => {
  if (typeof value === "number") return value;
  if (typeof value !== "object" || value === null) return 0;
  const { length, byteLength } = value as { length?: unknown; byteLength?: unknown };
  // A view of a buffer takes none.
  if (typeof byteLength === "number" && typeof length !== "number") return 0;
  return typeof length === "number" ? length : 0;
};

type Maker = new (first?: unknown, second?: unknown, third?: unknown) => object;

/** A stand-in for a constructor that notes what it is asked for. A Proxy is three times slower. */
function watched(original: Maker, width: number): object {
  function stand(this: unknown, first: unknown, second: unknown, third: unknown): object {
    note((typeof first === "number" ? first : lengthOf(first)) * width);
    if (new.target !== (stand as unknown)) {
      // A subclass.
      return Reflect.construct(original, [first, second, third], new.target as unknown as Maker);
    }
    return second === undefined && third === undefined
      ? new original(first)
      : new original(first, second, third);
  }
  Object.setPrototypeOf(stand, original);
  stand.prototype = original.prototype;
  return stand;
}

/** Replaces the constructors for the rest of the process. */
export function watchAllocations(): void {
  const world = globalThis as unknown as Record<string, Maker>;
  for (const [name, width] of [
    ["Uint8Array", 1],
    ["Uint16Array", 2],
    ["Uint32Array", 4],
    ["Int32Array", 4],
    ["Float64Array", 8],
    ["ArrayBuffer", 1],
    ["SharedArrayBuffer", 1],
  ] as const) {
    world[name] = watched(world[name]!, width) as Maker;
  }
  const from = Array.from.bind(Array) as (...args: unknown[]) => unknown[];
  Array.from = ((...args: unknown[]) => {
    note(lengthOf(args[0]) * 8);
    return from(...args);
  }) as typeof Array.from;
  const repeat = String.prototype.repeat;
  String.prototype.repeat = function (this: string, count: number): string {
    note(this.length * count);
    return repeat.call(this, count);
  };
}

/** What `task` returns, and the greatest number of bytes that it asked for at once. */
export function mostAllocated<T>(task: () => T): { readonly answer: T; readonly most: number } {
  most = 0;
  const answer = task();
  return { answer, most };
}
