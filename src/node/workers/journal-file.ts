// The journal of a host in the data directory: a sequence of checksummed records.
import { RecordFile } from "../../engines/files/record-file.ts";
import type { JournalFile } from "../../planes/execution/admission-host/journal.ts";

/**
 * Opens or makes a journal that is rewritten when it has grown by `rewriteBytes`; `cut` is what a
 * crash had torn off its end, bytes.
 */
export function openJournal(
  folder: string,
  rewriteBytes: number,
): { file: JournalFile; cut: number } {
  const opened = RecordFile.open({
    folder,
    prefix: "adm",
    // Only whole segments are dropped: small ones give the room of a rewritten journal back soon.
    segmentBytesMax: Math.ceil(rewriteBytes / 4),
  });
  if (!opened.ok) throw Object.assign(new Error(opened.message), { code: "CORRUPT" });
  return { file: journalFile(opened.records), cut: opened.cut?.bytes ?? 0 };
}

function journalFile(records: RecordFile): JournalFile {
  return {
    append: (kind, payload) => records.append(kind, [payload]),
    sync: () => records.sync("admission.before-sync"),
    dropBefore: (mark) => records.dropBefore(mark),
    read: function* () {
      for (const read of records.iterate()) {
        if (!read.ok) throw Object.assign(new Error(read.message), { code: "CORRUPT" });
        yield read;
      }
    },
    close: () => records.close(),
  };
}
