// A partition as the place of somebody's coins: READ, HOLD, FINALIZE, RELEASE. Every answer leaves
// only after the claims it speaks of are durable; the host sees to that.
import { applyHold, finalize, judgeHold, release } from "../../../state/admission/claims.ts";
import type { OutpointKey, Txid } from "../../../state/admission/keys.ts";
import { outpointTxid } from "../../../state/admission/keys.ts";
import type { CoinRecord } from "../../../state/admission/records.ts";
import { isClaimable } from "../../../state/admission/view.ts";
import type { Finalize, HoldMessage, Read, ReleaseMessage } from "./messages.ts";
import { addWaiter, wakeWaiters } from "./parking.ts";
import type { Partition } from "./partition.ts";
import { askClaimants } from "./sweep.ts";

/** The coins, or null when one is missing; then `child` of partition `home` waits for it here. */
export function readHere(
  p: Partition,
  home: number,
  child: Txid,
  inputs: readonly OutpointKey[],
): CoinRecord[] | null {
  const coins = new Array<CoinRecord>(inputs.length);
  let missing = false;
  for (let index = 0; index < inputs.length; index++) {
    const outpoint = inputs[index]!;
    const coin = p.view.coin(outpoint);
    if (isClaimable(coin)) {
      coins[index] = coin;
      continue;
    }
    missing = true;
    addWaiter(p, outpoint, child, home);
  }
  return missing ? null : coins;
}

export function onRead(p: Partition, from: number, message: Read): void {
  const { txid, attempt, inputs } = message;
  const coins = readHere(p, from, txid, inputs);
  if (coins === null) p.send(from, { type: "wait", txid, attempt });
  else p.send(from, { type: "coins", txid, attempt, coins });
}

export function onHold(p: Partition, from: number, message: HoldMessage): void {
  const { txid, attempt } = message;
  if (p.config.rules.holdAtEqualSeq && attempt.seq !== p.seq) {
    p.send(from, { type: "refuse", txid, attempt, refusal: { code: "retry" } });
    return;
  }
  const verdict = judgeHold(p.context, message);
  if (verdict.ok) {
    applyHold(p.context, message, "held");
    const { round, ancestors } = verdict;
    p.send(from, { type: "ok", txid, attempt, round, ancestors });
    return;
  }
  if (verdict.code === "stale") return;
  if (verdict.code === "missing") {
    for (const outpoint of verdict.outpoints) addWaiter(p, outpoint, txid, from);
    p.send(from, { type: "wait", txid, attempt });
    return;
  }
  if (verdict.code === "claimed") askClaimants(p, verdict.claimants);
  p.send(from, { type: "refuse", txid, attempt, refusal: verdict });
}

export function onFinalize(p: Partition, message: Finalize): void {
  const { txid, attempt, inputs, outputs, round, ancestors } = message;
  finalize(p.context, txid, attempt, inputs, outputs, round, ancestors);
  for (const outpoint of outputs) {
    if (isClaimable(p.view.coinFacts(outpoint))) wakeWaiters(p, outpointTxid(outpoint));
  }
}

export function onRelease(p: Partition, message: ReleaseMessage): void {
  const { txid, attempt, inputs, outputs } = message;
  release(p.context, { txid, attempt, inputs, outputs, cause: "policy", heir: null });
}
