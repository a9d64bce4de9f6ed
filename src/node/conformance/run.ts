// Runs one file of test vectors: reads it, gzipped or not, finds out what it holds, and judges it.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import { runBase58, runInvalidKeys, runValidKeys } from "./address-tests.ts";
import { runMurmur, runSchnorr, runWycheproof } from "./crypto-tests.ts";
import type { Json } from "./fields.ts";
import { type Recognised, recognise } from "./recognise.ts";
import { type Kind, MalformedCase, type Report, type Tally } from "./report.ts";
import { runScriptAssets } from "./script-assets.ts";
import { runScriptTests } from "./script-tests.ts";
import { runSighashTests } from "./sighash-tests.ts";
import { runInvalidTransactions, runValidTransactions } from "./transaction-tests.ts";
import { runWalletVectors } from "./wallet-vectors.ts";

/** The greatest file that is read, unpacked. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;

const JUDGES: Readonly<Record<Exclude<Kind, "bip340">, (json: Json) => Tally>> = {
  script_tests: runScriptTests,
  tx_valid: runValidTransactions,
  tx_invalid: runInvalidTransactions,
  sighash: runSighashTests,
  script_assets_test: runScriptAssets,
  base58_encode_decode: runBase58,
  key_io_valid: runValidKeys,
  key_io_invalid: runInvalidKeys,
  bip341_wallet_vectors: runWalletVectors,
  wycheproof_ecdsa_bitcoin: runWycheproof,
  murmur3: runMurmur,
};

export type Outcome =
  | { readonly ok: true; readonly report: Report }
  | { readonly ok: false; readonly fault: string };

/** Judges the file at `path`; `fault` says in one line why it could not be judged. */
export function runFile(path: string): Outcome {
  const text = readText(path);
  if (!text.ok) return text;
  const recognised = recognise(text.value, basename(path));
  if (recognised === null) {
    return { ok: false, fault: `${path}: not a file of test vectors that is known here` };
  }
  try {
    const { kind, tally } = judge(recognised);
    const { passed, failed, skipped, failures } = tally;
    return { ok: true, report: { file: path, kind, passed, failed, skipped, failures } };
  } catch (error) {
    if (!(error instanceof MalformedCase)) throw error;
    return { ok: false, fault: `${path}: not a whole ${recognised.kind} file: ${error.message}` };
  }
}

type Text = { readonly ok: true; readonly value: string } | { readonly ok: false; fault: string };

function readText(path: string): Text {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { ok: false, fault: `${path}: cannot be read (${code ?? "unknown error"})` };
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      bytes = gunzipSync(bytes, { maxOutputLength: FILE_BYTES_MAX });
    } catch {
      return { ok: false, fault: `${path}: damaged or too large as gzip` };
    }
  }
  if (bytes.length > FILE_BYTES_MAX) return { ok: false, fault: `${path}: too large` };
  return { ok: true, value: new TextDecoder().decode(bytes) };
}

interface Judged {
  readonly kind: Kind;
  readonly tally: Tally;
}

function judge(recognised: Recognised): Judged {
  if (recognised.kind === "bip340") {
    return { kind: recognised.kind, tally: runSchnorr(recognised.text) };
  }
  const { kind, json } = recognised;
  if (kind !== "tx_unsaid") return { kind, tally: JUDGES[kind](json) };
  const valid = runValidTransactions(json);
  const invalid = runInvalidTransactions(json);
  return valid.failed <= invalid.failed
    ? { kind: "tx_valid", tally: valid }
    : { kind: "tx_invalid", tally: invalid };
}
