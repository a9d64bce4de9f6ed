import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The version in package.json, which stands three folders above the built file. */
export function version(): string {
  const folder = dirname(fileURLToPath(import.meta.url));
  const text = readFileSync(join(folder, "..", "..", "..", "package.json"), "utf8");
  return String((JSON.parse(text) as { version: unknown }).version);
}
