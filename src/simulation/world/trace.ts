// The trace hash: SHA-256 over the configuration and 32 bytes per thing that happened, so that two
// runs on two machines can be compared by one line.
import { createHash, type Hash } from "node:crypto";
import { type Bytes, toHex, writeU16, writeU32, writeU64 } from "../../base/bytes.ts";

const RECORD_BYTES = 32;
const RECORDS = 1_024;

export class Trace {
  private readonly hash: Hash = createHash("sha256");
  private readonly buffer: Bytes = new Uint8Array(RECORD_BYTES * RECORDS);
  private at = 0;
  private count = 0;

  constructor(config: string) {
    this.hash.update("pando/trace/1");
    this.hash.update(config);
  }

  /** One record: time in µs, node, kind, and the first twelve bytes of what it is about. */
  add(timeUs: number, node: number, kind: number, subject: string): void {
    const { buffer, at } = this;
    writeU64(buffer, at, timeUs);
    writeU32(buffer, at + 8, this.count);
    writeU32(buffer, at + 12, 0);
    writeU16(buffer, at + 16, node);
    buffer[at + 18] = kind;
    buffer[at + 19] = 0;
    writeSubject(buffer, at + 20, subject);
    this.count++;
    this.at = at + RECORD_BYTES;
    if (this.at === buffer.length) this.flush();
  }

  private flush(): void {
    this.hash.update(this.buffer.subarray(0, this.at));
    this.at = 0;
  }

  /** The hash over all records; the trace cannot be added to afterwards. */
  digest(): string {
    this.flush();
    return toHex(this.hash.digest());
  }
}

/** Twelve bytes of an id: of its hex (full profile) or of its UTF-16 units (model profile). */
function writeSubject(bytes: Bytes, at: number, subject: string): void {
  if (subject.length === 64) {
    for (let byte = 0; byte < 12; byte++) {
      bytes[at + byte] = Number.parseInt(subject.slice(byte * 2, byte * 2 + 2), 16);
    }
    return;
  }
  for (let unit = 0; unit < 6; unit++) {
    writeU16(bytes, at + unit * 2, unit < subject.length ? subject.charCodeAt(unit) : 0);
  }
}
