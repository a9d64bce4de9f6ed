// The layer table of ARCHITECTURE.md, enforced over the import statements of src/. Tests and
// benches may import any layer. Computed imports are banned, because no table could judge them.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");

const ABOVE_PORTS = ["base", "ports", "crypto", "ledger"];
const PLANES = [...ABOVE_PORTS, "planes/data", "planes/consensus", "planes/execution"];
const BELOW_NODE = [...PLANES, "state", "sharding", "engines", "network"];

/** layer -> what it may import besides itself; the longest matching folder is the layer. */
const TABLE: Record<string, readonly string[]> = {
  base: [],
  ports: ["base"],
  crypto: ["base"],
  ledger: ["base", "crypto"],
  state: ABOVE_PORTS,
  "planes/data": ABOVE_PORTS,
  "planes/consensus": ABOVE_PORTS,
  "planes/execution": [...ABOVE_PORTS, "state"],
  sharding: ["base", "crypto", "ports"],
  engines: ABOVE_PORTS,
  network: ABOVE_PORTS,
  node: BELOW_NODE,
  api: [...BELOW_NODE, "node"],
  simulation: [...PLANES, "state", "sharding", "node", "api", "engines/memory"],
  cli: ["node", "api", "simulation", "base", "ledger", "sharding"],
};

/** Folders whose code is synchronous and total: no I/O, clock or randomness. */
const PURE = ["base", "ledger", "sharding", "planes/consensus"];
const IMPURE_WORDS = /\bMath\.random\b|\bperformance\.now\b|\bawait\b|\basync\b/;

interface Imported {
  readonly specifier: string | null;
}

function importsOf(source: string): Imported[] {
  const found: Imported[] = [];
  for (const match of source.matchAll(/^(?:import|export)\b[^"';]*?from\s*"([^"]+)"/gm)) {
    found.push({ specifier: match[1]! });
  }
  for (const match of source.matchAll(/^import\s*"([^"]+)"/gm))
    found.push({ specifier: match[1]! });
  for (const match of source.matchAll(/\bimport\(\s*("([^"]+)")?/g)) {
    found.push({ specifier: match[2] ?? null });
  }
  return found;
}

function layerOf(path: string): string | null {
  const folder = path.split(sep).join("/");
  const layers = Object.keys(TABLE).filter((layer) => folder.startsWith(`${layer}/`));
  return layers.sort((a, b) => b.length - a.length)[0] ?? null;
}

function within(path: string, layer: string): boolean {
  return path.split(sep).join("/").startsWith(`${layer}/`);
}

/** What is wrong with one file of src/, given its path below src/ and its text. */
function faults(path: string, source: string): string[] {
  const layer = layerOf(path);
  if (layer === null) return [`${path}: its folder is not in the layer table`];
  const isTest = path.endsWith(".test.ts");
  const wrong: string[] = [];
  for (const { specifier } of importsOf(source)) {
    if (specifier === null) wrong.push(`${path}: computed import`);
    else if (specifier.startsWith(".")) {
      const target = relative("/src", resolve("/src", dirname(path), specifier));
      const allowed = within(target, layer) || TABLE[layer]!.some((name) => within(target, name));
      if (!allowed && !isTest) wrong.push(`${path}: ${layer} may not import ${target}`);
    } else if (!isTest && PURE.some((name) => within(path, name))) {
      wrong.push(`${path}: a pure layer imports ${specifier}`);
    }
  }
  if (!isTest && PURE.some((name) => within(path, name))) {
    const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    const word = IMPURE_WORDS.exec(code);
    if (word !== null) wrong.push(`${path}: a pure layer uses ${word[0]}`);
  }
  return wrong;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

test("every import of src/ is allowed by the layer table", () => {
  const folder = join(root, "src");
  assert.ok(existsSync(folder), "src/ is missing");
  const wrong = sources(folder).flatMap((file) =>
    faults(relative(folder, file), readFileSync(file, "utf8")),
  );
  assert.deepEqual(wrong, []);
});

test("planted violations are found", () => {
  const planted: [string, string][] = [
    ["ledger/x.ts", 'import { a } from "../state/a.ts";'],
    ["ledger/x.ts", 'import { readFileSync } from "node:fs";'],
    ["ledger/x.ts", "export const now = Math.random();"],
    ["ledger/x.ts", "export async function f(): Promise<void> {}"],
    ["planes/data/x.ts", 'import type { A } from "../execution/a.ts";'],
    ["planes/execution/x.ts", 'import { A } from "../consensus/a.ts";'],
    ["state/x.ts", 'export { a } from "../engines/lmdb/a.ts";'],
    ["engines/x.ts", 'import { a } from "../planes/execution/a.ts";'],
    ["cli/x.ts", "const a = await import(name);"],
    ["misc/x.ts", ""],
    ["base/x.ts", 'import { a } from "../crypto/a.ts";'],
  ];
  for (const [path, source] of planted) {
    assert.equal(faults(path, source).length, 1, `${path}: ${source}`);
  }
});

test("allowed imports pass", () => {
  assert.deepEqual(faults("ledger/x.ts", 'import { a } from "../base/a.ts";'), []);
  assert.deepEqual(faults("node/x.ts", 'import { a } from "../planes/execution/a.ts";'), []);
  assert.deepEqual(faults("cli/x.ts", 'const a = await import("./other.ts");'), []);
});
