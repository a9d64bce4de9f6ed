// The one entrance of the handlers: a message, a chain record or the clock goes in, a durable group,
// messages and events come out. Synchronous and deterministic; time and randomness are given.
import { never } from "../../../base/assert.ts";
import type { ChainStep } from "../../../state/admission/transition.ts";
import {
  begin,
  onAgain,
  onCoins,
  onDeadline,
  onHanded,
  onOk,
  onRefuse,
  onStanding,
  onSubmit,
  onVerdict,
  onWait,
} from "./attempt.ts";
import { onChainStep } from "./chain.ts";
import { onEvict, onEvicted, onReleased, onReleaseLeaving, onResendTimer } from "./leaving.ts";
import type { Incoming, Status } from "./messages.ts";
import { onFinalize, onHold, onRead, onRelease } from "./parent.ts";
import { askHeir, park, unpark } from "./parking.ts";
import type { Effects, Parked, Partition, Timer } from "./partition.ts";
import { onDrop, relievePressure } from "./pressure.ts";
import { onYield, standingOf } from "./replace.ts";
import { onAuditTimer, onQuery, onSweepTimer } from "./sweep.ts";

/** Processes one message. */
export function onMessage(p: Partition, now: number, from: number, message: Incoming): Effects {
  setTime(p, now);
  dispatch(p, from, message);
  return p.takeEffects();
}

/** Processes what is due; `p.wakeAt` says when to call again. */
export function onTick(p: Partition, now: number): Effects {
  setTime(p, now);
  for (let late = p.lateOne(); late !== null; late = p.lateOne()) onDeadline(p, late);
  // What a timer plans for this very moment waits for the next call.
  for (let left = p.timers.size; left > 0 && (p.timers.peekKey() ?? now + 1) <= now; left--) {
    fire(p, p.timers.pop()!);
  }
  return p.takeEffects();
}

/** Applies the next chain record; its changes are one group. */
export function onChain(p: Partition, now: number, step: ChainStep): Effects {
  setTime(p, now);
  onChainStep(p, step);
  return p.takeEffects();
}

function setTime(p: Partition, now: number): void {
  p.now = now;
  p.view.heldSince = now + p.config.limits.sweepMs;
}

function dispatch(p: Partition, from: number, message: Incoming): void {
  switch (message.type) {
    case "submit":
      onSubmit(p, message);
      return;
    case "read":
      onRead(p, from, message);
      return;
    case "coins":
      onCoins(p, from, message);
      return;
    case "wait":
      onWait(p, message.txid, message.attempt);
      return;
    case "hold":
      onHold(p, from, message);
      return;
    case "ok":
      onOk(p, from, message);
      return;
    case "refuse":
      onRefuse(p, from, message);
      return;
    case "handed":
      onHanded(p, from, message);
      return;
    case "finalize":
      onFinalize(p, message);
      return;
    case "release":
      onRelease(p, message);
      return;
    case "release-leaving":
      onReleaseLeaving(p, from, message);
      return;
    case "released":
      onReleased(p, from, message);
      return;
    case "query":
      onQuery(p, from, message);
      return;
    case "evict":
      onEvict(p, from, message);
      return;
    case "evicted":
      onEvicted(p, message);
      return;
    case "ask": {
      const standing = standingOf(p, message.txid);
      const { txid, asker } = message;
      p.send(from, { type: "status", txid, asker, standing });
      return;
    }
    case "status":
      onStatus(p, message);
      return;
    case "wake":
      onWake(p, message.txid);
      return;
    case "yield":
      onYield(p, from, message);
      return;
    case "drop":
      onDrop(p, message.txid);
      return;
    case "verdict":
      onVerdict(p, message);
      return;
    default:
      never(message);
      return;
  }
}

function fire(p: Partition, timer: Timer): void {
  switch (timer.kind) {
    case "again":
      onAgain(p, timer.txid, timer.attempt);
      return;
    case "parked":
      onParkedTimer(p, timer.txid);
      return;
    case "sweep":
      onSweepTimer(p);
      return;
    case "audit":
      onAuditTimer(p);
      return;
    case "pressure":
      relievePressure(p);
      return;
    case "resend":
      onResendTimer(p);
      return;
    default:
      never(timer);
      return;
  }
}

/** A parent appeared: begin again, unless it is known, preparing or displaced. */
function onWake(p: Partition, txid: string): void {
  const parked = p.parked.get(txid);
  if (parked === undefined || parked.heir !== null) return;
  tryParked(p, parked);
}

function tryParked(p: Partition, parked: Parked): void {
  const { txid } = parked.candidate;
  unpark(p, txid);
  if (p.view.hasRecord(txid) || p.preparing.has(txid)) return;
  if (p.view.leaving(txid) !== null || p.preparing.size >= p.config.limits.preparingCountMax) {
    park(p, parked.candidate, parked.source, parked.heir, parked.deadline);
    return;
  }
  begin(p, parked.candidate, parked.source, [], null, parked);
}

/** The slow net under lost wake-ups; for a replaced transaction, the question for its heir's fate. */
function onParkedTimer(p: Partition, txid: string): void {
  const parked = p.parked.get(txid);
  if (parked === undefined) return;
  if (p.now >= parked.deadline) {
    unpark(p, txid);
    return;
  }
  if (parked.heir !== null) {
    askHeir(p, parked);
    p.after(p.jitter(parked.delayMs), { kind: "parked", txid });
    return;
  }
  if (p.now - parked.triedAt < parked.delayMs / 2) return;
  parked.delayMs = Math.min(p.config.limits.parkedMsMax, parked.delayMs * 2);
  tryParked(p, parked);
}

/** An answer to ASK: of a preparing transaction, or of one that was replaced. */
function onStatus(p: Partition, message: Status): void {
  const parked = p.parked.get(message.asker);
  if (parked?.heir?.txid !== message.txid) {
    onStanding(p, message);
    return;
  }
  if (message.standing.state === "admitted") unpark(p, message.asker);
  else if (message.standing.state === "none") tryParked(p, { ...parked, heir: null });
}
