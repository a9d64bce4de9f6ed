// Sizes and times with their units, and the other forms of a value that arrives as text.

const SIZES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const TIMES: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function withUnit(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text.trim());
  if (match === null || !Object.hasOwn(units, match[2]!)) return null;
  const value = Math.round(Number(match[1]) * units[match[2]!]!);
  return Number.isSafeInteger(value) ? value : null;
}

/** Bytes of `4GiB`, `500MB`; null when the unit is missing or unknown. */
export function parseBytes(text: string): number | null {
  return withUnit(text, SIZES);
}

/** Milliseconds of `250ms`, `2min`. */
export function parseDuration(text: string): number | null {
  return withUnit(text, TIMES);
}

/** true, false, yes, no, on, off, 1, 0: nothing else, and never by truthiness. */
export function parseBoolean(text: string): boolean | null {
  const word = text.trim().toLowerCase();
  if (["true", "yes", "on", "1"].includes(word)) return true;
  return ["false", "no", "off", "0"].includes(word) ? false : null;
}
