// The file `consensus`: the state of consensus at a final block, so that a start replays the blocks
// behind that one alone. It is a convenience: whatever is wrong with it, the blocks have it all.
//
//   format \n chain's id \n SHA-256 of the text in hex \n text (qpos/snapshot.ts)
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Bytes, hex, toHex } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/hash.ts";
import { errorCode, replaceFile } from "../../engines/files/disk.ts";
import type { Checkpoint } from "../../planes/consensus/finality/view.ts";
import { decodeSnapshot, SNAPSHOT_FORMAT } from "../../planes/consensus/qpos/snapshot.ts";
import { INVALID, NONE } from "../../planes/consensus/work/block-index.ts";
import type { StakedChain } from "../chain/staked-chain.ts";
import type { Logger } from "../log.ts";

const SNAPSHOT_FILE = "consensus";

type SnapshotRead =
  | { readonly ok: true; readonly text: string }
  /** `why` is null when there is no file. */
  | { readonly ok: false; readonly why: string | null };

function bytesOf(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** Puts a snapshot in the place of the one before; a crash leaves one of them, whole. */
export function writeSnapshot(folder: string, chainId: string, text: string): void {
  const body = bytesOf(text);
  const head = bytesOf(`${SNAPSHOT_FORMAT}\n${chainId}\n${toHex(sha256(body))}\n`);
  replaceFile(join(folder, SNAPSHOT_FILE), [head, body]);
}

/** Reads the snapshot of this format and chain, or says why there is none to be used. */
function readSnapshot(folder: string, chainId: string): SnapshotRead {
  let whole: string;
  try {
    whole = readFileSync(join(folder, SNAPSHOT_FILE), "utf8");
  } catch (error) {
    const why = errorCode(error) === "ENOENT" ? null : "it cannot be read";
    return { ok: false, why };
  }
  const [foundFormat, foundChain, digest, ...rest] = whole.split("\n");
  const text = rest.join("\n");
  if (foundFormat !== SNAPSHOT_FORMAT) return { ok: false, why: "it has another format" };
  if (foundChain !== chainId) return { ok: false, why: "it is another chain's" };
  if (toHex(sha256(bytesOf(text))) !== digest) return { ok: false, why: "it is damaged" };
  return { ok: true, text };
}

interface StartParts {
  readonly chain: StakedChain;
  readonly chainId: string;
  readonly folder: string;
  readonly log: Logger;
}

/** Where a start may begin: at the final block of a sound snapshot that is here and executed; null: at the first block. */
export function startingPoint({ chain, chainId, folder, log }: StartParts): Checkpoint | null {
  const read = readSnapshot(folder, chainId);
  if (!read.ok) {
    if (read.why !== null) ignored(log, read.why);
    return null;
  }
  const point = decodeSnapshot(read.text);
  const block = chain.index.find(hex(point.branch.id));
  const isGood = block !== NONE && !chain.index.has(block, INVALID);
  if (isGood && chain.holds(block) && chain.hasDelta(block)) return point;
  ignored(log, "its block is not here, or not executed");
  return null;
}

function ignored(log: Logger, why: string): void {
  log.warn("the snapshot of consensus is not used: all headers are replayed", { why });
}
