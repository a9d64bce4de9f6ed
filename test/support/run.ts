// Runs the program as a user would: the built bin/pando in a process of its own.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { concatBytes, writeU32 } from "../../src/base/bytes.ts";
import type { Params } from "../../src/ledger/bitcoin/params.ts";

export const root: string = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

// Each folder has its own listener for the end of the process.
process.setMaxListeners(0);

/** One run of `pando`, with extra environment. */
export function pando(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(root, "bin", "pando"), ...words], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.once("error", fail);
    child.once("close", (code, signal) => done({ code, signal, stdout, stderr }));
  });
}

/** The JSON object in the last line of stdout. */
export function lastJson(ran: Ran): Record<string, unknown> {
  const line = ran.stdout.trimEnd().split("\n").at(-1) ?? "";
  return JSON.parse(line) as Record<string, unknown>;
}

/** A folder that goes with the process, after everything that was opened in it is closed. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "pando-test-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes blocks in blk*.dat framing. */
export function writeBlockFile(path: string, params: Params, blocks: readonly Uint8Array[]): void {
  const parts = blocks.flatMap((block) => {
    const head = new Uint8Array(8);
    head.set(params.magic, 0);
    writeU32(head, 4, block.length);
    return [head, block];
  });
  writeFileSync(path, concatBytes(...parts));
}
