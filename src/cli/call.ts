// `pando call`: one call to a running node, its parameters typed by the method table.
import type { Param } from "../api/rpc/method.ts";
import { everyMethod } from "../api/rpc/table.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { configFlags } from "./config.ts";
import { post } from "./rpc-client.ts";
import { untilUp, WAIT_OPTION } from "./running-node.ts";

/** The text of one parameter as JSON text: texts stay texts, everything else is JSON. */
function parameterText(word: string, param: Param | undefined): string {
  if (param?.type === "string" || param?.type === "amount") return JSON.stringify(word);
  try {
    JSON.parse(word);
    return word;
  } catch {
    return JSON.stringify(word);
  }
}

function bodyOf(method: string, words: readonly string[]): string {
  const params = everyMethod(() => new Map()).find(({ name }) => name === method)?.params ?? [];
  const texts = words.map((word, index) => parameterText(word, params[index]));
  return `{"method":${JSON.stringify(method)},"params":[${texts.join(",")}]}`;
}

/** The part of a result behind a path such as `tx.0`. */
function pick(result: unknown, path: string | null): unknown {
  let at = result;
  for (const step of path === null ? [] : path.split(".")) {
    at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[step] : undefined;
  }
  if (at === undefined) throw new CommandError(`the answer has no ${path}`, EXIT.no);
  return at;
}

async function run(args: Arguments): Promise<ExitCode> {
  const [method, ...words] = args.rest;
  if (method === undefined) throw new CommandError("name a method; try pando call help");
  const body = bodyOf(method, words);
  const { result, error } = await untilUp(args, () => post(args, body));
  if (error !== null) throw new CommandError(`${error.message} (${error.code})`, EXIT.no);
  const value = pick(result, args.text("pick"));
  if (value === null) return EXIT.done;
  const isText = typeof value === "string" && !args.json;
  const text = isText ? value : JSON.stringify(value, null, args.json ? 0 : 2);
  process.stdout.write(`${text}\n`);
  return EXIT.done;
}

export const command: Command = {
  name: "call",
  summary: "Call a method of a running node over JSON-RPC, with its own cookie.",
  usage: "[flags] METHOD [PARAMETER...]",
  options: {
    pick: { value: "PATH", about: "print only this part of the answer, e.g. tx.0.txid" },
    wait: WAIT_OPTION,
    ...configFlags(),
  },
  notes: `The node is found by its configuration: the same --network, --data-dir and
--rpc-port, environment or file as for pando start.

  pando call --network regtest getblockcount
  pando call --pick tx.0 getblock HASH`,
  run,
};
