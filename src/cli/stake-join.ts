// `pando stake join`: a key file if there is none, a REGISTER transaction paid by a key of the
// person's, and when it takes effect. The bond is owned by the key file's owner key.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { amountText, parseAmount } from "../api/json/value.ts";
import { hex, toHex } from "../base/bytes.ts";
import { machineRandom } from "../node/clock.ts";
import type { Key } from "../node/generate-chain/keys.ts";
import { readFundKey } from "../node/stake/fund-key.ts";
import { identitiesOf, registerScript, type StakerIdentity } from "../node/stake/inspect.ts";
import { newStakerKeys } from "../node/stake/key-file.ts";
import { createStakerFiles } from "../node/stake/open-signer.ts";
import { buildRegister, OWNER_KIND, RESERVE } from "../node/stake/registry-transactions.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { configFlags, expandHome } from "./config.ts";
import { callNode } from "./rpc-client.ts";
import { WAIT_OPTION } from "./running-node.ts";
import { atTime, identitiesOn, neededKeyPath, slotTime } from "./stake-files.ts";
import {
  addressOf,
  coinsOf,
  EVERY_KIND,
  feeRateOf,
  type NodeQueue,
  type NodeStakers,
  scriptOf,
  send,
  unitsOf,
} from "./stake-node.ts";

/** A record that no longer keeps its key from a new registration. */
const ENDED: ReadonlySet<string> = new Set(["free", "slashed"]);
/** Inclusion, two rounds to finality, and the round after next: a new set takes so many rounds. */
const ROUNDS_TO_EFFECT = 4;
/** Room for the fee of a registration from many small coins, when coins are chosen. */
const FEE_ROOM = 1_000_000;

function bondOf(args: Arguments, network: NodeStakers): number {
  const least = unitsOf(network.bond);
  const text = args.text("bond");
  if (text === null) return least;
  const units = parseAmount(text);
  if (units === null || units <= 0) {
    throw new CommandError(`--bond takes an amount such as 1000 or 1000.5, not '${text}'`);
  }
  if (units >= least) return units;
  const why = `a bond of ${amountText(units)} is wrong: this network asks for ${amountText(least)}`;
  throw new CommandError(why, EXIT.no);
}

function fundKeyOf(args: Arguments): Key {
  const path = args.text("fund-key");
  if (path === null) throw new CommandError("name --fund-key FILE; see pando stake join --help");
  const read = readFundKey(resolve(expandHome(path)));
  if (read.ok) return read.key;
  // A key given in the place of a file must not be repeated with a folder before it.
  const plain = readFundKey(path);
  throw new CommandError(plain.ok ? read.why : plain.why, EXIT.config);
}

/** The key to register: one of the file that has no living record. */
function freeIdentity(path: string, network: NodeStakers): StakerIdentity {
  const living = new Map(
    network.stakers.filter((one) => !ENDED.has(one.status)).map((one) => [one.signkey, one]),
  );
  const identities = identitiesOn(path, network);
  const free = identities.find(({ keys, signKey }) => keys.id === null && !living.has(signKey));
  if (free !== undefined) return free;
  const staker = identities.map(({ signKey }) => living.get(signKey)).find((one) => one);
  const why =
    staker === undefined
      ? `every key in ${path} has been a staker's: name a new file`
      : `the key in ${path} is registered already: staker ${staker.id} (${staker.status})`;
  throw new CommandError(why, EXIT.no);
}

/** Remembers which registrations were sent, since until a block has them the chain does not know. */
function sentFile(path: string): string {
  return `${path}.sent`;
}

/** Refuses to bond twice for one key. */
async function checkNotSent({ args, path, identity }: Joining): Promise<void> {
  const known = existsSync(sentFile(path)) ? readFileSync(sentFile(path), "utf8") : "";
  for (const line of known.split("\n")) {
    const [signKey, txid] = line.split(" ");
    if (signKey !== identity.signKey || txid === undefined) continue;
    if ((await callNode<object | null>(args, "gettxout", txid, 0, true)) === null) continue;
    throw new CommandError(
      `its registration was sent already (${txid}): wait for a block`,
      EXIT.no,
    );
  }
}

interface Joining {
  readonly args: Arguments;
  readonly path: string;
  readonly network: NodeStakers;
  readonly identity: StakerIdentity;
  readonly madeKeys: boolean;
}

function write(args: Arguments, lines: readonly string[], facts: object): void {
  process.stdout.write(args.json ? `${JSON.stringify(facts)}\n` : `${lines.join("\n")}\n`);
}

/** For a wallet of one's own: the outputs that make a registration. */
function printOutputs({ args, path, network, identity }: Joining): ExitCode {
  const script = registerScript(network.chainid, identity.keys);
  const bond = bondOf(args, network);
  const lines = [
    `a transaction that registers the key in ${path} has these outputs:`,
    `  0: ${amountText(bond)} to a script of yours: the bond; who can spend it owns the staker`,
    `  1: ${amountText(0)} to the script ${script}`,
    "and any others behind them.",
  ];
  write(args, lines, { keys: path, signkey: identity.signKey, bond: amountText(bond), script });
  return EXIT.done;
}

/** When the registration is in force at the earliest. */
async function effectOf(args: Arguments, network: NodeStakers) {
  const queue = await callNode<NodeQueue>(args, "getqueue");
  const start = queue.slot - queue.index + ROUNDS_TO_EFFECT * Math.max(1, queue.ids.length);
  return { round: queue.round + ROUNDS_TO_EFFECT, time: slotTime(network, start) };
}

async function register(joining: Joining): Promise<ExitCode> {
  const { args, path, network, identity, madeKeys } = joining;
  const { owner, keys } = identity;
  await checkNotSent(joining);
  if (owner === null) throw new CommandError(`${path} holds no owner's key`, EXIT.config);
  const bond = bondOf(args, network);
  const fund = fundKeyOf(args);
  const payoutText = args.text("payout");
  const payout = payoutText === null ? null : hex(await scriptOf(args, payoutText));
  const feeRate = await feeRateOf(args);
  const enough = bond + RESERVE + FEE_ROOM;
  const coins = await coinsOf(args, fund, EVERY_KIND, network.stakers, enough);
  const change = { key: fund, kind: coins[0]?.kind ?? OWNER_KIND };
  const chainId = network.chainid;
  const built = buildRegister({ chainId, keys, owner, bond, payout, coins, change, feeRate });
  if (!built.ok) {
    const [have, need] = [amountText(built.have), amountText(built.need)];
    throw new CommandError(`the fund key has ${have} to spend, ${need} are needed`, EXIT.no);
  }
  const ownerAddress = await addressOf(args, toHex(owner.scripts[OWNER_KIND]));
  const dry = args.has("dry-run");
  const txid = dry ? null : await send(args, built.raw, built.txid);
  if (txid !== null) appendFileSync(sentFile(path), `${identity.signKey} ${txid}\n`);
  const effect = await effectOf(args, network);
  const lines = [
    ...(madeKeys ? [`made ${path}: keep it, and a copy of it, where nobody else can read it`] : []),
    `registers the key ${identity.signKey}`,
    `  bond     ${amountText(bond)} of ${ownerAddress}, whose key is in the file`,
    `  pays to  ${payoutText ?? ownerAddress}`,
    `  costs    ${amountText(built.fee)} fee and ${amountText(RESERVE)} kept at the owner's address for leaving`,
    `  from     ${built.coins.length} of your coins, ${amountText(built.change)} come back`,
    txid === null ? "not sent: --dry-run" : `sent ${txid}`,
    `takes effect in round ${effect.round} at the earliest, about ${atTime(effect.time)}:`,
    "when the block with it is final and the set of stakers changes next",
  ];
  write(args, lines, {
    keys: path,
    madeKeys,
    signkey: identity.signKey,
    bond: amountText(bond),
    owner: ownerAddress,
    payout: payoutText ?? ownerAddress,
    fee: amountText(built.fee),
    txid,
    round: effect.round,
    time: Math.floor(effect.time / 1000),
  });
  return EXIT.done;
}

/** Everything that can be wrong with the flags is said before a key file is made. */
async function run(args: Arguments): Promise<ExitCode> {
  if (args.rest.length > 0) throw new CommandError(`join takes no words: ${args.rest[0]}`);
  const path = neededKeyPath(args, "join");
  const network = await callNode<NodeStakers>(args, "getstakers");
  bondOf(args, network);
  if (!args.has("outputs")) fundKeyOf(args);
  const madeKeys = !existsSync(path);
  if (madeKeys) {
    const file = { chainId: network.chainid, stakers: [newStakerKeys(machineRandom)] };
    if (args.has("dry-run")) {
      const identity = identitiesOf(file)[0]!;
      return await register({ args, path, network, identity, madeKeys: false });
    }
    const made = createStakerFiles(path, file);
    if (!made.ok) throw new CommandError(made.why, EXIT.environment);
  }
  const joining = { args, path, network, identity: freeIdentity(path, network), madeKeys };
  return args.has("outputs") ? printOutputs(joining) : await register(joining);
}

export const command: Command = {
  name: "join",
  summary: "Make a staker's keys if there are none, bond coins and register as a staker.",
  usage: "--keys FILE --fund-key FILE [flags]",
  options: {
    keys: { value: "FILE", about: "key file of mode 0600; made when there is none" },
    "fund-key": {
      value: "FILE",
      about: "file of mode 0600 with the key whose coins pay: wallet import format or hex",
    },
    bond: { value: "AMOUNT", about: "in coins; default the least that the network asks for" },
    payout: { value: "ADDRESS", about: "who is paid for blocks; default the bond's owner" },
    "fee-rate": { value: "N", about: "base units a virtual byte; default 2" },
    "dry-run": { about: "say what would be done, make no key and send nothing" },
    outputs: { about: "make the key and print what a wallet of yours must pay; send nothing" },
    wait: WAIT_OPTION,
    ...configFlags(),
  },
  notes: `The node signs for the staker when it runs with the same key file, or asks a
pando signer that does.

  pando stake join --network ./my.json --keys staker.json --fund-key fund.key`,
  run,
};
