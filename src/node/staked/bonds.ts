// Which coins are somebody's bond, read from the registry of one branch: nobody may spend them until
// they are free. There is no mark on the coins themselves, so nothing has to be undone when a branch
// is left. A bond that was burned stays in the registry and is never free.
import { type Bytes, hex, readU32BE, toHex } from "../../base/bytes.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";
import { decodeTransaction, type Transaction } from "../../ledger/bitcoin/transaction.ts";
import { isTagged, operationOf } from "../../planes/consensus/qpos/operations.ts";
import { STATUS, type StakerRecord } from "../../planes/consensus/qpos/record.ts";
import { type Registry, recordsOf } from "../../planes/consensus/qpos/registry.ts";
import { type OutpointKey, outpointKeyAt } from "../../state/admission/keys.ts";
import type { Entry } from "../mempool/entry.ts";
import { outpointText } from "./genesis.ts";

const OP_RETURN = 0x6a;
/** What every registry operation holds. */
const MARK = "PQ1";

/**
 * False for almost every block and transaction: then it holds no operation. A search is cheaper than
 * decoding.
 */
export function hasMark(raw: Bytes): boolean {
  return Buffer.from(raw.buffer, raw.byteOffset, raw.length).includes(MARK);
}

/** Outpoints, found by the first bytes of their txid before anything is spelled out. */
export class Outpoints {
  readonly #byHead = new Map<number, Set<OutpointKey>>();

  /** As records have it: txid and index, 36 bytes in hex. */
  add(outpoint: string): void {
    const key = outpointKeyAt(hex(outpoint), 0);
    const head = headOf(key);
    const known = this.#byHead.get(head);
    if (known === undefined) this.#byHead.set(head, new Set([key]));
    else known.add(key);
  }

  has(bytes: Bytes, at: number): boolean {
    const known = this.#byHead.get(readU32BE(bytes, at));
    return known?.has(outpointKeyAt(bytes, at)) === true;
  }

  hasKey(key: OutpointKey): boolean {
    return this.#byHead.get(headOf(key))?.has(key) === true;
  }
}

function headOf(key: OutpointKey): number {
  return ((key.charCodeAt(0) << 16) | key.charCodeAt(1)) >>> 0;
}

function isBonded({ status, penalty }: StakerRecord): boolean {
  return status !== STATUS.free || penalty > 0;
}

/** The bonds of a branch. */
export function bondsOf(registry: Registry): Outpoints {
  const bonds = new Outpoints();
  for (const record of recordsOf(registry)) if (isBonded(record)) bonds.add(record.bondOutpoint);
  return bonds;
}

/** The scripts of outputs that may hold an operation; none for almost every transaction. */
export function taggedScripts({ bytes, outputs }: Transaction): Bytes[] {
  const scripts: Bytes[] = [];
  for (const { scriptAt, scriptEnd } of outputs) {
    if (bytes[scriptAt] !== OP_RETURN) continue;
    const script = bytes.subarray(scriptAt, scriptEnd);
    if (isTagged(script)) scripts.push(script);
  }
  return scripts;
}

/** The output that a transaction names as a bond, whether or not its registration will count. */
function namedBond(transaction: Transaction): string | null {
  const scripts = taggedScripts(transaction);
  const operation = scripts.length === 0 ? null : operationOf(scripts);
  if (operation?.op !== "register") return null;
  return outpointText(toHex(transaction.txid), operation.bondOutput);
}

/** True when a block spends a bond of its parent's branch, or one that it registers itself. */
export function spendsBond(block: Block, bonds: Outpoints): boolean {
  const own = new Outpoints();
  let some = false;
  for (const transaction of block.transactions) {
    const named = namedBond(transaction);
    if (named === null) continue;
    own.add(named);
    some = true;
  }
  for (const { bytes, inputs } of block.transactions.slice(1)) {
    for (const { outpointAt } of inputs) {
      if (bonds.has(bytes, outpointAt) || (some && own.has(bytes, outpointAt))) return true;
    }
  }
  return false;
}

/** True when a transaction spends one of these. */
export function spendsAny({ bytes, inputs }: Transaction, outpoints: Outpoints): boolean {
  return inputs.some(({ outpointAt }) => outpoints.has(bytes, outpointAt));
}

/** Those of the mempool that a block on this branch may hold: no bond is spent, nor what hangs on it. */
export function withoutBondSpends(entries: readonly Entry[], bonds: Outpoints): readonly Entry[] {
  const own = new Outpoints();
  for (const { raw } of entries) {
    if (!hasMark(raw)) continue;
    const decoded = decodeTransaction(raw);
    const named = decoded.ok ? namedBond(decoded.value) : null;
    if (named !== null) own.add(named);
  }
  const barred = new Set<Entry>();
  for (const entry of entries) {
    if (entry.inputs.some((key) => bonds.hasKey(key) || own.hasKey(key))) barred.add(entry);
  }
  // A set visits what is added while it is walked.
  for (const entry of barred) for (const child of entry.children) barred.add(child);
  return barred.size === 0 ? entries : entries.filter((entry) => !barred.has(entry));
}
