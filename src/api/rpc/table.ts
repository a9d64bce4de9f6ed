// Every method of the node, in one table.
import type { ApiContext } from "../context.ts";
import { Dispatcher, type Observer } from "./dispatch.ts";
import type { Method } from "./method.ts";
import { chainMethods } from "./methods/chain.ts";
import { controlMethods } from "./methods/control.ts";
import { devnetMethods } from "./methods/devnet.ts";
import { mempoolMethods } from "./methods/mempool.ts";
import { Candidates, miningMethods } from "./methods/mining.ts";
import { networkMethods } from "./methods/network.ts";
import { proofMethods } from "./methods/proofs.ts";
import { transactionMethods } from "./methods/transactions.ts";

/** A dispatcher over all methods; `more` are those of other parts (`pando.*`). */
export function rpcDispatcher(
  context: ApiContext,
  observer: Observer,
  more: readonly Method[] = [],
): Dispatcher {
  const control = controlMethods(() => dispatcher.methods);
  const dispatcher: Dispatcher = new Dispatcher(
    context,
    [
      ...chainMethods,
      ...transactionMethods,
      ...proofMethods,
      ...mempoolMethods,
      ...miningMethods(new Candidates()),
      ...networkMethods,
      ...devnetMethods,
      ...control,
      ...more,
    ],
    observer,
  );
  return dispatcher;
}
