// The methods that wait for the tip to change.
import { bytesEqual, toDisplayHex } from "../../../base/bytes.ts";
import type { ChainHeader } from "../../../ports/chain.ts";
import type { Json } from "../../json/value.ts";
import { RPC, RpcError } from "../errors.ts";
import type { Call, Method } from "../method.ts";
import { hashParam } from "./chain.ts";

/**
 * Waits until `done` or the time-out, on every change of the tip; answers with the tip. Who has gone
 * before its turn came (in a batch, or from the queue) is not waited for: nothing would end that.
 */
async function waitForTip(call: Call, timeoutMs: number, done: (tip: ChainHeader) => boolean) {
  const { chain } = call.context;
  if (!done(chain.tip()) && !call.caller.gone.aborted) {
    await call.caller.outside(
      new Promise<void>((resolve) => {
        const finish = (): void => {
          stop();
          clearTimeout(timer);
          call.caller.gone.removeEventListener("abort", finish);
          resolve();
        };
        const stop = chain.subscribe((event) => {
          if (event.kind === "tip" && done(event.tip)) finish();
        });
        const timer = timeoutMs > 0 ? setTimeout(finish, timeoutMs) : undefined;
        call.caller.gone.addEventListener("abort", finish);
      }),
    );
  }
  const tip = chain.tip();
  return { hash: toDisplayHex(tip.hash), height: tip.height };
}

function waitFor(call: Call, index: number, done: (tip: ChainHeader) => boolean): Promise<Json> {
  const timeout = call.integer(index, 0);
  if (timeout < 0) throw new RpcError(RPC.misc, "Negative timeout");
  return waitForTip(call, timeout, done);
}

export const waitingMethods: readonly Method[] = [
  {
    name: "waitfornewblock",
    group: "Blockchain",
    about: "Waits for the tip to change.",
    params: [
      { name: "timeout", type: "integer", about: "Milliseconds; 0 waits for ever" },
      { name: "current_tip", type: "string", about: "The tip that is known" },
    ],
    result: "hash and height of the tip.",
    run: (call) => {
      const now = call.has(1) ? call.hash(1, "current_tip") : call.context.chain.tip().hash;
      return waitFor(call, 0, (tip) => !bytesEqual(tip.hash, now));
    },
  },
  {
    name: "waitforblock",
    group: "Blockchain",
    about: "Waits for a block to become the tip.",
    params: [
      hashParam,
      { name: "timeout", type: "integer", about: "Milliseconds; 0 waits for ever" },
    ],
    result: "hash and height of the tip.",
    run: (call) => {
      const hash = call.hash(0, "blockhash");
      return waitFor(call, 1, (tip) => bytesEqual(tip.hash, hash));
    },
  },
  {
    name: "waitforblockheight",
    group: "Blockchain",
    about: "Waits for the chain to reach a height.",
    params: [
      { name: "height", type: "integer", required: true, about: "The height" },
      { name: "timeout", type: "integer", about: "Milliseconds; 0 waits for ever" },
    ],
    result: "hash and height of the tip.",
    run: (call) => {
      const height = call.integer(0);
      return waitFor(call, 1, (tip) => tip.height >= height);
    },
  },
];
