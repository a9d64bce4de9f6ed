// Where the public test vectors are: PANDO_VECTORS, or ../shared/vectors beside the checkout.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the public vectors, or null when this machine has none. */
export function vectorsFolder(): string | null {
  const given = process.env["PANDO_VECTORS"];
  if (given !== undefined && given !== "") return given;
  let root = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(root, "package.json"))) root = dirname(root);
  const folder = join(root, "..", "shared", "vectors");
  return existsSync(folder) ? folder : null;
}
