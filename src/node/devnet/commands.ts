// What can be asked of a running devnet from another terminal, and the answers.
import type { Command, CommandAnswer } from "./control-server.ts";
import { nodeNumber, parseGroups, parseNode } from "./plan.ts";
import type { Supervisor } from "./supervisor.ts";
import { screenLines } from "./view.ts";

const ROWS = 60;

function no(why: string): CommandAnswer {
  return { ok: false, why };
}

function yes(text: string, data: unknown = {}): CommandAnswer {
  return { ok: true, text, data };
}

function oneNode(devnet: Supervisor, words: readonly string[]): number | string {
  const nodes = devnet.fleet.nodes.length;
  const [word = "", ...more] = words;
  if (more.length > 0) return "one node at a time";
  return parseNode(word, nodes) ?? `name a node from 1 to ${nodes}`;
}

async function kill(devnet: Supervisor, words: readonly string[]): Promise<CommandAnswer> {
  const index = oneNode(devnet, words);
  if (typeof index === "string") return no(index);
  const number = nodeNumber(index);
  if (devnet.fleet.rpcOf(index) === null) return no(`node ${number} is not up`);
  await devnet.kill(index);
  return yes(`node ${number} is killed; pando devnet restart ${number} brings it back`);
}

async function restart(devnet: Supervisor, words: readonly string[]): Promise<CommandAnswer> {
  const index = oneNode(devnet, words);
  if (typeof index === "string") return no(index);
  const number = nodeNumber(index);
  const { state } = devnet.fleet.nodes[index]!.child;
  if (state === "starting" || state === "stopping") return no(`node ${number} is ${state}`);
  const why = await devnet.restart(index);
  return why === null ? yes(`node ${number} is up`) : no(`node ${number} did not start: ${why}`);
}

async function partition(devnet: Supervisor, words: readonly string[]): Promise<CommandAnswer> {
  const parsed = parseGroups(words, devnet.fleet.nodes.length);
  if (!parsed.ok) return no(parsed.why);
  await devnet.partition(parsed.groups);
  const text = parsed.groups.map((group) => group.map(nodeNumber).join(",")).join(" | ");
  return yes(`partitioned: ${text}; pando devnet heal joins them again`);
}

function status(devnet: Supervisor): CommandAnswer {
  const snapshot = devnet.snapshot();
  // The hint at the end is for the devnet's own screen.
  const lines = screenLines(snapshot, 80, ROWS).slice(0, -2);
  const where = snapshot.nodes.map(
    ({ node, rpc, cookie }) => `node ${node}  ${rpc}${cookie === "" ? "" : `  cookie ${cookie}`}`,
  );
  return yes([...lines, "", ...where].join("\n"), snapshot);
}

/** Carries out one command; `stop` begins the end. */
export async function runCommand(
  devnet: Supervisor,
  { name, words }: Command,
  stop: () => void,
): Promise<CommandAnswer> {
  switch (name) {
    case "status":
      return status(devnet);
    case "partition":
      return await partition(devnet, words);
    case "heal":
      await devnet.heal();
      return yes("every link is up");
    case "quiet":
      devnet.quiet();
      return yes("no more payments, no more churn");
    case "kill":
      return await kill(devnet, words);
    case "restart":
      return await restart(devnet, words);
    case "stop":
      stop();
      return yes("the devnet stops; pando devnet goes on from where it was");
    default:
      return no(`this devnet does not know '${name}'`);
  }
}
