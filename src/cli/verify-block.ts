// `pando verify-block`: one block against the outputs it spends, without any chain.
import { readFileSync } from "node:fs";
import type { Bytes } from "../base/bytes.ts";
import { NETWORK_NAMES } from "../ledger/bitcoin/networks.ts";
import { cryptoFault } from "../node/crypto-ready.ts";
import { NEEDS_CHAIN } from "../node/verify-block/unchecked.ts";
import { unpack } from "../node/verify-block/unpack.ts";
import { type VerifyBlockAnswer, verifyBlock } from "../node/verify-block/verify-block.ts";
import { networkOption } from "./chain-options.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";

const NOTES = `FILE may be raw bytes, hex text or gzip; which one is seen from its content.
The file of --spent holds, for each input of each transaction but the coinbase,
in block order: height u32 LE (0xffffffff unknown), coinbase u8 (0, 1, 0xff
unknown), value u64 LE, CompactSize length and script.

Exit code 0: valid; 1: invalid, with Bitcoin Core's reason; 2: the files or
flags are wrong. Rules that need a height or a time that is not known are
listed as unchecked.
Never judged here, since they need the chain or the clock:
${NEEDS_CHAIN.join(", ")}.

Example:
  pando verify-block --network main --height 300025 --block b.raw \\
    --spent b.spent`;

function required(args: Arguments, name: string): string {
  const value = args.text(name);
  if (value === null) throw new CommandError(`--${name} is missing; see pando verify-block --help`);
  return value;
}

function readInput(args: Arguments, name: string): Bytes {
  const path = required(args, name);
  let file: Bytes;
  try {
    file = readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw new CommandError(`cannot read ${path} (${code}); check --${name}`);
  }
  const bytes = unpack(file);
  if (bytes === null) throw new CommandError(`${path} is a damaged gzip file; check --${name}`);
  return bytes;
}

function printAnswer(answer: VerifyBlockAnswer): void {
  const { valid, reason, detail, hash, height, network, transactions, inputs, fees } = answer;
  const lines = [
    valid ? "valid" : `invalid: ${reason}${detail === null ? "" : ` (${detail})`}`,
    `block ${height} of ${network}${hash === null ? "" : `, ${hash}`}`,
    `${transactions} transactions, ${inputs} inputs${fees === null ? "" : `, fees ${fees}`}`,
    ...answer.unchecked.map((line) => `not checked: ${line}`),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

async function run(args: Arguments): Promise<ExitCode> {
  if (args.rest.length > 0) {
    throw new CommandError(
      `'${args.rest[0]}' is not expected; files stand behind --block, --spent`,
    );
  }
  required(args, "network");
  const params = networkOption(args);
  required(args, "height");
  const height = args.integer("height", 0, 0x7fffffff, 0);
  const given = args.integer("mtp", 0, 0xffffffff, -1);
  const block = readInput(args, "block");
  const spent = readInput(args, "spent");
  const medianTime = given < 0 ? null : given;
  const fault = cryptoFault();
  if (fault !== null) throw new CommandError(fault, EXIT.environment);
  const result = await verifyBlock({ params, height, medianTime, block, spent });
  if (!result.ok) {
    throw new CommandError(`${args.text(result.file)}: ${result.fault}; check --${result.file}`);
  }
  if (args.json) process.stdout.write(`${JSON.stringify(result.answer)}\n`);
  else printAnswer(result.answer);
  return result.answer.valid ? EXIT.done : EXIT.no;
}

export const command: Command = {
  name: "verify-block",
  summary: "Check one block against the outputs it spends, without any chain.",
  usage: "--network N --height H --block FILE --spent FILE",
  options: {
    network: { value: "NAME", about: NETWORK_NAMES.join(", ") },
    height: { value: "H", about: "the block's height" },
    mtp: { value: "TIME", about: "median time past of the block before, seconds since 1970" },
    block: { value: "FILE", about: "the block" },
    spent: { value: "FILE", about: "the outputs it spends" },
  },
  notes: NOTES,
  run,
};
