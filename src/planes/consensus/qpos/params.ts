// The parameters of a staked network and its genesis. Their canonical JSON is hashed into the
// genesis header, so two nodes that disagree about one number are on different chains.
import { toHex } from "../../../base/bytes.ts";
import { taggedHash } from "../../../crypto/hash.ts";
import { type Header, headerId } from "./header.ts";
import type { WeightRule } from "./weight.ts";

/** A staker that exists from the first slot on. Scripts and keys in hex. */
export interface GenesisStaker {
  readonly signKey: string;
  /**
   * What its first block reveals, known to all: the commitment to it holds the id of the chain, which
   * covers these fields, and so cannot be one of them.
   */
  readonly reveal: string;
  /** The script that owns the bond, and where payments go. */
  readonly owner: string;
  readonly payout: string;
  readonly bondOutpoint: string;
  readonly bondValue: number;
}

export interface QposParameters {
  readonly genesisMs: number;
  readonly slotMs: number;
  readonly skewMsMax: number;
  /** When votes leave, counted from the start of a round's last slot. */
  readonly voteMs: number;
  readonly bond: number;
  readonly activeMax: number;
  readonly weightRule: WeightRule;
  readonly weightMax: number;
  readonly gate: "majority" | "certified";
  readonly disableAfter: number;
  readonly unbondSlots: number;
  readonly churnDivisor: number;
  readonly reweightRounds: number;
  readonly doppelgangerRounds: number;
  readonly fallBehindMs: number;
  readonly extrasBytesMax: number;
  readonly dueCountMax: number;
  readonly keepEquivocations: number;
  readonly produceAlone: boolean;
}

export const DEFAULT_PARAMETERS: QposParameters = {
  genesisMs: 0,
  slotMs: 5_000,
  skewMsMax: 1_000,
  voteMs: 4_000,
  bond: 100_000_000_000,
  activeMax: 128,
  weightRule: "flat",
  weightMax: 1_048_575,
  gate: "majority",
  disableAfter: 512,
  unbondSlots: 120_960,
  churnDivisor: 8,
  reweightRounds: 1_024,
  doppelgangerRounds: 2,
  fallBehindMs: 120_000,
  extrasBytesMax: 262_144,
  dueCountMax: 64,
  keepEquivocations: 2,
  produceAlone: true,
};

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** JSON with names in code-unit order and no spaces: the same bytes on every machine. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const record = value as { readonly [name: string]: Json };
  const names = Object.keys(record).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalJson(record[name]!)}`).join(",")}}`;
}

const ZERO = "00".repeat(32);

/** The genesis header: slot 0, round 0, height 0; `txRoot` is the root of its only transactions. */
export function genesisHeader(
  parameters: QposParameters,
  stakers: readonly GenesisStaker[],
  txRoot: string = ZERO,
  witnessRoot: string = ZERO,
): Header {
  const json = canonicalJson({
    parameters: { ...parameters },
    stakers: stakers.map((s) => ({ ...s })),
  });
  const extrasRoot = toHex(taggedHash("pando/qpos/extras", new TextEncoder().encode(json)));
  return {
    version: 0x20000000,
    parent: ZERO,
    txRoot,
    time: Math.floor(parameters.genesisMs / 1000),
    slot: 0,
    height: 0,
    round: 0,
    index: 0,
    segmentBits: 0,
    flags: 0,
    stakerId: 0,
    txCount: 1,
    witnessRoot,
    registryRoot: ZERO,
    coinSetHash: ZERO,
    extrasRoot,
  };
}

/** The id of the chain: the id of its genesis header. */
export function chainIdOf(genesis: Header): string {
  return headerId(genesis);
}
