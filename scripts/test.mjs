// `npm test`: installs and builds if needed, then runs every *.test.js of the build with node's
// test runner. Arguments are substrings: `npm test -- script` runs the files whose path has it.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { prepare, root } from "./prepare.mjs";

function testFiles(folder) {
  const files = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...testFiles(path));
    else if (entry.name.endsWith(".test.js")) files.push(path);
  }
  return files.sort();
}

prepare();
const wanted = process.argv.slice(2);
const files = testFiles(join(root, "dist")).filter(
  (file) => wanted.length === 0 || wanted.some((part) => relative(root, file).includes(part)),
);
const result = spawnSync(
  process.execPath,
  ["--test", `--test-concurrency=${availableParallelism()}`, ...files],
  { cwd: root, stdio: "inherit" },
);
process.exit(result.status ?? 1);
