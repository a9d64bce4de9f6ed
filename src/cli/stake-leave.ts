// `pando stake leave`: an EXIT transaction whose first input spends from the owner's script. The bond
// becomes an ordinary coin of the owner when the network's unbonding time is over.
import { amountText } from "../api/json/value.ts";
import type { StakerIdentity } from "../node/stake/inspect.ts";
import { ownerScriptOf } from "../node/stake/inspect.ts";
import { buildExit, OWNER_KIND } from "../node/stake/registry-transactions.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { configFlags } from "./config.ts";
import { callNode } from "./rpc-client.ts";
import { WAIT_OPTION } from "./running-node.ts";
import { identitiesOn, KEYS_OPTION, neededKeyPath } from "./stake-files.ts";
import {
  addressOf,
  coinsOf,
  feeRateOf,
  type NodeStaker,
  type NodeStakers,
  send,
} from "./stake-node.ts";

/** An exit costs a few hundred base units at the usual rate; coins are chosen until they hold this. */
const FEE_ROOM = 20_000;

interface Chosen {
  readonly staker: NodeStaker;
  readonly identity: StakerIdentity;
}

/** The staker that --id names, or the only one of the key file. */
function chosen(args: Arguments, path: string, network: NodeStakers): Chosen {
  const identities = identitiesOn(path, network);
  const id = args.text("id") === null ? null : args.integer("id", 1, 0xffffffff, 0);
  if (id !== null && !network.stakers.some((one) => one.id === id)) {
    throw new CommandError(`unknown staker ${id}: this network has none of that id`, EXIT.no);
  }
  const mine = network.stakers.flatMap((staker) => {
    const identity = identities.find(({ signKey }) => signKey === staker.signkey);
    return identity === undefined ? [] : [{ staker, identity }];
  });
  if (id !== null) {
    const one = mine.find(({ staker }) => staker.id === id);
    if (one !== undefined) return one;
    throw new CommandError(`the key of staker ${id} is not in ${path}: a foreign key`, EXIT.no);
  }
  const staying = mine.filter(({ staker }) => staker.freeslot === null);
  if (mine.length === 0) {
    throw new CommandError(`unknown staker: no key of ${path} is registered`, EXIT.no);
  }
  const one = staying.length === 1 || mine.length === 1 ? (staying[0] ?? mine[0]) : undefined;
  if (one !== undefined) return one;
  const ids = mine.map(({ staker }) => staker.id).join(", ");
  throw new CommandError(`${path} holds stakers ${ids}: name one with --id`);
}

/** What keeps a staker from leaving now; null when nothing does. */
function hindrance({ id, status, freeslot }: NodeStaker): string | null {
  if (status === "slashed") return `staker ${id} was slashed: its bond waits for its penalty`;
  if (status === "free") return `staker ${id} has left and its bond is free`;
  if (status !== "leaving") return null;
  const until = freeslot === null ? "" : `; its bond is free from slot ${freeslot}`;
  return `staker ${id} is leaving already${until}`;
}

/** The key that owns the bond, which the file must hold. */
async function checkOwner(args: Arguments, { staker, identity }: Chosen): Promise<void> {
  const [txid = "", index = "0"] = staker.bond.outpoint.split(":");
  const coin = await callNode<{ scriptPubKey: { hex: string } } | null>(
    args,
    "gettxout",
    txid,
    Number(index),
    false,
  );
  if (coin === null || coin.scriptPubKey.hex === ownerScriptOf(identity)) return;
  const address = await addressOf(args, coin.scriptPubKey.hex);
  const why = `the bond of staker ${staker.id} is owned by ${address}, a foreign key: leave with its wallet (docs/staking.md)`;
  throw new CommandError(why, EXIT.no);
}

async function run(args: Arguments): Promise<ExitCode> {
  if (args.rest.length > 0) throw new CommandError(`leave takes no words: ${args.rest[0]}`);
  const path = neededKeyPath(args, "leave");
  const network = await callNode<NodeStakers>(args, "getstakers");
  const one = chosen(args, path, network);
  const { staker, identity } = one;
  const why = hindrance(staker);
  if (why !== null) throw new CommandError(why, EXIT.no);
  await checkOwner(args, one);
  const { owner } = identity;
  if (owner === null) throw new CommandError(`${path} holds no owner's key`, EXIT.config);
  const coins = await coinsOf(args, owner, [OWNER_KIND], network.stakers, FEE_ROOM);
  const address = await addressOf(args, ownerScriptOf(identity)!);
  const feeRate = await feeRateOf(args);
  const built = buildExit({ coins, change: { key: owner, kind: OWNER_KIND }, feeRate }, staker.id);
  if (!built.ok) {
    const need = amountText(built.need);
    const text = `${address} has ${amountText(built.have)} besides the bond, ${need} are needed: send some there and try again`;
    throw new CommandError(text, EXIT.no);
  }
  const dry = args.has("dry-run");
  const txid = dry ? null : await send(args, built.raw, built.txid);
  const days = (network.unbondslots * network.slotms) / 86_400_000;
  const time = days >= 1 ? `${days.toFixed(1)} days` : `${(days * 1440).toFixed(1)} minutes`;
  const facts = {
    id: staker.id,
    txid,
    fee: amountText(built.fee),
    bond: amountText(Math.round(staker.bond.value * 100_000_000)),
    owner: address,
    unbondslots: network.unbondslots,
  };
  const lines = [
    `staker ${staker.id} leaves; fee ${facts.fee}`,
    dry ? "not sent: --dry-run" : `sent ${txid}`,
    "keep the node running until pando stake status says that it is no longer active",
    `the bond of ${facts.bond} is a coin of ${address} like any other ${network.unbondslots} slots later (${time})`,
  ];
  process.stdout.write(args.json ? `${JSON.stringify(facts)}\n` : `${lines.join("\n")}\n`);
  return EXIT.done;
}

export const command: Command = {
  name: "leave",
  summary: "Give notice for a staker: its bond is free when the network's time is over.",
  usage: "--keys FILE [--id N]",
  options: {
    keys: KEYS_OPTION,
    id: { value: "N", about: "which staker, when the file holds several" },
    "fee-rate": { value: "N", about: "base units a virtual byte; default 2" },
    "dry-run": { about: "say what would be done and send nothing" },
    wait: WAIT_OPTION,
    ...configFlags(),
  },
  notes: `  pando stake leave --network ./my.json --keys staker.json`,
  run,
};
