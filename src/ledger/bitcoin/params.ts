// What differs between the networks, as one record each. The figures are Bitcoin Core's
// (kernel/chainparams.cpp); the networks themselves stand in networks.ts.
import type { Bytes } from "../../base/bytes.ts";
import type { BlockForm } from "./block.ts";

export interface WorkParams {
  /** The easiest target. */
  readonly limit: bigint;
  /** The same in compact form. */
  readonly limitBits: number;
  /** How long a period between two retargets should take, seconds. */
  readonly timespan: number;
  /** How long a block should take, seconds. */
  readonly spacing: number;
  /** A block more than two spacings after its parent may have the easiest target. */
  readonly allowMinDifficulty: boolean;
  /** The target never changes. */
  readonly noRetargeting: boolean;
  /** Testnet4's cures for the time warp and the block storms of testnet3. */
  readonly bip94: boolean;
}

/** Heights from which a rule holds. */
export interface Activation {
  /** The coinbase begins with its height; headers of version 2. */
  readonly bip34: number;
  /** CHECKLOCKTIMEVERIFY; headers of version 4. */
  readonly bip65: number;
  /** Strict DER signatures; headers of version 3. */
  readonly bip66: number;
  /** BIP68, BIP112 and BIP113. */
  readonly csv: number;
  /** BIP141, BIP143 and BIP147. */
  readonly segwit: number;
}

/** A block named by height and hash (hash order). */
export interface NamedBlock {
  readonly height: number;
  readonly hash: Bytes;
}

/** A block whose script flags are not those of its height. */
export interface FlagException {
  readonly hash: Bytes;
  readonly flags: number;
}

export interface AddressParams {
  readonly publicKeyHash: number;
  readonly scriptHash: number;
  readonly secretKey: number;
  readonly segwitPrefix: string;
}

/** What a network of stakers decides for itself; the rest of its ledger is Bitcoin's. */
export interface StakedParams {
  /** A block with header and extras; there is no weight. */
  readonly blockBytesMax: number;
  /** Base units of new money in each of the first `halvingInterval` blocks. */
  readonly subsidy: number;
  /** Its blocks are made in segments of 2^bits transactions. */
  readonly segmentBits: number;
}

export interface Params {
  /** A public network or regtest, or what its file calls a network of stakers. */
  readonly name: string;
  /** The four bytes before each message and each block in a file. */
  readonly magic: Bytes;
  readonly genesis: Bytes;
  readonly genesisHash: Bytes;
  readonly work: WorkParams;
  /** Work that the best chain is known to have: a chain with less is not worth its headers. */
  readonly minimumWork: bigint;
  /** Blocks between two halvings of the subsidy. */
  readonly halvingInterval: number;
  readonly activation: Activation;
  /** The block at which BIP34 began: behind it BIP30 needs no check. Null where Core has none. */
  readonly bip34Hash: Bytes | null;
  /** Blocks that repeat an earlier coinbase, before BIP30. */
  readonly bip30Repeats: readonly NamedBlock[];
  readonly flagExceptions: readonly FlagException[];
  /** BIP325: the script that every block must satisfy; null where there is none. */
  readonly signetChallenge: Bytes | null;
  readonly port: number;
  readonly seeds: readonly string[];
  readonly address: AddressParams;
  /** Null where miners make the blocks. */
  readonly staked: StakedParams | null;
}

/** How blocks of a network are written. */
export function formOf(params: Params): BlockForm {
  return params.staked === null ? "bitcoin" : "staked";
}

/** True where rules and pace are its operators' own business: nobody is to be hidden from. */
export function isOwnNetwork(params: Params): boolean {
  return params.name === "regtest" || params.staked !== null;
}

/** Blocks between two retargets. */
export function retargetInterval(work: WorkParams): number {
  return work.timespan / work.spacing;
}
