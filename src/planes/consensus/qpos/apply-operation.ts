// What a registry operation does to the registry. Authority is the script of the transaction's first
// input: whoever can spend from the owner's (or operator's) script speaks for the staker. An
// operation without authority is void.

import { hex, toHex } from "../../../base/bytes.ts";
import { sha256 } from "../../../crypto/hash.ts";
import { NO_OUTPUT, type Operation } from "./operations.ts";
import type { QposParameters } from "./params.ts";
import { CLASS_PRODUCER, CLASS_STAKER, STATUS, type StakerRecord, WANTS_ACTIVE } from "./record.ts";
import type { RegistryDraft } from "./registry.ts";

/** An operation with what the execution plane knows about its transaction. */
export interface ResolvedOperation {
  readonly txid: string;
  readonly operation: Operation;
  /** SHA-256 of the scriptPubKey that the first input spends. */
  readonly authHash: string;
  readonly outputs: readonly { readonly value: number; readonly script: string }[];
}

/** Why an operation is void: the transaction stays valid, the registry stays as it was. */
export type VoidReason =
  | "wrong-bond"
  | "wrong-output"
  | "wrong-flags"
  | "unknown-staker"
  | "no-authority"
  | "not-now";

export type OperationResult = "done" | VoidReason;

const ZERO = "00".repeat(32);
const PAYOUT_BYTES_MAX = 42;

function scriptHash(script: string): string {
  return toHex(sha256(hex(script)));
}

interface Moment {
  readonly round: number;
  readonly slot: number;
}

function register(
  draft: RegistryDraft,
  parameters: QposParameters,
  resolved: ResolvedOperation,
  now: Moment,
): OperationResult {
  const { operation, outputs } = resolved;
  if (operation.op !== "register" || operation.flags > 3) return "wrong-flags";
  const bond = outputs[operation.bondOutput];
  if (bond === undefined || bond.value < parameters.bond) return "wrong-bond";
  const payout = operation.payoutOutput === NO_OUTPUT ? bond : outputs[operation.payoutOutput];
  if (payout === undefined || payout.script.length / 2 > PAYOUT_BYTES_MAX) return "wrong-output";
  const operator =
    operation.operatorOutput === NO_OUTPUT ? null : outputs[operation.operatorOutput];
  if (operator === undefined) return "wrong-output";
  const kind = operation.flags & 2 ? CLASS_PRODUCER : CLASS_STAKER;
  const wants = kind === CLASS_STAKER ? operation.flags & WANTS_ACTIVE : 0;
  const index = operation.bondOutput.toString(16).padStart(2, "0");
  const id = draft.register({
    kind,
    status: STATUS.waiting,
    flags: wants,
    signKey: operation.signKey,
    commit: operation.commit,
    reveals: 0,
    ownerHash: scriptHash(bond.script),
    operatorHash: operator === null ? ZERO : scriptHash(operator.script),
    bondOutpoint: `${resolved.txid}${index}000000`,
    bondValue: bond.value,
    penalty: 0,
    produced: 0,
    docked: 0,
    missRun: 0,
    sinceSlot: now.slot,
    freeSlot: 0,
    payout: payout.script,
  });
  if (wants !== 0) draft.change({ round: now.round, id, kind: "join" });
  return "done";
}

function mayAct(record: StakerRecord, resolved: ResolvedOperation): boolean {
  if (resolved.authHash === record.ownerHash) return true;
  return resolved.operation.op !== "exit" && resolved.authHash === record.operatorHash;
}

function exit(
  draft: RegistryDraft,
  parameters: QposParameters,
  record: StakerRecord,
  now: Moment,
): OperationResult {
  if (record.freeSlot !== 0 || record.status === STATUS.leaving) return "not-now";
  draft.set(record.id, { flags: record.flags & ~WANTS_ACTIVE });
  if (record.status !== STATUS.active) {
    draft.leave(record.id, STATUS.leaving, now.slot + parameters.unbondSlots);
    return "done";
  }
  draft.set(record.id, { status: STATUS.leaving });
  draft.change({ round: now.round, id: record.id, kind: "leave" });
  return "done";
}

function wish(
  draft: RegistryDraft,
  record: StakerRecord,
  on: boolean,
  now: Moment,
): OperationResult {
  if (record.kind === CLASS_PRODUCER || record.freeSlot !== 0) return "not-now";
  if (record.status === STATUS.leaving) return "not-now";
  if (((record.flags & WANTS_ACTIVE) !== 0) === on) return "not-now";
  draft.set(record.id, {
    flags: on ? record.flags | WANTS_ACTIVE : record.flags & ~WANTS_ACTIVE,
    missRun: 0,
  });
  draft.change({ round: now.round, id: record.id, kind: on ? "join" : "leave" });
  return "done";
}

function setScript(draft: RegistryDraft, resolved: ResolvedOperation): OperationResult {
  const { operation, outputs } = resolved;
  if (operation.op !== "payout" && operation.op !== "operator") return "wrong-output";
  const output = outputs[operation.output];
  if (output === undefined) return "wrong-output";
  if (operation.op === "operator") {
    draft.set(operation.id, { operatorHash: scriptHash(output.script) });
    return "done";
  }
  if (output.script.length / 2 > PAYOUT_BYTES_MAX) return "wrong-output";
  draft.set(operation.id, { payout: output.script });
  return "done";
}

/** Applies one operation; any result but "done" means that it changed nothing. */
export function applyOperation(
  draft: RegistryDraft,
  parameters: QposParameters,
  resolved: ResolvedOperation,
  now: Moment,
): OperationResult {
  const { operation } = resolved;
  if (operation.op === "register") return register(draft, parameters, resolved, now);
  if (!draft.has(operation.id)) return "unknown-staker";
  const record = draft.get(operation.id);
  if (record.status === STATUS.slashed || record.status === STATUS.free) return "not-now";
  if (!mayAct(record, resolved)) return "no-authority";
  if (operation.op === "exit") return exit(draft, parameters, record, now);
  if (operation.op === "resume") return wish(draft, record, true, now);
  if (operation.op === "pause") return wish(draft, record, false, now);
  if (operation.op === "rekey") {
    draft.set(record.id, {
      signKey: operation.signKey,
      commit: operation.commit,
      reveals: 0,
    });
    return "done";
  }
  return setScript(draft, resolved);
}
