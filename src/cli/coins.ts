// `pando coins`: what the coin set of a data directory holds.
import { toDisplayHex } from "../base/bytes.ts";
import { coinSetDigest } from "../node/chain/digest.ts";
import { networkOf } from "../node/chain/files.ts";
import { openChain } from "../node/chain/open.ts";
import {
  DATA_DIR_OPTION,
  dataFolder,
  MEMORY_MEGABYTES_DEFAULT,
  mendable,
  networkOption,
  refuseWords,
} from "./chain-options.ts";
import { type Arguments, type Command, EXIT, type ExitCode } from "./command.ts";
import { countText } from "./progress.ts";

async function run(args: Arguments): Promise<ExitCode> {
  refuseWords(args, "coins");
  const folder = dataFolder(args);
  const params = networkOption(args, networkOf(folder) ?? "main");
  return await mendable(async () => {
    const opened = await openChain({
      folder,
      params,
      partitionCount: null,
      verifierCount: 1,
      memoryMegabytes: MEMORY_MEGABYTES_DEFAULT,
      clock: () => Math.floor(Date.now() / 1000),
      skipScripts: () => false,
      mustExist: true,
    });
    try {
      const { count, amount, muhash } = await coinSetDigest(opened, args.has("muhash"));
      const { hash, height } = opened.chain.tip;
      const tip = { hash: toDisplayHex(hash), height };
      const hashText = muhash === null ? null : toDisplayHex(muhash);
      if (args.json) {
        const result = { tip, count, amount, ...(hashText === null ? {} : { muhash: hashText }) };
        process.stdout.write(`${JSON.stringify(result)}\n`);
      } else {
        process.stdout.write(`tip     ${height}  ${tip.hash}\ncoins   ${countText(count)}\n`);
        process.stdout.write(`amount  ${(amount / 1e8).toFixed(8)}\n`);
        if (hashText !== null) process.stdout.write(`muhash  ${hashText}\n`);
      }
    } finally {
      await opened.close();
    }
    return EXIT.done;
  });
}

export const command: Command = {
  name: "coins",
  summary: "Count the coins of a data directory, their amount and, on request, their hash.",
  usage: "[flags]",
  options: {
    "data-dir": DATA_DIR_OPTION,
    network: { value: "NAME", about: "refuse a directory of another network" },
    muhash: { about: "also the MuHash3072, as Bitcoin Core's gettxoutsetinfo muhash" },
  },
  run,
};
