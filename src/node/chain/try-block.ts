// Judging a block on the tip without keeping it, its work aside: what a miner proposes before it
// spends work on it (BIP23; Bitcoin Core's TestBlockValidity).
import type { Bytes } from "../../base/bytes.ts";
import { checkBlockAtHeight, checkBlockBody } from "../../ledger/bitcoin/check-block.ts";
import { checkHeaderInBranch, medianTimePast } from "../../ledger/bitcoin/header-rules.ts";
import type { Verdict } from "../../ledger/bitcoin/verdict.ts";
import type { BlockVerdict } from "../../ports/chain.ts";
import { decodeInFrame } from "./accept.ts";
import { branchFacts, duplicatesRule } from "./branch.ts";
import type { Chain } from "./chain.ts";

const GOOD: BlockVerdict = { ok: true, state: "connected" };

function bad(code: string, debug: string | null = null): BlockVerdict {
  return { ok: false, code, debug, permanent: false };
}

/** The verdict that the block would get as the next one; nothing of it remains. */
export function tryBlock(chain: Chain, raw: Bytes, now: number): Promise<BlockVerdict> {
  return chain.exclusive(async () => {
    const { index, params, connector } = chain;
    const decoded = decodeInFrame(raw, connector.pool);
    if (decoded === null) return bad("block-decode-failed");
    const { block, memory } = decoded;
    const parent = chain.tipId;
    const refuse = (code: string, debug?: string): BlockVerdict => {
      connector.pool.release(memory);
      return bad(code, debug ?? null);
    };
    if (index.find(block.header.previous) !== parent) {
      return refuse("inconclusive-not-best-prevblk");
    }
    const node = index.node(parent);
    const steps: readonly (() => Verdict)[] = [
      () => checkHeaderInBranch(block.header, params, node, now),
      () => checkBlockBody(block),
      () => checkBlockAtHeight(block, params, node.height + 1, medianTimePast(node)),
    ];
    for (const step of steps) {
      const verdict = step();
      if (!verdict.ok) return refuse(verdict.code, verdict.debug);
    }
    const { hash } = block.header;
    const { verdict, deltas } = await connector.connect({
      block,
      memory,
      facts: branchFacts(index, params, parent, hash),
      duplicates: duplicatesRule(index, params, parent, hash),
      skipScripts: false,
    });
    await connector.apply("undo", deltas);
    return verdict.ok ? GOOD : bad(verdict.code, verdict.debug);
  });
}
