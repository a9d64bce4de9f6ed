// What a transaction may be to the others that are unconfirmed: version 3, replacement, the limits of a
// cluster, and dust that must be spent. Order, reasons and numbers are those of Bitcoin Core 31
// (PreChecks, ReplacementChecks and PackageRBFChecks of validation.cpp, policy/ephemeral_policy.cpp).
import { type Bytes, bytesEqual, toDisplayHex } from "../../base/bytes.ts";
import { dustOutputs } from "../../ledger/bitcoin/policy/standard.ts";
import { decodeTransaction } from "../../ledger/bitcoin/transaction.ts";
import { outpointKey, outpointTxid, type Txid } from "../../state/admission/keys.ts";
import type { Entries } from "./entries.ts";
import { Entry } from "./entry.ts";
import { type Chunk, chunksOf, compareRates, improves } from "./fee-diagram.ts";
import {
  clustersFault,
  type Fault,
  leavingWith,
  paymentFault,
  type Replacement,
  rateText,
} from "./replacement.ts";
import { adjustedWeight, Coming, type Member, sizeOf, Topology } from "./topology.ts";
import { named, TRUC_VERSION, type TrucFault, trucFault } from "./truc.ts";

/** Transactions, and weight units, of a cluster. */
export const CLUSTER_COUNT_MAX = 64;
export const CLUSTER_WEIGHT_MAX: number = 101_000 * 4;

/** Transactions that are being decided, and count; beyond, the oldest are forgotten. */
const COMING_COUNT_MAX = 16_384;

const NO_ENTRIES: ReadonlySet<Entry> = new Set();
const NOBODY_LEAVES: ReadonlyMap<Txid, Entry> = new Map();

const NOT_BETTER = "insufficient feerate: does not improve feerate diagram";
const PACKAGE = "package RBF failed: ";

/** What its relatives say of a transaction. */
export type Judged =
  | { readonly ok: true; readonly replacement: Replacement | null }
  | ({ readonly ok: false } & Fault);

const FREE: Judged = { ok: true, replacement: null };
const no = (code: string, debug: string | null): Judged => ({ ok: false, code, debug });

export interface JudgeOptions {
  /** It comes with a child or parents: it is not to push a sibling out. */
  readonly inPackage?: boolean;
  /** Ids that a package is known to pay for: they may leave without being paid for again. */
  readonly approved?: ReadonlySet<Txid> | null;
}

export class Relations {
  readonly #entries: Entries;
  readonly #requireStandard: boolean;
  readonly #coming = new Coming();
  readonly #topology: Topology;
  /** What is to leave for those that are being decided. */
  readonly #replacements = new Map<Txid, Replacement>();

  /** `base`: relations whose coming transactions count as well. */
  constructor(entries: Entries, requireStandard: boolean, base: Relations | null = null) {
    this.#entries = entries;
    this.#requireStandard = requireStandard;
    const below = base === null ? [] : [base.#coming];
    this.#topology = new Topology(entries, [this.#coming, ...below]);
  }

  /** May it come in, and what leaves then? */
  judge(member: Member, options: JudgeOptions = {}): Judged {
    const { id, inputs } = member;
    const parents = this.#topology.parents(member);
    const found = this.#entries.conflicts(inputs, id);
    if (parents.size === 0 && found === null && member.version !== TRUC_VERSION) {
      return adjustedWeight(member) <= CLUSTER_WEIGHT_MAX ? FREE : no("too-large-cluster", null);
    }
    const wrong = this.#truc(member, parents, found);
    if (wrong !== null && (wrong.sibling === null || options.inPackage === true)) {
      return no(wrong.code, wrong.debug);
    }
    const sibling = wrong?.sibling ?? null;
    const conflicts = new Set(found ?? NO_ENTRIES);
    if (sibling !== null) conflicts.add(sibling);
    const leaving = conflicts.size === 0 ? NOBODY_LEAVES : leavingWith(conflicts);
    const replacement = conflicts.size === 0 ? null : { leaving, sibling };
    const { approved = null } = options;
    const isPaid = approved !== null && [...leaving.keys()].every((one) => approved.has(one));
    const fault =
      (replacement === null || isPaid
        ? null
        : this.#replacementFault(member, conflicts, replacement)) ??
      this.#clusterFault(member, leaving) ??
      (replacement === null ? null : this.#ownConflictFault(member, conflicts)) ??
      this.#dustFault(member, parents);
    return fault === null ? { ok: true, replacement } : { ok: false, ...fault };
  }

  /** It is being decided: others have to count it. */
  comes(member: Member, replacement: Replacement | null = null): void {
    const { members } = this.#coming;
    if (members.size >= COMING_COUNT_MAX) this.decided(members.keys().next().value!);
    this.#coming.add(member, this.#topology.parents(member));
    if (replacement !== null) this.#replacements.set(member.id, replacement);
    // It may have been parked, and what it would have replaced be gone.
    else if (this.#replacements.size > 0) this.#replacements.delete(member.id);
  }

  /** What is to leave for it, while it is being decided. */
  replacementOf(id: Txid): Replacement | null {
    return this.#replacements.get(id) ?? null;
  }

  /** It is decided; `wtxid`: only if it came with this witness. */
  decided(id: Txid, wtxid: Bytes | null = null): void {
    const coming = wtxid === null ? undefined : this.#coming.members.get(id);
    if (coming !== undefined && !bytesEqual(coming.wtxid, wtxid!)) return;
    this.#coming.delete(id);
    if (this.#replacements.size > 0) this.#replacements.delete(id);
  }

  /**
   * Forgets what has been coming for a whole turn: what a home refuses when nobody waits for the answer (a
   * child whose parent came) it tells nobody, and it would take a place in its cluster for good.
   */
  turn(): void {
    for (const id of this.#coming.turn()) this.#replacements.delete(id);
  }

  /** As prioritised. */
  fee(member: Member): number {
    return this.#topology.fee(member);
  }

  #replacementFault(
    member: Member,
    conflicts: ReadonlySet<Entry>,
    { leaving, sibling }: Replacement,
  ): Fault | null {
    const note = sibling === null ? "" : " (including sibling eviction)";
    const many = clustersFault(conflicts, member);
    if (many !== null) return { code: `too many potential replacements${note}`, debug: many };
    const [fee, size] = [this.#topology.fee(member), sizeOf(member)];
    const poor = paymentFault(leaving, { member, fee, size });
    if (poor !== null) return { code: `insufficient fee${note}`, debug: poor };
    const large = this.#clusterFault(member, leaving);
    if (large !== null) return large;
    if (this.#isBetter([member], conflicts, leaving)) return null;
    return { code: "replacement-failed", debug: NOT_BETTER };
  }

  #clusterFault(member: Member, leaving: ReadonlyMap<Txid, Entry>): Fault | null {
    let weight = 0;
    const cluster = this.#topology.cluster(member, leaving, CLUSTER_COUNT_MAX);
    for (const one of cluster) weight += adjustedWeight(one);
    if (cluster.size <= CLUSTER_COUNT_MAX && weight <= CLUSTER_WEIGHT_MAX) return null;
    return { code: "too-large-cluster", debug: null };
  }

  /** It would depend on what leaves for it. */
  #ownConflictFault(member: Member, conflicts: ReadonlySet<Entry>): Fault | null {
    const ancestors = this.#topology.ancestors(member);
    const own = [...conflicts].filter((one) => ancestors.has(one));
    const [first] = own.sort((a, b) => (a.id < b.id ? -1 : 1));
    if (first === undefined) return null;
    const [spender, spent] = [member, first].map(({ txid }) => toDisplayHex(txid));
    const debug = `${spender} spends conflicting transaction ${spent}`;
    return { code: "bad-txns-spends-conflicting-tx", debug };
  }

  /** Who builds blocks must be better off with these than with what they replace. */
  #isBetter(
    members: readonly Member[],
    conflicts: ReadonlySet<Entry>,
    leaving: ReadonlyMap<Txid, Entry>,
  ): boolean {
    // Of those that are being decided they may be, or may have been a moment ago.
    const own = new Set(members.map(({ id }) => id));
    const parents = members.flatMap((member) => [...this.#topology.parents(member)]);
    const touched = [...conflicts, ...parents.filter(({ id }) => !own.has(id))];
    const before = this.#clusters(touched, own);
    const others = before.flat().filter(({ id }) => !leaving.has(id));
    const after = this.#clusters([...members, ...others], leaving);
    const chunks = (clusters: Member[][]): Chunk[] =>
      clusters.flatMap((cluster) => this.#chunks(cluster));
    return improves(chunks(before), chunks(after));
  }

  /** The clusters of these, each once. */
  #clusters(members: readonly Member[], without: { has(id: Txid): boolean }): Member[][] {
    const seen = new Set<Txid>();
    const clusters: Member[][] = [];
    for (const one of members) {
      if (seen.has(one.id)) continue;
      const cluster = [...this.#topology.cluster(one, without, CLUSTER_COUNT_MAX)];
      for (const { id } of cluster) seen.add(id);
      clusters.push(cluster);
    }
    return clusters;
  }

  #chunks(members: readonly Member[]): readonly Chunk[] {
    const places = new Map(members.map((member, place) => [member, place]));
    const byId = new Map<Txid, number>();
    members.forEach((member, place) => {
      if (!(member instanceof Entry)) byId.set(member.id, place);
    });
    const placesOf = (member: Member): (number | undefined)[] => {
      if (member instanceof Entry) return [...member.parents].map((parent) => places.get(parent));
      return member.inputs.map((outpoint) => {
        const id = outpointTxid(outpoint);
        const place = byId.get(id);
        if (place !== undefined) return place;
        const entry = this.#entries.byId.get(id);
        return entry === undefined ? undefined : places.get(entry);
      });
    };
    return chunksOf(
      members.map((member) => {
        const parents = new Set(placesOf(member).filter((place) => place !== undefined));
        const [fee, size] = [this.#topology.fee(member), adjustedWeight(member)];
        return { fee, size, parents: [...parents] };
      }),
    );
  }

  #truc(
    member: Member,
    parents: ReadonlySet<Member>,
    conflicts: ReadonlySet<Entry> | null,
  ): TrucFault | null {
    const ids = new Set([...(conflicts ?? NO_ENTRIES)].map(({ id }) => id));
    return trucFault(this.#topology, member, parents, ids);
  }

  /** A parent that pays nothing may have made dust; then each child spends all of it. */
  #dustFault(member: Member, parents: ReadonlySet<Member>): Fault | null {
    if (!this.#requireStandard) return null;
    const spent = new Set(member.inputs);
    for (const { id, fee, raw } of parents) {
      if (fee > 0) continue;
      const decoded = decodeTransaction(raw);
      if (!decoded.ok) continue;
      for (const index of dustOutputs(decoded.value)) {
        if (spent.has(outpointKey(id, index))) continue;
        const debug = `${named(member)} did not spend parent's ephemeral dust`;
        return { code: "missing-ephemeral-spends", debug };
      }
    }
    return null;
  }

  /** What version 3 forbids a member of a package by what is here, without the others. */
  packageMemberFault(member: Member): Fault | null {
    const parents = this.#topology.parents(member);
    return this.#truc(member, parents, this.#entries.conflicts(member.inputs, member.id));
  }

  /** What version 3 forbids transactions that come together, parents first; they count as coming then. */
  packageTrucFault(members: readonly Member[]): Fault | null {
    for (const member of members) {
      const fault = trucFault(this.#topology, member, this.#topology.parents(member), new Map());
      if (fault !== null) return fault;
      this.comes(member);
    }
    return null;
  }

  /** May a package that came through `packageTrucFault` come in, and what leaves then? */
  judgePackage(members: readonly Member[]): Judged {
    const conflicts = new Set<Entry>();
    for (const { inputs, id } of members) {
      for (const one of this.#entries.conflicts(inputs, id) ?? NO_ENTRIES) conflicts.add(one);
    }
    if (conflicts.size > 0) return this.#judgePackageReplacement(members, conflicts);
    for (const member of members) {
      const fault = this.#clusterFault(member, NOBODY_LEAVES);
      if (fault !== null) return no(fault.code, fault.debug);
    }
    return FREE;
  }

  #judgePackageReplacement(members: readonly Member[], conflicts: ReadonlySet<Entry>): Judged {
    const [parent, child] = members;
    if (parent === undefined || child === undefined || members.length !== 2) {
      return no(`${PACKAGE}package must be 1-parent-1-child`, null);
    }
    const hasAncestors = [parent, child].some(({ inputs }) =>
      inputs.some((outpoint) => this.#entries.byId.has(outpointTxid(outpoint))),
    );
    if (hasAncestors) {
      return no(`${PACKAGE}new transaction cannot have mempool ancestors`, null);
    }
    const many = clustersFault(conflicts, child);
    if (many !== null) return no(`${PACKAGE}too many potential replacements`, many);
    const leaving = leavingWith(conflicts);
    const first = { fee: this.#topology.fee(parent), size: sizeOf(parent) };
    const [fee, size] = [first.fee + this.#topology.fee(child), first.size + sizeOf(child)];
    const poor = paymentFault(leaving, { member: child, fee, size });
    if (poor !== null) return no(`${PACKAGE}insufficient anti-DoS fees`, poor);
    if (compareRates({ fee, size }, first) <= 0) {
      const rates = [rateText({ fee, size }), rateText(first)];
      const debug = `package feerate ${rates[0]} <= parent feerate is ${rates[1]}`;
      return no(`${PACKAGE}package feerate is less than or equal to parent feerate`, debug);
    }
    const large = this.#clusterFault(parent, leaving);
    if (large !== null) return no(large.code, large.debug);
    if (!this.#isBetter(members, conflicts, leaving)) return no(`${PACKAGE}${NOT_BETTER}`, null);
    return { ok: true, replacement: { leaving, sibling: null } };
  }

  /** The first of a package that leaves dust of a parent unspent. */
  packageDustFault(members: readonly Member[]): { member: Member; fault: Fault } | null {
    for (const member of members) {
      const fault = this.#dustFault(member, this.#topology.parents(member));
      if (fault !== null) return { member, fault };
    }
    return null;
  }
}
