// The root of an assignment, which every node recomputes and a beacon block commits, and the proof of
// one seat under it. Layouts in docs/internals/resharding.md, "Draws".
import { type Bytes, bytesEqual, concatBytes, writeU32BE } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import { label, u32be, u64be, writeU64BE } from "./bytes-be.ts";
import { branchRoot, treeBranch, treeRoot } from "./tree.ts";
import { type Assignment, idAt, SHARE_BYTES, seatCount } from "./types.ts";

export interface Seat {
  readonly share: Bytes;
  readonly shard: number;
  readonly since: number;
  readonly position: number;
}

const LEAF_BYTES = 1 + SHARE_BYTES + 16;

function seatLeaf(seat: Seat): Bytes {
  const bytes = new Uint8Array(LEAF_BYTES);
  bytes.set(seat.share, 1);
  writeU32BE(bytes, 37, seat.shard);
  writeU64BE(bytes, 41, seat.since);
  writeU32BE(bytes, 49, seat.position);
  return sha256(bytes);
}

export function seatAt(assignment: Assignment, row: number): Seat {
  return {
    share: idAt(assignment.ids, row),
    shard: assignment.shard[row]!,
    since: assignment.since[row]!,
    position: assignment.position[row]!,
  };
}

/** The row of a share, or -1. */
export function rowOf(assignment: Assignment, share: Bytes): number {
  let low = 0;
  let high = seatCount(assignment) - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    let difference = 0;
    for (let at = 0; at < SHARE_BYTES && difference === 0; at++) {
      difference = assignment.ids[middle * SHARE_BYTES + at]! - share[at]!;
    }
    if (difference === 0) return middle;
    if (difference < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Leaf hashes of all seats, packed. */
function seatLeaves(assignment: Assignment): Bytes {
  const count = seatCount(assignment);
  const leaves = new Uint8Array(count * 32);
  for (let row = 0; row < count; row++) leaves.set(seatLeaf(seatAt(assignment, row)), row * 32);
  return leaves;
}

interface RootHead {
  readonly epoch: number;
  readonly shards: number;
  readonly seats: number;
  readonly secondary: readonly number[] | Uint32Array;
}

function headRoot(head: RootHead, tree: Bytes): Bytes {
  const secondary = new Uint8Array(head.shards * 4);
  for (let c = 0; c < head.shards; c++) writeU32BE(secondary, c * 4, head.secondary[c] ?? 0);
  return sha256(
    concatBytes(
      label("pando/assign/1", 16),
      u64be(head.epoch),
      u32be(head.shards),
      u32be(head.seats),
      tree,
      secondary,
    ),
  );
}

/** The root that commits to a whole assignment. */
export function assignmentRoot(assignment: Assignment): Bytes {
  const { epoch, shards, secondary } = assignment;
  const head = { epoch, shards, seats: seatCount(assignment), secondary };
  return headRoot(head, treeRoot(seatLeaves(assignment)));
}

/** That one seat belongs to an assignment with a known root. */
export interface SeatProof {
  readonly seat: Seat;
  readonly row: number;
  readonly epoch: number;
  readonly shards: number;
  readonly seats: number;
  readonly secondary: readonly number[];
  readonly branch: readonly Bytes[];
}

/** The proof of a share's seat, or null when it has none. */
export function proveSeat(assignment: Assignment, share: Bytes): SeatProof | null {
  const row = rowOf(assignment, share);
  if (row < 0) return null;
  return {
    seat: seatAt(assignment, row),
    row,
    epoch: assignment.epoch,
    shards: assignment.shards,
    seats: seatCount(assignment),
    secondary: [...assignment.secondary],
    branch: treeBranch(seatLeaves(assignment), row),
  };
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

/** True when the proof's seat is part of the assignment with this root. */
export function verifySeat(proof: SeatProof, root: Bytes): boolean {
  const { seat, secondary, shards } = proof;
  if (seat.share.length !== SHARE_BYTES || secondary.length !== shards) return false;
  if (![seat.shard, seat.position, proof.seats, shards, ...secondary].every(isU32)) return false;
  if (!(Number.isSafeInteger(seat.since) && Number.isSafeInteger(proof.epoch))) return false;
  if (seat.since < 0 || proof.epoch < 0) return false;
  const tree = branchRoot(seatLeaf(seat), proof.row, proof.seats, proof.branch);
  return tree !== null && bytesEqual(headRoot(proof, tree), root);
}
