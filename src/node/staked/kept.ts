// What consensus keeps over a stop, beside the blocks: the links that showed finality, a snapshot of the
// final state, with which guards it stopped, and why it follows finality no longer. All of it can be
// done without: a full disk is no reason to end (docs/internals/staked-node.md).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Bytes } from "../../base/bytes.ts";
import { replaceFile } from "../../engines/files/disk.ts";
import type { Guard } from "../../planes/consensus/finality/guard.ts";
import { setOfRound } from "../../planes/consensus/qpos/branch.ts";
import type { Qpos } from "../../planes/consensus/qpos/core.ts";
import type { Message } from "../../planes/consensus/qpos/message.ts";
import { encodeSnapshot } from "../../planes/consensus/qpos/snapshot.ts";
import { encodeLinks, finalityProof, readLinks } from "../../planes/consensus/qpos/wire.ts";
import { faultOf } from "../chain/faults.ts";
import type { Logger } from "../log.ts";
import { keepHalt } from "./finality-halt.ts";
import { noteSigned } from "./signed-here.ts";
import { writeSnapshot } from "./snapshot-file.ts";

const LINKS_FILE = "finality";
/** A start replays so many headers, and those that are not final. */
const SNAPSHOT_EVERY_BLOCKS = 256;

export interface KeptParts {
  readonly core: Qpos;
  readonly chainId: string;
  /** The network's folder. */
  readonly folder: string;
  readonly log: Logger;
}

export class Kept {
  readonly #parts: KeptParts;
  /** Where a start would begin now. */
  #snapshotHeight: number;

  constructor(parts: KeptParts) {
    this.#parts = parts;
    this.#snapshotHeight = parts.core.genesis.height;
  }

  /** The links that an earlier run has kept; null when there are none, or none that can be read. */
  links(): Message | null {
    let bytes: Bytes;
    try {
      bytes = new Uint8Array(readFileSync(join(this.#parts.folder, LINKS_FILE)));
    } catch {
      return null;
    }
    const links = readLinks(this.#parts.core, bytes);
    return links === null ? null : { kind: "links", links };
  }

  /** Something became final. */
  finalized(): void {
    const { core } = this.#parts;
    const setOf = (at: number) => setOfRound(core.network, core.head, at);
    const links = finalityProof(core, 0).filter((link) => setOf(link.targetRound) !== null);
    const bytes = encodeLinks(links, setOf);
    this.#durably("what is final", (folder) => replaceFile(join(folder, LINKS_FILE), [bytes]));
    this.#snapshot(SNAPSHOT_EVERY_BLOCKS);
  }

  /** A stop in good order; with guards it may sign again soon. */
  stopped(guards: readonly Guard[] | null, nowMs: number): void {
    this.#snapshot(1);
    if (guards === null) return;
    this.#durably("what was signed", (folder) => noteSigned(folder, guards, nowMs));
  }

  halted(reason: string): void {
    this.#durably("that finality stopped", (folder) => keepHalt(folder, reason));
  }

  /** Writes the final state when it is so many blocks above the one that is on disk. */
  #snapshot(blocksLeast: number): void {
    const { core, chainId } = this.#parts;
    const { height } = core.view.finalized.branch;
    if (height < this.#snapshotHeight + blocksLeast) return;
    const text = encodeSnapshot(core);
    if (text === null) return;
    this.#durably("a snapshot of consensus", (folder) => writeSnapshot(folder, chainId, text));
    this.#snapshotHeight = height;
  }

  /** What a full disk takes from here is shown again by the blocks and votes of others. */
  #durably(what: string, write: (folder: string) => void): void {
    try {
      write(this.#parts.folder);
    } catch (error) {
      const fault = faultOf(error);
      if (fault?.kind !== "full") throw error;
      this.#parts.log.warn(`${what} could not be written`, { why: fault.message });
    }
  }
}
