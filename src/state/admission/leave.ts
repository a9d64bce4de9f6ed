// An admitted transaction leaves: record to tombstone, its coins and the claims on them go, each
// such claim becomes an outbox entry. One group at the home; what lies elsewhere is released by the
// tombstone until every partition has answered.

import { type ClaimContext, release } from "./claims.ts";
import { type OutpointKey, outpointKey, type Txid } from "./keys.ts";
import {
  type AdmissionRecord,
  type Candidate,
  compareAttempts,
  type Heir,
  type LeaveCause,
  type Tombstone,
} from "./records.ts";

/** Where things lie: the partition of a transaction, and of a coin. */
export interface Places {
  home(txid: Txid): number;
  coin(outpoint: OutpointKey): number;
  /** Outputs lie where their transaction does. */
  readonly outputsAtHome: boolean;
}

/** What of a transaction lies in one partition; indexes into its inputs and outputs. */
export interface Part {
  readonly partition: number;
  readonly inputs: number[];
  readonly outputs: number[];
}

/** The partitions a transaction touches, in ascending order; outputs at home are not listed. */
export function partsOf(places: Places, home: number, candidate: Candidate): Part[] {
  const parts: Part[] = [];
  const { inputs } = candidate;
  for (let index = 0; index < inputs.length; index++) {
    const partition = places.coin(inputs[index]!.outpoint);
    const part = partAt(parts, partition);
    if (part === null) addPart(parts, { partition, inputs: [index], outputs: [] });
    else part.inputs.push(index);
  }
  if (places.outputsAtHome) return parts;
  for (let index = 0; index < candidate.outputs.length; index++) {
    if (!candidate.outputs[index]!.spendable) continue;
    const partition = places.coin(outpointKey(candidate.txid, index));
    if (partition === home) continue;
    const part = partAt(parts, partition);
    if (part === null) addPart(parts, { partition, inputs: [], outputs: [index] });
    else part.outputs.push(index);
  }
  return parts;
}

/** The part of a partition among these few. */
function partAt(parts: readonly Part[], partition: number): Part | null {
  for (const part of parts) if (part.partition === partition) return part;
  return null;
}

/** Adds a part to these, which are in ascending order. */
function addPart(parts: Part[], part: Part): void {
  let at = parts.length;
  parts.push(part);
  for (; at > 0 && parts[at - 1]!.partition > part.partition; at--) parts[at] = parts[at - 1]!;
  parts[at] = part;
}

export function inputKeys(candidate: Candidate, indexes: readonly number[]): OutpointKey[] {
  return indexes.map((index) => candidate.inputs[index]!.outpoint);
}

export function outputKeys(txid: string, indexes: readonly number[]): OutpointKey[] {
  return indexes.map((index) => outpointKey(txid, index));
}

/** Coins of a transaction that lie in `partition`. */
export function ownOutputs(places: Places, partition: number, candidate: Candidate): number[] {
  const own: number[] = [];
  for (let index = 0; index < candidate.outputs.length; index++) {
    if (isOwnOutput(places, partition, candidate, index)) own.push(index);
  }
  return own;
}

/** True when this output makes a coin, and it lies in `partition`. */
export function isOwnOutput(
  places: Places,
  partition: number,
  candidate: Candidate,
  index: number,
): boolean {
  if (!candidate.outputs[index]!.spendable) return false;
  return places.outputsAtHome || places.coin(outpointKey(candidate.txid, index)) === partition;
}

/** Record to tombstone; returns what was handed to the heir here, and the tombstone if one is left. */
export function leave(
  context: ClaimContext,
  places: Places,
  self: number,
  record: AdmissionRecord,
  cause: LeaveCause,
  heir: Heir | null,
): { tombstone: Tombstone | null; handed: OutpointKey[] } {
  const { view, rules, seq } = context;
  const { txid, attempt, candidate } = record;
  const parts = partsOf(places, self, candidate);
  view.putRecord(txid, null);
  const local = parts.find((part) => part.partition === self);
  const handed = release(context, {
    txid,
    attempt,
    inputs: inputKeys(candidate, local?.inputs ?? []),
    outputs: outputKeys(txid, ownOutputs(places, self, candidate)),
    cause,
    heir,
  });
  const before = view.leaving(txid);
  const remote = parts.map((part) => part.partition).filter((partition) => partition !== self);
  if (remote.length === 0 || !rules.tombstone) return { tombstone: null, handed };
  const partitions = [...new Set([...(before?.partitions ?? []), ...remote])].sort((a, b) => a - b);
  const newest =
    before !== null && compareAttempts(before.attempt, attempt) > 0 ? before.attempt : attempt;
  const inputs = candidate.inputs.map((input) => input.outpoint);
  const outputCount = candidate.outputs.length;
  const tombstone = { attempt: newest, cause, seq, partitions, inputs, outputCount, heir };
  view.putLeaving(txid, tombstone);
  return { tombstone, handed };
}
