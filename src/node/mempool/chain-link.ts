// What admission must know of the chain: for each record the blocks that leave and come, in memory
// that all hosts share, and the facts of the new tip.

import { assert } from "../../base/assert.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import { medianTimePast } from "../../ledger/bitcoin/header-rules.ts";
import { formOf } from "../../ledger/bitcoin/params.ts";
import { scriptFlagsForBlock } from "../../ledger/bitcoin/script-flags.ts";
import { transactionSigopCost } from "../../ledger/bitcoin/sigops.ts";
import type { BlockId } from "../../planes/consensus/work/block-index.ts";
import type {
  ChainStepRequest,
  StepFacts,
} from "../../planes/execution/admission-host/admission-host.ts";
import type { RecordedBlock } from "../../planes/execution/admission-host/block-part.ts";
import { buildFrame } from "../../planes/execution/frame.ts";
import { outpointKey, outpointKeyAt, txidKey } from "../../state/admission/keys.ts";
import { amountOf } from "../../state/coin-store.ts";
import {
  COIN_CODE,
  COIN_INDEX,
  COIN_SCRIPT,
  COIN_SCRIPT_BYTES,
  COIN_VALUE,
  deltaCoins,
} from "../../state/delta.ts";
import { decodeInFrame } from "../chain/accept.ts";
import type { ChainBase, RecordedChange } from "../chain/base.ts";

const NO_HASH = new Uint8Array(32);

/** Script flags of the block after `tip`. */
export function nextFlags(chain: ChainBase, tip: BlockId): number {
  return scriptFlagsForBlock(chain.params, chain.index.height(tip) + 1, NO_HASH);
}

/** Facts of the chain that ends in `tip`; median times from `from` on. */
export function stepFacts(chain: ChainBase, tip: BlockId, from: number): StepFacts {
  const { index } = chain;
  const height = index.height(tip);
  const medians = new Uint32Array(Math.max(0, height - from + 1));
  let id = tip;
  for (let at = height; at >= from; at--) {
    medians[at - from] = medianTimePast(index.node(id));
    id = index.parent(id);
  }
  return { height, flags: nextFlags(chain, tip), mediansFrom: from, medians };
}

/** The tip after a change. */
export function tipAfter(chain: ChainBase, { disconnect, connect }: RecordedChange): BlockId {
  return connect.at(-1) ?? chain.index.parent(disconnect.at(-1)!);
}

/** A change of the tip as the hosts get it; `release` gives the memory back. */
export function chainStep(
  chain: ChainBase,
  change: RecordedChange,
  facts: StepFacts,
): { step: ChainStepRequest; release: () => void } {
  const disconnect = change.disconnect.map((id) => recordedBlock(chain, id, true));
  const connect = change.connect.map((id) => recordedBlock(chain, id, false));
  const { sequence, operations } = change;
  return {
    step: { sequence, reset: false, disconnect, connect, facts, operations },
    release: () => {
      for (const { memory } of [...disconnect, ...connect]) chain.connector.pool.release(memory);
    },
  };
}

function recordedBlock(chain: ChainBase, id: BlockId, leaving: boolean): RecordedBlock {
  const { pool, placement } = chain.connector;
  const decoded = decodeInFrame(chain.readBlock(id), pool, formOf(chain.params));
  assert(decoded !== null, "a stored block decodes");
  const frame = buildFrame(pool, decoded.memory, decoded.block, placement);
  const { memory, bytes: _bytes, ...layout } = frame;
  const height = chain.index.height(id);
  const flags = nextFlags(chain, chain.index.parent(id));
  const figures = leaving ? figuresOf(decoded.block, chain.readDelta(id), height, flags) : null;
  const [fees, sigops] = [figures?.fees ?? null, figures?.sigops ?? null];
  return { memory, layout, height, flags, fees, sigops };
}

/** Fee and signature check cost of each transaction of a connected block. */
function figuresOf(
  block: Block,
  deltas: readonly Uint32Array[],
  height: number,
  flags: number,
): { fees: Float64Array; sigops: Float64Array } {
  const coins = new Map<string, Coin>();
  for (const delta of deltas) {
    const bytes = new Uint8Array(delta.buffer, delta.byteOffset, delta.byteLength);
    for (const at of deltaCoins(delta).removed) {
      const key = outpointKey(txidKey(bytes, at * 4), delta[at + COIN_INDEX]!);
      coins.set(key, coinAt(delta, bytes, at));
    }
  }
  const count = block.transactions.length;
  const fees = new Float64Array(count);
  const sigops = new Float64Array(count);
  block.transactions.forEach((transaction, position) => {
    const { bytes, inputs, outputs } = transaction;
    const spent: Coin[] = [];
    let fee = 0;
    for (const { outpointAt } of position === 0 ? [] : inputs) {
      const coin = coins.get(outpointKeyAt(bytes, outpointAt));
      assert(coin !== undefined, "a connected block's coins are in its deltas or in itself");
      spent.push(coin);
      fee += coin.value;
    }
    const txid = txidKey(transaction.txid);
    outputs.forEach(({ value, scriptAt, scriptEnd }, number) => {
      const script = bytes.subarray(scriptAt, scriptEnd);
      coins.set(outpointKey(txid, number), { value, script, height, coinbase: position === 0 });
      fee -= value;
    });
    if (position === 0) return;
    fees[position] = fee;
    sigops[position] = transactionSigopCost(transaction, spent, flags);
  });
  return { fees, sigops };
}

function coinAt(delta: Uint32Array, bytes: Uint8Array, at: number): Coin {
  const scriptAt = (at + COIN_SCRIPT) * 4;
  const code = delta[at + COIN_CODE]!;
  return {
    value: amountOf(delta[at + COIN_VALUE]!, delta[at + COIN_VALUE + 1]!),
    script: bytes.slice(scriptAt, scriptAt + delta[at + COIN_SCRIPT_BYTES]!),
    height: code >>> 1,
    coinbase: (code & 1) === 1,
  };
}
