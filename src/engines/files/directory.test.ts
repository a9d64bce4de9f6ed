import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scratchFolder } from "../../../test/engines/scratch.ts";
import { type DataFormat, readFormat, writeFormat } from "./format.ts";
import { lockDataDirectory } from "./lock.ts";

const FORMAT: DataFormat = {
  version: 1,
  network: "regtest",
  partitions: 64,
  salt: "00112233445566778899aabbccddeeff",
  created: "2025-01-01T00:00:00.000Z",
};

test("the format is read back; another network, a newer format and damage have their codes", (context) => {
  const folder = scratchFolder(context);
  const code = (network = "regtest"): string => {
    const read = readFormat(folder, network);
    return read.ok ? "ok" : read.code;
  };
  assert.equal(code(), "absent");
  writeFormat(folder, FORMAT);
  assert.deepEqual(readFormat(folder, "regtest"), { ok: true, format: FORMAT });
  assert.equal(code("main"), "network");
  writeFormat(folder, { ...FORMAT, version: 2 });
  assert.equal(code(), "newer");
  for (const bad of ["", "{", "[]", "null", JSON.stringify({ ...FORMAT, salt: "00" })]) {
    writeFileSync(join(folder, "FORMAT"), bad);
    assert.equal(code(), "damaged", bad);
  }
  assert.deepEqual(readdirSync(folder), ["FORMAT"]);
});

test("a data directory has one owner, named in the refusal", (context) => {
  const folder = scratchFolder(context);
  const first = lockDataDirectory(folder);
  assert.ok(first.ok);
  const second = lockDataDirectory(folder);
  assert.ok(!second.ok);
  assert.equal(second.pid, process.pid);
  assert.match(second.message, new RegExp(`in use by process ${process.pid}`));
  first.release();
  const third = lockDataDirectory(folder);
  assert.ok(third.ok);
  third.release();
  assert.deepEqual(readdirSync(folder), []);
});

test("the lock of a killed process, and of a process whose id was reused, is taken over", async (context) => {
  const folder = scratchFolder(context);
  const path = new URL("./lock.js", import.meta.url).href;
  const code = `import("${path}").then((m) => { console.log(m.lockDataDirectory(process.argv[1]).ok);
    setInterval(() => {}, 1000); })`;
  const child = spawn(process.execPath, ["-e", code, folder]);
  await once(child.stdout, "data");
  const refused = lockDataDirectory(folder);
  assert.ok(!refused.ok);
  assert.equal(refused.pid, child.pid);
  child.kill("SIGKILL");
  await once(child, "exit");
  const taken = lockDataDirectory(folder);
  assert.ok(taken.ok);
  const text = readFileSync(join(folder, "LOCK"), "utf8");
  taken.release();
  const [pid, started, boot] = text.trim().split(" ");
  if (started !== undefined && boot !== undefined) {
    writeFileSync(join(folder, "LOCK"), `${pid} ${Number(started) + 1} ${boot}\n`);
  }
  const reused = lockDataDirectory(folder);
  assert.ok(reused.ok);
  reused.release();
  assert.deepEqual(readdirSync(folder), []);
});
