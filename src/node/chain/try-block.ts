// Judging a block on the tip without keeping it, its work aside: what a miner proposes before it
// spends work on it (BIP23; Bitcoin Core's TestBlockValidity, in its order since 30.0: the block by
// itself comes before its header's place in the branch).
import type { Bytes } from "../../base/bytes.ts";
import { type Block, decodeBlock } from "../../ledger/bitcoin/block.ts";
import { checkBlockAtHeight, checkBlockBody } from "../../ledger/bitcoin/check-block.ts";
import { checkHeaderInBranch, medianTimePast } from "../../ledger/bitcoin/header-rules.ts";
import { reject, type Verdict } from "../../ledger/bitcoin/verdict.ts";
import type { BlockId } from "../../planes/consensus/work/block-index.ts";
import type { BlockVerdict } from "../../ports/chain.ts";
import type { Chain } from "./chain.ts";

function bad(code: string, debug: string | null = null): BlockVerdict {
  return { ok: false, code, debug, permanent: false };
}

/** Everything but work and coins. */
function judge({ index, params }: Chain, block: Block, tip: BlockId, now: number): Verdict {
  if (index.find(block.header.previous) !== tip) return reject("prev-blk-not-found");
  const body = checkBlockBody(block);
  if (!body.ok) return body;
  const node = index.node(tip);
  const inBranch = checkHeaderInBranch(block.header, params, node, now);
  if (!inBranch.ok) return inBranch;
  return checkBlockAtHeight(block, params, node.height + 1, medianTimePast(node));
}

/** The verdict that the block would get as the next one; nothing of it remains. */
export async function tryBlock(chain: Chain, raw: Bytes, now: number): Promise<BlockVerdict> {
  if (!decodeBlock(raw).ok) return bad("block-decode-failed");
  const verdict = await chain.tryBlock(raw, (block, tip) => judge(chain, block, tip, now));
  if (verdict.ok) return { ok: true, state: "connected" };
  if (verdict.code === "prev-blk-not-found") return bad("inconclusive-not-best-prevblk");
  return bad(verdict.code, verdict.debug);
}
