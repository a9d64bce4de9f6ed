// Receipts: how a coin goes from one shard to another without a lock. The source burns it and commits
// a receipt; the destination checks the proof and creates the coin at most once, whoever brings it,
// and however often. Layouts and rules in docs/internals/resharding.md, "Receipts".
import { type Bytes, bytesEqual, compareBytes, concatBytes, toHex } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import { label, u32be, u64be } from "./bytes-be.ts";
import {
  type Certificate,
  type Committee,
  type CommitteeHistory,
  isHistorical,
  judgeCertificate,
} from "./committees.ts";
import { branchRoot, leafHash, treeBranch, treeRoot, verifyBranch } from "./tree.ts";

export const SCRIPT_BYTES_MAX = 10_000;

export interface Receipt {
  readonly source: number;
  readonly destination: number;
  readonly height: number;
  readonly txid: Bytes;
  readonly output: number;
  readonly amount: number;
  readonly script: Bytes;
}

export function receiptBytes(receipt: Receipt): Bytes {
  return concatBytes(
    u32be(receipt.source),
    u32be(receipt.destination),
    u64be(receipt.height),
    receipt.txid,
    u32be(receipt.output),
    u64be(receipt.amount),
    u32be(receipt.script.length),
    receipt.script,
  );
}

/** The id of a receipt; output 0 of it is the coin that the destination creates. */
export function receiptId(receipt: Receipt): Bytes {
  return sha256(concatBytes(label("pando/receipt/1", 16), receiptBytes(receipt)));
}

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

/** True when every field is in range, so that its bytes are the only ones it could have. */
export function isSoundReceipt(receipt: Receipt): boolean {
  return (
    isWhole(receipt.source, 0xffff) &&
    isWhole(receipt.destination, 0xffff) &&
    receipt.source !== receipt.destination &&
    isWhole(receipt.height, Number.MAX_SAFE_INTEGER) &&
    receipt.txid.length === 32 &&
    isWhole(receipt.output, 0xffffffff) &&
    isWhole(receipt.amount, Number.MAX_SAFE_INTEGER) &&
    receipt.script.length <= SCRIPT_BYTES_MAX
  );
}

/** Per destination, ascending, the receipts sorted by (txid, output). */
export interface ReceiptTrees {
  readonly root: Bytes;
  readonly destinations: readonly {
    readonly shard: number;
    readonly receipts: readonly Receipt[];
  }[];
}

function packLeaves(data: readonly Bytes[]): Bytes {
  return concatBytes(...data.map(leafHash));
}

function destinationLeaf(shard: number, root: Bytes): Bytes {
  return concatBytes(u32be(shard), root);
}

/** The trees over all receipts of one block; `root` is the header's receiptsRoot. */
export function buildReceipts(receipts: readonly Receipt[]): ReceiptTrees {
  const byShard = new Map<number, Receipt[]>();
  for (const receipt of receipts) {
    const list = byShard.get(receipt.destination);
    if (list === undefined) byShard.set(receipt.destination, [receipt]);
    else list.push(receipt);
  }
  const destinations = [...byShard]
    .sort(([a], [b]) => a - b)
    .map(([shard, list]) => ({
      shard,
      receipts: list.sort((a, b) => compareBytes(a.txid, b.txid) || a.output - b.output),
    }));
  const leaves = destinations.map(({ shard, receipts: list }) =>
    destinationLeaf(shard, treeRoot(packLeaves(list.map(receiptBytes)))),
  );
  return { root: treeRoot(packLeaves(leaves)), destinations };
}

/** The part of a source block's header that receipts need; `rest` is the hash of all the other fields. */
export interface SourceHeader {
  readonly shard: number;
  readonly epoch: number;
  readonly height: number;
  readonly receiptsRoot: Bytes;
  readonly rest: Bytes;
}

export function headerHash(header: SourceHeader): Bytes {
  return sha256(
    concatBytes(
      label("pando/header/1", 16),
      u32be(header.shard),
      u64be(header.epoch),
      u64be(header.height),
      header.receiptsRoot,
      header.rest,
    ),
  );
}

export interface Branch {
  readonly index: number;
  readonly count: number;
  readonly hashes: readonly Bytes[];
}

/** That the source header counts: a final crosslink of it, or a certificate of a recent committee. */
export type Finality =
  | { readonly kind: "crosslink"; readonly beaconRoot: Bytes; readonly branch: Branch }
  | {
      readonly kind: "certificate";
      readonly certificate: Certificate;
      readonly committee: Committee;
    };

export interface ReceiptProof {
  readonly receipt: Receipt;
  readonly header: SourceHeader;
  /** From the receipt to its destination's root, and from there to receiptsRoot. */
  readonly inner: Branch;
  readonly outer: Branch;
  readonly finality: Finality;
}

/** The leaf of a header in the beacon chain's tree of crosslinks. */
export function crosslinkLeaf(header: SourceHeader): Bytes {
  return concatBytes(u32be(header.shard), u64be(header.height), headerHash(header));
}

/** The two branches of one receipt of a block, or null when it is not among them. */
export function proveReceipt(
  trees: ReceiptTrees,
  id: Bytes,
): { receipt: Receipt; inner: Branch; outer: Branch } | null {
  const roots = trees.destinations.map(({ shard, receipts }) =>
    destinationLeaf(shard, treeRoot(packLeaves(receipts.map(receiptBytes)))),
  );
  for (let outer = 0; outer < trees.destinations.length; outer++) {
    const { receipts } = trees.destinations[outer]!;
    const inner = receipts.findIndex((receipt) => bytesEqual(receiptId(receipt), id));
    if (inner < 0) continue;
    const leaves = packLeaves(receipts.map(receiptBytes));
    return {
      receipt: receipts[inner]!,
      inner: { index: inner, count: receipts.length, hashes: treeBranch(leaves, inner) },
      outer: {
        index: outer,
        count: roots.length,
        hashes: treeBranch(packLeaves(roots), outer),
      },
    };
  }
  return null;
}

/** What the destination knows. */
export interface Destination {
  readonly shard: number;
  readonly chain: Bytes;
  readonly activeEpoch: number;
  readonly history: CommitteeHistory;
  /** Roots of trees of crosslinks that are final on the beacon chain, as hex. */
  readonly finalRoots: ReadonlySet<string>;
}

export type ReceiptCode =
  | "bad-shape"
  | "not-mine"
  | "wrong-source"
  | "not-final"
  | "retired-committee"
  | "unknown-committee"
  | "bad-certificate"
  | "bad-branch"
  | "already-created";

export type ReceiptVerdict =
  | { readonly ok: true; readonly id: Bytes }
  | { readonly ok: false; readonly code: ReceiptCode };

function finalityFault(proof: ReceiptProof, here: Destination): ReceiptCode | null {
  const { finality, header } = proof;
  if (finality.kind === "crosslink") {
    const { branch, beaconRoot } = finality;
    if (!here.finalRoots.has(toHex(beaconRoot))) return "not-final";
    const leaf = leafHash(crosslinkLeaf(header));
    const reached = verifyBranch(beaconRoot, leaf, branch.index, branch.count, branch.hashes);
    return reached ? null : "bad-branch";
  }
  const { certificate, committee } = finality;
  // Keys of committees that have unbonded can be bought: only the active one and the one before count.
  if (certificate.epoch !== here.activeEpoch && certificate.epoch !== here.activeEpoch - 1) {
    return "retired-committee";
  }
  if (certificate.shard !== header.shard || certificate.epoch !== header.epoch) {
    return "bad-certificate";
  }
  if (!bytesEqual(certificate.headerHash, headerHash(header))) return "bad-certificate";
  if (!isHistorical(here.history, committee)) return "unknown-committee";
  return judgeCertificate(certificate, committee, here.chain).ok ? null : "bad-certificate";
}

function branchesHold(proof: ReceiptProof): boolean {
  const { receipt, header, inner, outer } = proof;
  // The destination's root is not in the proof: it is what the inner branch leads to.
  const leaf = leafHash(receiptBytes(receipt));
  const root = branchRoot(leaf, inner.index, inner.count, inner.hashes);
  if (root === null) return false;
  const above = leafHash(destinationLeaf(receipt.destination, root));
  return verifyBranch(header.receiptsRoot, above, outer.index, outer.count, outer.hashes);
}

/** Judges a receipt brought to a shard; cheap checks first. Says nothing yet about earlier creation. */
export function judgeReceipt(proof: ReceiptProof, here: Destination): ReceiptVerdict {
  const fail = (code: ReceiptCode): ReceiptVerdict => ({ ok: false, code });
  const { receipt, header } = proof;
  if (!isSoundReceipt(receipt)) return fail("bad-shape");
  if (receipt.destination !== here.shard) return fail("not-mine");
  if (receipt.source !== header.shard || receipt.height !== header.height) {
    return fail("wrong-source");
  }
  if (!branchesHold(proof)) return fail("bad-branch");
  const fault = finalityFault(proof, here);
  return fault === null ? { ok: true, id: receiptId(receipt) } : fail(fault);
}

/** Ids of all receipts that ever created a coin here; spent coins are remembered too. */
export type Created = ReadonlySet<string>;

/** Judges and, unless it ever did before, creates: the pure form of one conditional durable write. */
export function redeem(
  created: Created,
  proof: ReceiptProof,
  here: Destination,
): { created: Created; verdict: ReceiptVerdict } {
  const verdict = judgeReceipt(proof, here);
  if (!verdict.ok) return { created, verdict };
  const name = toHex(verdict.id);
  if (created.has(name)) return { created, verdict: { ok: false, code: "already-created" } };
  return { created: new Set(created).add(name), verdict };
}
