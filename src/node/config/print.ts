// The configuration for people and for machines: as TOML with origins, and the schema of the file.
import type { Origin, Resolved } from "./resolve.ts";
import { type ConfigOption, environmentName, OPTION_NAMES, optionOf } from "./schema.ts";

function valueText(option: ConfigOption, value: unknown): string {
  if (option.type === "bytes") return `"${String(value)}B"`;
  if (option.type === "duration") return `"${String(value)}ms"`;
  return JSON.stringify(value);
}

export function originText(origin: Origin): string {
  return origin.from === "default" ? "default" : `${origin.from} ${origin.place}`;
}

/** TOML that gives the same configuration again; each line may say where its value came from. */
export function configText({ config, origins }: Resolved, withOrigins: boolean): string {
  const lines: string[] = [];
  let section = "";
  for (const name of OPTION_NAMES) {
    const option = optionOf(name);
    if (option.section !== section) {
      if (section !== "") lines.push("");
      section = option.section;
      lines.push(`[${section}]`);
    }
    const line = `${option.key} = ${valueText(option, config[name])}`;
    lines.push(withOrigins ? `${line.padEnd(40)} # ${originText(origins[name])}` : line);
  }
  return `${lines.join("\n")}\n`;
}

function typeSchema(option: ConfigOption): Record<string, unknown> {
  switch (option.type) {
    case "integer":
      return { type: "integer", minimum: option.least, maximum: option.most };
    case "boolean":
      return { type: "boolean" };
    case "choice":
      if (option.fileEnding !== undefined) return { type: "string", examples: option.choices };
      return { type: "string", enum: option.choices };
    case "list":
      return { type: "array", items: { type: "string" } };
    default:
      return { type: "string" };
  }
}

/** JSON Schema of the configuration file. */
export function configSchema(): Record<string, unknown> {
  const sections: Record<string, Record<string, unknown>> = {};
  for (const name of OPTION_NAMES) {
    const option = optionOf(name);
    sections[option.section] ??= {};
    sections[option.section]![option.key] = {
      ...typeSchema(option),
      default: option.default,
      description: `${option.about} (--${option.flag}, ${environmentName(option)})`,
    };
  }
  const properties = Object.fromEntries(
    Object.entries(sections).map(([section, keys]) => [
      section,
      { type: "object", properties: keys, additionalProperties: false },
    ]),
  );
  return { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", properties };
}
