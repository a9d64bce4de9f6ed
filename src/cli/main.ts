// The entry of every `pando` command: finds the command, parses its flags, runs it, and turns what
// a person can mend into one line on stderr with the right exit code.

import {
  type Command,
  type CommandEntry,
  CommandError,
  EXIT,
  type ExitCode,
  helpText,
  parseCommand,
  suggestion,
} from "./command.ts";
import { commands } from "./commands.ts";

const root: Command = {
  name: "pando",
  summary: "Pando: one full node with as many machines as it needs.",
  usage: "COMMAND [flags]",
  options: { version: { about: "print the version" } },
  subcommands: commands,
  run: () => EXIT.done,
};

interface Found {
  readonly path: string;
  readonly command: Command;
  readonly words: readonly string[];
}

async function find(words: readonly string[]): Promise<Found> {
  let found: Found = { path: "", command: root, words };
  while (found.command.subcommands !== undefined) {
    const [name, ...rest] = found.words;
    if (name === undefined || name.startsWith("-")) return found;
    const entries: readonly CommandEntry[] = found.command.subcommands;
    const entry = entries.find((candidate) => candidate.name === name);
    if (entry === undefined) {
      const near = suggestion(
        name,
        entries.map((candidate) => candidate.name),
      );
      const help = `see pando ${found.path === "" ? "" : `${found.path} `}--help`;
      throw new CommandError(`unknown command '${name}'${near}; ${help}`);
    }
    const path = found.path === "" ? name : `${found.path} ${name}`;
    found = { path, command: await entry.load(), words: rest };
  }
  return found;
}

async function run(words: readonly string[]): Promise<ExitCode> {
  const { path, command, words: rest } = await find(words);
  const args = parseCommand(path, command, rest);
  const needsName = command.subcommands !== undefined && command.standsAlone !== true;
  if (args.has("help") || (rest.length === 0 && needsName)) {
    process.stdout.write(helpText(path, command));
    return args.has("help") ? EXIT.done : EXIT.usage;
  }
  if (command === root) {
    const { version } = await import("./version.ts");
    process.stdout.write(`pando ${version()}\n`);
    return EXIT.done;
  }
  if (needsName) {
    throw new CommandError(`name a subcommand; see pando ${path} --help`);
  }
  return await command.run(args);
}

/** Runs one command line and sets the process's exit code. */
export async function main(words: readonly string[]): Promise<void> {
  // A reader that went away (`pando ... | head`) is not an error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT.done);
    throw error;
  });
  try {
    process.exitCode = await run(words);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    process.stderr.write(`pando: ${error.message}\n`);
    process.exitCode = error.exit;
  }
}
