// The file of a network of stakers, made by `pando chain new` and given to every node: all that two
// nodes must agree on before the first block. Parameters and first stakers are hashed into the
// genesis header, the ledger's figures into its coinbase, the coins are its outputs; so the chain's
// id says whether two files are the same network (docs/internals/staked-node.md).
import { readFileSync } from "node:fs";
import { fromHex } from "../../base/bytes.ts";
import { MONEY_MAX } from "../../ledger/bitcoin/limits.ts";
import { NETWORKS, networkByName } from "../../ledger/bitcoin/networks.ts";
import type { AddressParams } from "../../ledger/bitcoin/params.ts";
import {
  DEFAULT_PARAMETERS,
  type GenesisStaker,
  type QposParameters,
} from "../../planes/consensus/qpos/params.ts";

export const NETWORK_FORMAT = "pando network 1";

/** What the ledger of a network of stakers decides for itself. */
export interface LedgerFigures {
  /** Base units of new money in each of the first `halvingInterval` blocks. */
  readonly subsidy: number;
  readonly halvingInterval: number;
  /** The same everywhere in this version. */
  readonly coinbaseMaturity: 100;
  /** A block with header and extras. */
  readonly blockBytesMax: number;
  /** Blocks are made in segments of 2^bits transactions; `SEGMENT_BITS` where a file does not say. */
  readonly segmentBits?: number;
  readonly address: AddressParams;
}

export interface GenesisCoin {
  readonly value: number;
  /** A scriptPubKey in hex. */
  readonly script: string;
}

export interface NetworkFile {
  readonly format: typeof NETWORK_FORMAT;
  readonly name: string;
  /** Id of the genesis header, hex in hash order: a check, it follows from the rest. */
  readonly chainId: string;
  /** Four bytes in hex. */
  readonly magic: string;
  /** Default ports. */
  readonly port: number;
  readonly rpcPort: number;
  readonly parameters: QposParameters;
  readonly ledger: LedgerFigures;
  readonly stakers: readonly GenesisStaker[];
  /** Outputs of the genesis transaction: bonds and what is given out at first. */
  readonly coins: readonly GenesisCoin[];
}

type Bounds = readonly [least: number, most: number];

/** Figures outside are refused: they break a rule elsewhere, or the network could not live with them. */
const PARAMETER_BOUNDS: Readonly<Partial<Record<keyof QposParameters, Bounds>>> = {
  genesisMs: [0, 2 ** 45],
  slotMs: [100, 3_600_000],
  skewMsMax: [0, 1_800_000],
  voteMs: [1, 3_600_000],
  bond: [1, MONEY_MAX],
  activeMax: [1, 4_096],
  weightMax: [1, 1_048_575],
  disableAfter: [1, 65_535],
  unbondSlots: [16, 2 ** 31],
  churnDivisor: [1, 4_096],
  reweightRounds: [4, 2 ** 31],
  doppelgangerRounds: [1, 64],
  fallBehindMs: [100, 2 ** 31],
  extrasBytesMax: [4_096, 4_194_304],
  dueCountMax: [1, 1_024],
  keepEquivocations: [1, 64],
};

const LEDGER_BOUNDS: Readonly<Record<"subsidy" | "halvingInterval" | "blockBytesMax", Bounds>> = {
  subsidy: [0, MONEY_MAX],
  halvingInterval: [1, 2 ** 31],
  blockBytesMax: [20_000, 64_000_000],
};

/** A segment of 1,024 transactions takes a partition about a millisecond to sort and hash. */
export const SEGMENT_BITS = 10;
/** Smaller ones save nothing; larger ones seldom fill, and cost each partition megabytes. */
const SEGMENT_BITS_BOUNDS: Bounds = [4, 16];

const STAKERS_MAX = 4_096;
const COINS_MAX = 100_000;
const SCRIPT_BYTES_MAX = 10_000;
const PAYOUT_BYTES_MAX = 42;

type Fields = { readonly [name: string]: unknown };

function fieldsOf(value: unknown): Fields | null {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? (value as Fields) : null;
}

function isWithin(value: unknown, [least, most]: Bounds): value is number {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}

function isHex(value: unknown, bytesLeast: number, bytesMost: number): value is string {
  if (typeof value !== "string" || value !== value.toLowerCase()) return false;
  const bytes = fromHex(value);
  return bytes !== null && bytes.length >= bytesLeast && bytes.length <= bytesMost;
}

/** The first name that has no place in a table, or null. */
function strangeName(fields: Fields, known: readonly string[]): string | null {
  return Object.keys(fields).find((name) => !known.includes(name)) ?? null;
}

function parametersFault(fields: Fields): string | null {
  const strange = strangeName(fields, Object.keys(DEFAULT_PARAMETERS));
  if (strange !== null) return `parameters.${strange} is unknown`;
  for (const [name, bounds] of Object.entries(PARAMETER_BOUNDS)) {
    if (isWithin(fields[name], bounds)) continue;
    return `parameters.${name} is a whole number from ${bounds[0]} to ${bounds[1]}`;
  }
  const { weightRule, gate, produceAlone } = fields;
  if (!["flat", "earned", "senior"].includes(String(weightRule))) {
    return "parameters.weightRule is flat, earned or senior";
  }
  if (gate !== "majority" && gate !== "certified") {
    return "parameters.gate is majority or certified";
  }
  if (typeof produceAlone !== "boolean") return "parameters.produceAlone is true or false";
  return null;
}

/** Figures that are in bounds one by one and unsafe together. */
function unsafeFault(parameters: QposParameters, stakers: number): string | null {
  const { slotMs, skewMsMax, voteMs, fallBehindMs, activeMax } = parameters;
  if (skewMsMax * 2 > slotMs) {
    return "parameters.skewMsMax is more than half a slot: a block could come before its parent's slot has begun";
  }
  if (voteMs >= slotMs)
    return "parameters.voteMs is not within the slot: votes would come too late";
  if (fallBehindMs < slotMs) return "parameters.fallBehindMs is less than a slot";
  if (activeMax < stakers) return "parameters.activeMax is less than the first stakers";
  return null;
}

function ledgerFault(fields: Fields): string | null {
  const known = [...Object.keys(LEDGER_BOUNDS), "segmentBits", "coinbaseMaturity", "address"];
  const strange = strangeName(fields, known);
  if (strange !== null) return `ledger.${strange} is unknown`;
  for (const [name, bounds] of Object.entries(LEDGER_BOUNDS)) {
    if (isWithin(fields[name], bounds)) continue;
    return `ledger.${name} is a whole number from ${bounds[0]} to ${bounds[1]}`;
  }
  const bits = fields["segmentBits"];
  if (bits !== undefined && !isWithin(bits, SEGMENT_BITS_BOUNDS)) {
    const [least, most] = SEGMENT_BITS_BOUNDS;
    return `ledger.segmentBits is a whole number from ${least} to ${most}`;
  }
  if (fields["coinbaseMaturity"] !== 100) return "ledger.coinbaseMaturity is 100 in this version";
  const address = fieldsOf(fields["address"]);
  if (address === null) return "ledger.address is missing";
  for (const name of ["publicKeyHash", "scriptHash", "secretKey"]) {
    if (!isWithin(address[name], [0, 255])) return `ledger.address.${name} is a byte`;
  }
  if (!/^[a-z]{1,16}$/.test(String(address["segwitPrefix"]))) {
    return "ledger.address.segwitPrefix is a word of small letters";
  }
  return null;
}

function coinFault(value: unknown, place: number): string | null {
  const fields = fieldsOf(value);
  if (fields === null || !isWithin(fields["value"], [0, MONEY_MAX])) {
    return `coins[${place}].value is an amount in base units`;
  }
  if (!isHex(fields["script"], 1, SCRIPT_BYTES_MAX)) return `coins[${place}].script is hex`;
  return null;
}

function stakerFault(value: unknown, place: number): string | null {
  const fields = fieldsOf(value);
  const at = `stakers[${place}]`;
  if (fields === null) return `${at} is not a record`;
  const names = ["signKey", "reveal", "owner", "payout", "bondOutpoint", "bondValue"];
  const strange = strangeName(fields, names);
  if (strange !== null) return `${at}.${strange} is unknown`;
  if (!isHex(fields["signKey"], 32, 32)) return `${at}.signKey is 32 bytes in hex`;
  if (!isHex(fields["reveal"], 32, 32)) return `${at}.reveal is 32 bytes in hex`;
  if (!isHex(fields["owner"], 1, SCRIPT_BYTES_MAX)) return `${at}.owner is a script in hex`;
  if (!isHex(fields["payout"], 1, PAYOUT_BYTES_MAX)) {
    return `${at}.payout is a script of at most ${PAYOUT_BYTES_MAX} bytes in hex`;
  }
  if (!isHex(fields["bondOutpoint"], 36, 36)) return `${at}.bondOutpoint is 36 bytes in hex`;
  return isWithin(fields["bondValue"], [1, MONEY_MAX]) ? null : `${at}.bondValue is an amount`;
}

function listFault(
  value: unknown,
  name: string,
  most: number,
  each: (value: unknown, place: number) => string | null,
): string | null {
  if (!Array.isArray(value) || value.length === 0 || value.length > most) {
    return `${name} is a list of 1 to ${most}`;
  }
  for (const [place, one] of value.entries()) {
    const fault = each(one, place);
    if (fault !== null) return fault;
  }
  return null;
}

/** New money of all time and what is given out at first must stay an amount. */
function supplyFault({ ledger, coins }: NetworkFile): string | null {
  const given = coins.reduce((sum, { value }) => sum + value, 0);
  const minted = ledger.subsidy * ledger.halvingInterval * 2;
  if (given + minted <= MONEY_MAX) return null;
  return `coins and subsidies come to more than ${MONEY_MAX} base units: take a smaller subsidy, halvingInterval or coins`;
}

function bondsFault({ stakers, parameters }: NetworkFile): string | null {
  if (new Set(stakers.map(({ signKey }) => signKey)).size < stakers.length) {
    return "two stakers have the same signKey";
  }
  if (new Set(stakers.map(({ bondOutpoint }) => bondOutpoint)).size < stakers.length) {
    return "two stakers have the same bond";
  }
  const poor = stakers.findIndex(({ bondValue }) => bondValue < parameters.bond);
  return poor < 0 ? null : `stakers[${poor}].bondValue is less than parameters.bond`;
}

function nameFault({ name, magic, port, rpcPort, chainId }: Fields): string | null {
  if (typeof name !== "string" || !/^[a-z][a-z0-9-]{0,31}$/.test(name)) {
    return "name is at most 32 small letters, digits and dashes";
  }
  if (networkByName(name) !== null) return `name: there is a network called ${name} already`;
  if (!isHex(magic, 4, 4)) return "magic is 4 bytes in hex";
  const taken = NETWORKS.find((network) => fromHex(magic)!.join() === network.magic.join());
  if (taken !== undefined) return `magic is that of ${taken.name}`;
  if (!isWithin(port, [1, 65_535])) return "port is a port number";
  if (!isWithin(rpcPort, [1, 63_535])) return "rpcPort is a port number up to 63535";
  return isHex(chainId, 32, 32) ? null : "chainId is 32 bytes in hex";
}

/** What is wrong with the contents of a network file, in one line; null when nothing is. */
export function networkFault(value: unknown): string | null {
  const fields = fieldsOf(value);
  if (fields === null || fields["format"] !== NETWORK_FORMAT) {
    return `this is no network file of this version ("format": "${NETWORK_FORMAT}")`;
  }
  const parameters = fieldsOf(fields["parameters"]);
  const ledger = fieldsOf(fields["ledger"]);
  if (parameters === null || ledger === null) return "parameters and ledger are tables";
  const first =
    nameFault(fields) ??
    parametersFault(parameters) ??
    ledgerFault(ledger) ??
    listFault(fields["stakers"], "stakers", STAKERS_MAX, stakerFault) ??
    listFault(fields["coins"], "coins", COINS_MAX, coinFault);
  if (first !== null) return first;
  const file = value as NetworkFile;
  return unsafeFault(file.parameters, file.stakers.length) ?? bondsFault(file) ?? supplyFault(file);
}

export type NetworkFileRead =
  | { readonly ok: true; readonly file: NetworkFile }
  /** One line for a person. */
  | { readonly ok: false; readonly why: string };

/** Reads the contents of a network file. */
export function parseNetworkFile(text: string): NetworkFileRead {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, why: "this is not JSON" };
  }
  const why = networkFault(value);
  return why === null ? { ok: true, file: value as NetworkFile } : { ok: false, why };
}

/** Reads a network file. */
export function readNetworkFile(path: string): NetworkFileRead {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "error";
    return { ok: false, why: `${path} cannot be read (${code})` };
  }
  const read = parseNetworkFile(text);
  return read.ok ? read : { ok: false, why: `${path}: ${read.why}` };
}
