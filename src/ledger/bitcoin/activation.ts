// Moving a rule's height on regtest, as Bitcoin Core's -testactivationheight does; the names are
// its own and those of the BIPs.
import { networkByName } from "./networks.ts";
import type { Activation, Params } from "./params.ts";

const DEPLOYMENTS: ReadonlyMap<string, keyof Activation> = new Map([
  ["bip34", "bip34"],
  ["cltv", "bip65"],
  ["bip65", "bip65"],
  ["dersig", "bip66"],
  ["bip66", "bip66"],
  ["csv", "csv"],
  ["segwit", "segwit"],
] as const);

const HEIGHT_MAX = 0x7fffffff;

export type ActivationResult =
  | { readonly ok: true; readonly params: Params }
  | { readonly ok: false; readonly message: string };

/** `params` with one rule's height moved; `text` is NAME@HEIGHT, for example "bip34@2". */
export function withActivation(params: Params, text: string): ActivationResult {
  const [name = "", height = ""] = text.split("@", 2);
  if (params.name !== "regtest") {
    return { ok: false, message: `activation heights can only be moved on regtest` };
  }
  const deployment = DEPLOYMENTS.get(name);
  if (deployment === undefined || text.split("@").length !== 2) {
    const names = [...DEPLOYMENTS.keys()].join(", ");
    return { ok: false, message: `an activation is NAME@HEIGHT with ${names}, not '${text}'` };
  }
  const value = /^\d{1,10}$/.test(height) ? Number(height) : Number.NaN;
  if (!(value < HEIGHT_MAX)) {
    return { ok: false, message: `'${height}' in '${text}' is not a height` };
  }
  return {
    ok: true,
    params: { ...params, activation: { ...params.activation, [deployment]: value } },
  };
}

/** The rules whose heights were moved, as NAME@HEIGHT in a fixed order: `withActivation` takes them. */
export function movedActivations(params: Params): readonly string[] {
  const standard = networkByName(params.name)?.activation;
  const moved: string[] = [];
  for (const deployment of new Set(DEPLOYMENTS.values())) {
    const height = params.activation[deployment];
    if (standard !== undefined && height !== standard[deployment]) {
      moved.push(`${deployment}@${height}`);
    }
  }
  return moved;
}
