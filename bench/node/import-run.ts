// Chains in files, and `pando import` of them in a process of its own, as an operator runs it.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { ChainOptions } from "../../src/node/generate-chain/chain-plan.ts";
import { type WrittenChain, writeChain } from "../../src/node/generate-chain/write-chain.ts";
import type { Usage } from "./import-process.ts";

export interface ChainFile extends WrittenChain {
  readonly path: string;
}

const folder = mkdtempSync(join(tmpdir(), "pando-bench-import-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const made = new Map<string, Promise<ChainFile>>();

/** A path in the benches' own folder, which goes away with the process. */
export function scratchPath(name: string): string {
  return join(folder, name);
}

/** The generated chain with these options in a file; made once. */
export function chainFile(options: Omit<ChainOptions, "seed">): Promise<ChainFile> {
  const { blocks, transactions, inputs, outputs, kind } = options;
  const name = `${kind}-${blocks}-${transactions}-${inputs}-${outputs}.dat`;
  let file = made.get(name);
  if (file === undefined) {
    const path = scratchPath(name);
    file = writeChain(path, { ...options, seed: "bench" }, () => {}).then((written) => ({
      ...written,
      path,
    }));
    made.set(name, file);
  }
  return file;
}

export interface ImportRun {
  readonly inputs: number;
  readonly seconds: number;
  readonly coins: number;
  /** Microseconds of processor time per input: in all, and by kind of thread. */
  readonly cpuUs: number;
  readonly mainUs: number;
  readonly hostsUs: number;
  readonly verifiersUs: number;
  readonly othersUs: number;
  readonly residentMB: number;
  readonly anonymousMB: number;
}

/** The threads by what they do: workers are the youngest, verifiers younger than the hosts. */
function byKind(usage: Usage, partitions: number): Record<"main" | "hosts" | "verifiers", number> {
  const cores = availableParallelism();
  const hosts = Math.min(partitions, Math.max(1, Math.floor(cores / 2)));
  const { threadNs } = usage;
  const sum = (from: number, to: number): number =>
    threadNs.slice(from, to).reduce((total, ns) => total + ns / 1000, 0);
  const end = threadNs.length;
  return {
    main: sum(0, 1),
    hosts: sum(end - cores - hosts, end - cores),
    verifiers: sum(end - cores, end),
  };
}

export interface ImportFlags {
  readonly partitions?: number;
  readonly memory?: number;
  readonly assumeValid?: string;
}

interface Summary {
  readonly inputs: number;
  readonly seconds: number;
  readonly coins: { readonly count: number };
}

/** Imports a file into a new data directory with default settings, but for `flags`. */
export async function runImport(path: string, flags: ImportFlags = {}): Promise<ImportRun> {
  const data = scratchPath("data");
  const { partitions = 4, memory = 1024, assumeValid = "none" } = flags;
  const words = ["--network", "regtest", "--data-dir", data, "--json"];
  words.push("--partitions", String(partitions), "--memory", String(memory));
  words.push("--assume-valid", assumeValid, path);
  const child = fork(new URL("./import-process.js", import.meta.url), words, {
    stdio: ["ignore", "pipe", "ignore", "ipc"],
  });
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [[usage], [code]] = (await Promise.all([once(child, "message"), once(child, "close")])) as [
    [Usage],
    [number],
  ];
  rmSync(data, { recursive: true });
  if (code !== 0) throw new Error(`pando import ended with ${code}`);
  const { inputs, seconds, coins } = JSON.parse(text) as Summary;
  const { main, hosts, verifiers } = byKind(usage, partitions);
  const each = (us: number): number => us / inputs;
  return {
    inputs,
    seconds,
    coins: coins.count,
    cpuUs: each(usage.cpuUs),
    mainUs: each(main),
    hostsUs: each(hosts),
    verifiersUs: each(verifiers),
    othersUs: each(usage.cpuUs - main - hosts - verifiers),
    residentMB: usage.residentBytes / 1e6,
    anonymousMB: usage.anonymousBytes / 1e6,
  };
}
