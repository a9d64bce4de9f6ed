// Blocks from templates: the commitment to witnesses, a coinbase, and on test networks the search
// for a nonce.
import { type Bytes, concatBytes, writeU32, writeU64 } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import { merkleRoot } from "../../crypto/merkle.ts";
import { type Block, decodeBlock } from "../../ledger/bitcoin/block.ts";
import { heightScript } from "../../ledger/bitcoin/check-block.ts";
import { encodeBlock, encodeHeader, encodeTransaction } from "../../ledger/bitcoin/encode.ts";
import {
  commitmentIndex,
  commitmentScript,
  witnessCommitment,
} from "../../ledger/bitcoin/merkle-commitment.ts";
import type { WorkParams } from "../../ledger/bitcoin/params.ts";
import { decodeTransaction, rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import { hasWork } from "../../ledger/bitcoin/work.ts";
import type { BlockTemplate } from "../../ports/mempool.ts";

/** The coinbase's witness: BIP141's reserved value. */
const NONCE: Bytes = new Uint8Array(32);

/** The script of the commitment output for these transactions behind a coinbase. */
export function templateCommitment(template: BlockTemplate): Bytes {
  const count = template.transactions.length + 1;
  const ids = new Uint8Array(count * 32);
  template.transactions.forEach(({ wtxid }, index) => {
    ids.set(wtxid, (index + 1) * 32);
  });
  return commitmentScript(witnessCommitment(merkleRoot(ids, count).root, NONCE));
}

/** A coinbase that pays everything to `script`; `extra` tells equal ones apart. */
export function templateCoinbase(template: BlockTemplate, script: Bytes, extra: Bytes): Bytes {
  return encodeTransaction({
    version: 2,
    lockTime: 0,
    inputs: [
      {
        txid: new Uint8Array(32),
        index: 0xffffffff,
        script: concatBytes(heightScript(template.height), Uint8Array.of(extra.length), extra),
        sequence: 0xffffffff,
        witness: [NONCE],
      },
    ],
    outputs: [
      { value: template.coinbaseValue, script },
      { value: 0, script: templateCommitment(template) },
    ],
  });
}

/** The header over these transactions, its nonce open. */
export function templateHeader(
  template: BlockTemplate,
  coinbaseTxid: Bytes,
  time: number = template.time,
): Bytes {
  const count = template.transactions.length + 1;
  const ids = new Uint8Array(count * 32);
  ids.set(coinbaseTxid, 0);
  template.transactions.forEach(({ txid }, index) => {
    ids.set(txid, (index + 1) * 32);
  });
  return encodeHeader({
    version: template.version,
    previous: template.previous,
    merkleRoot: merkleRoot(ids, count).root,
    time,
    bits: template.bits,
    nonce: 0,
  });
}

/** Searches a nonce in place; false when the tries ran out. */
function grind(header: Bytes, bits: number, work: WorkParams, tries: number): boolean {
  for (let nonce = 0; nonce < tries; nonce++) {
    writeU32(header, 76, nonce);
    if (hasWork(hash256(header), bits, work)) return true;
  }
  return false;
}

/** A whole block from a template, with work; null when the tries ran out. */
export function buildBlock(
  template: BlockTemplate,
  script: Bytes,
  extra: Bytes,
  work: WorkParams,
  tries: number,
): Bytes | null {
  const coinbase = templateCoinbase(template, script, extra);
  const decoded = decodeTransaction(coinbase);
  if (!decoded.ok) return null;
  const header = templateHeader(template, decoded.value.txid);
  if (!grind(header, template.bits, work, tries)) return null;
  return encodeBlock(header, [coinbase, ...template.transactions.map(({ raw }) => raw)]);
}

/** The Merkle branch of a coinbase: what a miner folds its txid with, bottom first. */
export function coinbaseBranch(txids: readonly Bytes[]): Bytes[] {
  const branch: Bytes[] = [];
  // The coinbase's own place is a hole that always stands first.
  let row: (Bytes | null)[] = [null, ...txids];
  while (row.length > 1) {
    if (row.length % 2 === 1) row.push(row.at(-1)!);
    branch.push(row[1]!);
    const next: (Bytes | null)[] = [null];
    for (let at = 2; at < row.length; at += 2) {
      next.push(hash256(concatBytes(row[at]!, row[at + 1]!)));
    }
    row = next;
  }
  return branch;
}

/** A submitted block whose coinbase lacks the reserved value gets it (Bitcoin Core does the same). */
export function withWitnessNonce(bytes: Bytes, block: Block): Bytes {
  const coinbase = block.transactions[0];
  if (coinbase === undefined || coinbase.hasWitness || commitmentIndex(coinbase) < 0) return bytes;
  const fixed = concatBytes(
    coinbase.bytes.subarray(coinbase.start, coinbase.start + 4),
    Uint8Array.of(0, 1),
    coinbase.bytes.subarray(coinbase.bodyAt, coinbase.bodyEnd),
    Uint8Array.of(1, 32),
    NONCE,
    // More inputs than a coinbase has are for the rules to name.
    new Uint8Array(coinbase.inputs.length - 1),
    coinbase.bytes.subarray(coinbase.end - 4, coinbase.end),
  );
  const rest = block.transactions.slice(1).map(rawTransaction);
  return encodeBlock(block.header.bytes, [fixed, ...rest]);
}

/** A block's bytes, whole and nothing behind them. */
export function parseBlock(bytes: Bytes): Block | null {
  const decoded = decodeBlock(bytes);
  return decoded.ok && decoded.end === bytes.length ? decoded.value : null;
}

/** Eight bytes of a counter, so that two coinbases at one height differ. */
export function extraNonce(counter: number): Bytes {
  const bytes = new Uint8Array(8);
  writeU64(bytes, 0, counter);
  return bytes;
}
