// What a disk may do to us. These two are thrown, because any write may meet them and the answer is
// always given far above: StorageFull leaves every file valid and writing may go on once there is
// room; after StorageFailed the process stops, since a failed fsync cannot be retried (the kernel
// may have dropped the pages; see operators.md section 12).

/** No room (disk, quota or file size limit). Nothing of the refused write remains. */
export class StorageFull extends Error {
  override readonly name = "StorageFull";
  readonly code = "FULL";
  readonly path: string;

  constructor(path: string, cause?: unknown) {
    super(`no room left on the disk of ${path}: free some space`, { cause });
    this.path = path;
  }
}

/** The disk refused to write or to flush: what is on it is known only after a restart. */
export class StorageFailed extends Error {
  override readonly name = "StorageFailed";
  readonly code = "FAILED";
  readonly path: string;

  constructor(path: string, action: string, cause?: unknown) {
    const reason = cause instanceof Error ? cause.message : "unknown reason";
    super(`the disk failed to ${action} ${path} (${reason}): check the disk, then start again`, {
      cause,
    });
    this.path = path;
  }
}

export function isStorageError(error: unknown): error is StorageFull | StorageFailed {
  return error instanceof StorageFull || error instanceof StorageFailed;
}
