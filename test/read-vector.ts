// Reading one public test vector. A test that needs one that is absent skips, and says loudly what
// is missing.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { gunzipSync } from "node:zlib";
import { vectorsFolder } from "./vectors.ts";

/** The path of a vector; null, and the test skipped, when it is absent. */
export function vectorFile(context: TestContext, name: string): string | null {
  const path = join(vectorsFolder() ?? join("..", "shared", "vectors"), name);
  if (existsSync(path)) return path;
  context.skip(`SKIPPED: ${path} is missing (set PANDO_VECTORS to the folder of test vectors)`);
  return null;
}

/** The bytes of a vector, unpacked when its name ends in .gz; null when it is absent. */
export function readVector(context: TestContext, name: string): Uint8Array | null {
  const path = vectorFile(context, name);
  if (path === null) return null;
  const bytes = readFileSync(path);
  return new Uint8Array(name.endsWith(".gz") ? gunzipSync(bytes) : bytes);
}

/** A vector in JSON; null when it is absent. */
export function readJsonVector<T>(context: TestContext, name: string): T | null {
  const bytes = readVector(context, name);
  return bytes === null ? null : (JSON.parse(new TextDecoder().decode(bytes)) as T);
}
