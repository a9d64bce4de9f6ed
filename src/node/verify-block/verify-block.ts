// `pando verify-block`, from the files' bytes to the answer.
import { availableParallelism } from "node:os";
import { type Bytes, toDisplayHex } from "../../base/bytes.ts";
import { type Block, decodeBlock, HEADER_BYTES, readHeader } from "../../ledger/bitcoin/block.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import { scriptErrorMessage } from "../../ledger/bitcoin/script/script-error.ts";
import { type Rejection, rejectScript } from "../../ledger/bitcoin/verdict.ts";
import { judgeBlock } from "./judge-block.ts";
import { verifyScripts } from "./verify-scripts.ts";

export interface VerifyBlockRequest {
  readonly params: Params;
  readonly height: number;
  readonly medianTime: number | null;
  readonly block: Bytes;
  readonly spent: Bytes;
  /** Threads for the scripts; all cores when absent. */
  readonly threads?: number;
}

export interface VerifyBlockAnswer {
  readonly valid: boolean;
  /** Bitcoin Core's reject reason; null for a valid block. */
  readonly reason: string | null;
  readonly detail: string | null;
  /** Null when there are not even the bytes of a header. */
  readonly hash: string | null;
  readonly height: number;
  readonly network: string;
  readonly transactions: number;
  readonly inputs: number;
  /** Base units; null when the block was refused before they were summed up. */
  readonly fees: number | null;
  readonly unchecked: readonly string[];
}

export type VerifyBlockResult =
  | { readonly ok: true; readonly answer: VerifyBlockAnswer }
  /** The files are not a block and its coins. */
  | { readonly ok: false; readonly file: "block" | "spent"; readonly fault: string };

function answerFor(
  request: VerifyBlockRequest,
  block: Block,
  rejection: Rejection | null,
  fees: number | null,
  unchecked: readonly string[],
): VerifyBlockResult {
  let inputs = 0;
  for (const transaction of block.transactions.slice(1)) inputs += transaction.inputs.length;
  const answer = {
    valid: rejection === null,
    reason: rejection?.code ?? null,
    detail: rejection?.debug ?? null,
    hash: toDisplayHex(block.header.hash),
    height: request.height,
    network: request.params.name,
    transactions: block.transactions.length,
    inputs,
    fees,
    unchecked,
  };
  return { ok: true, answer };
}

/** The answer about bytes that do not decode: no network would take them for a block. */
function undecodable(request: VerifyBlockRequest, detail: string): VerifyBlockResult {
  const whole = request.block.length >= HEADER_BYTES;
  const answer = {
    valid: false,
    reason: "block-decode-failed",
    detail,
    hash: whole ? toDisplayHex(readHeader(request.block).hash) : null,
    height: request.height,
    network: request.params.name,
    transactions: 0,
    inputs: 0,
    fees: null,
    unchecked: [],
  };
  return { ok: true, answer };
}

/** Judges one block against the list of coins that it spends. */
export async function verifyBlock(request: VerifyBlockRequest): Promise<VerifyBlockResult> {
  const decoded = decodeBlock(request.block);
  if (!decoded.ok) return undecodable(request, `${decoded.code} at byte ${decoded.at}`);
  const surplus = request.block.length - decoded.end;
  if (surplus > 0) {
    return { ok: false, file: "block", fault: `has ${surplus} bytes behind the block` };
  }
  const block = decoded.value;
  const judged = judgeBlock({ ...request, block });
  if (judged.kind === "fault") return { ok: false, file: "spent", fault: judged.fault };
  if (judged.kind === "invalid") {
    return answerFor(request, block, judged.rejection, null, judged.unchecked);
  }
  const threads = request.threads ?? availableParallelism();
  const { coins, flags, fees, unchecked } = judged;
  const failure = await verifyScripts(block, request.spent, coins, flags, threads);
  const rejection =
    failure === null
      ? null
      : rejectScript(
          scriptErrorMessage(failure.error),
          `input ${failure.input} of transaction ${failure.transaction}`,
        );
  return answerFor(request, block, rejection, fees, unchecked);
}
