// What a command is: its options as one table, from which parsing, `--help` and the error messages
// come. Results go to stdout, messages to stderr; `--json` prints one JSON object as the last line.
import { parseArgs } from "node:util";

/** Exit codes of every command (docs/operating.md). */
export const EXIT = {
  done: 0,
  no: 1,
  usage: 2,
  config: 3,
  environment: 4,
  damaged: 5,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface Option {
  /** What stands behind the flag in `--help`; absent for a switch. */
  readonly value?: string;
  readonly about: string;
  readonly many?: boolean;
  readonly short?: string;
}

export interface Arguments {
  /** The last value of an option, or null. */
  text(name: string): string | null;
  all(name: string): readonly string[];
  has(name: string): boolean;
  /** A whole number within [least, most], or `otherwise` when the flag is absent. */
  integer(name: string, least: number, most: number, otherwise: number): number;
  /** A decimal number within [least, most], or `otherwise` when the flag is absent. */
  number(name: string, least: number, most: number, otherwise: number): number;
  /** One of `choices`, or `otherwise` when the flag is absent. */
  choice<T extends string>(name: string, choices: readonly T[], otherwise: T): T;
  readonly rest: readonly string[];
  readonly json: boolean;
}

export interface Command {
  readonly name: string;
  /** The line of `pando --help`. */
  readonly summary: string;
  /** What stands behind the name in the usage line, e.g. "[flags] FILE...". */
  readonly usage: string;
  readonly options: Readonly<Record<string, Option>>;
  /** More for `--help`: examples, formats. */
  readonly notes?: string;
  /** Subcommands, e.g. `sim cuckoo`; `run` is then only used when it stands alone. */
  readonly subcommands?: readonly CommandEntry[];
  /** It also runs without one of its subcommands. */
  readonly standsAlone?: boolean;
  run(args: Arguments): Promise<ExitCode> | ExitCode;
}

/** A command's name and line, and how to load the rest of it only when it is wanted. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

/** An error that a person can mend: one line that says what is wrong and what to do. */
export class CommandError extends Error {
  readonly exit: ExitCode;
  constructor(message: string, exit: ExitCode = EXIT.usage) {
    super(message);
    this.exit = exit;
  }
}

/** Levenshtein distance, for "did you mean". */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** " (did you mean X?)" when a known name is near, else "". */
export function suggestion(given: string, known: readonly string[]): string {
  const best = known
    .map((name) => ({ name, far: distance(given, name) }))
    .sort((a, b) => a.far - b.far)[0];
  return best !== undefined && best.far <= Math.max(1, given.length / 3)
    ? ` (did you mean ${best.name}?)`
    : "";
}

const COMMON: Readonly<Record<string, Option>> = {
  json: { about: "print one JSON object as the last line of stdout" },
  help: { about: "print this help", short: "h" },
};

function flag(name: string, option: Option): string {
  const dash = option.short === undefined ? "" : `-${option.short}, `;
  return `${dash}--${name}${option.value === undefined ? "" : ` ${option.value}`}`;
}

/** Breaks `text` into lines of at most `width` columns, each behind `indent`. */
function wrap(text: string, indent: number, width: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line.length > 0 && indent + line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line.length === 0 ? word : `${line} ${word}`;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}

/** The `--help` text of a command, 80 columns. */
export function helpText(path: string, command: Command): string {
  const parts = [
    `${wrap(command.summary, 0, 80)}\n\nUsage: ${`pando ${path}`.trim()} ${command.usage}\n`,
  ];
  if (command.subcommands !== undefined) {
    parts.push("\nCommands:\n");
    for (const entry of command.subcommands) {
      parts.push(`  ${entry.name.padEnd(16)}${wrap(entry.summary, 18, 80)}\n`);
    }
  }
  parts.push("\nFlags:\n");
  for (const [name, option] of Object.entries({ ...command.options, ...COMMON })) {
    const left = `  ${flag(name, option)}`;
    const gap = left.length < 30 ? left.padEnd(30) : `${left}\n${" ".repeat(30)}`;
    parts.push(`${gap}${wrap(option.about, 30, 80)}\n`);
  }
  if (command.notes !== undefined) parts.push(`\n${command.notes.trimEnd()}\n`);
  return parts.join("");
}

type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;

function numberFlag(
  text: string | null,
  name: string,
  least: number,
  most: number,
  otherwise: number,
  whole: boolean,
): number {
  if (text === null) return otherwise;
  const value = /^-?\d+(\.\d+)?(e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
    const kind = whole ? "a whole number" : "a number";
    throw new CommandError(`--${name} takes ${kind} from ${least} to ${most}, not '${text}'`);
  }
  return value;
}

function wrapArguments(values: Values, rest: readonly string[]): Arguments {
  const all = (name: string): readonly string[] => {
    const value = values[name];
    if (value === undefined || typeof value === "boolean") return [];
    return Array.isArray(value) ? value.map(String) : [value];
  };
  const text = (name: string): string | null => all(name).at(-1) ?? null;
  return {
    text,
    all,
    has: (name) => values[name] !== undefined && values[name] !== false,
    integer: (name, least, most, otherwise) =>
      numberFlag(text(name), name, least, most, otherwise, true),
    number: (name, least, most, otherwise) =>
      numberFlag(text(name), name, least, most, otherwise, false),
    choice: (name, choices, otherwise) => {
      const value = text(name);
      if (value === null) return otherwise;
      const found = choices.find((choice) => choice === value);
      if (found === undefined) {
        const near = suggestion(value, choices);
        throw new CommandError(`--${name} takes ${choices.join(", ")}, not '${value}'${near}`);
      }
      return found;
    },
    rest,
    json: values["json"] === true,
  };
}

/** Parses the words behind a command's name; throws CommandError with one clear line. */
export function parseCommand(path: string, command: Command, words: readonly string[]): Arguments {
  const known: Record<string, Option> = { ...command.options, ...COMMON };
  const options: Record<
    string,
    { type: "string" | "boolean"; multiple?: boolean; short?: string }
  > = {};
  for (const [name, option] of Object.entries(known)) {
    options[name] = {
      type: option.value === undefined ? "boolean" : "string",
      ...(option.many === true ? { multiple: true } : {}),
      ...(option.short === undefined ? {} : { short: option.short }),
    };
  }
  for (const word of words) {
    if (word === "--") break;
    if (!word.startsWith("--")) continue;
    const name = word.slice(2).split("=")[0]!;
    if (!(name in known)) {
      const near = suggestion(name, Object.keys(known)).replace("mean ", "mean --");
      throw new CommandError(`unknown flag --${name}${near}; see pando ${path} --help`);
    }
  }
  try {
    const parsed = parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
    return wrapArguments(parsed.values, parsed.positionals);
  } catch (error) {
    const message = error instanceof Error ? error.message.split(/\.\s/)[0]! : String(error);
    throw new CommandError(`${message}; see pando ${path} --help`);
  }
}
