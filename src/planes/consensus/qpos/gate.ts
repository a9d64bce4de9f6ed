// The gate: which parents may open a round. A round passes when more than half of the weight of the
// round before was seen on this branch; otherwise a restart certificate must show that more than
// half of the weight stands behind exactly this parent (docs/internals/qpos.md, "The four rules").
import type { Certificate } from "../finality/certificate.ts";
import { type Branch, type Network, setOfRound } from "./branch.ts";
import { isMajority } from "./power.ts";
import type { Electorate } from "./staker-set.ts";

/** "open": no certificate wanted; "certificate": only with one; "shut": not at all. */
export type GateState = "open" | "certificate" | "shut";

/** What a first block of `round` on `parent` needs. */
export function gateOf(network: Network, parent: Branch, round: number): GateState {
  const { gate, certificate, exemptEmptyRounds } = network.rules;
  if (gate === "off" || round === parent.round || parent.round === 0) return "open";
  const without = certificate ? "certificate" : "shut";
  if (gate === "certified") return without;
  if (round > parent.round + 1) return exemptEmptyRounds ? "open" : without;
  const total = parent.set.total;
  const passes = gate === "atLeast" ? 2 * parent.hits >= total : isMajority(parent.hits, total);
  return passes ? "open" : without;
}

export type CertificateFault =
  | "certificate-target"
  | "certificate-voter"
  | "certificate-signature"
  | "certificate-weight";

/** Sums the weight of a certificate's voters, each once; null when one is not in the set or twice. */
export function certificateWeight(certificate: Certificate, set: Electorate): number | null {
  const seen = new Set<number>();
  let weight = 0;
  for (const group of certificate.groups) {
    for (const voter of group.voters) {
      const position = set.positions.get(voter);
      if (position === undefined || seen.has(voter)) return null;
      seen.add(voter);
      weight += set.weights[position]!;
    }
  }
  return weight;
}

/** Judges a restart certificate for opening `round` on `parent`; signatures are judged apart. */
export function judgeRestart(
  network: Network,
  parent: Branch,
  round: number,
  certificate: Certificate,
): CertificateFault | null {
  if (certificate.targetRound !== round - 1 || certificate.targetId !== parent.id) {
    return "certificate-target";
  }
  const set = setOfRound(network, parent, round - 1);
  const weight = set === null ? null : certificateWeight(certificate, set);
  if (weight === null) return "certificate-voter";
  return isMajority(weight, set!.total) ? null : "certificate-weight";
}
