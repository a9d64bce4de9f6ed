// Help texts and the machine-readable description, both from the method table.
import type { Json } from "../json/value.ts";
import type { Method, Param } from "./method.ts";

/** One line: `getblock "blockhash" ( verbosity )`. */
export function usageOf(method: Method): string {
  const word = (param: Param): string => {
    const name = param.name.split("|")[0]!;
    return param.type === "string" ? `"${name}"` : name;
  };
  const required = method.params.filter((param) => param.required === true).map(word);
  const optional = method.params.filter((param) => param.required !== true).map(word);
  const tail = optional.length === 0 ? [] : ["(", ...optional, ")"];
  return [method.name, ...required, ...tail].join(" ");
}

export function helpOf(method: Method): string {
  const lines = [usageOf(method), "", method.about];
  if (method.params.length > 0) {
    lines.push("", "Arguments:");
    method.params.forEach((param, index) => {
      const need = param.required === true ? "required" : "optional";
      lines.push(
        `${index + 1}. ${param.name.split("|")[0]} (${param.type}, ${need}) ${param.about}`,
      );
    });
  }
  lines.push("", "Result:", method.result, "");
  return lines.join("\n");
}

/** Every method, by group. */
export function helpIndex(methods: Iterable<Method>): string {
  const groups = new Map<string, string[]>();
  for (const method of methods) {
    if (method.hidden === true) continue;
    const lines = groups.get(method.group) ?? [];
    lines.push(usageOf(method));
    groups.set(method.group, lines);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, lines]) => `== ${group} ==\n${lines.sort().join("\n")}`)
    .join("\n\n");
}

const SCHEMA: Readonly<Record<Param["type"], Json>> = {
  string: { type: "string" },
  number: { type: "number" },
  integer: { type: "integer" },
  boolean: { type: "boolean" },
  array: { type: "array" },
  object: { type: "object" },
  amount: { type: ["number", "string"] },
  any: {},
};

/** OpenRPC (open-rpc.org), for `rpc.discover`. */
export function openRpc(methods: Iterable<Method>, version: string): Json {
  return {
    openrpc: "1.3.2",
    info: { title: "Pando", version },
    methods: [...methods].map((method) => ({
      name: method.name,
      summary: method.about,
      tags: [{ name: method.group }],
      params: method.params.map((param) => ({
        name: param.name.split("|")[0]!,
        description: param.about,
        required: param.required === true,
        schema: SCHEMA[param.type],
      })),
      result: { name: "result", description: method.result, schema: {} },
    })),
  };
}
