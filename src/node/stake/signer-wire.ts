// What a node and `pando signer` say to one another over a unix socket: one JSON object a line, each
// request with a number that its answer repeats. Everything is checked here, because a signer must
// not trust the node it signs for.
//
//   {"id": 1, "do": "stakers"}                                  -> {"id": 1, "ok": true, "chainId", "stakers", "waiting"}
//   {"id": 2, "do": "persist", "guard": {...}}                  -> {"id": 2, "ok": true or false}
//   {"id": 3, "do": "sign", "stakerId": 7, "what": "block", "header": HEX}
//   {"id": 4, "do": "sign", "stakerId": 7, "what": "vote", "vote": HEX}
//                                                               -> {"id": 4, "ok": true, "signature": HEX}
//   {"id": 5, "do": "adopt", "signKey": HEX, "stakerId": 7, "produced": 0}
//                                                               -> {"id": 5, "ok": true, "staker": {...}}
import type { GuardRecord, SignerStaker, SignRequest } from "../../ports/staking.ts";
import { type Fields, fieldsOf, isStakerId } from "./key-file.ts";

/** The longest line of either side. */
export const LINE_BYTES_MAX: number = 1024 * 1024;

export type SignerRequest =
  | { readonly do: "stakers" }
  | { readonly do: "persist"; readonly guard: GuardRecord }
  | { readonly do: "sign"; readonly stakerId: number; readonly request: SignRequest }
  | {
      readonly do: "adopt";
      readonly signKey: string;
      readonly stakerId: number;
      readonly produced: number;
    };

/** The fields of a line, or null when it is not a JSON object. */
export function lineFields(line: string): Fields | null {
  try {
    return fieldsOf(JSON.parse(line));
  } catch {
    return null;
  }
}

const isU32 = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= 0xffffffff;
const isHex = (value: unknown, bytes: number): value is string =>
  typeof value === "string" && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value);

export function guardOf(value: unknown): GuardRecord | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const { chainId, stakerId, actRound, actDigest, declSeq } = fields;
  const { voteTarget, voteSource, voteDigest } = fields;
  if (!isHex(chainId, 32) || !isHex(actDigest, 32) || !isHex(voteDigest, 32)) return null;
  if (!isStakerId(stakerId) || !isU32(actRound) || !isU32(declSeq)) return null;
  if (!isU32(voteTarget) || !isU32(voteSource)) return null;
  return { chainId, stakerId, actRound, actDigest, declSeq, voteTarget, voteSource, voteDigest };
}

export function stakerOf(value: unknown): SignerStaker | null {
  const fields = fieldsOf(value);
  const guard = guardOf(fields?.["guard"]);
  if (fields === null || guard === null) return null;
  const { id, signKey, revealSecret } = fields;
  if (!isStakerId(id) || !isHex(signKey, 32) || !isHex(revealSecret, 32)) return null;
  return { id, signKey, revealSecret, guard };
}

function signRequestOf({ what, header, vote }: Fields): SignRequest | null {
  if (what === "block" && typeof header === "string") return { what, header };
  return what === "vote" && typeof vote === "string" ? { what, vote } : null;
}

/** The request in a line's fields, or null when it is none. */
export function requestOf(fields: Fields): SignerRequest | null {
  const { do: verb, stakerId, signKey, produced } = fields;
  switch (verb) {
    case "stakers":
      return { do: "stakers" };
    case "persist": {
      const guard = guardOf(fields["guard"]);
      return guard === null ? null : { do: "persist", guard };
    }
    case "sign": {
      const request = signRequestOf(fields);
      return request !== null && isStakerId(stakerId) ? { do: "sign", stakerId, request } : null;
    }
    case "adopt":
      return isHex(signKey, 32) && isStakerId(stakerId) && isU32(produced)
        ? { do: "adopt", signKey, stakerId, produced }
        : null;
    default:
      return null;
  }
}

/** Splits what arrives into lines; null once a line is longer than is ever sent. */
export class Lines {
  #rest = "";

  /** The lines that `text` completes, or null: hang up. */
  add(text: string): readonly string[] | null {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    return this.#rest.length > LINE_BYTES_MAX ? null : lines;
  }
}
