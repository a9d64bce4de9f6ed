// `pando generate-chain`: a deterministic regtest chain for tests, benches and demonstrations.
import { cryptoFault } from "../node/crypto-ready.ts";
import { CHAIN_KINDS, type ChainOptions, planChain } from "../node/generate-chain/chain-plan.ts";
import { type ChainProgress, writeChain } from "../node/generate-chain/write-chain.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { countText, durationText, Progress } from "./progress.ts";

const NOTES = `The chain is Bitcoin's regtest: real signatures, real (easy) work, BIP34
heights, witness commitments, mature coinbases split into coins first, then B
blocks of T transactions each. mixed: p2pkh, p2sh-p2wpkh, p2wpkh and p2tr key
paths, and chains of transactions within a block. OUT is in the framing of
Bitcoin Core's blk*.dat, genesis block first, and is replaced when it exists.
The same flags give the same bytes on every machine.

Example:
  pando generate-chain --blocks 100 --txs 500 --inputs 2 --outputs 2 chain.dat
  pando import --network regtest --data-dir node chain.dat`;

function optionsOf(args: Arguments): ChainOptions {
  const options: ChainOptions = {
    blocks: args.integer("blocks", 1, 400_000, 10),
    transactions: args.integer("txs", 1, 20_000, 100),
    inputs: args.integer("inputs", 1, 20_000, 2),
    outputs: args.integer("outputs", 1, 30_000, 2),
    kind: args.choice("kind", CHAIN_KINDS, "p2wpkh"),
    seed: args.text("seed") ?? "pando",
  };
  const plan = planChain(options);
  if (typeof plan === "string") throw new CommandError(plan);
  return options;
}

function onePath(args: Arguments): string {
  const [path, ...others] = args.rest;
  if (path === undefined || others.length > 0) {
    throw new CommandError("name one file to write; see pando generate-chain --help");
  }
  return path;
}

async function run(args: Arguments): Promise<ExitCode> {
  const path = onePath(args);
  const options = optionsOf(args);
  const fault = cryptoFault();
  if (fault !== null) throw new CommandError(fault, EXIT.environment);
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1000;
  let last: ChainProgress = { height: 0, heightMax: 1, inputs: 0 };
  const progress = new Progress(() => ({
    done: last.height / last.heightMax,
    text: `height ${countText(last.height)}  ${countText(last.inputs / elapsed())} inputs/s`,
  }));
  try {
    const written = await writeChain(path, options, (now) => {
      last = now;
    });
    const seconds = Number(elapsed().toFixed(3));
    if (args.json) process.stdout.write(`${JSON.stringify({ file: path, ...written, seconds })}\n`);
    else {
      const { blocks, bytes, inputs, tip, transactions } = written;
      process.stdout.write(
        `tip      ${tip.height}  ${tip.hash}\n` +
          `written  ${countText(blocks)} blocks, ${countText(transactions)} transactions, ` +
          `${countText(inputs)} inputs, ${countText(bytes)} bytes to ${path}\n` +
          `time     ${durationText(seconds)}, ${countText(inputs / seconds)} inputs/s\n`,
      );
    }
    return EXIT.done;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    throw new CommandError(
      `cannot write ${path} (${code}); name a file that can be written`,
      EXIT.no,
    );
  } finally {
    progress.stop();
  }
}

export const command: Command = {
  name: "generate-chain",
  summary: "Write a deterministic regtest chain with real signatures and work.",
  usage: "[flags] OUT",
  options: {
    blocks: { value: "B", about: "blocks of transactions (default 10)" },
    txs: { value: "T", about: "transactions in each (default 100)" },
    inputs: { value: "I", about: "inputs of each transaction (default 2)" },
    outputs: { value: "O", about: "outputs of each transaction (default 2)" },
    kind: { value: "KIND", about: `what is spent: ${CHAIN_KINDS.join(", ")} (default p2wpkh)` },
    seed: { value: "S", about: "any text (default pando)" },
  },
  notes: NOTES,
  run,
};
