// The journal of one host: every durable group of its partitions, in order, several to a record. A
// record that a crash tears loses whole groups from the end, and nobody was told of those. When it
// has grown, each partition in turn is written out in full, and what lies before all of that goes.
//
//   record GROUPS    payload = groups;   group = partition u16 | count u32 | changes
//   record SNAPSHOT  payload = partition u16 | flags u8: 1 last part, 2 first part | count u32 | changes;
//                    parts follow one another
//   record OPENED    payload = epoch u32
//   record FIRST, NEXT, LAST    payload = a piece of what GROUPS would hold, where that is too large for
//                    one record: a reorganisation of large blocks, or the end of a large mempool
import { type Bytes, concatBytes } from "../../../base/bytes.ts";
import { Writer } from "../../../base/writer.ts";
import { failpoint } from "../../../ports/failpoint.ts";
import { ChangeReader } from "../../../state/admission/codec.ts";
import type { Change } from "../../../state/admission/store.ts";
import type { EncodedGroup, NodeStore } from "./node-store.ts";

export const JOURNAL_GROUPS = 1;
export const JOURNAL_SNAPSHOT = 2;
export const JOURNAL_OPENED = 3;
export const JOURNAL_FIRST = 4;
export const JOURNAL_NEXT = 5;
export const JOURNAL_LAST = 6;

/** Where records go; a file in a node, memory in a test. Throws StorageFull and StorageFailed. */
export interface JournalFile {
  /** Appends a record and returns a mark of its place. */
  append(kind: number, payload: Bytes): JournalMark;
  sync(): Promise<void>;
  /** Forgets what lies before the mark, as far as that is cheap. */
  dropBefore(mark: JournalMark): void;
  /** Every sound record from the start. */
  read(): Iterable<{ readonly kind: number; readonly payload: Bytes }>;
  close(): Promise<void>;
}

export type JournalMark = { readonly file: number; readonly offset: number };

const LAST_PART = 1;
const FIRST_PART = 2;
/** Payload bytes of one part of a snapshot. */
const SNAPSHOT_PART_BYTES = 8 * 1024 * 1024;
/** Payload bytes of groups in one record. */
const GROUPS_BYTES_MAX = 64 * 1024 * 1024;

export class Journal {
  readonly #file: JournalFile;
  readonly #partBytesMax: number;
  readonly #groupsBytesMax: number;
  readonly #groups = new Writer(1 << 16);
  /** Changes that wait for the next record. */
  changeCount = 0;
  /** Bytes in the file since the last round of snapshots began, as far as is known. */
  #sinceStart = 0;
  readonly #snapshots = new Map<number, JournalMark>();

  constructor(
    file: JournalFile,
    partBytesMax: number = SNAPSHOT_PART_BYTES,
    groupsBytesMax: number = GROUPS_BYTES_MAX,
  ) {
    this.#file = file;
    this.#partBytesMax = partBytesMax;
    this.#groupsBytesMax = groupsBytesMax;
  }

  get isClean(): boolean {
    return this.changeCount === 0;
  }

  /** Bytes appended since the last round of snapshots began. */
  get grownBytes(): number {
    return this.#sinceStart;
  }

  add(partition: number, { count, bytes }: EncodedGroup): void {
    this.#groups.u16(partition);
    this.#groups.u32(count);
    this.#groups.raw(bytes);
    this.changeCount += count;
  }

  /** Appends what waits, all or nothing of it; when the disk is full it goes on waiting. */
  append(): void {
    if (this.changeCount === 0) return;
    const payload = this.#groups.bytes.subarray(0, this.#groups.at);
    failpoint("admission.before-append");
    if (payload.length <= this.#groupsBytesMax) this.#file.append(JOURNAL_GROUPS, payload);
    else this.#appendPieces(payload);
    failpoint("admission.after-append");
    this.#sinceStart += payload.length;
    this.#groups.at = 0;
    this.changeCount = 0;
  }

  /** It counts when its last piece is there; should there be no room for that, all of it comes again. */
  #appendPieces(payload: Bytes): void {
    const most = this.#groupsBytesMax;
    for (let at = 0; at < payload.length; at += most) {
      const next = at + most >= payload.length ? JOURNAL_LAST : JOURNAL_NEXT;
      this.#file.append(at === 0 ? JOURNAL_FIRST : next, payload.subarray(at, at + most));
    }
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  opened(epoch: number): void {
    const payload = new Writer(4);
    payload.u32(epoch);
    this.#file.append(JOURNAL_OPENED, payload.take());
  }

  /** Writes a partition out in full. */
  snapshot(partition: number, store: NodeStore): void {
    let first: JournalMark | null = null;
    const part = new Writer(1 << 16);
    let count = 0;
    let countAt = 0;
    const begin = (): void => {
      part.at = 0;
      part.u16(partition);
      part.u8(first === null ? FIRST_PART : 0);
      countAt = part.reserve(4);
      count = 0;
    };
    const end = (last: boolean): void => {
      if (last) part.bytes[2]! |= LAST_PART;
      new DataView(part.bytes.buffer).setUint32(countAt, count, true);
      const mark = this.#file.append(JOURNAL_SNAPSHOT, part.bytes.subarray(0, part.at));
      first ??= mark;
      failpoint(last ? "admission.snapshot-end" : "admission.snapshot-part");
      begin();
    };
    begin();
    for (const _ of store.writeAll(part)) {
      count++;
      if (part.at >= this.#partBytesMax) end(false);
    }
    end(true);
    this.#snapshots.set(partition, first!);
  }

  /** Every partition, and the epoch, has been written out since the round began and that is durable. */
  dropOld(partitions: readonly number[]): void {
    let oldest: JournalMark | null = null;
    for (const partition of partitions) {
      const mark = this.#snapshots.get(partition);
      if (mark === undefined) return;
      if (oldest === null || isBefore(mark, oldest)) oldest = mark;
    }
    failpoint("admission.before-drop");
    if (oldest !== null) this.#file.dropBefore(oldest);
    failpoint("admission.after-drop");
  }

  roundBegins(): void {
    this.#sinceStart = 0;
    this.#snapshots.clear();
  }

  /** Puts everything back into the stores; returns the newest epoch. */
  replay(stores: ReadonlyMap<number, NodeStore>): number {
    let epoch = 0;
    const unfinished = new Map<number, Change[]>();
    // Null where the first piece is missing: it lay before what was written out since, and is part of it.
    let pieces: Bytes[] | null = null;
    for (const { kind, payload } of this.#file.read()) {
      // A journal that was long before the start is soon due to be rewritten.
      this.#sinceStart += payload.length;
      const reader = new ChangeReader(payload);
      if (kind === JOURNAL_OPENED) epoch = Math.max(epoch, reader.u32());
      else if (kind === JOURNAL_GROUPS) replayGroups(reader, stores);
      else if (kind === JOURNAL_SNAPSHOT) replaySnapshot(payload, stores, unfinished);
      else if (kind === JOURNAL_FIRST) pieces = [payload];
      else pieces?.push(payload);
      if (kind !== JOURNAL_LAST || pieces === null) continue;
      replayGroups(new ChangeReader(concatBytes(...pieces)), stores);
      pieces = null;
    }
    return epoch;
  }
}

function isBefore(a: JournalMark, b: JournalMark): boolean {
  return a.file < b.file || (a.file === b.file && a.offset < b.offset);
}

function replayGroups(reader: ChangeReader, stores: ReadonlyMap<number, NodeStore>): void {
  while (!reader.done) {
    const store = stores.get(reader.u16());
    for (let left = reader.u32(); left > 0; left--) {
      const change = reader.change();
      store?.restore(change);
    }
  }
}

/** A snapshot takes effect with its last part, so that one cut short by a crash changes nothing. */
function replaySnapshot(
  payload: Bytes,
  stores: ReadonlyMap<number, NodeStore>,
  unfinished: Map<number, Change[]>,
): void {
  const reader = new ChangeReader(payload, 3);
  const partition = payload[0]! | (payload[1]! << 8);
  // What a crash or a full disk had left of an earlier one is void: a part of it may name what has
  // gone since.
  const isFirst = (payload[2]! & FIRST_PART) !== 0;
  const changes = (isFirst ? null : unfinished.get(partition)) ?? [];
  unfinished.set(partition, changes);
  for (let left = reader.u32(); left > 0; left--) changes.push(reader.change());
  if ((payload[2]! & LAST_PART) === 0) return;
  unfinished.delete(partition);
  const store = stores.get(partition);
  if (store === undefined) return;
  store.clear();
  for (const change of changes) store.restore(change);
}
