// Every method of the node, in one table.
import type { ApiContext } from "../context.ts";
import { Dispatcher, type Observer } from "./dispatch.ts";
import { RPC, RpcError } from "./errors.ts";
import type { Method } from "./method.ts";
import { blockStatisticsMethods } from "./methods/block-statistics.ts";
import { chainMethods } from "./methods/chain.ts";
import { coinSetMethods } from "./methods/coin-set.ts";
import { controlMethods } from "./methods/control.ts";
import { devnetMethods } from "./methods/devnet.ts";
import { mempoolMethods } from "./methods/mempool.ts";
import { Candidates, miningMethods } from "./methods/mining.ts";
import { networkMethods } from "./methods/network.ts";
import { proofMethods } from "./methods/proofs.ts";
import { stakingMethods } from "./methods/staking.ts";
import { transactionMethods } from "./methods/transactions.ts";
import { waitingMethods } from "./methods/waiting.ts";

/** They make blocks by work, which is not how blocks come to a network of stakers. */
const BY_WORK: ReadonlySet<string> = new Set([
  "getblocktemplate",
  "submitblock",
  "submitheader",
  "getmininginfo",
  "getnetworkhashps",
  "getminingcandidate",
  "submitminingsolution",
  "generatetoaddress",
  "generatetodescriptor",
  "generateblock",
]);

function onlyByWork(method: Method): Method {
  if (!BY_WORK.has(method.name)) return method;
  const run: Method["run"] = (call) => {
    if (call.context.params.staked === null) return method.run(call);
    const text = `${method.name}: on this network stakers make the blocks (getqueue, getstakers)`;
    throw new RpcError(RPC.misc, text);
  };
  return { ...method, run };
}

/** Every method; `all` gives `help` the finished table. */
export function everyMethod(all: () => ReadonlyMap<string, Method>): readonly Method[] {
  return [
    ...chainMethods,
    ...coinSetMethods,
    ...blockStatisticsMethods,
    ...waitingMethods,
    ...transactionMethods,
    ...proofMethods,
    ...mempoolMethods,
    ...miningMethods(new Candidates()).map(onlyByWork),
    ...networkMethods,
    ...stakingMethods,
    ...devnetMethods.map(onlyByWork),
    ...controlMethods(all),
  ];
}

/** A dispatcher over all methods; `more` are those of other parts (`pando.*`). */
export function rpcDispatcher(
  context: ApiContext,
  observer: Observer,
  more: readonly Method[] = [],
): Dispatcher {
  const methods = everyMethod(() => dispatcher.methods);
  const dispatcher: Dispatcher = new Dispatcher(context, [...methods, ...more], observer);
  return dispatcher;
}
