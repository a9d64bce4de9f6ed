// From flags, environment and file to one configuration, each value with its origin: flags over
// environment over the network's part of the file over the file over defaults. Every fault is found,
// not only the first, and an unknown name is an error with a suggestion.
import { parse as parseToml } from "smol-toml";
import { NETWORK_NAMES } from "../../ledger/bitcoin/networks.ts";
import { nearest } from "./nearest.ts";
import {
  type Config,
  type ConfigOption,
  environmentName,
  OPTION_NAMES,
  type OptionName,
  optionOf,
} from "./schema.ts";
import { parseBoolean, parseBytes, parseDuration } from "./units.ts";

export type Origin =
  | { readonly from: "default" }
  | { readonly from: "file"; readonly place: string }
  | { readonly from: "environment"; readonly place: string }
  | { readonly from: "flag"; readonly place: string };

export interface Sources {
  /** Values by flag name, in order. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The text of the file; null without one. */
  readonly file: string | null;
}

export interface Resolved {
  readonly config: Config;
  readonly origins: Readonly<Record<OptionName, Origin>>;
  /** Environment variables that look like ours and are not: container links. */
  readonly ignored: readonly string[];
  readonly faults: readonly string[];
}

type Value = string | number | boolean | readonly string[];
type Given = { readonly value: unknown; readonly origin: Origin; readonly text: boolean };

const NAMES = new Map(
  OPTION_NAMES.map((name) => [`${optionOf(name).section}.${optionOf(name).key}`, name]),
);
const SECTIONS: ReadonlySet<string> = new Set(OPTION_NAMES.map((name) => optionOf(name).section));

function placeText(origin: Origin): string {
  return origin.from === "default" ? "default" : origin.place;
}

/** Checks one value; a text says what is wrong with it. */
function check(option: ConfigOption, { value, text }: Given): { value: Value } | string {
  switch (option.type) {
    case "boolean": {
      const parsed = text ? parseBoolean(String(value)) : value;
      return typeof parsed === "boolean" ? { value: parsed } : "is true or false";
    }
    case "integer": {
      const parsed = text && /^-?\d+$/.test(String(value)) ? Number(value) : value;
      const { least, most } = option;
      const fits = typeof parsed === "number" && Number.isInteger(parsed) && parsed >= least;
      return fits && parsed <= most
        ? { value: parsed }
        : `is a whole number from ${least} to ${most}`;
    }
    case "bytes": {
      const parsed = typeof value === "string" ? parseBytes(value) : null;
      return parsed === null ? "is a size with its unit, such as 4GiB" : { value: parsed };
    }
    case "duration": {
      const parsed = typeof value === "string" ? parseDuration(value) : null;
      return parsed === null ? "is a time with its unit, such as 250ms" : { value: parsed };
    }
    case "choice": {
      if (typeof value === "string" && option.choices.includes(value)) return { value };
      const { fileEnding } = option;
      if (fileEnding !== undefined && String(value).endsWith(fileEnding)) {
        return { value: String(value) };
      }
      return `is one of ${option.choices.join(", ")}${nearest(String(value), option.choices)}`;
    }
    case "list": {
      const parts = text ? String(value).split(",").filter(Boolean) : value;
      const sound = Array.isArray(parts) && parts.every((part) => typeof part === "string");
      return sound ? { value: parts as string[] } : "is a list of texts";
    }
    case "text":
    case "file":
      return typeof value === "string" ? { value } : "is a text";
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The options of one table of sections, under `prefix` for messages. */
function readSections(
  table: Record<string, unknown>,
  prefix: string,
  given: Map<OptionName, Given>,
  faults: string[],
): void {
  for (const [section, keys] of Object.entries(table)) {
    if (!SECTIONS.has(section) || !isTable(keys)) {
      const near = nearest(section, [...SECTIONS, ...NETWORK_NAMES]);
      faults.push(`file: ${prefix}[${section}] is no section${near}`);
      continue;
    }
    for (const [key, value] of Object.entries(keys)) {
      const name = NAMES.get(`${section}.${key}`);
      const place = `${prefix}${section}.${key}`;
      if (name === undefined) faults.push(`file: ${place} is unknown${suggest(section, key)}`);
      else given.set(name, { value, origin: { from: "file", place }, text: false });
    }
  }
}

/** A near key of the section, or the section where the key belongs. */
function suggest(section: string, key: string): string {
  const own = [...NAMES.keys()].filter((name) => name.startsWith(`${section}.`));
  const near = nearest(`${section}.${key}`, own);
  if (near !== "") return near;
  const elsewhere = [...NAMES.keys()].find((name) => name.endsWith(`.${key}`));
  return elsewhere === undefined ? "" : ` (did you mean ${elsewhere}?)`;
}

function readFile(text: string, faults: string[]) {
  const common = new Map<OptionName, Given>();
  const byNetwork = new Map<string, Map<OptionName, Given>>();
  let root: Record<string, unknown> = {};
  try {
    root = parseToml(text) as Record<string, unknown>;
  } catch (error) {
    const [line = ""] = String(error instanceof Error ? error.message : error).split("\n");
    faults.push(`file: ${line}`);
  }
  const sections: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(root)) {
    if (!(NETWORK_NAMES as readonly string[]).includes(name)) sections[name] = value;
    else if (isTable(value)) {
      const own = new Map<OptionName, Given>();
      readSections(value, `${name}.`, own, faults);
      if (own.has("network"))
        faults.push(`file: ${name}.node.network cannot depend on the network`);
      byNetwork.set(name, own);
    }
  }
  readSections(sections, "", common, faults);
  return { common, byNetwork };
}

function readEnvironment(
  environment: Sources["environment"],
  ignored: string[],
  faults: string[],
): Map<OptionName, Given> {
  const given = new Map<OptionName, Given>();
  const names = new Map(OPTION_NAMES.map((name) => [environmentName(optionOf(name)), name]));
  for (const [variable, value] of Object.entries(environment)) {
    if (value === undefined || !variable.startsWith("PANDO_")) continue;
    const name = names.get(variable);
    if (name !== undefined) {
      given.set(name, { value, origin: { from: "environment", place: variable }, text: true });
    } else if (variable.startsWith("PANDO__")) {
      faults.push(`environment: ${variable} is unknown${nearest(variable, [...names.keys()])}`);
    } else ignored.push(variable);
  }
  return given;
}

function readFlags(flags: Sources["flags"], faults: string[]): Map<OptionName, Given> {
  const given = new Map<OptionName, Given>();
  const names = new Map(OPTION_NAMES.map((name) => [optionOf(name).flag, name]));
  for (const [flag, values] of flags) {
    const name = names.get(flag);
    if (name === undefined) {
      faults.push(`--${flag} is unknown${nearest(flag, [...names.keys()])}`);
      continue;
    }
    const isList = optionOf(name).type === "list";
    const value = isList ? values.flatMap((one) => one.split(",")).filter(Boolean) : values.at(-1);
    given.set(name, { value, origin: { from: "flag", place: `--${flag}` }, text: !isList });
  }
  return given;
}

/** One configuration from all its sources. When there are faults it must not be used. */
export function resolveConfig(sources: Sources): Resolved {
  const faults: string[] = [];
  const ignored: string[] = [];
  const file = readFile(sources.file ?? "", faults);
  const environment = readEnvironment(sources.environment, ignored, faults);
  const flags = readFlags(sources.flags, faults);
  const config: Partial<Record<OptionName, Value>> = {};
  const origins: Partial<Record<OptionName, Origin>> = {};
  const settle = (name: OptionName, network: string | null): void => {
    const option = optionOf(name);
    const own = network === null ? undefined : file.byNetwork.get(network)?.get(name);
    const fallback: Given = {
      value: option.default,
      origin: { from: "default" },
      text: false,
    };
    const chosen = flags.get(name) ?? environment.get(name) ?? own ?? file.common.get(name);
    const given = chosen ?? fallback;
    const checked = check(option, given);
    if (typeof checked === "string") {
      faults.push(`${placeText(given.origin)} ${checked}, not ${JSON.stringify(given.value)}`);
    } else config[name] = checked.value;
    origins[name] = given.origin;
  };
  settle("network", null);
  const network = String(config.network ?? "main");
  for (const name of OPTION_NAMES) if (name !== "network") settle(name, network);
  return {
    config: config as Config,
    origins: origins as Record<OptionName, Origin>,
    ignored,
    faults,
  };
}
