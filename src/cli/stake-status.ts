// `pando stake status`: one's own stakers, or all of them: record, weight, misses, when their next
// slots are, and what the double-sign guards say.
import { amountText } from "../api/json/value.ts";
import { type GuardState, guardState } from "../node/stake/inspect.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { configFlags } from "./config.ts";
import { callNode } from "./rpc-client.ts";
import { WAIT_OPTION } from "./running-node.ts";
import { atTime, identitiesOn, keyPathOf, slotTime } from "./stake-files.ts";
import { type NodeQueue, type NodeStaker, type NodeStakers, unitsOf } from "./stake-node.ts";

interface Shown {
  readonly signkey: string;
  /** Null when the key is not registered. */
  readonly staker: NodeStaker | null;
  readonly guard: GuardState | null;
  readonly slots: readonly number[];
}

/** The slots of a staker that are known: in this round from now on, and in the next. */
function slotsOf({ slot, index, ids, next }: NodeQueue, id: number): number[] {
  const start = slot - index;
  const here = ids.flatMap((one, at) => (one === id && at >= index ? [start + at] : []));
  const then = (next ?? []).flatMap((one, at) => (one === id ? [start + ids.length + at] : []));
  return [...here, ...then];
}

function shownOf(args: Arguments, network: NodeStakers, queue: NodeQueue): Shown[] {
  const path = keyPathOf(args);
  const id = args.text("id") === null ? null : args.integer("id", 1, 0xffffffff, 0);
  const show = (staker: NodeStaker, keyPath: string | null): Shown => ({
    signkey: staker.signkey,
    staker,
    guard: keyPath === null ? null : guardState(keyPath, network.chainid, staker.id),
    slots: slotsOf(queue, staker.id),
  });
  const all = network.stakers.filter((one) => id === null || one.id === id);
  if (id !== null && all.length === 0) {
    throw new CommandError(`unknown staker ${id}: this network has none of that id`, EXIT.no);
  }
  if (path === null) return all.map((one) => show(one, null));
  const mine = identitiesOn(path, network).flatMap(({ signKey }): Shown[] => {
    const own = all.filter((one) => one.signkey === signKey);
    if (own.length > 0) return own.map((one) => show(one, path));
    return id === null ? [{ signkey: signKey, staker: null, guard: null, slots: [] }] : [];
  });
  if (mine.length > 0) return mine;
  throw new CommandError(`the key of staker ${id} is not in ${path}: a foreign key`, EXIT.no);
}

function guardText(guard: GuardState | null, staker: NodeStaker): string[] {
  if (guard === null) return [];
  if (guard.state === "sound") {
    return [`  guard    signed in round ${guard.signedRound}, voted in round ${guard.votedRound}`];
  }
  if (guard.state === "missing" && staker.produced === 0) {
    return ["  guard    none yet: a node or signer with this key file makes it"];
  }
  return [`  guard    ${guard.state}: nothing will be signed with this key (docs/staking.md)`];
}

function linesOf(network: NodeStakers, { signkey, staker, guard, slots }: Shown): string[] {
  if (staker === null) return [`key ${signkey} is not registered`];
  const slotText = slots.map((slot) => `${slot} (${atTime(slotTime(network, slot))})`).join(", ");
  const penalty = staker.penalty === 0 ? "" : `, penalty ${amountText(unitsOf(staker.penalty))}`;
  const free = staker.freeslot === null ? "" : `, free from slot ${staker.freeslot}`;
  return [
    `staker ${staker.id}: ${staker.status}${staker.active ? ", has a slot in every round" : ""}`,
    `  weight   ${staker.weight} of ${network.weight}`,
    `  blocks   ${staker.produced} made, ${staker.missed} missed, ${staker.missrun} in a row`,
    `  bond     ${amountText(unitsOf(staker.bond.value))} in ${staker.bond.outpoint}${penalty}${free}`,
    ...(slots.length === 0 ? [] : [`  slots    ${slotText}`]),
    ...guardText(guard, staker),
  ];
}

async function run(args: Arguments): Promise<ExitCode> {
  if (args.rest.length > 0) throw new CommandError(`status takes no words: ${args.rest[0]}`);
  const network = await callNode<NodeStakers>(args, "getstakers");
  const queue = await callNode<NodeQueue>(args, "getqueue");
  const shown = shownOf(args, network, queue);
  if (args.json) {
    const stakers = shown.map(({ signkey, staker, guard, slots }) => ({
      signkey,
      ...(staker ?? { id: null, status: "unregistered" }),
      slots: slots.map((slot) => ({ slot, time: Math.floor(slotTime(network, slot) / 1000) })),
      guard,
    }));
    const { round, slot } = queue;
    process.stdout.write(`${JSON.stringify({ round, slot, weight: network.weight, stakers })}\n`);
    return EXIT.done;
  }
  const head = `round ${queue.round}, slot ${queue.slot}`;
  const parts = shown.flatMap((one) => linesOf(network, one));
  process.stdout.write(`${[head, ...parts].join("\n")}\n`);
  return EXIT.done;
}

export const command: Command = {
  name: "status",
  summary: "Show one's own stakers, or all: record, weight, misses, next slots, guards.",
  usage: "[--keys FILE] [--id N]",
  options: {
    keys: { value: "FILE", about: "only the stakers whose keys are here, with their guards" },
    id: { value: "N", about: "only this staker" },
    wait: WAIT_OPTION,
    ...configFlags(),
  },
  notes: `  pando stake status --network ./my.json --keys staker.json`,
  run,
};
