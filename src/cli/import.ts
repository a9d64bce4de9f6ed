// `pando import`: blocks from files into a data directory, every rule and script checked.
import { fromDisplayHex, toDisplayHex, toHex } from "../base/bytes.ts";
import type { Params } from "../ledger/bitcoin/params.ts";
import { coinSetDigest } from "../node/chain/digest.ts";
import { type OpenedChain, openChain } from "../node/chain/open.ts";
import { ancestorsInFiles, type ImportCounts, importFiles } from "../node/import/import.ts";
import { type BlockFile, recogniseFile } from "../node/import/reader.ts";
import {
  activated,
  DATA_DIR_OPTION,
  dataFolder,
  MEMORY_MEGABYTES_DEFAULT,
  MEMORY_MEGABYTES_MIN,
  MEMORY_OPTION,
  mendable,
  NETWORK_OPTION,
  networkOption,
} from "./chain-options.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { countText, durationText, Progress } from "./progress.ts";

function recogniseAll(paths: readonly string[], params: Params): BlockFile[] {
  if (paths.length === 0) throw new CommandError("name at least one file; see pando import --help");
  return paths.map((path) => {
    const recognised = recogniseFile(path, params);
    if (!recognised.ok) throw new CommandError(recognised.message);
    return recognised.file;
  });
}

/** Says of each block whether its scripts need no check, from --assume-valid. */
async function skipRule(
  args: Arguments,
  files: readonly BlockFile[],
  params: Params,
): Promise<(hash: Uint8Array) => boolean> {
  const text = args.text("assume-valid") ?? "none";
  if (text === "none") return () => false;
  const hash = fromDisplayHex(text);
  if (hash === null || hash.length !== 32) {
    throw new CommandError("--assume-valid takes a block hash (64 hex digits) or none");
  }
  const ancestors = await ancestorsInFiles(hash, files, params);
  if (ancestors === null) {
    process.stderr.write(
      "pando: the --assume-valid block is in none of the files: every script is checked\n",
    );
    return () => false;
  }
  return (block) => ancestors.has(toHex(block));
}

interface Run {
  readonly opened: OpenedChain;
  readonly files: readonly BlockFile[];
  readonly args: Arguments;
  readonly started: number;
}

async function runImport({ opened, files, args, started }: Run): Promise<ImportCounts> {
  const { chain } = opened;
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  let read = 0;
  let answeredShare = 0;
  let stopped = false;
  const stop = (): void => {
    stopped = true;
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const progress = new Progress(() => {
    const seconds = (performance.now() - started) / 1000;
    const rate = countText(chain.statistics.inputs / seconds);
    const blocks = countText(chain.statistics.blocks / seconds);
    const text = `height ${countText(chain.tip.height)}  ${blocks} blocks/s  ${rate} inputs/s`;
    return { done: total === 0 ? 1 : (read / total) * answeredShare, text };
  });
  const verdicts = args.has("verdicts");
  try {
    const counts = await importFiles({
      chain,
      files,
      onRead: (bytes) => {
        read += bytes;
      },
      onProgress: (submitted, answered) => {
        answeredShare = answered / submitted;
      },
      onSkipped: (path, bytes, offset) => {
        const what = `${countText(bytes)} bytes before offset ${offset} are no block`;
        process.stderr.write(`pando: ${path}: ${what}: passed over\n`);
      },
      onVerdict: (line) => {
        if (verdicts) process.stdout.write(`${JSON.stringify(line)}\n`);
      },
      stopped: () => stopped,
    });
    if (chain.orphansDropped > 0) {
      const what = `${countText(chain.orphansDropped)} blocks came long before their parents`;
      process.stderr.write(`pando: ${what} and were let go: import the same files again\n`);
    }
    if (stopped) {
      process.stderr.write("pando: interrupted; what was imported is kept\n");
      process.exitCode = EXIT.interrupted;
    }
    return counts;
  } finally {
    progress.stop();
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

async function summary(run: Run, counts: ImportCounts): Promise<Record<string, unknown>> {
  const { chain } = run.opened;
  const coins = await coinSetDigest(run.opened, false);
  const seconds = (performance.now() - run.started) / 1000;
  const { blocks, transactions, inputs, scripts } = chain.statistics;
  const { hash, height } = chain.tip;
  return {
    tip: { hash: toDisplayHex(hash), height },
    blocks,
    transactions,
    inputs,
    scripts,
    seconds: Number(seconds.toFixed(3)),
    inputsPerSecond: Math.round(inputs / seconds),
    coins: { count: coins.count, amount: coins.amount },
    verdicts: counts,
    reorganisations: chain.statistics.reorganisations,
  };
}

function printSummary(result: Record<string, unknown>, counts: ImportCounts): void {
  const { tip, coins } = result as {
    tip: { hash: string; height: number };
    coins: { count: number; amount: number };
  };
  const number = (name: string): string => countText(Number(result[name]));
  const others = (["side", "orphan", "duplicate", "rejected"] as const)
    .filter((verdict) => counts[verdict] > 0)
    .map((verdict) => `${countText(counts[verdict])} ${verdict}`);
  process.stdout.write(
    [
      `tip      ${tip.height}  ${tip.hash}`,
      `blocks   ${number("blocks")} connected${others.map((text) => `, ${text}`).join("")}`,
      `checked  ${number("transactions")} transactions, ${number("inputs")} inputs, ${number("scripts")} scripts`,
      `time     ${durationText(Number(result["seconds"]))}, ${number("inputsPerSecond")} inputs/s`,
      `coins    ${countText(coins.count)}, ${(coins.amount / 1e8).toFixed(8)} in all`,
      "",
    ].join("\n"),
  );
}

async function run(args: Arguments): Promise<ExitCode> {
  const params = activated(networkOption(args), args);
  const files = recogniseAll(args.rest, params);
  const now = args.has("now") ? args.integer("now", 0, 2 ** 32 - 1, 0) : null;
  const partitions = args.has("partitions") ? args.integer("partitions", 1, 64, 4) : null;
  const verifiers = args.has("verifiers") ? args.integer("verifiers", 1, 256, 1) : null;
  const memory = args.integer("memory", MEMORY_MEGABYTES_MIN, 1 << 22, MEMORY_MEGABYTES_DEFAULT);
  return await mendable(async () => {
    const skipScripts = await skipRule(args, files, params);
    const started = performance.now();
    const opened = await openChain({
      folder: dataFolder(args),
      params,
      partitionCount: partitions,
      verifierCount: verifiers,
      memoryMegabytes: memory,
      clock: () => now ?? Math.floor(Date.now() / 1000),
      skipScripts,
    });
    for (const notice of opened.files.notices) process.stderr.write(`pando: ${notice}\n`);
    const current: Run = { opened, files, args, started };
    try {
      const counts = await runImport(current);
      await opened.chain.flush();
      const result = await summary(current, counts);
      if (args.json) process.stdout.write(`${JSON.stringify(result)}\n`);
      else printSummary(result, counts);
    } finally {
      await opened.close();
    }
    return process.exitCode === EXIT.interrupted ? EXIT.interrupted : EXIT.done;
  });
}

export const command: Command = {
  name: "import",
  summary: "Validate blocks from files and keep their coins: every rule, every script.",
  usage: "[flags] FILE...",
  options: {
    network: NETWORK_OPTION,
    "data-dir": DATA_DIR_OPTION,
    partitions: { value: "1..64", about: "partitions of a new data directory (default 4)" },
    verifiers: { value: "N", about: "script verifiers (default one for each core)" },
    memory: MEMORY_OPTION,
    "assume-valid": {
      value: "HASH",
      about: "check no scripts of this block and its ancestors; none checks all (default)",
    },
    activation: {
      value: "NAME@HEIGHT",
      about: "regtest: a deployment's height, e.g. bip34@2; may be repeated",
      many: true,
    },
    now: { value: "UNIX", about: "the time for the future-time rule (default: this machine's)" },
    verdicts: { about: "print one JSON line per block, in file order" },
  },
  notes: `Files may be Bitcoin Core's blk*.dat (also with its xor.dat), raw blocks one
after another, or one block in hex a line, each also gzipped; they are
recognised by content. Blocks may come in any order. A data directory keeps the
--partitions and --activation that it was made with. Interrupted or killed, the
same command goes on where it was.

  pando import --network regtest --data-dir /tmp/demo chain.dat`,
  run,
};
