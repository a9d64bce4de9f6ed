// Slots, rounds and the clock that blocks drive. The state moves only when a block carries it; the
// local clock decides when I may produce and vote, and which early blocks wait, never validity.
import type { QposParameters } from "./params.ts";

/** When a slot starts, in ms. */
export function slotStartMs(parameters: QposParameters, slot: number): number {
  return parameters.genesisMs + slot * parameters.slotMs;
}

/** The slot that a moment lies in; negative before genesis. */
export function slotAt(parameters: QposParameters, nowMs: number): number {
  return Math.floor((nowMs - parameters.genesisMs) / parameters.slotMs);
}

/** The rounds behind a block: its own, the next, and all later ones, which have one length. */
export interface RoundLengths {
  readonly round: number;
  readonly start: number;
  readonly length: number;
  readonly nextLength: number;
  readonly laterLength: number;
}

/** The round of a slot at or after `from.start`. After two rounds nothing can change: jump. */
export function locate(
  slot: number,
  from: RoundLengths,
): { readonly round: number; readonly start: number } {
  const nextStart = from.start + from.length;
  if (slot < nextStart) return { round: from.round, start: from.start };
  const laterStart = nextStart + from.nextLength;
  if (slot < laterStart) return { round: from.round + 1, start: nextStart };
  const skipped = Math.floor((slot - laterStart) / from.laterLength);
  return { round: from.round + 2 + skipped, start: laterStart + skipped * from.laterLength };
}
