// The benches: `node dist/bench/run.js NAME|all [--quick]` prints lines for people on stderr and,
// for each bench, one line of JSON on stdout, with the machine it ran on and that machine's raw
// signature rate beside it. A new bench is one line in the table.
import { availableParallelism, cpus } from "node:os";
import { secp256k1Provider } from "../src/crypto/secp256k1.ts";

interface Bench {
  run(options: { quick: boolean }): Promise<Record<string, number | string>>;
}

const BENCHES: Record<string, () => Promise<Bench>> = {
  hash: () => import("./crypto/hash.ts"),
  merkle: () => import("./crypto/merkle.ts"),
  admission: () => import("./planes/execution/admission.ts"),
  rpc: () => import("./node/rpc.ts"),
  assemble: () => import("./planes/execution/assemble.ts"),
  verify: () => import("./crypto/verify.ts"),
  connect: () => import("./planes/execution/connect.ts"),
  import: () => import("./node/import.ts"),
  memory: () => import("./node/memory.ts"),
  worst: () => import("./node/worst.ts"),
  floods: () => import("./node/floods.ts"),
};

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function machine(): Record<string, number | string> {
  const { kind, path, usPerVerify } = secp256k1Provider();
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    node: process.version,
    secp256k1: `${kind} ${path}`,
    rawVerifyUs: Math.round(usPerVerify * 10) / 10,
  };
}

async function runOne(name: string, quick: boolean): Promise<void> {
  say(`bench ${name}${quick ? " (quick)" : ""}`);
  const began = performance.now();
  const { run } = await BENCHES[name]!();
  const result = await run({ quick });
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  for (const [key, value] of Object.entries(result)) say(`  ${key.padEnd(28)} ${value}`);
  process.stdout.write(
    `${JSON.stringify({ bench: name, quick, seconds, machine: machine(), result })}\n`,
  );
}

async function main(words: readonly string[]): Promise<number> {
  const names = words.filter((word) => word !== "--quick");
  const wanted = names[0] === "all" ? Object.keys(BENCHES) : names;
  const unknown = wanted.filter((name) => !Object.hasOwn(BENCHES, name));
  if (wanted.length === 0 || unknown.length > 0) {
    if (unknown.length > 0) say(`no such bench: ${unknown.join(", ")}`);
    say(
      `usage: node dist/bench/run.js NAME|all [--quick]\nbenches: ${Object.keys(BENCHES).join(", ")}`,
    );
    return 2;
  }
  for (const [key, value] of Object.entries(machine())) say(`${key.padEnd(30)} ${value}`);
  for (const name of wanted) await runOne(name, words.includes("--quick"));
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
