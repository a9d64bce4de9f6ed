// A new network of stakers: keys, bonds, what is given out at first, and the file that holds all of it
// but the secrets. `pando chain new` asks for the figures; a devnet gives them.
import { hex, toHex } from "../../base/bytes.ts";
import { hash160 } from "../../crypto/hash.ts";
import { publicKeyCreate } from "../../crypto/secp256k1.ts";
import { REGTEST } from "../../ledger/bitcoin/networks.ts";
import {
  DEFAULT_PARAMETERS,
  type GenesisStaker,
  type QposParameters,
} from "../../planes/consensus/qpos/params.ts";
import { revealOf } from "../../planes/consensus/qpos/randomness.ts";
import type { Random } from "../../ports/clock.ts";
import { newStakerKeys, type StakerKeys, signKeyOf } from "../stake/key-file.ts";
import { genesisBlock, genesisTransaction, outpointText, txidOf } from "./genesis.ts";
import {
  type GenesisCoin,
  type LedgerFigures,
  NETWORK_FORMAT,
  type NetworkFile,
  networkFault,
  SEGMENT_BITS,
} from "./network-file.ts";

export interface NewNetworkOptions {
  readonly name: string;
  readonly stakers: number;
  readonly parameters: Partial<QposParameters>;
  readonly ledger: Partial<LedgerFigures>;
  /** Given out at first, beside the bonds. */
  readonly coins: readonly GenesisCoin[];
  readonly port?: number;
  readonly rpcPort?: number;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly random: Random;
}

export type NewNetwork =
  | { readonly ok: true; readonly file: NetworkFile; readonly keys: readonly StakerKeys[] }
  /** One line for a person. */
  | { readonly ok: false; readonly why: string };

const PORT = 28_444;
const RPC_PORT = 28_443;

/** What holds where nothing is given, but for times: they follow the length of a slot. */
export const PARAMETER_DEFAULTS: QposParameters = DEFAULT_PARAMETERS;

/** A subsidy that leaves half of all money to be given out at first. */
export const LEDGER_DEFAULTS: LedgerFigures = {
  subsidy: 500_000_000,
  halvingInterval: 1_000_000,
  coinbaseMaturity: 100,
  blockBytesMax: 4_000_000,
  segmentBits: SEGMENT_BITS,
  address: REGTEST.address,
};

/** The script that pays a secret's key: P2WPKH, which every wallet library can spend. */
export function ownerScriptOf(secret: string): string {
  return `0014${toHex(hash160(publicKeyCreate(hex(secret))))}`;
}

/** Parameters whose times follow the length of a slot, where they are not given. */
function parametersOf(given: Partial<QposParameters>, nowMs: number): QposParameters {
  const slotMs = given.slotMs ?? DEFAULT_PARAMETERS.slotMs;
  const share = slotMs / DEFAULT_PARAMETERS.slotMs;
  return {
    ...DEFAULT_PARAMETERS,
    genesisMs: Math.floor(nowMs / 1000) * 1000,
    slotMs,
    skewMsMax: Math.floor(DEFAULT_PARAMETERS.skewMsMax * share),
    voteMs: Math.floor(DEFAULT_PARAMETERS.voteMs * share),
    fallBehindMs: Math.max(slotMs, Math.floor(DEFAULT_PARAMETERS.fallBehindMs * share)),
    ...given,
  };
}

/** Draws the keys and builds the file; refuses unsafe figures with one line. */
export function newNetwork(options: NewNetworkOptions): NewNetwork {
  const { name, stakers: count, nowMs, random } = options;
  const parameters = parametersOf(options.parameters, nowMs);
  const ledger: LedgerFigures = { ...LEDGER_DEFAULTS, ...options.ledger };
  const keys = Array.from({ length: count }, (_, at) => ({ ...newStakerKeys(random), id: at + 1 }));
  const bonds = keys.map(
    ({ ownerSecret }): GenesisCoin => ({
      value: parameters.bond,
      script: ownerScriptOf(ownerSecret!),
    }),
  );
  const coins = [...bonds, ...options.coins];
  const txid = txidOf(genesisTransaction({ ledger, coins }));
  const stakers = keys.map(({ signSecret, revealSecret }, at): GenesisStaker => {
    const signKey = signKeyOf(signSecret);
    return {
      signKey,
      reveal: revealOf(hex(revealSecret), signKey, 0),
      owner: bonds[at]!.script,
      payout: bonds[at]!.script,
      bondOutpoint: outpointText(txid, at),
      bondValue: parameters.bond,
    };
  });
  const { id } = genesisBlock({ ledger, coins, stakers, parameters });
  const file: NetworkFile = {
    format: NETWORK_FORMAT,
    name,
    chainId: id,
    magic: id.slice(0, 8),
    port: options.port ?? PORT,
    rpcPort: options.rpcPort ?? RPC_PORT,
    parameters,
    ledger,
    stakers,
    coins,
  };
  const why = networkFault(file);
  return why === null ? { ok: true, file, keys } : { ok: false, why };
}
