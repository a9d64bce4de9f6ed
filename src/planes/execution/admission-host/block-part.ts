// A block of a chain record as one partition applies it. A connected block matters only where it
// meets something unconfirmed, so the rest is not even listed; a disconnected one returns whole.

import type { Bytes } from "../../../base/bytes.ts";
import { decodeBlock } from "../../../ledger/bitcoin/block.ts";
import {
  rawTransaction,
  type Transaction,
  transactionWeight,
} from "../../../ledger/bitcoin/transaction.ts";
import { candidateOf } from "../../../state/admission/candidate.ts";
import {
  outpointKey,
  outpointKeyAt,
  outpointTxid,
  type Txid,
  txidKey,
} from "../../../state/admission/keys.ts";
import { relativeLock } from "../../../state/admission/locks.ts";
import { type CoinRecord, NO_LOCK, NO_ROUND } from "../../../state/admission/records.ts";
import type {
  BlockCreate,
  BlockPart,
  BlockSpend,
  BlockTransaction,
} from "../../../state/admission/transition.ts";
import { CREATE_WORDS, SPEND_WORDS } from "../../../state/partition.ts";
import { type FrameLayout, frameOperations } from "../frame.ts";

/** A block of a chain record on its way to the hosts. */
export interface RecordedBlock {
  readonly memory: SharedArrayBuffer;
  readonly layout: FrameLayout;
  readonly height: number;
  readonly flags: number;
  /** Fee and sigop cost of each transaction; null where a block is connected. */
  readonly fees: Float64Array | null;
  readonly sigops: Float64Array | null;
}

/** What of a connected block is worth listing. */
export interface Interest {
  transaction(txid: Txid): boolean;
  claimed(outpoint: string): boolean;
}

/** Stands for a confirmed coin whose content nobody asks for: the coin set has it. */
const CONFIRMED: CoinRecord = {
  value: 0,
  script: new Uint8Array(0),
  coinbase: false,
  height: 0,
  round: NO_ROUND,
  ancestors: 0,
  attempt: null,
  open: true,
};

/** The part of a block to connect that meets something here. */
export function connectedPart(
  block: RecordedBlock,
  partition: number,
  interest: Interest,
): BlockPart {
  const { memory, layout, height, flags } = block;
  const bytes = new Uint8Array(memory, 0, layout.end);
  const { creates: made, spends: spent } = frameOperations(memory, layout, partition);
  const creates: BlockCreate[] = [];
  const transactions: BlockTransaction[] = [];
  for (let at = 0; at < made.length; at += CREATE_WORDS) {
    const txid = txidKey(bytes, made[at + 4]!);
    if (!interest.transaction(txid)) continue;
    const count = outputCountAt(bytes, made[at + 3]!);
    for (let index = 0; index < count; index++) {
      creates.push({ outpoint: outpointKey(txid, index), coin: CONFIRMED });
    }
    const position = made[at]!;
    // Connecting needs nothing of the transaction but its name.
    transactions.push({ txid, position, fee: 0, sigops: 0, candidate: NOBODY });
  }
  const spends: BlockSpend[] = [];
  for (let at = 0; at < spent.length; at += SPEND_WORDS) {
    const outpoint = outpointKeyAt(bytes, spent[at + 3]!);
    if (!interest.claimed(outpoint)) continue;
    const spenderAt = layout.txidsAt + spent[at]! * 32;
    const spender = txidKey(bytes, spenderAt);
    spends.push({ outpoint, coin: CONFIRMED, spender, vin: 0, lock: NO_LOCK });
  }
  return { height, flags, creates, spends, transactions };
}

const NOBODY = candidateless();

function candidateless(): BlockTransaction["candidate"] {
  const raw = new Uint8Array(0);
  return { txid: "", version: 0, lockTime: 0, inputs: [], outputs: [], size: 0, raw };
}

/** The output count at `at`: a block's outputs have been counted, so a CompactSize of any width. */
function outputCountAt(bytes: Bytes, at: number): number {
  const first = bytes[at]!;
  if (first < 0xfd) return first;
  if (first === 0xfd) return bytes[at + 1]! | (bytes[at + 2]! << 8);
  return (bytes[at + 1]! | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16)) >>> 0;
}

/** Everything of a block to disconnect whose place is here. */
export function disconnectedPart(
  block: RecordedBlock,
  partition: number,
  home: (txid: Txid) => number,
): BlockPart {
  const { memory, layout, height, flags } = block;
  const raw = new Uint8Array(memory, 0, layout.blockBytes).slice();
  const decoded = decodeBlock(raw, 0, raw.length, layout.form);
  if (!decoded.ok) throw new Error("a recorded block decodes");
  const creates: BlockCreate[] = [];
  const spends: BlockSpend[] = [];
  const transactions: BlockTransaction[] = [];
  decoded.value.transactions.forEach((transaction, position) => {
    const txid = txidKey(transaction.txid);
    if (position > 0) spends.push(...spendsHere(transaction, txid, partition, home));
    if (home(txid) !== partition) return;
    const raw = rawTransaction(transaction).slice();
    const size = Math.ceil(transactionWeight(transaction) / 4);
    const candidate = candidateOf(raw, txid, size);
    candidate.outputs.forEach(({ value, script, spendable }, index) => {
      if (!spendable) return;
      const coin = { ...CONFIRMED, value, script, coinbase: position === 0, height };
      creates.push({ outpoint: outpointKey(txid, index), coin });
    });
    if (position === 0) return;
    const fee = block.fees?.[position] ?? 0;
    const sigops = block.sigops?.[position] ?? 0;
    transactions.push({ txid, position, candidate, fee, sigops });
  });
  return { height, flags, creates, spends, transactions };
}

function spendsHere(
  transaction: Transaction,
  spender: Txid,
  partition: number,
  home: (txid: Txid) => number,
): BlockSpend[] {
  const { bytes, version, inputs } = transaction;
  const spends: BlockSpend[] = [];
  inputs.forEach(({ outpointAt, sequence }, vin) => {
    const outpoint = outpointKeyAt(bytes, outpointAt);
    if (home(outpointTxid(outpoint)) !== partition) return;
    const lock = relativeLock(version, sequence);
    spends.push({ outpoint, coin: CONFIRMED, spender, vin, lock });
  });
  return spends;
}
