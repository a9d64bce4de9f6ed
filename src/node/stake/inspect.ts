// What a person may see of a key file and its guards without taking them from the signer that uses
// them: nothing is locked, nothing written.
import { readFileSync } from "node:fs";
import { hex, toHex } from "../../base/bytes.ts";
import { decodeGuard } from "../../planes/consensus/finality/guard.ts";
import { operationScript } from "../../planes/consensus/qpos/operations.ts";
import { type Key, keyFromSecret } from "../generate-chain/keys.ts";
import { guardFileOf } from "./guard-disk.ts";
import { type KeyFile, type StakerKeys, signKeyOf } from "./key-file.ts";
import { OWNER_KIND, registerOperation } from "./registry-transactions.ts";

export interface StakerIdentity {
  readonly keys: StakerKeys;
  readonly signKey: string;
  /** Null when the file does not hold the owner's secret. */
  readonly owner: Key | null;
}

export function identitiesOf(file: KeyFile): StakerIdentity[] {
  return file.stakers.map((keys) => ({
    keys,
    signKey: signKeyOf(keys.signSecret),
    owner: keys.ownerSecret === null ? null : keyFromSecret(hex(keys.ownerSecret)),
  }));
}

/** The script that owns the bond of a key, when `pando stake` made it. */
export function ownerScriptOf({ owner }: StakerIdentity): string | null {
  return owner === null ? null : toHex(owner.scripts[OWNER_KIND]);
}

/** The script of the REGISTER output for a wallet of one's own; the bond is that transaction's output 0. */
export function registerScript(chainId: string, keys: StakerKeys): string {
  return toHex(operationScript(registerOperation(chainId, keys, null)));
}

export type GuardState =
  | { readonly state: "sound"; readonly signedRound: number; readonly votedRound: number }
  | { readonly state: "missing" | "damaged" | "unreadable" };

/** The guard of a staker as it is on disk now. */
export function guardState(keyPath: string, chainId: string, stakerId: number): GuardState {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(guardFileOf(keyPath, stakerId));
  } catch (error) {
    const gone = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { state: gone ? "missing" : "unreadable" };
  }
  const read = decodeGuard(bytes, chainId, stakerId);
  if (!read.ok) return { state: "damaged" };
  const { actRound, voteTarget } = read.guard;
  return { state: "sound", signedRound: actRound, votedRound: voteTarget };
}
