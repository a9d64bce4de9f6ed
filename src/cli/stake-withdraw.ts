// `pando stake withdraw`: sends everything that the owner's key holds and can spend (a bond that is
// free, what was earned) to an address. Any wallet could do the same with the key.
import { amountText } from "../api/json/value.ts";
import { hex } from "../base/bytes.ts";
import { ownerScriptOf, type StakerIdentity } from "../node/stake/inspect.ts";
import { buildSweep, OWNER_KIND } from "../node/stake/registry-transactions.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { configFlags } from "./config.ts";
import { callNode } from "./rpc-client.ts";
import { WAIT_OPTION } from "./running-node.ts";
import { identitiesOn, KEYS_OPTION, neededKeyPath } from "./stake-files.ts";
import { addressOf, coinsOf, feeRateOf, type NodeStakers, scriptOf, send } from "./stake-node.ts";

/** Inputs of one transaction: what is left is sent by the next call. */
const COINS_MAX = 500;

/** A staker that has not left needs a coin at the owner's address to leave with. */
function stays({ signKey }: StakerIdentity, { stakers }: NodeStakers): boolean {
  return stakers.some(({ signkey, status }) => signkey === signKey && status !== "free");
}

async function run(args: Arguments): Promise<ExitCode> {
  if (args.rest.length > 0) throw new CommandError(`withdraw takes no words: ${args.rest[0]}`);
  const path = neededKeyPath(args, "withdraw");
  const to = args.text("to");
  if (to === null) throw new CommandError("name --to ADDRESS; see pando stake withdraw --help");
  const network = await callNode<NodeStakers>(args, "getstakers");
  const script = hex(await scriptOf(args, to));
  const feeRate = await feeRateOf(args);
  const sent: { readonly txid: string | null; readonly value: string; readonly fee: string }[] = [];
  for (const identity of identitiesOn(path, network)) {
    const { owner } = identity;
    if (owner === null) continue;
    const found = await coinsOf(args, owner, [OWNER_KIND], network.stakers, Number.MAX_VALUE);
    // The smallest of them stays with who may still want to leave.
    const coins = (stays(identity, network) ? found.slice(0, -1) : found).slice(0, COINS_MAX);
    const built = coins.length === 0 ? null : buildSweep(coins, script, feeRate);
    if (built === null) continue;
    if (!built.ok) {
      const address = await addressOf(args, ownerScriptOf(identity)!);
      throw new CommandError(`what ${address} holds does not pay the fee of sending it`, EXIT.no);
    }
    const value = coins.reduce((sum, coin) => sum + coin.value, 0) - built.fee;
    const txid = args.has("dry-run") ? null : await send(args, built.raw, built.txid);
    sent.push({ txid, value: amountText(value), fee: amountText(built.fee) });
  }
  if (sent.length === 0) throw new CommandError("nothing can be spent yet", EXIT.no);
  const lines = sent.map(
    ({ txid, value, fee }) => `${value} to ${to}, fee ${fee}: ${txid ?? "not sent (--dry-run)"}`,
  );
  process.stdout.write(args.json ? `${JSON.stringify({ to, sent })}\n` : `${lines.join("\n")}\n`);
  return EXIT.done;
}

export const command: Command = {
  name: "withdraw",
  summary: "Send the coins of the owner's key, a free bond among them, to an address.",
  usage: "--keys FILE --to ADDRESS",
  options: {
    keys: KEYS_OPTION,
    to: { value: "ADDRESS", about: "where the coins go" },
    "fee-rate": { value: "N", about: "base units a virtual byte; default 2" },
    "dry-run": { about: "say what would be sent and send nothing" },
    wait: WAIT_OPTION,
    ...configFlags(),
  },
  notes: `While the staker has not left, one coin stays at the owner's address: leaving
needs it. A bond that is not free is never touched.

  pando stake withdraw --network ./my.json --keys staker.json --to bcrt1q...`,
  run,
};
