// `npm run check`: types, lint and format, layering, unused code.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { prepare, root } from "./prepare.mjs";

prepare({ force: true });
const steps = [
  [
    "lint and format",
    [join(root, "node_modules", "@biomejs", "biome", "bin", "biome"), "check", "."],
  ],
  ["layering", ["--test", join(root, "dist", "test", "layering.test.js")]],
  ["unused code", [join(root, "node_modules", "knip", "bin", "knip.js")]],
];
for (const [name, args] of steps) {
  process.stderr.write(`check: ${name}\n`);
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (result.status !== 0) process.exit(result.status ?? 1);
}
