// The file FORMAT of a data directory: which network and layout it holds. It is written once, when
// the directory is made, and read before anything else is touched.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex } from "../../base/bytes.ts";
import { StorageFailed } from "../../ports/storage-error.ts";
import { errorCode, replaceFile } from "./disk.ts";

/** The newest layout this program can read and the one it writes. */
export const FORMAT_VERSION = 1;

/** Length of the placement salt: state.md section 2.1. */
const SALT_BYTES = 16;

export interface DataFormat {
  readonly version: number;
  readonly network: string;
  /** Virtual partitions (leaves of the placement tree). */
  readonly partitions: number;
  /** Private key of the placement hash, in hex: never logged or exported. */
  readonly salt: string;
  /** Deployments that were moved, as NAME@HEIGHT (regtest): the same rules for every later run. */
  readonly activation?: readonly string[];
  /** Id of the genesis block (hex, hash order) on a network that has its own file. */
  readonly chain?: string;
  /** When the directory was made: ISO 8601, for people. */
  readonly created: string;
}

export type FormatRead =
  | { readonly ok: true; readonly format: DataFormat }
  | {
      readonly ok: false;
      readonly code: "absent" | "damaged" | "newer" | "network";
      readonly message: string;
    };

type FormatRefusal = Extract<FormatRead, { ok: false }>;

const encoder = new TextEncoder();

export function writeFormat(folder: string, format: DataFormat): void {
  replaceFile(join(folder, "FORMAT"), [encoder.encode(`${JSON.stringify(format, null, 2)}\n`)]);
}

function refuse(code: FormatRefusal["code"], message: string): FormatRefusal {
  return { ok: false, code, message };
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

/** The format of a data directory, which must be of `network` and not newer than this program. */
export function readFormat(folder: string, network: string): FormatRead {
  const path = join(folder, "FORMAT");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw new StorageFailed(path, "read", error);
    return refuse("absent", `${folder} is not a data directory of Pando: it has no file FORMAT`);
  }
  return judge(folder, path, network, parse(text));
}

function judge(
  folder: string,
  path: string,
  network: string,
  fields: Record<string, unknown> | null,
): FormatRead {
  const damaged = refuse("damaged", `${path} is damaged: restore it, or move the directory away`);
  if (fields === null) return damaged;
  const { version, network: found, partitions, salt, created, activation, chain } = fields;
  if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 1) return damaged;
  if (version > FORMAT_VERSION) {
    return refuse(
      "newer",
      `${folder} has format ${version}, this program reads up to ${FORMAT_VERSION}: use the newer program`,
    );
  }
  if (typeof found !== "string" || typeof created !== "string") return damaged;
  if (typeof salt !== "string" || fromHex(salt)?.length !== SALT_BYTES) return damaged;
  if (typeof partitions !== "number" || !Number.isSafeInteger(partitions) || partitions < 1) {
    return damaged;
  }
  if (activation !== undefined && !isTextList(activation)) return damaged;
  if (found !== network) {
    return refuse("network", `${folder} holds the network ${found}, not ${network}`);
  }
  if (chain !== undefined && typeof chain !== "string") return damaged;
  const moved = activation === undefined ? {} : { activation };
  const named = chain === undefined ? {} : { chain };
  const format = { version, network: found, partitions, salt, created, ...moved, ...named };
  return { ok: true, format };
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
