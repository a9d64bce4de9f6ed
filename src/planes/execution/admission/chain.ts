// A chain record arrives: the one transition of this partition, then what the handlers owe for it.
import { applyChainStep, type ChainStep } from "../../../state/admission/transition.ts";
import { restartAll } from "./attempt.ts";
import { sendEntriesFrom } from "./leaving.ts";
import { unpark, wakeWaiters } from "./parking.ts";
import type { Partition } from "./partition.ts";
import { expire, noteRate, relievePressure } from "./pressure.ts";

export function onChainStep(p: Partition, step: ChainStep): void {
  const firstEntry = p.view.store.meta("outboxNext");
  p.seq = step.seq;
  p.chain = p.config.chain(step.seq);
  const report = applyChainStep(p.context, step);
  if (step.reset) forgetLeaving(p);
  for (const txid of report.restored) {
    const record = p.view.record(txid);
    if (record !== null) noteRate(p, record);
    unpark(p, txid);
    p.emit({ type: "disconnected", txid });
  }
  for (const txid of report.confirmed) {
    unpark(p, txid);
    p.emit({ type: "confirmed", txid });
  }
  for (const departure of report.left) p.emit({ type: "evicted", ...departure, by: null });
  sendEntriesFrom(p, firstEntry);
  p.wantResend(0);
  if (p.config.rules.preparingDies) restartAll(p);
  for (const parent of report.appeared) wakeWaiters(p, parent);
  expire(p);
  // What a reorganisation restored may be more than there is room for.
  relievePressure(p);
}

/** After a reset nobody is leaving any more. */
function forgetLeaving(p: Partition): void {
  p.acknowledged.clear();
  p.evictWaiting.clear();
  p.releaseWaiting.clear();
}

/** True when nothing of the chain's making is still under way here: a template may use this partition. */
export function isSettled(p: Partition): boolean {
  return p.view.chainEntries === 0;
}
