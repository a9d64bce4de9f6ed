// `pando devnet status`, `partition`, `heal`, `kill`, `restart`, `stop`: one command each to the
// devnet that runs on the state folder.

import { sendCommand } from "../node/devnet/control-client.ts";
import { readControl } from "../node/devnet/control-file.ts";
import {
  type Arguments,
  type Command,
  type CommandEntry,
  CommandError,
  EXIT,
  type ExitCode,
} from "./command.ts";
import { STATE_OPTION, stateFolder } from "./devnet-state.ts";

interface Control {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  /** Whether words may follow. */
  readonly words: boolean;
  readonly example: string;
}

const CONTROLS: readonly Control[] = [
  {
    name: "status",
    summary: "show the nodes, links, forks and payments as they are now",
    usage: "[flags]",
    words: false,
    example: "pando devnet status --json",
  },
  {
    name: "partition",
    summary: "cut the links between groups of nodes",
    usage: "[flags] GROUP GROUP...",
    words: true,
    example: "pando devnet partition 1,2 3    nodes 1 and 2 on one side, 3 on the other",
  },
  {
    name: "heal",
    summary: "restore every link",
    usage: "[flags]",
    words: false,
    example: "pando devnet heal",
  },
  {
    name: "kill",
    summary: "kill -9 a node",
    usage: "[flags] NODE",
    words: true,
    example: "pando devnet kill 2",
  },
  {
    name: "restart",
    summary: "bring a node back on what it has on disk",
    usage: "[flags] NODE",
    words: true,
    example: "pando devnet restart 2",
  },
  {
    name: "quiet",
    summary: "end payments and churn; cut links stay cut",
    usage: "[flags]",
    words: false,
    example: "pando devnet quiet",
  },
  {
    name: "stop",
    summary: "stop the devnet; its state stays",
    usage: "[flags]",
    words: false,
    example: "pando devnet stop",
  },
];

const STOP_MS_MAX = 30_000;
const ASK_EVERY_MS = 100;

/** Until the devnet has gone. */
async function untilGone(folder: string): Promise<void> {
  const end = performance.now() + STOP_MS_MAX;
  while (readControl(folder) !== null) {
    if (performance.now() > end) {
      throw new CommandError(`the devnet of ${folder} is still stopping`, EXIT.no);
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

async function send(control: Control, args: Arguments): Promise<ExitCode> {
  const { name } = control;
  if (!control.words && args.rest.length > 0) {
    throw new CommandError(
      `'${args.rest[0]}' is one word too many; see pando devnet ${name} --help`,
    );
  }
  const folder = stateFolder(args);
  const answer = await sendCommand(folder, { name, words: args.rest });
  if (answer === null) {
    throw new CommandError(`no devnet runs on ${folder}: pando devnet starts one`, EXIT.no);
  }
  if (!answer.ok) throw new CommandError(answer.why, EXIT.no);
  if (name === "stop") await untilGone(folder);
  process.stdout.write(args.json ? `${JSON.stringify(answer.data)}\n` : `${answer.text}\n`);
  return EXIT.done;
}

function commandOf(control: Control): Command {
  const { name, summary, usage, example } = control;
  return {
    name,
    summary: `${summary[0]!.toUpperCase()}${summary.slice(1)}.`,
    usage,
    options: { state: STATE_OPTION },
    notes: `  ${example}`,
    run: (args) => send(control, args),
  };
}

export const controlCommands: readonly CommandEntry[] = CONTROLS.map((control) => ({
  name: control.name,
  summary: control.summary,
  load: () => Promise.resolve(commandOf(control)),
}));
