// The journal of a host in the data directory: a sequence of checksummed records.
import { RecordFile } from "../../engines/files/record-file.ts";
import type { JournalFile } from "../../planes/execution/admission-host/journal.ts";

/** Segments of the journal are small, so that a rewritten one gives its room back soon. */
const JOURNAL_SEGMENT_BYTES = 16 * 1024 * 1024;

/** Opens or makes a journal; `cut` is what a crash had torn off its end, bytes. */
export function openJournal(folder: string): { file: JournalFile; cut: number } {
  const opened = RecordFile.open({
    folder,
    prefix: "adm",
    segmentBytesMax: JOURNAL_SEGMENT_BYTES,
  });
  if (!opened.ok) throw Object.assign(new Error(opened.message), { code: "CORRUPT" });
  return { file: journalFile(opened.records), cut: opened.cut?.bytes ?? 0 };
}

function journalFile(records: RecordFile): JournalFile {
  return {
    append: (kind, payload) => records.append(kind, [payload]),
    sync: () => records.sync(),
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
