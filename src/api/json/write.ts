// JSON out: one line, names in the order they were given.
import { Amount, amountText, type Json, NumberText } from "./value.ts";

function writeInto(parts: string[], value: Json): void {
  if (value === null) parts.push("null");
  else if (typeof value === "string") parts.push(JSON.stringify(value));
  else if (typeof value === "number") parts.push(Number.isFinite(value) ? String(value) : "null");
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
  const parts: string[] = [];
  writeInto(parts, value);
  return parts.join("");
}
