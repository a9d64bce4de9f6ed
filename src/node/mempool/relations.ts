// What a transaction may be to the others that are unconfirmed: replacement, version 3 (TRUC, BIP431),
// the limits of a cluster, and dust that must be spent. Order, reasons and numbers are those of
// Bitcoin Core 31 (validation.cpp, policy/truc_policy.cpp, policy/ephemeral_policy.cpp); an unrelated
// child of a version 3 parent is refused and does not evict the first one.
import { toDisplayHex } from "../../base/bytes.ts";
import { dustOutputs } from "../../ledger/bitcoin/policy/standard.ts";
import { decodeTransaction } from "../../ledger/bitcoin/transaction.ts";
import { outpointKey, outpointTxid, type Txid } from "../../state/admission/keys.ts";
import type { Entries } from "./entries.ts";
import { Entry, relatives } from "./entry.ts";
import { chunksOf, improves } from "./fee-diagram.ts";
import { type Fault, replacementFault } from "./replacement.ts";
import { adjustedWeight, Coming, type Member, Topology } from "./topology.ts";

/** Transactions, and weight units, of a cluster. */
export const CLUSTER_COUNT_MAX = 64;
export const CLUSTER_WEIGHT_MAX: number = 101_000 * 4;

export const TRUC_VERSION = 3;
/** Virtual bytes of a version 3 transaction, and of one with an unconfirmed parent. */
const TRUC_SIZE_MAX = 10_000;
const TRUC_CHILD_SIZE_MAX = 1_000;
/** With itself. */
const TRUC_ANCESTORS_MAX = 2;

const NONE: ReadonlySet<Txid> = new Set();
const NO_ENTRIES: ReadonlySet<Entry> = new Set();

export class Relations {
  readonly #entries: Entries;
  readonly #requireStandard: boolean;
  readonly #coming = new Coming();
  readonly #topology: Topology;

  /** `base`: relations whose coming transactions count as well. */
  constructor(entries: Entries, requireStandard: boolean, base: Relations | null = null) {
    this.#entries = entries;
    this.#requireStandard = requireStandard;
    const below = base === null ? [] : [base.#coming];
    this.#topology = new Topology(entries, [this.#coming, ...below]);
  }

  /** Why it may not come in; null when it may. */
  fault(member: Member): Fault | null {
    const { id, inputs, fee } = member;
    const parents = this.#topology.parents(member);
    const found = this.#entries.conflicts(inputs, id);
    if (parents.size === 0 && found === null) return trucSizeFault(member, false);
    const conflicts = found ?? NO_ENTRIES;
    const truc = this.#trucFault(member, parents, new Set([...conflicts].map((one) => one.id)));
    if (truc !== null) return truc;
    const size = Math.ceil(adjustedWeight(member) / 4);
    const ids = new Set([...parents].map((parent) => parent.id));
    const replacement = replacementFault(conflicts, { fee, size, parents: ids });
    if (replacement !== null) return replacement;
    const leaving = new Set<Txid>();
    for (const conflict of conflicts) {
      for (const one of relatives(conflict, ({ children }) => children)) leaving.add(one.id);
    }
    return (
      this.#clusterFault(member, leaving) ??
      this.#diagramFault(member, conflicts, leaving) ??
      this.#dustFault(member, parents)
    );
  }

  /** It is being decided: others have to count it. */
  comes(member: Member): void {
    this.#coming.add(member, this.#topology.parents(member));
  }

  /** It is decided. */
  decided(id: Txid): void {
    this.#coming.delete(id);
  }

  #clusterFault(member: Member, leaving: ReadonlySet<Txid>): Fault | null {
    let weight = 0;
    const cluster = this.#topology.cluster(member, leaving, CLUSTER_COUNT_MAX);
    for (const one of cluster) weight += adjustedWeight(one);
    if (cluster.size <= CLUSTER_COUNT_MAX && weight <= CLUSTER_WEIGHT_MAX) return null;
    return { code: "too-large-cluster", debug: null };
  }

  /** Who builds blocks must be better off with it than with what it replaces. */
  #diagramFault(
    member: Member,
    conflicts: ReadonlySet<Member>,
    leaving: ReadonlySet<Txid>,
  ): Fault | null {
    if (conflicts.size === 0) return null;
    const parents = this.#topology.parents(member);
    const before = this.#affected([...conflicts, ...parents], NONE);
    const others = before.flat().filter(({ id }) => !leaving.has(id));
    const after = this.#affected([member, ...others], leaving);
    if (improves(before.flatMap(chunksOfMembers), after.flatMap(chunksOfMembers))) return null;
    const debug = "insufficient feerate: does not improve feerate diagram";
    return { code: "replacement-failed", debug };
  }

  /** The clusters of these, each once. */
  #affected(members: readonly Member[], without: ReadonlySet<Txid>): Member[][] {
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

  #trucFault(
    member: Member,
    parents: ReadonlySet<Member>,
    conflicts: ReadonlySet<Txid>,
  ): Fault | null {
    const isTruc = member.version === TRUC_VERSION;
    for (const parent of parents) {
      if ((parent.version === TRUC_VERSION) === isTruc) continue;
      const [own, other] = isTruc ? ["", "non-"] : ["non-", ""];
      return truc(
        `${own}version=3 ${named(member)} cannot spend from ${other}version=3 ${named(parent)}`,
      );
    }
    if (!isTruc) return null;
    const size = trucSizeFault(member, parents.size > 0);
    if (size?.isOwn === true) return size;
    const [parent] = parents;
    if (parent === undefined) return null;
    const grown = this.#topology.ancestorCount(parent, TRUC_ANCESTORS_MAX) + 1;
    if (parents.size + 1 > TRUC_ANCESTORS_MAX || grown > TRUC_ANCESTORS_MAX) {
      return truc(`${named(member)} would have too many ancestors`);
    }
    if (size !== null) return size;
    for (const child of this.#topology.children(parent.id)) {
      if (child.id === member.id || conflicts.has(child.id)) continue;
      return truc(`${named(parent)} would exceed descendant count limit`);
    }
    return null;
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

  /** Why transactions that come together, parents first, may not; they count as coming from then on. */
  packageFault(members: readonly Member[]): Fault | null {
    for (const member of members) {
      const parents = this.#topology.parents(member);
      const fault =
        this.#trucFault(member, parents, NONE) ??
        this.#clusterFault(member, NONE) ??
        this.#dustFault(member, parents);
      if (fault !== null) return fault;
      this.comes(member);
    }
    return null;
  }
}

function chunksOfMembers(members: readonly Member[]): ReturnType<typeof chunksOf> {
  const places = new Map(members.map(({ id }, place) => [id, place]));
  return chunksOf(
    members.map((member) => {
      const parents = new Set<number>();
      for (const outpoint of member.inputs) {
        const place = places.get(outpointTxid(outpoint));
        if (place !== undefined) parents.add(place);
      }
      const fee = member instanceof Entry ? member.modifiedFee : member.fee;
      return { fee, size: adjustedWeight(member), parents: [...parents] };
    }),
  );
}

function truc(debug: string): Fault {
  return { code: "TRUC-violation", debug };
}

function trucSizeFault(
  member: Member,
  isChild: boolean,
): (Fault & { readonly isOwn: boolean }) | null {
  if (member.version !== TRUC_VERSION) return null;
  const size = Math.ceil(adjustedWeight(member) / 4);
  const tooBig = (what: string, most: number, isOwn: boolean) => ({
    ...truc(`${what} ${named(member)} is too big: ${size} > ${most} virtual bytes`),
    isOwn,
  });
  if (size > TRUC_SIZE_MAX) return tooBig("version=3", TRUC_SIZE_MAX, true);
  if (!isChild || size <= TRUC_CHILD_SIZE_MAX) return null;
  return tooBig("version=3 child", TRUC_CHILD_SIZE_MAX, false);
}

function named({ txid, wtxid }: Member): string {
  return `tx ${toDisplayHex(txid)} (wtxid=${toDisplayHex(wtxid)})`;
}
