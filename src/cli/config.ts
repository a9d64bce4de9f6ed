// `pando config`: what the node would run with and where each value comes from, and whether a file is
// sound.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { configSchema, configText, originText } from "../node/config/print.ts";
import { type Resolved, resolveConfig } from "../node/config/resolve.ts";
import { OPTION_NAMES, optionOf } from "../node/config/schema.ts";
import { type Arguments, type Command, CommandError, EXIT, type Option } from "./command.ts";

/** The flags of every option, for commands that take a configuration. */
export function configFlags(): Record<string, Option> {
  const flags: Record<string, Option> = {
    config: { value: "FILE", about: "TOML file; default pando.toml in the data directory" },
  };
  for (const name of OPTION_NAMES) {
    const { flag, about, type } = optionOf(name);
    const value = type === "integer" ? "N" : type === "bytes" ? "SIZE" : type.toUpperCase();
    const many = type === "list" ? { many: true } : {};
    flags[flag] = type === "boolean" ? { value: "yes|no", about } : { value, about, ...many };
  }
  return flags;
}

/** `~/x` in the user's home. */
export function expandHome(path: string): string {
  if (path !== "~" && !path.startsWith("~/")) return path;
  return join(process.env["HOME"] ?? ".", path.slice(2));
}

function fileText(path: string | null, dataDir: string): string | null {
  const chosen = path ?? join(expandHome(dataDir), "pando.toml");
  if (path === null && !existsSync(chosen)) return null;
  try {
    return readFileSync(chosen, "utf8");
  } catch (error) {
    throw new CommandError(`${chosen} cannot be read: ${(error as Error).message}`, EXIT.config);
  }
}

/** The configuration of a command line; faults are not judged here. */
export function resolveArguments(args: Arguments): Resolved {
  const flags = new Map<string, readonly string[]>();
  for (const name of OPTION_NAMES) {
    const { flag } = optionOf(name);
    const values = args.all(flag);
    if (values.length > 0) flags.set(flag, values);
  }
  const environment = process.env;
  const first = resolveConfig({ flags, environment, file: null });
  const file = fileText(args.text("config"), first.config.dataDir ?? "~/.pando");
  return resolveConfig({ flags, environment, file });
}

/** The configuration, or the error that lists everything wrong with it. */
export function usableConfig(args: Arguments): Resolved {
  const resolved = resolveArguments(args);
  if (resolved.faults.length === 0) return resolved;
  throw new CommandError(resolved.faults.join("\npando: "), EXIT.config);
}

const printCommand: Command = {
  name: "print",
  summary: "Prints the configuration that would be used.",
  usage: "[flags]",
  options: {
    ...configFlags(),
    origins: { about: "say where each value came from" },
    schema: { about: "print the JSON Schema of the file instead" },
  },
  run: (args) => {
    if (args.has("schema")) {
      process.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`);
      return EXIT.done;
    }
    const resolved = usableConfig(args);
    if (args.json) {
      const origins = Object.fromEntries(
        OPTION_NAMES.map((name) => [name, originText(resolved.origins[name])]),
      );
      const { config, ignored } = resolved;
      process.stdout.write(`${JSON.stringify({ config, origins, ignored })}\n`);
    } else process.stdout.write(configText(resolved, args.has("origins")));
    for (const name of resolved.ignored) {
      process.stderr.write(`ignored: ${name} is not an option (a container's link?)\n`);
    }
    return EXIT.done;
  },
};

const checkCommand: Command = {
  name: "check",
  summary:
    "Checks a configuration file, the environment and the flags, and tells everything wrong.",
  usage: "[flags] [FILE]",
  options: configFlags(),
  run: (args) => {
    const [path] = args.rest;
    const withFile = path === undefined ? args : withConfig(args, path);
    const { faults } = resolveArguments(withFile);
    if (args.json) process.stdout.write(`${JSON.stringify({ ok: faults.length === 0, faults })}\n`);
    else {
      for (const fault of faults) process.stderr.write(`${fault}\n`);
      if (faults.length === 0) process.stdout.write("sound\n");
    }
    return faults.length === 0 ? EXIT.done : EXIT.config;
  },
};

function withConfig(args: Arguments, path: string): Arguments {
  return { ...args, text: (name) => (name === "config" ? path : args.text(name)) };
}

export const command: Command = {
  name: "config",
  summary: "Prints or checks the node's configuration.",
  usage: "COMMAND [flags]",
  options: {},
  subcommands: [
    { name: "print", summary: printCommand.summary, load: async () => printCommand },
    { name: "check", summary: checkCommand.summary, load: async () => checkCommand },
  ],
  run: () => EXIT.usage,
};
