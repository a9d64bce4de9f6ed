// Reads one partition's store through, in a process of its own: LMDB trusts what it maps, and a
// damaged file can end the process that reads it. Prints what was found as one JSON line.
//
//   node check-store.js FOLDER PARTITION  ->  {"fault":null,"position":12}
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { argv, execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { readU64 } from "../../base/bytes.ts";
import { LmdbEngine } from "../../engines/lmdb/lmdb-engine.ts";
import { EngineCoinStore, StoreRefused } from "../../state/engine-coin-store.ts";

export interface StoreFinding {
  /** What is wrong, in one line, or null. */
  readonly fault: string | null;
  /** Chain record up to which the store was flushed. */
  readonly position: number;
}

function checkHere(folder: string, partition: number): StoreFinding {
  try {
    const store = new EngineCoinStore(new LmdbEngine(folder), partition);
    store.verify();
    const position = store.position();
    store.close();
    return { fault: null, position: position === null ? 0 : readU64(position, 0) };
  } catch (error) {
    if (!(error instanceof StoreRefused) || error.code === "FULL") throw error;
    return { fault: error.message, position: 0 };
  }
}

function findingOf(text: string): StoreFinding | null {
  try {
    return JSON.parse(text) as StoreFinding;
  } catch {
    return null;
  }
}

/** Checks a store in a process of its own; one that ends before it answers has met damage. */
export function checkStore(folder: string, partition: number): Promise<StoreFinding> {
  const path = new LmdbEngine(folder).path(partition);
  if (!existsSync(path)) {
    return Promise.resolve({ fault: `damaged store ${path}: the file is missing`, position: 0 });
  }
  return new Promise((resolve, reject) => {
    const file = fileURLToPath(import.meta.url);
    const child = spawn(execPath, [file, folder, String(partition)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let answer = "";
    let complaint = "";
    child.stdout.on("data", (chunk) => {
      answer += chunk;
    });
    child.stderr.on("data", (chunk) => {
      complaint += chunk;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const finding = findingOf(answer);
      if (finding !== null && code === 0) resolve(finding);
      else if (signal !== null) {
        const fault = `damaged store ${path}: reading it ends the process (${signal})`;
        resolve({ fault, position: 0 });
      } else reject(new Error(`cannot check ${path}: ${complaint.trim()}`));
    });
  });
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const [folder = "", partition = ""] = argv.slice(2);
  process.stdout.write(`${JSON.stringify(checkHere(folder, Number(partition)))}\n`);
}
