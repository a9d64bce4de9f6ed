// Runs one file of test vectors: reads it, gzipped or not, finds out what it holds, and judges it.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { runBase58, runInvalidKeys, runValidKeys } from "./address-tests.ts";
import { runMurmur, runSchnorr, runWycheproof } from "./crypto-tests.ts";
import { type Recognised, recognise } from "./recognise.ts";
import { MalformedCase, type Report, type Tally } from "./report.ts";
import { runScriptAssets } from "./script-assets.ts";
import { runScriptTests } from "./script-tests.ts";
import { runSighashTests } from "./sighash-tests.ts";
import { runInvalidTransactions, runValidTransactions } from "./transaction-tests.ts";
import { runWalletVectors } from "./wallet-vectors.ts";

/** The greatest file that is read, unpacked. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;

export type Outcome =
  | { readonly ok: true; readonly report: Report }
  | { readonly ok: false; readonly fault: string };

/** Judges the file at `path`; `fault` says in one line why it could not be judged. */
export function runFile(path: string): Outcome {
  const text = readText(path);
  if (!text.ok) return text;
  const recognised = recognise(text.value);
  if (recognised === null) {
    return { ok: false, fault: `${path}: not a file of test vectors that is known here` };
  }
  try {
    const { passed, failed, skipped, failures } = judge(recognised);
    const { kind } = recognised;
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

function judge(recognised: Recognised): Tally {
  if (recognised.kind === "bip340") return runSchnorr(recognised.text);
  const { kind, json } = recognised;
  switch (kind) {
    case "script_tests":
      return runScriptTests(json);
    case "tx_valid":
      return runValidTransactions(json);
    case "tx_invalid":
      return runInvalidTransactions(json);
    case "sighash":
      return runSighashTests(json);
    case "script_assets_test":
      return runScriptAssets(json);
    case "base58_encode_decode":
      return runBase58(json);
    case "key_io_valid":
      return runValidKeys(json);
    case "key_io_invalid":
      return runInvalidKeys(json);
    case "bip341_wallet_vectors":
      return runWalletVectors(json);
    case "wycheproof_ecdsa_bitcoin":
      return runWycheproof(json);
    case "murmur3":
      return runMurmur(json);
  }
}
