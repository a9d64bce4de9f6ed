// `pando devnet`: a network of real nodes on this machine, kept going by this process until Ctrl-C,
// `pando devnet stop` or the end of --for. The state stays and the next start goes on with it.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseBytes, parseDuration } from "../node/config/units.ts";
import { cryptoFault } from "../node/crypto-ready.ts";
import { type DevnetOptions, NodeFolderFault, openDevnet } from "../node/devnet/open.ts";
import {
  type DevnetPlan,
  isDevnetFolder,
  NODES_MAX,
  readPlan,
  STAKERS_MAX,
} from "../node/devnet/plan.ts";
import { isGood, summaryLines, summaryOf } from "../node/devnet/summary.ts";
import { refuseWords } from "./chain-options.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { controlCommands } from "./devnet-control.ts";
import { devnetOutput } from "./devnet-output.ts";
import { STATE_OPTION, stateFolder } from "./devnet-state.ts";

/** A time with its unit, between two that are written the same way. */
function duration(args: Arguments, name: string, least: string, most: string): number | null {
  const text = args.text(name);
  if (text === null) return null;
  const ms = parseDuration(text);
  if (ms !== null && ms >= parseDuration(least)! && ms <= parseDuration(most)!) return ms;
  throw new CommandError(`--${name} takes a time from ${least} to ${most}, not '${text}'`);
}

const DEFAULTS: DevnetPlan = {
  consensus: "qpos",
  nodes: 3,
  stakers: 3,
  slotMs: 1_000,
  blockBytes: null,
  seed: "devnet",
};

function blockBytes(args: Arguments): number | null {
  const text = args.text("block-size");
  if (text === null) return null;
  const bytes = parseBytes(text);
  if (bytes === null || bytes < 20_000 || bytes > 64_000_000) {
    throw new CommandError(`--block-size takes a size from 20kB to 64MB, not '${text}'`);
  }
  return bytes;
}

/** The plan that the flags ask for; what is not named is as it was, or as by default. */
function plannedBy(args: Arguments, saved: DevnetPlan | null): DevnetPlan {
  const base = saved ?? DEFAULTS;
  const consensus = args.choice("consensus", ["qpos", "work"], base.consensus);
  const nodes = args.integer("nodes", 1, NODES_MAX, base.nodes);
  const stakers = args.integer("stakers", 1, STAKERS_MAX, saved?.stakers ?? Math.max(3, nodes));
  if (consensus === "work") {
    for (const name of ["stakers", "block-size"]) {
      if (args.has(name)) throw new CommandError(`--${name} is for --consensus qpos`);
    }
  }
  return {
    consensus,
    nodes,
    stakers: consensus === "work" ? 0 : stakers,
    slotMs: duration(args, "slot", "100ms", "60s") ?? base.slotMs,
    blockBytes: blockBytes(args) ?? base.blockBytes,
    seed: args.text("seed") ?? base.seed,
  };
}

const NAMES: Readonly<Record<keyof DevnetPlan, string>> = {
  consensus: "--consensus",
  nodes: "--nodes",
  stakers: "--stakers",
  slotMs: "--slot",
  blockBytes: "--block-size",
  seed: "--seed",
};

function planOf(args: Arguments, folder: string): DevnetPlan {
  const saved = readPlan(folder);
  if (saved.found === "damaged") {
    const text = `${folder} holds a devnet that cannot be read: --fresh begins anew`;
    throw new CommandError(text, EXIT.damaged);
  }
  if (saved.found === "none") return plannedBy(args, null);
  const plan = plannedBy(args, saved.plan);
  for (const name of Object.keys(NAMES) as (keyof DevnetPlan)[]) {
    if (plan[name] === saved.plan[name]) continue;
    const was = `${NAMES[name]} ${saved.plan[name]}`;
    throw new CommandError(
      `${folder} holds a devnet with ${was}: --fresh begins anew, another --state leaves it alone`,
    );
  }
  return plan;
}

function optionsOf(args: Arguments): DevnetOptions {
  refuseWords(args, "devnet");
  const folder = stateFolder(args);
  if (!isDevnetFolder(folder)) {
    throw new CommandError(`${folder} holds other files than a devnet's: name another --state`);
  }
  return {
    folder,
    fresh: args.has("fresh"),
    plan: args.has("fresh") ? plannedBy(args, null) : planOf(args, folder),
    load: args.number("load", 0, 10_000, 0),
    churnMs: duration(args, "churn", "500ms", "1d"),
    program: join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "bin", "pando"),
  };
}

async function run(args: Arguments): Promise<ExitCode> {
  const options = optionsOf(args);
  const forMs = duration(args, "for", "1s", "30d");
  const fault = cryptoFault();
  if (fault !== null) throw new CommandError(fault, EXIT.environment);
  const output = devnetOutput(args.json);
  try {
    const devnet = await openDevnet({ ...options, tell: (event) => output.event(event) });
    output.show(() => devnet.snapshot());
    let exit: ExitCode = EXIT.no;
    await devnet.run(forMs, ({ why, snapshot }) => {
      const summary = summaryOf(snapshot);
      output.end(summary, summaryLines(summary, snapshot));
      if (why === "interrupted") exit = EXIT.interrupted;
      else if (why === "stopped" || isGood(summary)) exit = EXIT.done;
    });
    return exit;
  } catch (error) {
    output.close();
    if (error instanceof NodeFolderFault) throw new CommandError(error.message, EXIT.environment);
    throw error;
  }
}

export const command: Command = {
  name: "devnet",
  summary: "Run a network of real nodes on this machine, with faucet, load and faults.",
  usage: "[flags] | COMMAND",
  options: {
    nodes: { value: "N", about: `nodes, 1 to ${NODES_MAX} (default 3)` },
    stakers: { value: "N", about: "stakers, spread over the nodes (default 3, or one each)" },
    consensus: { value: "KIND", about: "qpos: stakers take turns; work: proof of work" },
    slot: { value: "TIME", about: "time of a block (default 1s)" },
    "block-size": { value: "SIZE", about: "bound of a block, e.g. 4MB" },
    load: { value: "N", about: "signed payments a second over all nodes (default none)" },
    churn: { value: "TIME", about: "cut or restore a random link this often, e.g. 30s" },
    for: { value: "TIME", about: "end by itself after this long, with a summary" },
    seed: { value: "TEXT", about: "keys and random choices follow from it" },
    state: STATE_OPTION,
    fresh: { about: "remove what is kept there and begin anew" },
  },
  subcommands: controlCommands,
  standsAlone: true,
  notes: `The commands act on the devnet that runs, from another terminal. Nodes are
numbered from 1. What is kept goes on at the next start; blocks are never
pruned.

  pando devnet --nodes 4 --churn 30s --load 50
  pando devnet partition 1,2 3`,
  run,
};
