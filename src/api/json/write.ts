// JSON out: one line, names in the order they were given.
import { Amount, amountText, type Json, NumberText } from "./value.ts";

/** A double with 16 significant digits, in the form that C++ streams give it, as callers know it. */
function doubleText(value: number): string {
  if (!Number.isFinite(value)) return "null";
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return String(value);
  const [mantissa = "", power = "0"] = value.toExponential(15).split("e");
  const exponent = Number(power);
  const short = (text: string): string => text.replace(/\.?0+$/, "");
  if (exponent >= -4 && exponent < 16) return short(value.toFixed(15 - exponent));
  const digits = String(Math.abs(exponent)).padStart(2, "0");
  return `${short(mantissa)}e${exponent < 0 ? "-" : "+"}${digits}`;
}

function writeInto(parts: string[], value: Json): void {
  if (value === null) parts.push("null");
  else if (typeof value === "string") parts.push(JSON.stringify(value));
  else if (typeof value === "number") parts.push(doubleText(value));
  else if (typeof value === "boolean") parts.push(value ? "true" : "false");
  else if (value instanceof Amount) parts.push(amountText(value.units));
  else if (value instanceof NumberText) parts.push(value.text);
  else if (Array.isArray(value)) writeArray(parts, value as readonly Json[]);
  else writeObject(parts, value as { readonly [name: string]: Json | undefined });
}

function writeArray(parts: string[], values: readonly Json[]): void {
  parts.push("[");
  values.forEach((value, index) => {
    if (index > 0) parts.push(",");
    writeInto(parts, value);
  });
  parts.push("]");
}

function writeObject(parts: string[], object: { readonly [name: string]: Json | undefined }): void {
  parts.push("{");
  let first = true;
  for (const name in object) {
    const value = object[name];
    if (value === undefined) continue;
    if (!first) parts.push(",");
    first = false;
    parts.push(JSON.stringify(name), ":");
    writeInto(parts, value);
  }
  parts.push("}");
}

/** The text of `value`; members that are undefined are left out. */
export function writeJson(value: Json): string {
  if (typeof value === "string") return JSON.stringify(value);
  const parts: string[] = [];
  writeInto(parts, value);
  return parts.join("");
}
