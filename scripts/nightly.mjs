// `node scripts/nightly.mjs [NAME...]`: what takes too long for every change. Names are parts of it:
//
//   fuzz     a million inputs for every decoder, from a seed of the day (or PANDO_FUZZ_SEED)
//   floods   a real node under floods at full size, and what an honest client notices (the bench)
//   compare  random scripts and blocks beside bcoin's, histories of whole peers under faults
//   kill     kill -9 at every failpoint, several hits deep
//
// The seed is printed first, so that a night that fails can be had again. The fuzzer's files are in
// memory where Linux has a folder for that (/dev/shm), unless TMPDIR says where: each of some million
// is written, read and written over.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { prepare, root } from "./prepare.mjs";

const day = Math.floor(Date.now() / 86_400_000);
const seed = process.env.PANDO_FUZZ_SEED ?? String(day);

const PARTS = {
  fuzz: {
    files: ["test/fuzz", "wire.test", "json.test", "rpc/fuzz.test"],
    env: { PANDO_FUZZ: "1000000" },
    inMemory: true,
  },
  floods: { files: ["test/node/floods"], env: { PANDO_FLOOD: "1" }, bench: "floods" },
  compare: {
    files: ["foreign/scripts", "foreign/blocks", "network/converge"],
    // Each history has a seed of its own: those of two nights are not the same.
    env: { PANDO_FUZZ: "10000", PANDO_FUZZ_SEED: String(Number(seed) * 10_000) },
  },
  kill: {
    files: ["test/kill.test", "test/mempool-kill"],
    env: { PANDO_KILL_HITS: "1,2,3,5,8,13" },
  },
};

function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith(".test.js") ? [path] : [];
  });
}

/** Runs tests with a folder in memory for their files, or where the system says. */
function run(chosen, env, inMemory) {
  const isThere = inMemory && process.env.TMPDIR === undefined && existsSync("/dev/shm");
  const folder = isThere ? mkdtempSync("/dev/shm/pando-nightly-") : null;
  try {
    const options = {
      cwd: root,
      stdio: "inherit",
      env: {
        PANDO_FUZZ_SEED: seed,
        ...env,
        ...process.env,
        ...(folder === null ? {} : { TMPDIR: folder }),
      },
    };
    let passed = true;
    for (const file of chosen) {
      // By itself: a runner of several files tells nothing of one before its end, hours later.
      const { status } = spawnSync(process.execPath, ["--test-reporter=spec", file], options);
      passed &&= status === 0;
    }
    return passed;
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a bench that says which promises it saw broken. */
function measured(bench) {
  const { stdout, status } = spawnSync(process.execPath, ["dist/bench/run.js", bench], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  if (status !== 0) return false;
  const { result } = JSON.parse(stdout.trim().split("\n").at(-1));
  if (result.missed !== "nothing") process.stderr.write(`nightly: missed: ${result.missed}\n`);
  return result.missed === "nothing";
}

prepare();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  process.stderr.write(
    `no such part: ${unknown.join(", ")}; parts: ${Object.keys(PARTS).join(", ")}\n`,
  );
  process.exit(2);
}
process.stderr.write(`nightly: PANDO_FUZZ_SEED=${seed}\n`);
let failed = false;
for (const [name, { files, env, bench, inMemory = false }] of Object.entries(PARTS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stderr.write(`nightly: ${name}\n`);
  const chosen = testFiles(join(root, "dist")).filter((file) =>
    files.some((part) => file.includes(part)),
  );
  const begun = performance.now();
  if (!run(chosen, env, inMemory)) failed = true;
  if (bench !== undefined && !measured(bench)) failed = true;
  const minutes = (performance.now() - begun) / 60_000;
  process.stderr.write(`nightly: ${name} took ${minutes.toFixed(1)} minutes\n`);
}
process.exit(failed ? 1 : 0);
