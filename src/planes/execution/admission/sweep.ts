// The cure for everything that is lost: claims whose decision is unknown here are asked about at
// their home. No record there means aborted (presumed abort). SPENT is a hint and is asked about too,
// when somebody wants the coin and in a slow audit (docs/internals/admission.md, flaw 3).
import type { Claimant } from "../../../state/admission/claims.ts";
import { type OutpointKey, outpointTxid, type Txid } from "../../../state/admission/keys.ts";
import { sendRelease } from "./leaving.ts";
import type { Query } from "./messages.ts";
import type { Partition } from "./partition.ts";

/** SPENT claims that are contended are asked about at most this often. */
const CONTENDED_MS = 1_000;
const ASKED_COUNT_MAX = 4_096;

interface Asked {
  readonly inputs: OutpointKey[];
  readonly outputs: OutpointKey[];
}

function ask(p: Partition, claims: ReadonlyMap<Txid, Asked>): void {
  for (const [txid, { inputs, outputs }] of claims) {
    p.send(p.config.places.home(txid), { type: "query", txid, seq: p.seq, inputs, outputs });
  }
}

function note(claims: Map<Txid, Asked>, txid: Txid): Asked {
  let asked = claims.get(txid);
  if (asked === undefined) {
    asked = { inputs: [], outputs: [] };
    claims.set(txid, asked);
  }
  return asked;
}

/** HELD claims and closed coins older than the limit, oldest first, a bounded number in one turn. */
export function onSweepTimer(p: Partition): void {
  const { sweepMs, sweepCountMax } = p.config.limits;
  p.after(sweepMs / 4, { kind: "sweep" });
  if (!p.config.rules.sweep) return;
  const claims = new Map<Txid, Asked>();
  const due: OutpointKey[] = [];
  for (const [outpoint, at] of p.view.held) {
    if (at > p.now || due.length >= sweepCountMax) break;
    due.push(outpoint);
  }
  for (const outpoint of due) {
    // To the end of the line: asked again after as long.
    p.view.held.delete(outpoint);
    p.view.held.set(outpoint, p.now + sweepMs);
    const claim = p.view.claim(outpoint);
    if (claim?.mode === "held") note(claims, claim.spender).inputs.push(outpoint);
    if (p.view.coinFacts(outpoint)?.open === false) {
      note(claims, outpointTxid(outpoint)).outputs.push(outpoint);
    }
  }
  ask(p, claims);
}

/** A slow walk over all SPENT claims: `auditMs` for each thousand of them. */
export function onAuditTimer(p: Partition): void {
  const { auditMs, sweepCountMax } = p.config.limits;
  p.after(auditMs, { kind: "audit" });
  if (!p.config.rules.audit) return;
  const claims = new Map<Txid, Asked>();
  let left = sweepCountMax;
  for (;;) {
    p.audit ??= p.view.store.claims()[Symbol.iterator]();
    const next = p.audit.next();
    if (next.done === true) {
      p.audit = null;
      break;
    }
    const [outpoint, claim] = next.value;
    if (claim.mode !== "spent") continue;
    note(claims, claim.spender).inputs.push(outpoint);
    if (--left <= 0) break;
  }
  ask(p, claims);
}

/** Somebody wants these coins: ask how their holders stand, now. */
export function askClaimants(p: Partition, claimants: readonly Claimant[]): void {
  const claims = new Map<Txid, Asked>();
  for (const { txid, mode, outpoint } of claimants) {
    if (mode === "spent" && !p.config.rules.audit) continue;
    if (mode === "held" && !p.config.rules.sweep) continue;
    const before = p.askedAt.get(txid);
    if (before !== undefined && p.now - before < CONTENDED_MS) continue;
    if (p.askedAt.size >= ASKED_COUNT_MAX) p.askedAt.clear();
    p.askedAt.set(txid, p.now);
    note(claims, txid).inputs.push(outpoint);
  }
  ask(p, claims);
}

/** At the home: what became of this transaction? Answered at the same chain position only. */
export function onQuery(p: Partition, from: number, message: Query): void {
  const { txid, seq, inputs, outputs } = message;
  if (p.config.rules.queryAtEqualSeq && seq !== p.seq) return;
  const record = p.view.record(txid);
  if (record !== null) {
    const { attempt, round, ancestors } = record;
    p.send(from, { type: "finalize", txid, attempt, inputs, outputs, round, ancestors });
    return;
  }
  const tombstone = p.view.leaving(txid);
  if (tombstone !== null) {
    // Its own RELEASE names the heir: a plain one would let a third transaction slip in.
    sendRelease(p, txid, tombstone, from);
    return;
  }
  if (p.preparing.has(txid)) return;
  const attempt = { seq: p.seq, epoch: p.epoch, counter: p.counter };
  p.send(from, { type: "release", txid, attempt, inputs, outputs });
}
