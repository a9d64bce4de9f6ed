// Packages as Bitcoin Core 31 takes them (policy/packages.cpp, AcceptPackage and
// AcceptMultipleTransactions of validation.cpp): a child with its parents, each tried by itself
// first; those that pay too little alone are tried together, by the fee rate of them all.
//
//   well formed? -> each alone -> the rest judged together, nothing asked of one alone
//     -> version 3 -> fee rate of the rest -> replacement (a parent and its child), clusters -> dust
//     -> submitted, parents first
//
// One difference: its transactions come in one after another, so under memory pressure a parent may
// leave before its child comes. If a child is refused at last, its parent goes again unless others pay for
// it by then, and what it replaced comes back.
import { setTimeout } from "node:timers/promises";
import type { Bytes } from "../../base/bytes.ts";
import {
  decodeTransaction,
  type Transaction,
  transactionWeight,
} from "../../ledger/bitcoin/transaction.ts";
import { feeFor } from "../../planes/execution/judge-transaction.ts";
import type { PackageVerdict, SubmitOptions, TransactionVerdict } from "../../ports/mempool.ts";
import {
  type OutpointKey,
  outpointKeyAt,
  outpointTxid,
  type Txid,
  txidKey,
} from "../../state/admission/keys.ts";
import { type DryMember, DryRun, type DryRunContext } from "./dry-run.ts";
import type { Entry } from "./entry.ts";
import { type Gateway, refused } from "./gateway.ts";
import { CLUSTER_WEIGHT_MAX, type Judged, Relations } from "./relations.ts";
import { type Fault, paymentFault, type Replacement } from "./replacement.ts";

export const PACKAGE_COUNT_MAX = 25;

/** A home that is busy with a member is asked so often. */
const BUSY_TRIES = 4;
/** Members that came in for nothing have so long to leave: a second. */
const LEAVING_TRIES = 100;
const LEAVING_MS = 10;

/** Reasons that a child which pays enough, or the coming of a parent, can cure. */
const CURABLE: ReadonlySet<string> = new Set([
  "min relay fee not met",
  "mempool min fee not met",
  "insufficient fee",
  "insufficient fee (including sibling eviction)",
  "replacement-failed",
]);

interface Item {
  readonly raw: Bytes;
  readonly id: Txid;
  readonly witnessId: string;
  readonly wtxid: Bytes;
  readonly inputs: readonly OutpointKey[];
}

function itemOf({ bytes, start, end, txid, wtxid, inputs }: Transaction): Item {
  return {
    raw: bytes.subarray(start, end),
    id: txidKey(txid),
    witnessId: txidKey(wtxid),
    wtxid,
    inputs: inputs.map(({ outpointAt }) => outpointKeyAt(bytes, outpointAt)),
  };
}

/** Why transactions are no package, whatever the mempool holds; null when they may be. */
function formFault(transactions: readonly Transaction[], items: readonly Item[]): string | null {
  if (items.length > PACKAGE_COUNT_MAX) return "package-too-many-transactions";
  const weight = transactions.reduce((sum, one) => sum + transactionWeight(one), 0);
  if (items.length > 1 && weight > CLUSTER_WEIGHT_MAX) return "package-too-large";
  const later = new Set(items.map(({ id }) => id));
  if (later.size < items.length) return "package-contains-duplicates";
  for (const { id, inputs } of items) {
    if (inputs.some((outpoint) => later.has(outpointTxid(outpoint)))) return "package-not-sorted";
    later.delete(id);
  }
  const spent = new Set<OutpointKey>();
  for (const { inputs } of items) {
    if (inputs.some((outpoint) => spent.has(outpoint))) return "conflict-in-package";
    for (const outpoint of inputs) spent.add(outpoint);
  }
  return null;
}

/** The last spends all the others, and they do not spend one another. */
function isChildWithParents(items: readonly Item[]): boolean {
  const child = items.at(-1)!;
  const parents = new Set(items.slice(0, -1).map(({ id }) => id));
  const spent = new Set(child.inputs.map((outpoint) => outpointTxid(outpoint)));
  return [...parents].every((id) => spent.has(id));
}

const text = ({ code, debug }: Fault): string => (debug === null ? code : `${code}, ${debug}`);

const faultOf = (judged: Judged): Fault | null => (judged.ok ? null : judged);

const FAILED = "transaction failed";

function itemsOf(raws: readonly Bytes[]): { transactions: Transaction[]; items: Item[] } {
  const transactions = raws.flatMap((raw) => {
    const decoded = decodeTransaction(raw);
    return decoded.ok ? [decoded.value] : [];
  });
  return { transactions, items: transactions.map(itemOf) };
}

function dustRefused(
  { fault }: { readonly fault: Fault },
  at: number,
  results: (TransactionVerdict | null)[],
): PackageVerdict {
  results[at] = refused("rejected", fault.code, fault.debug);
  return { message: "unspent-dust", policy: false, results };
}

function refusedWhole(message: string, count: number): PackageVerdict {
  return { message, policy: true, results: new Array<null>(count).fill(null) };
}

/** testmempoolaccept of several: nobody pays for another, nothing is replaced. */
export async function testPackage(
  raws: readonly Bytes[],
  options: SubmitOptions,
  context: DryRunContext,
): Promise<PackageVerdict> {
  const { transactions, items } = itemsOf(raws);
  const wrong = transactions.length < raws.length ? FAILED : formFault(transactions, items);
  if (wrong !== null) return refusedWhole(wrong, raws.length);
  const { gateway, entries } = context;
  const results: (TransactionVerdict | null)[] = new Array<null>(raws.length).fill(null);
  const dry = new DryRun(context);
  const members: DryMember[] = [];
  for (let at = 0; at < items.length; at++) {
    const judged = await dry.judge(raws[at]!, true);
    const failed = (verdict: TransactionVerdict): PackageVerdict => {
      results[at] = verdict;
      return { message: FAILED, policy: false, results };
    };
    if (!judged.ok) return failed(judged.verdict);
    const { member } = judged;
    if (entries.conflicts(member.inputs, member.id) !== null) {
      return failed(refused("rejected", "bip125-replacement-disallowed", null));
    }
    const fault = gateway.relations.packageMemberFault(member);
    if (fault !== null) return failed(refused("rejected", fault.code, fault.debug));
    members.push(member);
  }
  const together = new Relations(entries, context.requireStandard, gateway.relations);
  const fault = together.packageTrucFault(members) ?? faultOf(together.judgePackage(members));
  if (fault !== null) return refusedWhole(text(fault), raws.length);
  const dusty = together.packageDustFault(members);
  if (dusty !== null)
    return dustRefused(
      dusty,
      members.findIndex(({ id }) => id === dusty.member.id),
      results,
    );
  const most = options.feeRateMax ?? 0;
  for (let at = 0; at < members.length; at++) {
    const { txid, wtxid, size, fee } = members[at]!;
    results[at] = { ok: true, txid, wtxid, size, fee };
    if (most === 0 || fee <= feeFor(most, size)) continue;
    results[at] = refused("rejected", "max-fee-exceeded", null);
    break;
  }
  return { message: "success", policy: false, results };
}

/** submitpackage: one transaction, or a child with its parents, parents first. */
export async function submitPackage(
  raws: readonly Bytes[],
  options: SubmitOptions,
  context: DryRunContext,
): Promise<PackageVerdict> {
  const { transactions, items } = itemsOf(raws);
  const wrong = transactions.length < raws.length ? FAILED : formFault(transactions, items);
  if (wrong !== null) return refusedWhole(wrong, raws.length);
  if (!isChildWithParents(items)) {
    return refusedWhole("package-not-child-with-parents", raws.length);
  }
  const results: (TransactionVerdict | null)[] = new Array<null>(items.length).fill(null);
  const rest: number[] = [];
  let failed = false;
  for (let at = 0; at < items.length; at++) {
    const verdict = await tryAlone(items[at]!, rest, items, options, context);
    results[at] = verdict;
    if (verdict.ok || verdict.kind === "known") continue;
    const isCurable = verdict.kind === "missing" || CURABLE.has(verdict.code);
    if (items.length > 1 && isCurable) rest.push(at);
    else failed = true;
  }
  if (failed) return { message: FAILED, policy: false, results };
  if (rest.length === 0) return { message: "success", policy: false, results };
  // What is left alone has been tried alone.
  if (rest.length === 1) return { message: FAILED, policy: false, results };
  return await submitRest(rest, items, results, options, context);
}

async function tryAlone(
  item: Item,
  rest: readonly number[],
  items: readonly Item[],
  options: SubmitOptions,
  { gateway, entries }: DryRunContext,
): Promise<TransactionVerdict> {
  const known = entries.byId.get(item.id);
  if (known !== undefined) {
    const code =
      known.witnessId === item.witnessId
        ? "txn-already-in-mempool"
        : "txn-same-nonwitness-data-in-mempool";
    return refused("known", code, null);
  }
  const waiting = new Set(rest.map((at) => items[at]!.id));
  if (item.inputs.some((outpoint) => waiting.has(outpointTxid(outpoint)))) {
    return refused("missing", "bad-txns-inputs-missingorspent", null);
  }
  return await gateway.submit(item.raw, options);
}

/** Those that did not come in alone, together. */
async function submitRest(
  rest: readonly number[],
  items: readonly Item[],
  results: (TransactionVerdict | null)[],
  options: SubmitOptions,
  context: DryRunContext,
): Promise<PackageVerdict> {
  const { gateway, entries } = context;
  const failed = (at: number, verdict: TransactionVerdict): PackageVerdict => {
    results[at] = verdict;
    return { message: FAILED, policy: false, results };
  };
  const dry = new DryRun(context);
  const members: DryMember[] = [];
  for (const at of rest) {
    const judged = await dry.judge(items[at]!.raw, false);
    if (!judged.ok) return failed(at, judged.verdict);
    const { member } = judged;
    const fault = gateway.relations.packageMemberFault(member);
    if (fault !== null) return failed(at, refused("rejected", fault.code, fault.debug));
    const most = options.feeRateMax ?? 0;
    if (most > 0 && gateway.relations.fee(member) > feeFor(most, member.size)) {
      return failed(at, refused("rejected", "max feerate exceeded", null));
    }
    members.push(member);
  }
  const together = new Relations(entries, context.requireStandard, gateway.relations);
  const fault = together.packageTrucFault(members);
  if (fault !== null) return { message: text(fault), policy: true, results };
  const poor = feeFault(members, context);
  if (poor !== null) return failed(rest.at(-1)!, refused("rejected", poor.code, poor.debug));
  const judged = together.judgePackage(members);
  if (!judged.ok) return { message: text(judged), policy: true, results };
  const dusty = together.packageDustFault(members);
  if (dusty !== null) {
    return dustRefused(
      dusty,
      rest[members.findIndex(({ id }) => id === dusty.member.id)]!,
      results,
    );
  }
  return await submitMembers(rest, members, judged.replacement, results, context);
}

/** Fees as prioritised. */
function total(
  members: readonly DryMember[],
  { gateway }: DryRunContext,
): { fee: number; size: number } {
  let [fee, size] = [0, 0];
  for (const member of members) {
    fee += gateway.relations.fee(member);
    size += member.size;
  }
  return { fee, size };
}

/** Why all of them together pay too little; null when they do not. */
function feeFault(members: readonly DryMember[], context: DryRunContext): Fault | null {
  const { relayFeeRate, floorFeeRate } = context;
  const { fee, size } = total(members, context);
  const floor = feeFor(floorFeeRate, size);
  if (fee < floor && floorFeeRate > relayFeeRate) {
    return { code: "mempool min fee not met", debug: `${fee} < ${floor}` };
  }
  const least = feeFor(relayFeeRate, size);
  return fee < least ? { code: "min relay fee not met", debug: `${fee} < ${least}` } : null;
}

async function submitMembers(
  rest: readonly number[],
  members: readonly DryMember[],
  replacement: Replacement | null,
  results: (TransactionVerdict | null)[],
  context: DryRunContext,
): Promise<PackageVerdict> {
  const { gateway } = context;
  const { fee, size } = total(members, context);
  const effective = {
    rate: Math.floor((fee * 1000) / size),
    includes: members.map(({ wtxid }) => wtxid),
  };
  const approved = new Set(replacement?.leaving.keys());
  const admitted: DryMember[] = [];
  for (let place = 0; place < members.length; place++) {
    const verdict = await submitPatiently(members[place]!.raw, approved, gateway);
    if (verdict.ok) {
      admitted.push(members[place]!);
      results[rest[place]!] = { ...verdict, effective };
      continue;
    }
    if (verdict.kind === "known") continue;
    await undo(admitted, replacement, context);
    for (const at of rest.slice(0, place)) results[at] = verdict;
    results[rest[place]!] = verdict;
    return { message: FAILED, policy: false, results };
  }
  return { message: "success", policy: false, results };
}

/** Its home may be at work on another witness of it. */
async function submitPatiently(
  raw: Bytes,
  approved: ReadonlySet<Txid>,
  gateway: Gateway,
): Promise<TransactionVerdict> {
  for (let tries = 1; ; tries++) {
    const verdict = await gateway.submit(raw, { sponsored: true, approved });
    if (verdict.ok || verdict.kind !== "busy" || tries >= BUSY_TRIES) return verdict;
    await setTimeout(verdict.retryAfterMs);
  }
}

/** What came in for nothing goes again, and what it replaced takes its place. */
async function undo(
  members: readonly DryMember[],
  replacement: Replacement | null,
  context: DryRunContext,
): Promise<void> {
  const { gateway, entries } = context;
  const unpaid = members.filter((member) => !isPaidByOthers(member, replacement, context));
  for (const { txid } of unpaid) gateway.drop(txid);
  if (unpaid.length === 0 || replacement === null) return;
  const isHere = (): boolean => unpaid.some(({ id }) => entries.byId.has(id));
  for (let tries = 0; isHere() && tries < LEAVING_TRIES; tries++) await setTimeout(LEAVING_MS);
  const approved = new Set(unpaid.map(({ id }) => id));
  for (const { raw } of parentsFirst([...replacement.leaving.values()])) {
    await submitPatiently(raw, approved, gateway);
  }
}

/** Others have spent it meanwhile and pay for it, and for what it replaced: they were told that they are in. */
function isPaidByOthers(
  member: DryMember,
  replacement: Replacement | null,
  { entries, relayFeeRate, floorFeeRate }: DryRunContext,
): boolean {
  const entry = entries.byId.get(member.id);
  if (entry === undefined) return false;
  const { fees: fee, size } = entry.descendants;
  if (fee < feeFor(Math.max(relayFeeRate, floorFeeRate), size)) return false;
  return replacement === null || paymentFault(replacement.leaving, { member, fee, size }) === null;
}

function parentsFirst(entries: readonly Entry[]): Entry[] {
  const open = new Map(entries.map((entry) => [entry.id, entry]));
  const sorted = new Set<Entry>();
  const visit = (entry: Entry): void => {
    open.delete(entry.id);
    for (const outpoint of entry.inputs) {
      const parent = open.get(outpointTxid(outpoint));
      if (parent !== undefined) visit(parent);
    }
    sorted.add(entry);
  };
  for (const entry of entries) if (open.has(entry.id)) visit(entry);
  return [...sorted];
}
