// `pando repair`: looks through a data directory and makes again what is damaged.
import { toDisplayHex } from "../base/bytes.ts";
import { networkOf } from "../node/chain/files.ts";
import { repair } from "../node/chain/repair.ts";
import {
  DATA_DIR_OPTION,
  dataFolder,
  MEMORY_MEGABYTES_DEFAULT,
  MEMORY_MEGABYTES_MIN,
  MEMORY_OPTION,
  mendable,
  networkOption,
} from "./chain-options.ts";
import { type Arguments, type Command, EXIT, type ExitCode } from "./command.ts";
import { countText, Progress } from "./progress.ts";

async function run(args: Arguments): Promise<ExitCode> {
  const folder = dataFolder(args);
  const params = networkOption(args, networkOf(folder) ?? "main");
  const memory = args.integer("memory", MEMORY_MEGABYTES_MIN, 1 << 22, MEMORY_MEGABYTES_DEFAULT);
  let blocks = 0;
  const progress = new Progress(() => ({
    done: null,
    text: blocks === 0 ? "reading every record" : `${countText(blocks)} blocks made again`,
  }));
  const result = await mendable(() =>
    repair({
      folder,
      params,
      memoryMegabytes: memory,
      onBlock: (count) => {
        blocks = count;
      },
    }),
  ).finally(() => progress.stop());
  const { damage, rebuilt, kept, unconnected } = result;
  const lost = result.lost.map((hash) => toDisplayHex(hash));
  const tip = { hash: toDisplayHex(result.tip.hash), height: result.tip.height };
  if (args.json) {
    process.stdout.write(`${JSON.stringify({ damage, rebuilt, lost, unconnected, tip, kept })}\n`);
    return EXIT.done;
  }
  for (const line of damage) process.stdout.write(`${line}\n`);
  const what = {
    nothing: damage.length === 0 ? "nothing is damaged" : "nothing had to be made again",
    blocks: "the coins are whole",
    partitions: "partition stores made again",
    all: "everything made again from the blocks",
  };
  for (const hash of lost) {
    process.stdout.write(`block ${hash} is lost: import it again, so that it can be served\n`);
  }
  if (unconnected > 0) {
    const blocks = `${countText(unconnected)} blocks stand on one that is lost`;
    process.stdout.write(`${blocks}: import the files again that they came from\n`);
  }
  process.stdout.write(`${what[rebuilt]}; the tip is ${tip.height}  ${tip.hash}\n`);
  if (kept !== null) {
    process.stdout.write(`the damaged files are in ${kept}: remove them when you have looked\n`);
  }
  return EXIT.done;
}

export const command: Command = {
  name: "repair",
  summary: "Find damaged records in a data directory and rebuild from what is sound.",
  usage: "[flags]",
  options: {
    "data-dir": DATA_DIR_OPTION,
    network: { value: "NAME", about: "refuse a directory of another network" },
    memory: MEMORY_OPTION,
  },
  notes: `Reads every block, delta, index and log record and every stored coin against
its checksum. A block that cannot be read is named and given up: its coins are
whole, import it again. A damaged store is made again from the deltas. When
deltas, index, log or FORMAT are damaged, everything is made again from the
blocks that can be read; the chain then ends before the first lost block until
that and those behind it are imported again, and the old files are put aside.`,
  run,
};
