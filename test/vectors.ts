// Where the public test vectors are: beside the checkout in ../shared/vectors, or where
// PANDO_VECTORS points. A test that needs one that is absent skips, and says loudly what is missing.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

/** The folder that holds package.json. */
function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

/** The path of a vector, present or not. */
export function vectorPath(name: string): string {
  const folder = process.env["PANDO_VECTORS"] ?? join(repositoryRoot(), "..", "shared", "vectors");
  return join(folder, name);
}

/** The bytes of a vector (unpacked when its name ends in .gz); null, and the test skipped, without. */
export function vector(context: TestContext, name: string): Uint8Array | null {
  const path = vectorPath(name);
  if (!existsSync(path)) {
    context.skip(`SKIPPED: ${path} is missing (set PANDO_VECTORS to the folder of test vectors)`);
    return null;
  }
  const bytes = readFileSync(path);
  return new Uint8Array(name.endsWith(".gz") ? gunzipSync(bytes) : bytes);
}

/** A vector in JSON; null, and the test skipped, when it is absent. */
export function jsonVector<T>(context: TestContext, name: string): T | null {
  const bytes = vector(context, name);
  return bytes === null ? null : (JSON.parse(new TextDecoder().decode(bytes)) as T);
}
