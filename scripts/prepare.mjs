// Installs and builds what is missing, and says so on stderr. Plain JavaScript, because it runs
// before anything is installed: `npm start`, `npm test` and `bin/pando` all begin here.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const say = (text) => process.stderr.write(`pando: ${text}\n`);

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (result.status === 0) return;
  say(`'${command} ${args.join(" ")}' failed; see the lines above`);
  process.exit(4);
}

/** Newest modification time (ms) of the TypeScript sources below `folder`. */
function newestSource(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name === "node_modules") continue;
    if (entry.isDirectory()) newest = Math.max(newest, newestSource(path), statSync(path).mtimeMs);
    else if (entry.name.endsWith(".ts")) newest = Math.max(newest, statSync(path).mtimeMs);
  }
  return newest;
}

function installIfNeeded() {
  const marker = join(root, "node_modules", ".package-lock.json");
  const lock = join(root, "package-lock.json");
  if (existsSync(marker) && statSync(marker).mtimeMs >= statSync(lock).mtimeMs - 1000) return;
  if (existsSync(marker) && existsSync(join(root, "node_modules", ".pando-lock"))) {
    const seen = readFileSync(join(root, "node_modules", ".pando-lock"), "utf8");
    if (seen === readFileSync(lock, "utf8")) return;
  }
  // npm ci empties the folder it finds: behind a link that would be another checkout's.
  if (
    existsSync(join(root, "node_modules")) &&
    lstatSync(join(root, "node_modules")).isSymbolicLink()
  ) {
    say("node_modules is a link to another folder: install there, or remove the link");
    process.exit(4);
  }
  say("installing dependencies (npm ci), once");
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
  writeFileSync(join(root, "node_modules", ".pando-lock"), readFileSync(lock, "utf8"));
}

/** Removes what was built from sources that are gone: their tests would still run. */
function dropStale(folder) {
  if (!existsSync(join(root, "dist", folder))) return;
  for (const entry of readdirSync(join(root, "dist", folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const source = path.replace(/(\.d\.ts|\.js|\.js\.map)$/, ".ts");
    if (entry.isDirectory()) dropStale(path);
    else if (!existsSync(join(root, source))) rmSync(join(root, "dist", path));
  }
}

function buildIfNeeded(force) {
  const stamp = join(root, "dist", ".stamp");
  const folders = ["src", "test", "bench"].map((name) => join(root, name)).filter(existsSync);
  const newest = Math.max(
    statSync(join(root, "tsconfig.json")).mtimeMs,
    ...folders.map((folder) => newestSource(folder)),
  );
  if (!force && existsSync(stamp) && statSync(stamp).mtimeMs >= newest) return;
  say("building (tsc)");
  const started = new Date();
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", root]);
  for (const folder of ["src", "test", "bench"]) dropStale(folder);
  writeFileSync(stamp, `${started.toISOString()}\n`);
}

/** Brings node_modules and dist up to date; exits with code 4 when that fails. */
export function prepare({ force = false } = {}) {
  // A published package holds dist and no sources: there is nothing to do.
  if (!existsSync(join(root, "tsconfig.json"))) return;
  installIfNeeded();
  buildIfNeeded(force);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  prepare({ force: process.argv.includes("--force") });
}
