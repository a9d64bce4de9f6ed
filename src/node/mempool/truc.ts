// Version 3, transactions that are confirmed by their own kind only (TRUC, BIP431): a parent or a child
// and no more, and the child small, so that nobody else can hold up a fee bump. Order and reasons are
// those of Bitcoin Core 31 (policy/truc_policy.cpp: SingleTRUCChecks, PackageTRUCChecks).
import { toDisplayHex } from "../../base/bytes.ts";
import type { Txid } from "../../state/admission/keys.ts";
import { Entry } from "./entry.ts";
import type { Fault } from "./replacement.ts";
import { type Member, sizeOf, type Topology } from "./topology.ts";

export const TRUC_VERSION = 3;
/** Virtual bytes of a version 3 transaction, and of one with an unconfirmed parent. */
const TRUC_SIZE_MAX = 10_000;
const TRUC_CHILD_SIZE_MAX = 1_000;
/** With itself. */
const TRUC_ANCESTORS_MAX = 2;

export interface TrucFault extends Fault {
  /** The only thing in the way: the one that may leave for it by the rules of replacement. */
  readonly sibling: Entry | null;
}

/** Why it may not stand where it would; `conflicts`: ids of those that leave for it. */
export function trucFault(
  topology: Topology,
  member: Member,
  parents: ReadonlySet<Member>,
  conflicts: { has(id: Txid): boolean },
): TrucFault | null {
  const isTruc = member.version === TRUC_VERSION;
  for (const parent of parents) {
    if ((parent.version === TRUC_VERSION) === isTruc) continue;
    const [own, other] = isTruc ? ["", "non-"] : ["non-", ""];
    return fault(
      `${own}version=3 ${named(member)} cannot spend from ${other}version=3 ${named(parent)}`,
    );
  }
  if (!isTruc) return null;
  const large = tooLarge(member, TRUC_SIZE_MAX, "version=3");
  if (large !== null) return large;
  const [parent] = parents;
  if (parent === undefined) return null;
  const grown = topology.ancestorCount(parent, TRUC_ANCESTORS_MAX) + 1;
  if (parents.size + 1 > TRUC_ANCESTORS_MAX || grown > TRUC_ANCESTORS_MAX) {
    return fault(`${named(member)} would have too many ancestors`);
  }
  return (
    tooLarge(member, TRUC_CHILD_SIZE_MAX, "version=3 child") ??
    childrenFault(topology, member, parent, conflicts)
  );
}

/** A parent has one child; a reorganisation may have left it with more, which can be replaced one by one. */
function childrenFault(
  topology: Topology,
  member: Member,
  parent: Member,
  conflicts: { has(id: Txid): boolean },
): TrucFault | null {
  const others = [...topology.children(parent.id)].filter(({ id }) => id !== member.id);
  if (others.length === 0) return null;
  // One that is being decided comes in beside it, unless the two spend the same coin.
  const spent = new Set(member.inputs);
  const isJoined = others.some(
    (other) => !(other instanceof Entry || other.inputs.some((outpoint) => spent.has(outpoint))),
  );
  if (!isJoined && others.some(({ id }) => conflicts.has(id))) return null;
  const [only] = others;
  const isAlone = others.length === 1 && only instanceof Entry;
  const mayLeave = isAlone && only.children.size === 0 && only.parents.size === 1;
  const { code, debug } = fault(`${named(parent)} would exceed descendant count limit`);
  return { code, debug, sibling: mayLeave ? only : null };
}

function tooLarge(member: Member, most: number, what: string): TrucFault | null {
  const size = sizeOf(member);
  if (size <= most) return null;
  return fault(`${what} ${named(member)} is too big: ${size} > ${most} virtual bytes`);
}

function fault(debug: string): TrucFault {
  return { code: "TRUC-violation", debug, sibling: null };
}

export function named({ txid, wtxid }: Member): string {
  return `tx ${toDisplayHex(txid)} (wtxid=${toDisplayHex(wtxid)})`;
}
