// Named points around every durable write, at which a test can kill the process as a power cut or
// `kill -9` would. They do nothing unless the environment says PANDO_FAILPOINT=name@N (the N-th hit
// in this thread, default 1); with name@N:torn a write stops after a random prefix of its bytes, and
// with name@N:eio the disk fails there instead, in the points before a flush that allow it.

/** Every point there is, for tests that walk over all of them. */
export const FAILPOINTS = [
  "record.before-write",
  "record.write",
  "record.after-write",
  "record.before-sync",
  "record.after-sync",
  "record.new-segment",
  "record.truncated",
  "chain-log.before-write",
  "chain-log.write",
  "chain-log.after-write",
  "chain-log.after-sync",
  "replace.before-write",
  "replace.write",
  "replace.before-rename",
  "replace.after-rename",
  "lmdb.before-batch",
  "lmdb.before-commit",
  "lmdb.after-commit",
  "admission.opened",
  "admission.before-append",
  "admission.after-append",
  "admission.before-sync",
  "admission.before-answers",
  "admission.after-answers",
  "admission.before-step",
  "admission.after-step",
  "admission.snapshot-part",
  "admission.snapshot-end",
  "admission.before-drop",
  "admission.after-drop",
  "guard.before-persist",
  "guard.persisted",
  "guard.before-signature",
  "guard.adopted",
] as const;

export type Failpoint = (typeof FAILPOINTS)[number];

type Way = "die" | "torn" | "eio";

interface Armed {
  readonly name: string;
  readonly way: Way;
  hitsLeft: number;
}

function parse(text: string | undefined): Armed | null {
  if (text === undefined || text === "") return null;
  const match = /^([a-z.-]+)(?:@(\d+))?(?::(torn|eio))?$/.exec(text);
  if (match === null || !FAILPOINTS.some((name) => name === match[1])) {
    throw new Error(`PANDO_FAILPOINT: no such failpoint: ${text}`);
  }
  return { name: match[1]!, way: (match[3] ?? "die") as Way, hitsLeft: Number(match[2] ?? 1) };
}

const armed = parse(process.env["PANDO_FAILPOINT"]);

/** Dies as `kill -9` does, from any thread: nothing is flushed and no handler runs. */
export function die(): never {
  process.kill(process.pid, "SIGKILL");
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}

function isDue(name: Failpoint, way: Way): boolean {
  if (armed === null || armed.name !== name || armed.way !== way) return false;
  armed.hitsLeft -= 1;
  return armed.hitsLeft === 0;
}

/** The process ends here when this point is the armed one. */
export function failpoint(name: Failpoint): void {
  if (armed !== null && isDue(name, "die")) die();
}

/** A point where the disk may also fail: throws what a failed flush would. */
export function failingPoint(name: Failpoint): void {
  failpoint(name);
  if (armed === null || !isDue(name, "eio")) return;
  throw Object.assign(new Error(`EIO: i/o error at ${name}`), {
    code: "EIO",
    syscall: "fdatasync",
  });
}

/** How many of `length` bytes to write before calling die(), or null to write them all. */
export function tornLength(name: Failpoint, length: number): number | null {
  if (armed === null || !isDue(name, "torn")) return null;
  return Math.floor(Math.random() * length);
}
