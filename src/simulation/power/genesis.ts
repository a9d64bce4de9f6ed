// The genesis of a simulated network: one staker per node, with given weights, and one key each.
import { hex, toHex } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/hash.ts";
import { publicKeyCreate, signSchnorr } from "../../crypto/secp256k1.ts";
import { type Branch, genesisBranch, type Network } from "../../planes/consensus/qpos/branch.ts";
import {
  chainIdOf,
  DEFAULT_PARAMETERS,
  genesisHeader,
  type QposParameters,
} from "../../planes/consensus/qpos/params.ts";
import { STATUS, type StakerRecord, WANTS_ACTIVE } from "../../planes/consensus/qpos/record.ts";
import { registryOf } from "../../planes/consensus/qpos/registry.ts";
import { fullSuite } from "../../planes/consensus/qpos/suite.ts";
import { type PowerConfig, rulesOf } from "./config.ts";
import { modelSuite } from "./model-suite.ts";

const ZERO = "00".repeat(32);

export interface Keys {
  readonly signKey: string;
  readonly revealSecret: string;
  /** Hex of the signature over a digest. */
  readonly sign: (digest: string) => string;
}

export interface Genesis {
  readonly network: Network;
  readonly branch: Branch;
  readonly chainId: string;
  readonly keys: readonly Keys[];
}

/** Keys that only simulations use: everybody can derive them. */
function fullKeys(index: number): Keys {
  const secret = sha256(new TextEncoder().encode(`pando/simulation/key/${index}`));
  const signKey = toHex(publicKeyCreate(secret).subarray(1));
  const revealSecret = toHex(sha256(secret));
  return { signKey, revealSecret, sign: (digest) => toHex(signSchnorr(secret, hex(digest))) };
}

function modelKeys(index: number): Keys {
  return { signKey: `k${index}`, revealSecret: `s${index}`, sign: () => "" };
}

function record(network: Network, id: number, keys: Keys): StakerRecord {
  const { suite, parameters } = network;
  return {
    id,
    kind: 0,
    status: STATUS.active,
    flags: WANTS_ACTIVE,
    signKey: keys.signKey,
    commit: suite.commit(keys.signKey, suite.reveal(keys.revealSecret, keys.signKey, 0)),
    reveals: 0,
    ownerHash: ZERO,
    operatorHash: ZERO,
    bondOutpoint: `${id.toString(16).padStart(64, "0")}00000000`,
    bondValue: parameters.bond,
    penalty: 0,
    produced: 0,
    docked: 0,
    missRun: 0,
    sinceSlot: 0,
    freeSlot: 0,
    payout: "51",
  };
}

/** The network, the genesis state and the keys of a configuration; `seed` separates the chains. */
export function genesisOf(config: PowerConfig, seed: number): Genesis {
  const parameters: QposParameters = {
    ...DEFAULT_PARAMETERS,
    gate: config.gate,
    genesisMs: 0,
    // The study's horizon: nobody becomes free within a run.
    unbondSlots: 120_960,
  };
  const full = config.crypto === "full";
  const make = full ? fullKeys : modelKeys;
  const keys = config.weights.map((_, index) => make(index));
  const seedRoot = seed.toString(16).padStart(64, "0");
  const chainId = full
    ? chainIdOf(genesisHeader(parameters, [], seedRoot))
    : String.fromCharCode(0x9e37, 0x79b9, seed >>> 16, seed & 0xffff);
  const network: Network = {
    parameters,
    rules: rulesOf(config),
    suite: full ? fullSuite(chainId) : modelSuite(),
    seenFinalizedRound: null,
  };
  const records = keys.map((one, index) => record(network, index + 1, one));
  const branch = genesisBranch(network, chainId, registryOf(records), config.weights);
  return { network, branch, chainId, keys };
}
