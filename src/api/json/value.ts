// JSON as the servers speak it. Amounts are integers of base units until they are written, because a
// double would print 0.00000001 as 1e-8; numbers that a double cannot hold keep their text.

/** Base units, written as a decimal with eight places. */
export class Amount {
  readonly units: number;
  constructor(units: number) {
    this.units = units;
  }
}

/** A number that is kept as it was written. */
export class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type JsonObject = { readonly [name: string]: Json | undefined };
export type Json =
  | null
  | boolean
  | number
  | string
  | Amount
  | NumberText
  | readonly Json[]
  | JsonObject;

export function isObject(value: Json | undefined): value is JsonObject {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Amount) &&
    !(value instanceof NumberText)
  );
}

/** Base units as people write them: eight places. */
export function amountText(units: number): string {
  const sign = units < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(units) / 100_000_000);
  const rest = Math.abs(units) % 100_000_000;
  return `${sign}${whole}.${String(rest).padStart(8, "0")}`;
}

/** Base units of a decimal text, or null when it is none or has more than eight places. */
export function parseAmount(text: string): number | null {
  const match = /^(-?)(\d{1,9})(?:\.(\d{1,20}))?(?:[eE]([+-]?\d{1,2}))?$/.exec(text);
  if (match === null) return null;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const shift = Number(exponent) + 8;
  const digits = whole + fraction;
  const point = whole.length + shift;
  if (point > 18) return null;
  const kept = point <= 0 ? "" : digits.slice(0, point).padEnd(point, "0");
  const lost = point <= 0 ? digits : digits.slice(point);
  if (/[1-9]/.test(lost)) return null;
  const units = Number(kept === "" ? "0" : kept);
  return Number.isSafeInteger(units) ? (sign === "-" ? -units : units) : null;
}
