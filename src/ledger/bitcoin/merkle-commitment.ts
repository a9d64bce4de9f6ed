// The two hashes by which a block commits to its transactions: the Merkle root of the header, and
// BIP141's commitment to the witnesses in an output of the coinbase.
import { type Bytes, bytesEqual, rangeEqual } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import { merkleRoot } from "../../crypto/merkle.ts";
import type { Block } from "./block.ts";
import { type Transaction, witnessStack } from "./transaction.ts";
import { ACCEPTED, reject, type Verdict } from "./verdict.ts";

const HASH_BYTES = 32;
/** OP_RETURN, a push of 36 bytes, and BIP141's mark; the commitment follows. */
const COMMITMENT_HEAD: Bytes = Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed);
const COMMITMENT_SCRIPT_BYTES_MIN: number = COMMITMENT_HEAD.length + HASH_BYTES;

export interface Merkle {
  readonly root: Bytes;
  /** Two equal hashes stood side by side: another list has the same root (CVE-2012-2459). */
  readonly mutated: boolean;
}

/** The Merkle root over the ids of `transactions`. */
export function transactionMerkle(transactions: readonly Pick<Transaction, "txid">[]): Merkle {
  const ids = new Uint8Array(transactions.length * HASH_BYTES);
  for (let index = 0; index < transactions.length; index++) {
    ids.set(transactions[index]!.txid, index * HASH_BYTES);
  }
  return merkleRoot(ids, transactions.length);
}

/** The root over the ids with witness; the coinbase, which holds it, counts as zero. */
export function witnessMerkleRoot(transactions: readonly Transaction[]): Bytes {
  const ids = new Uint8Array(transactions.length * HASH_BYTES);
  for (let index = 1; index < transactions.length; index++) {
    ids.set(transactions[index]!.wtxid, index * HASH_BYTES);
  }
  return merkleRoot(ids, transactions.length).root;
}

/** The commitment to `witnessRoot` with the coinbase's 32-byte `nonce`. */
export function witnessCommitment(witnessRoot: Bytes, nonce: Bytes): Bytes {
  const both = new Uint8Array(2 * HASH_BYTES);
  both.set(witnessRoot, 0);
  both.set(nonce, HASH_BYTES);
  return hash256(both);
}

/** The script of the output that holds a witness commitment. */
export function commitmentScript(commitment: Bytes): Bytes {
  const script = new Uint8Array(COMMITMENT_SCRIPT_BYTES_MIN);
  script.set(COMMITMENT_HEAD, 0);
  script.set(commitment, COMMITMENT_HEAD.length);
  return script;
}

/** The index of the coinbase output that holds the commitment (the last such one counts), or -1. */
export function commitmentIndex(coinbase: Transaction): number {
  const { bytes, outputs } = coinbase;
  for (let index = outputs.length - 1; index >= 0; index--) {
    const { scriptAt, scriptEnd } = outputs[index]!;
    if (scriptEnd - scriptAt < COMMITMENT_SCRIPT_BYTES_MIN) continue;
    if (rangeEqual(bytes, scriptAt, COMMITMENT_HEAD, 0, COMMITMENT_HEAD.length)) return index;
  }
  return -1;
}

/** Judges the header's Merkle root, and that no other list of transactions has it. */
export function checkMerkleRoot(block: Block): Verdict {
  const { root, mutated } = transactionMerkle(block.transactions);
  if (!bytesEqual(root, block.header.merkleRoot)) {
    return reject("bad-txnmrklroot", "hashMerkleRoot mismatch", "mutated");
  }
  return mutated ? reject("bad-txns-duplicate", "duplicate transaction", "mutated") : ACCEPTED;
}

function checkNoWitness(block: Block): Verdict {
  for (const transaction of block.transactions) {
    if (transaction.hasWitness) {
      return reject("unexpected-witness", "unexpected witness data found", "mutated");
    }
  }
  return ACCEPTED;
}

/** Judges the witnesses: committed to, or none at all. `segwit` says whether BIP141 holds here. */
export function checkWitnessCommitment(block: Block, segwit: boolean): Verdict {
  const coinbase = block.transactions[0];
  const index = segwit && coinbase !== undefined ? commitmentIndex(coinbase) : -1;
  if (coinbase === undefined || index === -1) return checkNoWitness(block);
  const stack = witnessStack(coinbase, coinbase.inputs[0]!);
  const nonce = stack[0];
  if (stack.length !== 1 || nonce?.length !== HASH_BYTES) {
    return reject("bad-witness-nonce-size", "invalid witness reserved value size", "mutated");
  }
  const commitment = witnessCommitment(witnessMerkleRoot(block.transactions), nonce);
  const at = coinbase.outputs[index]!.scriptAt + COMMITMENT_HEAD.length;
  if (!rangeEqual(coinbase.bytes, at, commitment, 0, HASH_BYTES)) {
    return reject("bad-witness-merkle-match", "witness merkle commitment mismatch", "mutated");
  }
  return ACCEPTED;
}
