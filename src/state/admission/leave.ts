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
  for (let index = 0; index < candidate.inputs.length; index++) {
    partAt(parts, places.coin(candidate.inputs[index]!.outpoint)).inputs.push(index);
  }
  if (places.outputsAtHome) return parts;
  for (let index = 0; index < candidate.outputs.length; index++) {
    if (!candidate.outputs[index]!.spendable) continue;
    const partition = places.coin(outpointKey(candidate.txid, index));
    if (partition !== home) partAt(parts, partition).outputs.push(index);
  }
  return parts;
}

/** The part of a partition among these few, which stay in ascending order. */
function partAt(parts: Part[], partition: number): Part {
  let at = 0;
  while (at < parts.length && parts[at]!.partition < partition) at++;
  const found = parts[at];
  if (found?.partition === partition) return found;
  const part: Part = { partition, inputs: [], outputs: [] };
  parts.splice(at, 0, part);
  return part;
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
    if (!candidate.outputs[index]!.spendable) continue;
    if (places.outputsAtHome || places.coin(outpointKey(candidate.txid, index)) === partition) {
      own.push(index);
    }
  }
  return own;
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
