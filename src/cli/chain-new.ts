// `pando chain new`: makes a network of stakers, its file and the keys of its first stakers.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { toHex } from "../base/bytes.ts";
import { addressScript } from "../ledger/bitcoin/address.ts";
import { COIN_UNITS } from "../ledger/bitcoin/limits.ts";
import { machineRandom } from "../node/clock.ts";
import { cryptoFault } from "../node/crypto-ready.ts";
import { createStakerFiles } from "../node/stake/open-signer.ts";
import type { GenesisCoin, LedgerFigures } from "../node/staked/network-file.ts";
import {
  LEDGER_DEFAULTS,
  type NewNetworkOptions,
  newNetwork,
  PARAMETER_DEFAULTS,
} from "../node/staked/new-network.ts";
import { refuseWords } from "./chain-options.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";

/** What a file given with --from may hold; flags go before it. */
interface Draft {
  readonly name?: string;
  readonly stakers?: number;
  readonly port?: number;
  readonly rpcPort?: number;
  readonly parameters?: NewNetworkOptions["parameters"];
  readonly ledger?: Partial<LedgerFigures>;
  /** Amounts in base units; `address` or `script`. */
  readonly coins?: readonly { value: number; script?: string; address?: string }[];
}

const DRAFT_NAMES = ["name", "stakers", "port", "rpcPort", "parameters", "ledger", "coins"];

function readDraft(path: string | null): Draft {
  if (path === null) return {};
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const why = error instanceof SyntaxError ? "is not JSON" : "cannot be read";
    throw new CommandError(`--from: ${path} ${why}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CommandError(`--from: ${path} is not a JSON object`);
  }
  const strange = Object.keys(value).find((name) => !DRAFT_NAMES.includes(name));
  if (strange !== undefined) {
    throw new CommandError(`--from: ${path} has ${strange}; known are ${DRAFT_NAMES.join(", ")}`);
  }
  return value as Draft;
}

function scriptOf(address: string): string {
  const script = addressScript(address, LEDGER_DEFAULTS.address);
  if (script === null) throw new CommandError(`'${address}' is no address of this network`);
  return toHex(script);
}

/** ADDRESS:COINS of --give, and the coins of the draft. */
function coinsOf(args: Arguments, draft: Draft): GenesisCoin[] {
  const coins = (draft.coins ?? []).map(({ value, script, address }) => ({
    value,
    script: script ?? scriptOf(address ?? ""),
  }));
  for (const text of args.all("give")) {
    const [address = "", amount = ""] = text.split(":");
    if (!/^\d+(\.\d{1,8})?$/.test(amount)) {
      throw new CommandError(`--give takes ADDRESS:COINS, not '${text}'`);
    }
    coins.push({ value: Math.round(Number(amount) * COIN_UNITS), script: scriptOf(address) });
  }
  return coins;
}

function given<T>(name: string, value: T | null): Record<string, T> {
  return value === null ? {} : { [name]: value };
}

function whole(args: Arguments, flag: string): number | null {
  return args.has(flag) ? args.integer(flag, 0, Number.MAX_SAFE_INTEGER, 0) : null;
}

function amount(args: Arguments, flag: string): number | null {
  if (!args.has(flag)) return null;
  return Math.round(args.number(flag, 0, 21_000_000, 0) * COIN_UNITS);
}

async function confirm(text: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${text}\nWrite it? [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function run(args: Arguments): Promise<ExitCode> {
  refuseWords(args, "chain new");
  const fault = cryptoFault();
  if (fault !== null) throw new CommandError(fault, EXIT.environment);
  const out = args.text("out");
  if (out === null || !out.endsWith(".json")) {
    throw new CommandError("name the file to write: --out FILE.json");
  }
  if (existsSync(out)) throw new CommandError(`${out} exists: networks are never overwritten`);
  const draft = readDraft(args.text("from"));
  const stakers = args.integer("stakers", 1, 4_096, draft.stakers ?? 4);
  const made = newNetwork({
    name: args.text("name") ?? draft.name ?? "staked",
    stakers,
    parameters: {
      ...draft.parameters,
      ...given("slotMs", whole(args, "slot-ms")),
      ...given("genesisMs", whole(args, "genesis-ms")),
      ...given("bond", amount(args, "bond")),
      ...given("unbondSlots", whole(args, "unbond-slots")),
    },
    ledger: {
      ...draft.ledger,
      ...given("blockBytesMax", whole(args, "block-bytes")),
      ...given("subsidy", amount(args, "subsidy")),
    },
    coins: coinsOf(args, draft),
    ...given("port", whole(args, "port") ?? draft.port ?? null),
    ...given("rpcPort", whole(args, "rpc-port") ?? draft.rpcPort ?? null),
    nowMs: Date.now(),
    random: machineRandom,
  });
  if (!made.ok) throw new CommandError(made.why);
  const { file, keys } = made;
  const { parameters } = file;
  const total = file.coins.reduce((sum, { value }) => sum + value, 0) / COIN_UNITS;
  const lines = [
    `network   ${file.name}, ${stakers} stakers with a bond of ${parameters.bond / COIN_UNITS} each`,
    `slots     ${parameters.slotMs} ms from ${new Date(parameters.genesisMs).toISOString()}`,
    `coins     ${total} at first, ${file.ledger.subsidy / COIN_UNITS} in each block`,
    `chain     ${file.chainId}`,
  ];
  if (stakers === 3) {
    lines.push("note      with 3 stakers all must vote for finality; with 4 one may be away");
  }
  const asks = !args.has("yes") && process.stdin.isTTY;
  if (asks && !(await confirm(lines.join("\n")))) return EXIT.no;
  const folder = dirname(out);
  const stem = out.slice(folder.length + (folder === "." && !out.startsWith("./") ? -1 : 1), -5);
  const keyPaths: string[] = [];
  for (const staker of keys) {
    const path = join(folder, `${stem}-keys`, `staker-${staker.id}.json`);
    const written = createStakerFiles(path, { chainId: file.chainId, stakers: [staker] });
    if (!written.ok) throw new CommandError(written.why, EXIT.no);
    keyPaths.push(path);
  }
  writeFileSync(out, `${JSON.stringify(file, null, 2)}\n`, { flag: "wx" });
  if (args.json) {
    const facts = { file: out, name: file.name, chainId: file.chainId, keys: keyPaths };
    process.stdout.write(`${JSON.stringify(facts)}\n`);
  } else {
    lines.push(`written   ${out}`, ...keyPaths.map((path) => `keys      ${path} (keep it secret)`));
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  return EXIT.done;
}

export const command: Command = {
  name: "new",
  summary: "Makes a network of stakers: its file, and key files of its first stakers.",
  usage: "[flags] --out FILE.json",
  options: {
    out: { value: "FILE", about: "the file to write; keys come into FILE-keys beside it" },
    yes: { about: "ask nothing" },
    from: { value: "FILE", about: "JSON with name, stakers, parameters, ledger, coins" },
    name: { value: "NAME", about: "name of the network (default staked)" },
    stakers: { value: "N", about: "first stakers (default 4)" },
    give: { value: "ADDRESS:COINS", about: "a coin of the first block (repeatable)", many: true },
    bond: { value: "COINS", about: `default ${PARAMETER_DEFAULTS.bond / COIN_UNITS}` },
    subsidy: {
      value: "COINS",
      about: `new money of a block (default ${LEDGER_DEFAULTS.subsidy / COIN_UNITS})`,
    },
    "slot-ms": { value: "MS", about: `length of a slot (default ${PARAMETER_DEFAULTS.slotMs})` },
    "genesis-ms": { value: "MS", about: "when slot 0 begins, since 1970 (default now)" },
    "unbond-slots": { value: "N", about: `default ${PARAMETER_DEFAULTS.unbondSlots}` },
    "block-bytes": { value: "BYTES", about: `default ${LEDGER_DEFAULTS.blockBytesMax}` },
    port: { value: "PORT", about: "default port of peers" },
    "rpc-port": { value: "PORT", about: "default port of JSON-RPC" },
  },
  notes: `Every figure of docs/internals/qpos.md can stand in the file of --from, under
"parameters"; those of the ledger under "ledger". Addresses are regtest's.

  pando chain new --yes --stakers 4 --slot-ms 1000 --out net.json
  pando start --network net.json --staker-keys net-keys/staker-1.json`,
  run,
};
