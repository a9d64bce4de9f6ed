// The first block of a network of stakers, and the state behind it, from its file. The block is a
// block like any other, with an empty signature and no extras; its one transaction makes the bonds
// and the coins given out at first, and its input commits to the ledger's figures.
import { type Bytes, concatBytes, hex, toHex, writeU32 } from "../../base/bytes.ts";
import { sha256, taggedHash } from "../../crypto/hash.ts";
import { heightScript } from "../../ledger/bitcoin/check-block.ts";
import { encodeTransaction } from "../../ledger/bitcoin/encode.ts";
import { REGTEST } from "../../ledger/bitcoin/networks.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { decodeTransaction } from "../../ledger/bitcoin/transaction.ts";
import { type Branch, genesisBranch, type Network } from "../../planes/consensus/qpos/branch.ts";
import { encodeHeader, headerId } from "../../planes/consensus/qpos/header.ts";
import {
  canonicalJson,
  type GenesisStaker,
  genesisHeader,
} from "../../planes/consensus/qpos/params.ts";
import { STATUS, type StakerRecord, WANTS_ACTIVE } from "../../planes/consensus/qpos/record.ts";
import { registryOf } from "../../planes/consensus/qpos/registry.ts";
import { SPECIFIED } from "../../planes/consensus/qpos/rules.ts";
import { fullSuite } from "../../planes/consensus/qpos/suite.ts";
import { stakerWeight } from "../../planes/consensus/qpos/weight.ts";
import {
  type NetworkFile,
  type NetworkFileRead,
  readNetworkFile,
  SEGMENT_BITS,
} from "./network-file.ts";

const ZERO = "00".repeat(32);

/** A network of stakers, ready to be run. */
export interface StakedNetwork {
  readonly file: NetworkFile;
  /** Hex in hash order. */
  readonly chainId: string;
  readonly params: Params;
  readonly consensus: Network;
  readonly genesis: Branch;
}

/** The genesis transaction; it depends on ledger and coins alone, so bonds can name its outputs. */
export function genesisTransaction({
  ledger,
  coins,
}: Pick<NetworkFile, "ledger" | "coins">): Bytes {
  const json = canonicalJson({ ...ledger, address: { ...ledger.address } });
  const figures = taggedHash("pando/qpos/ledger", new TextEncoder().encode(json));
  const script = concatBytes(heightScript(0), Uint8Array.of(32), figures);
  return encodeTransaction({
    version: 1,
    inputs: [
      {
        txid: new Uint8Array(32),
        index: 0xffffffff,
        script,
        sequence: 0xffffffff,
        witness: [],
      },
    ],
    outputs: coins.map((coin) => ({ value: coin.value, script: hex(coin.script) })),
    lockTime: 0,
  });
}

/** The id of a transaction, hex in hash order. */
export function txidOf(raw: Bytes): string {
  const decoded = decodeTransaction(raw);
  if (!decoded.ok) throw new Error("an encoded transaction decodes");
  return toHex(decoded.value.txid);
}

/** The name of an output of a transaction as records have it: txid and index, 36 bytes in hex. */
export function outpointText(txid: string, index: number): string {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, index);
  return txid + toHex(bytes);
}

/** The genesis block's bytes and its id. */
export function genesisBlock(
  file: Pick<NetworkFile, "ledger" | "coins" | "stakers" | "parameters">,
): { readonly bytes: Bytes; readonly id: string } {
  const transaction = genesisTransaction(file);
  const { stakers, parameters } = file;
  const header = genesisHeader(parameters, stakers, txidOf(transaction));
  const nothing = new Uint8Array(64 + 4);
  const bytes = concatBytes(encodeHeader(header), nothing, Uint8Array.of(1), transaction);
  return { bytes, id: headerId(header) };
}

function recordOf(staker: GenesisStaker, id: number, chainId: string): StakerRecord {
  const suite = fullSuite(chainId);
  return {
    id,
    kind: 0,
    status: STATUS.active,
    flags: WANTS_ACTIVE,
    signKey: staker.signKey,
    commit: suite.commit(staker.signKey, staker.reveal),
    reveals: 0,
    ownerHash: toHex(sha256(hex(staker.owner))),
    operatorHash: ZERO,
    bondOutpoint: staker.bondOutpoint,
    bondValue: staker.bondValue,
    penalty: 0,
    produced: 0,
    docked: 0,
    missRun: 0,
    sinceSlot: 0,
    freeSlot: 0,
    payout: staker.payout,
  };
}

function paramsOf(file: NetworkFile, genesis: Bytes): Params {
  const { name, magic, port, ledger, chainId } = file;
  return {
    ...REGTEST,
    name,
    magic: hex(magic),
    genesis,
    genesisHash: hex(chainId),
    halvingInterval: ledger.halvingInterval,
    activation: { bip34: 0, bip65: 0, bip66: 0, csv: 0, segwit: 0 },
    port,
    address: ledger.address,
    staked: {
      blockBytesMax: ledger.blockBytesMax,
      subsidy: ledger.subsidy,
      segmentBits: ledger.segmentBits ?? SEGMENT_BITS,
    },
  };
}

/** A bond must be a coin of the genesis transaction that its owner's script holds. */
function bondsFault({ stakers, coins }: NetworkFile, txid: string): string | null {
  for (const [place, staker] of stakers.entries()) {
    const index = coins.findIndex((_, at) => outpointText(txid, at) === staker.bondOutpoint);
    const coin = coins[index];
    if (coin?.script === staker.owner && coin.value === staker.bondValue) continue;
    return `stakers[${place}].bondOutpoint is no coin of this file with that value and owner`;
  }
  return null;
}

export type StakedNetworkRead =
  | { readonly ok: true; readonly network: StakedNetwork }
  | { readonly ok: false; readonly why: string };

/** The network of a file whose fields have been checked. */
export function stakedNetwork(file: NetworkFile): StakedNetworkRead {
  const fault = bondsFault(file, txidOf(genesisTransaction(file)));
  if (fault !== null) return { ok: false, why: fault };
  const { bytes, id } = genesisBlock(file);
  if (id !== file.chainId) {
    return { ok: false, why: `chainId does not follow from the rest of the file (${id} would)` };
  }
  const { parameters, stakers } = file;
  const records = stakers.map((staker, place) => recordOf(staker, place + 1, id));
  const consensus: Network = {
    parameters,
    rules: { ...SPECIFIED, gate: parameters.gate },
    suite: fullSuite(id),
    seenFinalizedRound: null,
  };
  const { weightRule, weightMax } = parameters;
  const weights = records.map((one) =>
    stakerWeight(weightRule, one, records.length + 1, weightMax),
  );
  const genesis = genesisBranch(consensus, id, registryOf(records), weights);
  const params = paramsOf(file, bytes);
  return { ok: true, network: { file, chainId: id, params, consensus, genesis } };
}

/** Reads a network file and builds what it describes. */
export function openNetworkFile(path: string): StakedNetworkRead {
  const read: NetworkFileRead = readNetworkFile(path);
  if (!read.ok) return read;
  const built = stakedNetwork(read.file);
  return built.ok ? built : { ok: false, why: `${path}: ${built.why}` };
}
