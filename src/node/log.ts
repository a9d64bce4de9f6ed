// Structured logs: JSON lines off a terminal, readable lines on one; levels per module that can be
// changed while running, for a time. Facts are plain values; secrets never come here.
import { appendFileSync } from "node:fs";

export type Level = "error" | "warn" | "info" | "debug";
const ORDER: readonly Level[] = ["error", "warn", "info", "debug"];

export type Facts = Readonly<Record<string, unknown>>;

export interface Logger {
  error(text: string, facts?: Facts): void;
  warn(text: string, facts?: Facts): void;
  info(text: string, facts?: Facts): void;
  debug(text: string, facts?: Facts): void;
}

export interface LogOptions {
  readonly level: Level;
  readonly role: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly write: (line: string) => void;
  readonly readable: boolean;
}

/** Values longer than this are cut: a log line is no place for a block. */
const VALUE_LENGTH_MAX = 512;

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Error) return value.message;
  if (typeof value === "string" && value.length > VALUE_LENGTH_MAX) {
    return `${value.slice(0, VALUE_LENGTH_MAX)}…`;
  }
  return value;
}

interface Override {
  readonly level: Level;
  /** Milliseconds since 1970. */
  readonly until: number;
}

export class Log {
  readonly #options: LogOptions;
  #level: Level;
  readonly #overrides = new Map<string, Override>();
  /** Lines by level, for metrics. */
  readonly counts: Map<Level, number> = new Map<Level, number>();

  constructor(options: LogOptions) {
    this.#options = options;
    this.#level = options.level;
  }

  /** The levels that hold now: the general one, and those of modules. */
  spec(): { readonly level: Level; readonly modules: Readonly<Record<string, Level>> } {
    const now = this.#options.now();
    const modules: Record<string, Level> = {};
    for (const [module, { level, until }] of this.#overrides) {
      if (until > now) modules[module] = level;
      else this.#overrides.delete(module);
    }
    return { level: this.#level, modules };
  }

  /** Changes the level of a module for a time, or the general one (`module` null) for good. */
  setLevel(module: string | null, level: Level, forMs: number): void {
    if (module === null) this.#level = level;
    else this.#overrides.set(module, { level, until: this.#options.now() + forMs });
  }

  #allows(module: string, level: Level): boolean {
    const override = this.#overrides.get(module);
    const live = override !== undefined && override.until > this.#options.now();
    return ORDER.indexOf(level) <= ORDER.indexOf(live ? override.level : this.#level);
  }

  line(module: string, level: Level, text: string, facts: Facts = {}): void {
    this.counts.set(level, (this.counts.get(level) ?? 0) + 1);
    if (!this.#allows(module, level)) return;
    const { now, role, write, readable } = this.#options;
    const time = new Date(now()).toISOString();
    const shown = Object.entries(facts)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]): [string, unknown] => [name, plain(value)]);
    if (readable) {
      const tail = shown.map(([name, value]) => ` ${name}=${String(value)}`).join("");
      write(`${time.slice(11, 23)} ${level.padEnd(5)} ${module.padEnd(8)} ${text}${tail}\n`);
    } else {
      const head = { time, level, module, role, msg: text };
      write(`${JSON.stringify({ ...head, ...Object.fromEntries(shown) })}\n`);
    }
  }

  module(name: string): Logger {
    return {
      error: (text, facts) => this.line(name, "error", text, facts),
      warn: (text, facts) => this.line(name, "warn", text, facts),
      info: (text, facts) => this.line(name, "info", text, facts),
      debug: (text, facts) => this.line(name, "debug", text, facts),
    };
  }
}

export function isLevel(text: string): text is Level {
  return (ORDER as readonly string[]).includes(text);
}

/** Writes to stderr, and to a file when one is named. */
export function logWriter(file: string): (line: string) => void {
  return (line) => {
    process.stderr.write(line);
    if (file === "") return;
    try {
      appendFileSync(file, line);
    } catch {
      // A full disk must not end the node: the line is on stderr.
    }
  };
}
