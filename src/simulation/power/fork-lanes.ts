// Lanes of a fork diagram from a recorded run: the final chain, and the branches that left it in a
// window of rounds around the longest fork.
import {
  type Branch,
  type Network,
  placeOf,
  powerAfter,
  queueAhead,
} from "../../planes/consensus/qpos/branch.ts";
import { gateOf } from "../../planes/consensus/qpos/gate.ts";
import type { Cell, Lane, RoundBox } from "./fork-diagram.ts";
import type { Recording } from "./recording.ts";

const LANES_MAX = 4;
const SLOTS_MAX = 15;

/** A staker as a letter, or a number beyond Z. */
function letter(id: number): string {
  return id <= 26 ? String.fromCharCode(64 + id) : String(id);
}

interface Side {
  /** Blocks that are not on the main chain, first to last. */
  readonly path: readonly Branch[];
  readonly fork: Branch;
}

/** Branches beside the main chain, longest first. */
function sidesOf(recording: Recording, main: ReadonlySet<string>): Side[] {
  const parents = new Set([...recording.blocks.values()].map((block) => block.parent?.id));
  const sides: Side[] = [];
  for (const tip of recording.blocks.values()) {
    if (main.has(tip.id) || parents.has(tip.id)) continue;
    const path: Branch[] = [];
    let at = tip;
    while (!main.has(at.id)) {
      path.unshift(at);
      at = at.parent!;
    }
    sides.push({ path, fork: at });
  }
  return sides.sort((a, b) => b.path.length - a.path.length || a.fork.slot - b.fork.slot);
}

function chainOf(tip: Branch): Branch[] {
  const chain: Branch[] = [];
  for (let at: Branch | null = tip; at !== null; at = at.parent) chain.push(at);
  return chain.reverse();
}

/** The cells of one lane: its blocks and the misses between them, up to `last`. */
function cellsOf(
  network: Network,
  before: Branch,
  path: readonly Branch[],
  last: number,
): { cells: Cell[]; rounds: RoundBox[] } {
  const cells: Cell[] = [];
  const rounds = new Map<number, RoundBox>();
  let tip = before;
  for (let slot = before.slot + 1; slot <= last; slot++) {
    const place = placeOf(network, tip, slot);
    const queue = queueAhead(network, tip, place.round);
    if (!rounds.has(place.round)) {
      const open = place.round === tip.round || gateOf(network, tip, place.round) === "open";
      rounds.set(place.round, {
        round: place.round,
        fromSlot: place.start,
        slots: place.set.ids.length,
        queue: queue.map(letter).join(" "),
        shut: !open && path.every((block) => block.round !== place.round),
      });
    }
    const block = path.find((one) => one.slot === slot);
    cells.push({
      slot,
      staker: letter(queue[place.index]!),
      kind: block === undefined ? "miss" : "block",
      height: block === undefined ? null : block.height,
      power: block === undefined ? null : powerAfter(block),
      parentSlot: block === undefined ? null : block.parent!.slot,
    });
    if (block !== undefined) tip = block;
  }
  return { cells, rounds: [...rounds.values()] };
}

/** The lanes around the longest fork of a run; only the final chain when there was none. */
export function forkLanes(recording: Recording): Lane[] {
  const network = recording.network!;
  const heads = recording.moments[recording.moments.length - 1]!.heads;
  const best = heads.reduce((a, b) => (b.trust > a.trust ? b : a));
  const chain = chainOf(best);
  const main = new Set(chain.map((block) => block.id));
  const [longest, ...others] = sidesOf(recording, main);
  const first = Math.max(1, longest === undefined ? 1 : longest.fork.start);
  const last = Math.min(first + SLOTS_MAX - 1, best.slot);
  const inside = others.filter((side) => side.fork.slot >= first && side.path[0]!.slot <= last);
  const sides = longest === undefined ? [] : [longest, ...inside].slice(0, LANES_MAX - 1);
  const base = chain.filter((block) => block.slot < first).pop()!;
  const lanes: Lane[] = [
    { title: "final chain", from: null, ...cellsOf(network, base, chain, last) },
  ];
  sides.forEach((side, at) => {
    const tip = side.path[side.path.length - 1]!;
    const end = Math.min(last, tip.start + 2 * tip.length - 1);
    const lane = cellsOf(network, side.fork, side.path, end);
    lanes.push({ title: `branch ${at + 1}`, from: 0, ...lane });
  });
  return lanes;
}
