// The graph of unconfirmed transactions as policy sees it: what is admitted, and what is being
// decided at this moment, so that two that come at once cannot both take the last place.
import type { Bytes } from "../../base/bytes.ts";
import { BYTES_PER_SIGOP } from "../../ledger/bitcoin/policy/limits.ts";
import { type OutpointKey, outpointTxid, type Txid } from "../../state/admission/keys.ts";
import type { Entries } from "./entries.ts";
import { Entry } from "./entry.ts";

/** What policy must know of an unconfirmed transaction; an `Entry` is one. */
export interface Member {
  readonly id: Txid;
  readonly txid: Bytes;
  readonly wtxid: Bytes;
  readonly version: number;
  readonly weight: number;
  /** Cost of its signature checks, 0 while it is not known. */
  readonly sigops: number;
  readonly fee: number;
  readonly raw: Bytes;
  readonly inputs: readonly OutpointKey[];
}

/** Weight with the signature checks' share; clusters are measured by it, without rounding. */
export function adjustedWeight({ weight, sigops }: Member): number {
  return Math.max(weight, sigops * BYTES_PER_SIGOP);
}

/** Virtual bytes, with the signature checks' share. */
export function sizeOf(member: Member): number {
  return Math.ceil(adjustedWeight(member) / 4);
}

/** Those that are being decided. */
const COMING_COUNT_MAX = 16_384;

/** Transactions that may be admitted at any moment; the oldest are forgotten when there are too many. */
export class Coming {
  readonly members: Map<Txid, Member> = new Map();
  readonly #children = new Map<Txid, Set<Txid>>();
  /** Those that were there when a turn began. */
  #old: readonly Member[] = [];

  /** `parents`: those of its parents that are unconfirmed. */
  add(member: Member, parents: ReadonlySet<Member>): void {
    this.delete(member.id);
    if (this.members.size >= COMING_COUNT_MAX) this.delete(this.members.keys().next().value!);
    this.members.set(member.id, member);
    for (const { id } of parents) {
      const children = this.#children.get(id);
      if (children === undefined) this.#children.set(id, new Set([member.id]));
      else children.add(member.id);
    }
  }

  delete(id: Txid): void {
    const member = this.members.get(id);
    if (member === undefined) return;
    this.members.delete(id);
    if (this.#children.size === 0) return;
    for (const outpoint of member.inputs) {
      const parent = outpointTxid(outpoint);
      const children = this.#children.get(parent);
      if (children?.delete(id) === true && children.size === 0) this.#children.delete(parent);
    }
  }

  /** Ids of what has been here for a whole turn; the next turn begins. */
  turn(): readonly Txid[] {
    const old = this.#old.filter((member) => this.members.get(member.id) === member);
    for (const { id } of old) this.delete(id);
    this.#old = [...this.members.values()];
    return old.map(({ id }) => id);
  }

  children(id: Txid): Iterable<Txid> {
    return this.#children.get(id) ?? [];
  }
}

/** Most transactions have no unconfirmed parents. */
const NOBODY: ReadonlySet<Member> = new Set();

export class Topology {
  readonly #entries: Entries;
  readonly #coming: readonly Coming[];

  constructor(entries: Entries, coming: readonly Coming[]) {
    this.#entries = entries;
    this.#coming = coming;
  }

  get(id: Txid): Member | null {
    const entry = this.#entries.byId.get(id);
    if (entry !== undefined) return entry;
    for (const { members } of this.#coming) {
      const member = members.get(id);
      if (member !== undefined) return member;
    }
    return null;
  }

  /** Unconfirmed parents. Those of what is admitted are linked: no name need be looked up. */
  parents(member: Member): ReadonlySet<Member> {
    if (member instanceof Entry) return member.parents;
    const { inputs } = member;
    let found: Set<Member> | null = null;
    for (const outpoint of inputs) {
      const parent = this.get(outpointTxid(outpoint));
      if (parent === null) continue;
      found ??= new Set();
      found.add(parent);
    }
    return found ?? NOBODY;
  }

  children(id: Txid): Set<Member> {
    const found = new Set<Member>(this.#entries.byId.get(id)?.children ?? []);
    for (const child of this.#comingChildren(id)) found.add(child);
    return found;
  }

  *#comingChildren(id: Txid): Generator<Member, void> {
    for (const coming of this.#coming) {
      for (const child of coming.children(id)) {
        const member = this.get(child);
        if (member !== null) yield member;
      }
    }
  }

  /** Everything that is joined with `start`, itself included, until there are more than `most`. */
  cluster(start: Member, without: { has(id: Txid): boolean }, most: number): Set<Member> {
    const found = new Set<Member>([start]);
    const left = new Set<Member>();
    const meet = (member: Member): void => {
      if (found.has(member) || left.has(member)) return;
      (member.id === start.id || without.has(member.id) ? left : found).add(member);
    };
    const isComing = this.#coming.some(({ members }) => members.size > 0);
    for (const member of found) {
      if (found.size > most) break;
      for (const parent of this.parents(member)) meet(parent);
      const entry = member instanceof Entry ? member : this.#entries.byId.get(member.id);
      for (const child of entry?.children ?? []) meet(child);
      if (isComing) for (const child of this.#comingChildren(member.id)) meet(child);
    }
    return found;
  }

  /** With itself; more than `most` are not counted. */
  ancestorCount(start: Member, most: number): number {
    return this.ancestors(start, most).size;
  }

  /** With itself, until there are more than `most`. */
  ancestors(start: Member, most: number = Number.POSITIVE_INFINITY): Set<Member> {
    const found = new Set<Member>([start]);
    for (const member of found) {
      if (found.size > most) break;
      for (const parent of this.parents(member)) found.add(parent);
    }
    return found;
  }

  /** As prioritised: what replacement and packages are judged by. */
  fee(member: Member): number {
    if (member instanceof Entry) return member.modifiedFee;
    return member.fee + (this.#entries.feeDeltas.get(member.id) ?? 0);
  }
}
