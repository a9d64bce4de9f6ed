// The blocks, deltas and records of a chain on disk, by block number: what the chain stores, and how
// a change of the tip becomes durable. What is read back is checked; damage is a DataError.
import { assert } from "../../base/assert.ts";
import { type Bytes, toDisplayHex } from "../../base/bytes.ts";
import type { Location } from "../../engines/files/frame.ts";
import {
  type BlockId,
  type BlockIndex,
  CHECKED,
  HAS_DATA,
} from "../../planes/consensus/work/block-index.ts";
import { joinDeltas, splitDeltas } from "../../state/delta.ts";
import { DataError, type DataFiles } from "./files.ts";
import type { Locations } from "./locations.ts";
import {
  encodeChainRecord,
  encodeIndexAdded,
  INDEX_ADDED,
  INDEX_FORGOTTEN,
  INDEX_HEADERS,
  INDEX_INVALID,
  INDEX_RECONSIDERED,
  RECORD_BLOCK,
  RECORD_DELTA,
} from "./records.ts";

/** A connected block and where its delta lies. */
export interface Link {
  readonly id: BlockId;
  readonly delta: Location;
}

/** A change of the tip, told when it is durable. */
export interface TipChange {
  /** Number of the chain record that holds it. */
  readonly sequence: number;
  /** Newest first. */
  readonly disconnected: readonly BlockId[];
  /** Oldest first. */
  readonly connected: readonly BlockId[];
}

export interface ArchiveParts {
  readonly files: DataFiles;
  readonly index: BlockIndex;
  /** Where each stored block lies. */
  readonly blocks: Locations;
  /** Where the delta of each block that was ever connected lies. */
  readonly deltas: Locations;
}

export class Archive {
  readonly #parts: ArchiveParts;

  constructor(parts: ArchiveParts) {
    this.#parts = parts;
  }

  /** The network's folder. */
  get folder(): string {
    return this.#parts.files.folder;
  }

  /** Chain records written so far: the `seq` of the tip. */
  get sequence(): number {
    return this.#parts.files.log.count;
  }

  /** True when the block's bytes are on disk. */
  holds(id: BlockId): boolean {
    return this.#parts.blocks.has(id);
  }

  /** How many bytes of the block are on disk; null when none are. */
  storedBytes(id: BlockId): number | null {
    return this.#parts.blocks.get(id)?.length ?? null;
  }

  /** Adds a block's bytes and its place in the index; not durable before the next record. */
  storeBlock(id: BlockId, raw: Bytes): void {
    const { files, index, blocks } = this.#parts;
    const location = files.blocks.append(RECORD_BLOCK, [raw]);
    files.index.append(INDEX_ADDED, [encodeIndexAdded(index.header(id), location)]);
    blocks.set(id, location);
    index.mark(id, HAS_DATA);
  }

  /** Adds the headers from number `first` on to the index; not durable before the next record. */
  storeHeaders(first: BlockId): void {
    const { files, index } = this.#parts;
    const headers: Bytes[] = [];
    for (let id = first; id < index.count; id++) headers.push(index.header(id));
    files.index.append(INDEX_HEADERS, headers);
  }

  storeDelta(id: BlockId, deltas: readonly Uint32Array[]): Link {
    return { id, delta: this.#parts.files.deltas.append(RECORD_DELTA, joinDeltas(deltas)) };
  }

  /** The block is on the active chain now: its delta is the way back. */
  keep({ id, delta }: Link): void {
    this.#parts.deltas.set(id, delta);
    this.#parts.index.mark(id, CHECKED);
  }

  /** The link of a block that was connected before, or null. */
  linkOf(id: BlockId): Link | null {
    const delta = this.#parts.deltas.get(id);
    return delta === null || !this.#parts.index.has(id, CHECKED) ? null : { id, delta };
  }

  note(kind: "invalid" | "reconsidered" | "forgotten", id: BlockId): void {
    const { files, index } = this.#parts;
    const kinds = {
      invalid: INDEX_INVALID,
      reconsidered: INDEX_RECONSIDERED,
      forgotten: INDEX_FORGOTTEN,
    };
    files.index.append(kinds[kind], [index.hash(id)]);
  }

  /** Makes the notes durable when no change of the tip does it. */
  async syncIndex(): Promise<void> {
    await this.#parts.files.index.sync();
  }

  /** Makes a change of the tip durable, with everything that was stored before the call. */
  async record(disconnected: readonly BlockId[], connected: readonly Link[]): Promise<TipChange> {
    const { files, index } = this.#parts;
    const { blocks, deltas, log } = files;
    // Taken before the flushes: what is stored while they run may become durable in one file and
    // not in another, and a start must find the block of every index record below its mark.
    const ends = [blocks.end, deltas.end, files.index.end] as const;
    const disconnect = disconnected.map((id) => index.hash(id).slice());
    const connect = connected.map(({ id, delta }) => ({ hash: index.hash(id).slice(), delta }));
    await Promise.all([blocks.sync(), deltas.sync(), files.index.sync()]);
    const sequence = log.append(encodeChainRecord({ ends, disconnect, connect }));
    return { sequence, disconnected, connected: connected.map(({ id }) => id) };
  }

  readBlock(id: BlockId): Bytes {
    const location = this.#parts.blocks.get(id);
    assert(location !== null, "the block is stored");
    const read = this.#parts.files.blocks.read(location);
    if (!read.ok) throw new DataError("damaged", `${read.message}; run pando repair`);
    return read.payload;
  }

  /** The deltas of a connected block. */
  readDelta(id: BlockId): readonly Uint32Array[] {
    const location = this.#parts.deltas.get(id);
    assert(location !== null, "a connected block has its delta");
    return this.readDeltaAt({ id, delta: location });
  }

  readDeltaAt({ id, delta }: Link): readonly Uint32Array[] {
    const { files, index } = this.#parts;
    const read = files.deltas.read(delta);
    if (!read.ok) throw new DataError("damaged", `${read.message}; run pando repair`);
    const deltas = splitDeltas(read.payload);
    if (deltas !== null) return deltas;
    const hash = toDisplayHex(index.hash(id));
    throw new DataError("damaged", `the delta of block ${hash} is damaged; run pando repair`);
  }
}
