// What `pando stake` asks of the running node, in the shapes of its JSON-RPC: stakers, turns, coins.
import { fromDisplayHex, hex, toDisplayHex, toHex } from "../base/bytes.ts";
import type { OwnedCoin } from "../node/generate-chain/build-transaction.ts";
import { type Key, OUTPUT_KINDS, type OutputKind } from "../node/generate-chain/keys.ts";
import { type Arguments, CommandError, EXIT } from "./command.ts";
import { callNode } from "./rpc-client.ts";

export interface NodeStaker {
  readonly id: number;
  readonly status: string;
  readonly active: boolean;
  readonly weight: number;
  readonly produced: number;
  readonly missed: number;
  readonly missrun: number;
  readonly signkey: string;
  readonly payout: string;
  readonly bond: { readonly outpoint: string; readonly value: number };
  readonly penalty: number;
  readonly sinceslot: number;
  readonly freeslot: number | null;
}

export interface NodeStakers {
  readonly chainid: string;
  readonly genesistime: number;
  readonly slotms: number;
  readonly bond: number;
  readonly unbondslots: number;
  readonly maxactive: number;
  readonly weight: number;
  readonly stakers: readonly NodeStaker[];
}

export interface NodeQueue {
  readonly round: number;
  readonly slot: number;
  readonly index: number;
  readonly ids: readonly number[];
  readonly next: readonly number[] | null;
}

const UNITS_PER_COIN = 100_000_000;
/** A coinbase cannot be spent before. */
const MATURITY = 100;

/** Base units of an amount in an answer; exact for every amount there can be. */
export function unitsOf(amount: number): number {
  return Math.round(amount * UNITS_PER_COIN);
}

interface Scanned {
  readonly unspents: readonly {
    readonly txid: string;
    readonly vout: number;
    readonly scriptPubKey: string;
    readonly amount: number;
    readonly coinbase: boolean;
    readonly height: number;
    readonly confirmations: number;
  }[];
}

/** True unless a transaction in the mempool spends it. */
async function isUnspent(args: Arguments, txid: string, index: number): Promise<boolean> {
  return (await callNode<object | null>(args, "gettxout", txid, index, true)) !== null;
}

/**
 * The coins that a key can spend now, the largest first, until they hold `enough`; none that is a
 * staker's bond, too young, or spent by a transaction that waits.
 */
export async function coinsOf(
  args: Arguments,
  key: Key,
  kinds: readonly OutputKind[],
  stakers: readonly NodeStaker[],
  enough: number,
): Promise<OwnedCoin[]> {
  const kindOf = new Map(kinds.map((kind) => [toHex(key.scripts[kind]), kind]));
  const descriptors = [...kindOf.keys()].map((script) => `raw(${script})`);
  const { unspents } = await callNode<Scanned>(args, "scantxoutset", "start", descriptors);
  const bonds = new Set(
    stakers.filter((one) => one.status !== "free").map((one) => one.bond.outpoint),
  );
  const able = unspents
    .filter((one) => !one.coinbase || one.confirmations >= MATURITY)
    .filter((one) => !bonds.has(`${one.txid}:${one.vout}`))
    .sort((a, b) => b.amount - a.amount || (a.txid < b.txid ? -1 : 1));
  const coins: OwnedCoin[] = [];
  let sum = 0;
  for (const one of able) {
    if (sum >= enough) break;
    const txid = fromDisplayHex(one.txid);
    const kind = kindOf.get(one.scriptPubKey);
    if (txid === null || kind === undefined) continue;
    if (!(await isUnspent(args, one.txid, one.vout))) continue;
    const value = unitsOf(one.amount);
    const { height, coinbase } = one;
    const script = hex(one.scriptPubKey);
    coins.push({ txid, index: one.vout, value, script, height, coinbase, kind, key });
    sum += value;
  }
  return coins;
}

export const EVERY_KIND: readonly OutputKind[] = OUTPUT_KINDS;

/** The script of an address of the node's network. */
export async function scriptOf(args: Arguments, address: string): Promise<string> {
  const { isvalid, scriptPubKey } = await callNode<{ isvalid: boolean; scriptPubKey?: string }>(
    args,
    "validateaddress",
    address,
  );
  if (isvalid && scriptPubKey !== undefined) return scriptPubKey;
  throw new CommandError(`${address} is not an address of this network`);
}

/** A script as people read it: its address where it has one. */
export async function addressOf(args: Arguments, script: string): Promise<string> {
  const { address } = await callNode<{ address?: string }>(args, "decodescript", script);
  return address ?? script;
}

/** Sends a transaction; a refusal names the node's reason. */
export async function send(args: Arguments, raw: Uint8Array, txid: Uint8Array): Promise<string> {
  const told = await callNode<string>(args, "sendrawtransaction", toHex(raw));
  if (told !== toDisplayHex(txid)) throw new CommandError(`the node knows it as ${told}`, EXIT.no);
  return told;
}

const FEE_RATE_DEFAULT = 2;
const FEE_RATE_MAX = 10_000;

/** Base units per virtual byte: what was asked for, and never less than the node takes. */
export async function feeRateOf(args: Arguments): Promise<number> {
  const asked = args.number("fee-rate", 0, FEE_RATE_MAX, FEE_RATE_DEFAULT);
  const { mempoolminfee } = await callNode<{ mempoolminfee: number }>(args, "getmempoolinfo");
  return Math.max(asked, unitsOf(mempoolminfee) / 1_000);
}
