// Children whose parents are missing, and who is told when a parent appears. One waiter per edge at
// the place where the missing coin would lie; everything here is volatile and bounded, and a slow
// timer covers what a crash or a full table forgets.
import { ownCandidate } from "../../../state/admission/candidate.ts";
import { type OutpointKey, outpointTxid, type Txid } from "../../../state/admission/keys.ts";
import type { Candidate, Heir } from "../../../state/admission/records.ts";
import type { Parked, Partition } from "./partition.ts";

/** What a parked one is counted as: a witness is larger than its virtual bytes. */
function parkedBytes({ raw, size }: Candidate): number {
  return Math.max(raw.length, size);
}

/** Parks a candidate; null when there is no room for it. */
export function park(
  p: Partition,
  candidate: Candidate,
  source: number,
  heir: Heir | null,
  deadline: number = p.now + p.config.limits.parkedLifeMs,
): Parked | null {
  const { limits } = p.config;
  const bytes = parkedBytes(candidate);
  const ofSource = (p.parkedBySource.get(source) ?? 0) + bytes;
  if (heir === null && ofSource > limits.parkedPerSourceBytesMax) return null;
  while (p.parked.size >= limits.parkedCountMax || p.parkedBytes + bytes > limits.parkedBytesMax) {
    if (!dropRandomParked(p)) return null;
  }
  const parked: Parked = {
    // It may wait for long: what its bytes lie in must not.
    candidate: ownCandidate(candidate),
    source,
    deadline,
    delayMs: heir === null ? limits.parkedMsMin : limits.preparingMsMax,
    triedAt: p.now,
    heir,
  };
  p.parked.set(candidate.txid, parked);
  p.parkedBytes += bytes;
  p.parkedBySource.set(source, ofSource);
  p.after(p.jitter(parked.delayMs), { kind: "parked", txid: candidate.txid });
  return parked;
}

/** Asks for the fate of who replaced it; who has died undecided, or has left since, leaves room for it. */
export function askHeir(p: Partition, { heir, candidate }: Parked): void {
  if (heir === null) return;
  const { txid } = heir;
  p.send(p.config.places.home(txid), { type: "ask", txid, asker: candidate.txid });
}

export function unpark(p: Partition, txid: Txid): Parked | null {
  const parked = p.parked.get(txid);
  if (parked === undefined) return null;
  p.parked.delete(txid);
  const bytes = parkedBytes(parked.candidate);
  p.parkedBytes -= bytes;
  const left = (p.parkedBySource.get(parked.source) ?? 0) - bytes;
  if (left <= 0) p.parkedBySource.delete(parked.source);
  else p.parkedBySource.set(parked.source, left);
  return parked;
}

/** A victim that nobody can aim at: random, but of the source with most bytes when there are two. */
function dropRandomParked(p: Partition): boolean {
  if (p.parked.size === 0) return false;
  const keys = [...p.parked.keys()];
  const first = keys[Math.floor(p.config.random() * keys.length)]!;
  const second = keys[Math.floor(p.config.random() * keys.length)]!;
  const bytes = (txid: Txid): number => p.parkedBySource.get(p.parked.get(txid)!.source) ?? 0;
  unpark(p, bytes(first) >= bytes(second) ? first : second);
  return true;
}

/** Remembers that `child` (of partition `home`) waits for a coin that would lie here. */
export function addWaiter(p: Partition, outpoint: OutpointKey, child: Txid, home: number): void {
  const { limits } = p.config;
  const parent = outpointTxid(outpoint);
  const known = p.waiters.get(parent);
  if (known?.has(child) === true) return;
  if (known !== undefined && known.size >= limits.waitersPerParentMax) return;
  while (p.waiterCount >= limits.waiterCountMax) dropOldestWaiters(p);
  // Looked up again: the oldest may have been these.
  let children = p.waiters.get(parent);
  if (children === undefined) {
    children = new Map();
    p.waiters.set(parent, children);
  }
  children.set(child, home);
  p.waiterCount++;
}

function dropOldestWaiters(p: Partition): void {
  const oldest = p.waiters.keys().next();
  if (oldest.done === true) return;
  p.waiterCount -= p.waiters.get(oldest.value)!.size;
  p.waiters.delete(oldest.value);
}

/** One WAKE per edge: the coins of `parent` appeared here. */
export function wakeWaiters(p: Partition, parent: Txid): void {
  const children = p.waiters.get(parent);
  if (children === undefined) return;
  p.waiters.delete(parent);
  p.waiterCount -= children.size;
  for (const [child, home] of children) p.send(home, { type: "wake", txid: child });
}
