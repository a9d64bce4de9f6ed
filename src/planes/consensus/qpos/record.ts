// The record of one staker or producer, its canonical bytes, and the tree over all records. Every
// field that a rule reads is here; the layout is that of docs/internals/qpos.md, section 1.2.
import { type Bytes, concatBytes, hex, writeU16, writeU32, writeU64 } from "../../../base/bytes.ts";
import { sha256 } from "../../../crypto/hash.ts";
import type { Digest } from "./header.ts";

export const STATUS = {
  waiting: 0,
  active: 1,
  paused: 2,
  leaving: 3,
  free: 4,
  slashed: 5,
} as const;
export type Status = (typeof STATUS)[keyof typeof STATUS];

export const CLASS_STAKER = 0;
export const CLASS_PRODUCER = 1;
/** Flag bit 0: wants to be active. */
export const WANTS_ACTIVE = 1;

export interface StakerRecord {
  readonly id: number;
  readonly kind: number;
  readonly status: Status;
  readonly flags: number;
  readonly signKey: string;
  readonly commit: Digest;
  /** Reveals made with this key on this branch. */
  readonly reveals: number;
  readonly ownerHash: Digest;
  readonly operatorHash: Digest;
  readonly bondOutpoint: string;
  readonly bondValue: number;
  readonly penalty: number;
  readonly produced: number;
  readonly docked: number;
  /** Consecutive own misses, saturating at 65,535. */
  readonly missRun: number;
  readonly sinceSlot: number;
  /** First slot at which the bond is free; 0 = not leaving. */
  readonly freeSlot: number;
  /** A scriptPubKey in hex. */
  readonly payout: string;
}

export const MISS_RUN_MAX = 0xffff;

/** A copy of a record with other counters: the only change that happens in every block. */
export function withCounters(
  record: StakerRecord,
  produced: number,
  docked: number,
  missRun: number,
  reveals: number,
  commit: Digest,
): StakerRecord {
  return {
    id: record.id,
    kind: record.kind,
    status: record.status,
    flags: record.flags,
    signKey: record.signKey,
    commit,
    reveals,
    ownerHash: record.ownerHash,
    operatorHash: record.operatorHash,
    bondOutpoint: record.bondOutpoint,
    bondValue: record.bondValue,
    penalty: record.penalty,
    produced,
    docked,
    missRun,
    sinceSlot: record.sinceSlot,
    freeSlot: record.freeSlot,
    payout: record.payout,
  };
}

const FIXED_BYTES = 4 + 4 + 32 + 36 + 64 + 36 + 16 + 14 + 8;

/** The canonical bytes of a record. */
export function encodeRecord(record: StakerRecord): Bytes {
  const payout = hex(record.payout);
  const bytes = new Uint8Array(FIXED_BYTES + 1 + payout.length);
  writeU32(bytes, 0, record.id);
  bytes[4] = record.kind;
  bytes[5] = record.status;
  bytes[6] = record.flags;
  bytes.set(hex(record.signKey), 8);
  bytes.set(hex(record.commit), 40);
  writeU32(bytes, 72, record.reveals);
  bytes.set(hex(record.ownerHash), 76);
  bytes.set(hex(record.operatorHash), 108);
  bytes.set(hex(record.bondOutpoint), 140);
  writeU64(bytes, 176, record.bondValue);
  writeU64(bytes, 184, record.penalty);
  writeU32(bytes, 192, record.produced);
  writeU16(bytes, 196, Math.floor(record.produced / 0x1_0000_0000));
  writeU32(bytes, 198, record.docked);
  writeU16(bytes, 202, record.missRun);
  writeU32(bytes, 206, record.sinceSlot);
  writeU32(bytes, 210, record.freeSlot);
  bytes[214] = payout.length;
  bytes.set(payout, 215);
  return bytes;
}

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

/** Binary SHA-256 tree: leaf prefix 00, node prefix 01, an odd node is promoted, empty = zeros. */
export function treeRoot(leaves: readonly Bytes[]): Bytes {
  if (leaves.length === 0) return new Uint8Array(32);
  let level = leaves.map((leaf) => sha256(concatBytes(LEAF, leaf)));
  while (level.length > 1) {
    const above: Bytes[] = [];
    for (let at = 0; at + 1 < level.length; at += 2) {
      above.push(sha256(concatBytes(NODE, level[at]!, level[at + 1]!)));
    }
    if (level.length % 2 === 1) above.push(level[level.length - 1]!);
    level = above;
  }
  return level[0]!;
}

/** Whose bond is gone has nothing to lose, and could fill blocks with its offences for ever. */
export function isBondGone(record: StakerRecord, slot: number): boolean {
  const released = record.freeSlot !== 0 && slot >= record.freeSlot;
  return record.status === STATUS.free || released || record.penalty >= record.bondValue;
}
