// Blocks of a staked network for tests of what lies below consensus: bodies are real, and what only
// consensus reads (schedule, signature, extras) is not.
import assert from "node:assert/strict";
import { type Bytes, hex, toHex } from "../../src/base/bytes.ts";
import { type Header, readHeader } from "../../src/ledger/bitcoin/block.ts";
import { rawTransaction } from "../../src/ledger/bitcoin/transaction.ts";
import type { BuiltTransaction } from "../../src/node/generate-chain/build-transaction.ts";
import { assembleBody, blockBytesOf } from "../../src/node/staked/assemble.ts";
import { type StakedNetwork, stakedNetwork } from "../../src/node/staked/genesis.ts";
import type { LedgerFigures } from "../../src/node/staked/network-file.ts";
import { HEADER_VERSION } from "../../src/planes/consensus/qpos/header.ts";
import type { Payment } from "../../src/planes/consensus/qpos/registry.ts";
import { type MadeNetwork, madeNetwork } from "./staked-network.ts";
import { seededRandom } from "./world.ts";

export const GENESIS_MS = 1_700_000_000_000;
const ZERO = "00".repeat(32);

export interface StakedTest extends MadeNetwork {
  readonly network: StakedNetwork;
}

/** A network that is the same at every run. */
export function stakedTest(stakers = 3, ledger: Partial<LedgerFigures> = {}): StakedTest {
  const parameters = { slotMs: 1_000, genesisMs: GENESIS_MS };
  const made = madeNetwork(stakers, parameters, GENESIS_MS, seededRandom(stakers), ledger);
  const built = stakedNetwork(made.file);
  assert.ok(built.ok, built.ok ? "" : built.why);
  return { ...made, network: built.network };
}

export interface StakedBlock {
  readonly bytes: Bytes;
  readonly header: Header;
  readonly height: number;
  readonly slot: number;
}

/** The genesis block of a test network. */
export function genesisOf({ network }: StakedTest): StakedBlock {
  const bytes = network.params.genesis;
  return { bytes, header: readHeader(bytes, 0, "staked"), height: 0, slot: 0 };
}

export interface BlockPlan {
  readonly slot: number;
  readonly transactions?: readonly BuiltTransaction[];
  readonly due?: readonly Payment[];
  /** Beside the fees. */
  readonly reward?: number;
}

/** A block on `parent`. */
export function stakedBlock(parent: StakedBlock, plan: BlockPlan): StakedBlock {
  const { slot, transactions = [], due = [], reward = 500_000_000 } = plan;
  const height = parent.height + 1;
  const fees = transactions.reduce((sum, { fee }) => sum + fee, 0);
  const { body, raws } = assembleBody({
    height,
    slot,
    due,
    payout: "51",
    reward: reward + fees,
    transactions: transactions.map(({ transaction, fee }) => ({
      raw: rawTransaction(transaction),
      txid: transaction.txid,
      wtxid: transaction.wtxid,
      fee,
      sigops: 0,
      weight: 0,
      depends: [],
    })),
    segments: null,
    segmentBits: 10,
  });
  const header = {
    version: HEADER_VERSION,
    parent: toHex(parent.header.hash),
    time: Math.floor((GENESIS_MS + slot * 1_000) / 1_000),
    slot,
    height,
    round: slot,
    index: 0,
    flags: 0,
    stakerId: 1,
    registryRoot: ZERO,
    extrasRoot: ZERO,
    ...body,
  };
  const bytes = blockBytesOf({ header, sig: "00".repeat(64) }, hex(""), raws);
  return { bytes, header: readHeader(bytes, 0, "staked"), height, slot };
}
