// What happens to a block before its coins are looked at, in Bitcoin Core's order (ProcessNewBlock):
// do its own rules hold, is it known, is its parent known and sound, do the rules of its place in the
// branch hold? Only a block that is stored with as many bytes is known before it is read: an import
// that goes on where it was must not hash everything again.
import type { Bytes } from "../../base/bytes.ts";
import {
  type Block,
  type BlockForm,
  decodeBlock,
  HEADER_BYTES,
  type Header,
  readHeader,
} from "../../ledger/bitcoin/block.ts";
import { checkBlock, checkBlockAtHeight } from "../../ledger/bitcoin/check-block.ts";
import { checkHeaderInBranch, medianTimePast } from "../../ledger/bitcoin/header-rules.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { workOfBits } from "../../ledger/bitcoin/work.ts";
import {
  type BlockId,
  type BlockIndex,
  CHECKED,
  FORGOTTEN,
  HAS_DATA,
  INVALID,
  NONE,
} from "../../planes/consensus/work/block-index.ts";
import { type FramePool, frameMemory } from "../../planes/execution/frame.ts";

export interface AcceptContext {
  readonly index: BlockIndex;
  readonly params: Params;
  readonly pool: FramePool;
  /** Bytes of a block as it is stored; null when it is not. */
  readonly storedBytes: (id: BlockId) => number | null;
  /** Seconds since 1970. */
  readonly now: number;
}

/** A block that may be stored; its bytes lie in `memory`, which the next step owns. */
export interface Accepted {
  readonly kind: "accepted";
  readonly block: Block;
  readonly memory: SharedArrayBuffer;
  readonly parent: BlockId;
  readonly work: bigint;
}

/** A header to be remembered as invalid. */
interface InvalidHeader {
  readonly header: Header;
  readonly parent: BlockId;
  readonly work: bigint;
  readonly reason: string;
}

export type Acceptance =
  | Accepted
  | { readonly kind: "orphan"; readonly header: Header }
  /** Ask again when nothing is in the pipeline. */
  | { readonly kind: "undecided" }
  | {
      readonly kind: "answer";
      readonly hash: Bytes | null;
      readonly height: number | null;
      readonly verdict: "duplicate" | "rejected";
      readonly reason: string | null;
      readonly invalidHeader: InvalidHeader | null;
    };

function rejected(hash: Bytes | null, height: number | null, reason: string): Acceptance {
  return { kind: "answer", hash, height, verdict: "rejected", reason, invalidHeader: null };
}

/** Copies a block into shared memory and decodes it there; null when it does not decode. */
export function decodeInFrame(
  raw: Bytes,
  pool: FramePool,
  form: BlockForm,
): { block: Block; memory: SharedArrayBuffer } | null {
  const memory = frameMemory(pool, raw);
  const decoded = decodeBlock(new Uint8Array(memory, 0, raw.length), 0, raw.length, form);
  if (decoded.ok) return { block: decoded.value, memory };
  pool.release(memory);
  return null;
}

/** The block with this hash, or NONE; one that fell with an undecided parent counts as never seen. */
function find(index: BlockIndex, hash: Bytes): BlockId {
  const id = index.find(hash);
  return id !== NONE && index.has(id, FORGOTTEN) ? NONE : id;
}

function known(id: BlockId, header: Header, index: BlockIndex): Acceptance | null {
  if (id === NONE) return null;
  const { hash } = header;
  const height = index.height(id);
  if (index.has(id, INVALID)) return rejected(hash, height, "duplicate-invalid");
  if (!index.has(id, HAS_DATA)) return null;
  return {
    kind: "answer",
    hash,
    height,
    verdict: "duplicate",
    reason: null,
    invalidHeader: null,
  };
}

/**
 * Judges a block by everything but its coins. `head`: the end of a pipeline whose blocks are not
 * decided; only a sound new block on it can then be judged. Null when nothing is in the pipeline.
 */
export function acceptBlock(raw: Bytes, context: AcceptContext, head: BlockId | null): Acceptance {
  const { index, params, pool } = context;
  if (raw.length < HEADER_BYTES) return rejected(null, null, "block-decode-failed");
  const header = readHeader(raw.slice(0, HEADER_BYTES));
  const parent = find(index, header.previous);
  // A header known without its block, as headers-first download has them, changes nothing.
  const seen = index.find(header.hash);
  const settled = seen !== NONE && index.has(seen, HAS_DATA | INVALID | FORGOTTEN);
  if (head !== null && (parent !== head || settled)) return { kind: "undecided" };
  const id = find(index, header.hash);
  const answer = known(id, header, index);
  if (answer !== null && context.storedBytes(id) === raw.length) return answer;
  const decoded = decodeInFrame(raw, pool, "bitcoin");
  if (decoded === null) return rejected(null, null, "block-decode-failed");
  if (answer !== null) {
    // Other bytes under a known header: what is wrong with them is named.
    const own = checkBlock(decoded.block, params);
    pool.release(decoded.memory);
    return own.ok ? answer : rejected(header.hash, index.height(id), own.code);
  }
  const acceptance = judge(decoded.block, decoded.memory, header, parent, context);
  if (acceptance.kind === "accepted") return acceptance;
  pool.release(decoded.memory);
  // What is wrong with it counts only if nothing is wrong with those before it.
  return head === null ? acceptance : { kind: "undecided" };
}

function judge(
  block: Block,
  memory: SharedArrayBuffer,
  header: Header,
  parent: BlockId,
  { index, params, now }: AcceptContext,
): Acceptance {
  const { hash } = header;
  const height = parent === NONE ? null : index.height(parent) + 1;
  const own = checkBlock(block, params);
  if (!own.ok) return rejected(hash, height, own.code);
  if (parent === NONE || height === null) return { kind: "orphan", header };
  if (index.has(parent, INVALID)) return rejected(hash, height, "bad-prevblk");
  // A parent of which only the header is known: its block has to come first. (One that was on the
  // active chain may have lost its bytes since: its coins are there.)
  if (!index.has(parent, HAS_DATA | CHECKED)) return { kind: "orphan", header };
  const previous = index.node(parent);
  const inBranch = checkHeaderInBranch(header, params, previous, now);
  if (!inBranch.ok) return rejected(hash, height, inBranch.code);
  const work = workOfBits(header.bits);
  const placed = checkBlockAtHeight(block, params, height, medianTimePast(previous));
  if (!placed.ok) {
    const invalid = placed.consequence === "invalid";
    return {
      kind: "answer",
      hash,
      height,
      verdict: "rejected",
      reason: placed.code,
      invalidHeader: invalid ? { header, parent, work, reason: placed.code } : null,
    };
  }
  return { kind: "accepted", block, memory, parent, work };
}
