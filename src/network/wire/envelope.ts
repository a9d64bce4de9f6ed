// The envelope of a message: magic, command, length, checksum. A reader takes the stream in pieces
// of any size and gives whole messages; memory grows only with bytes that have arrived, and payloads
// of unknown commands are skipped without being kept.
import { type Bytes, rangeEqual, readU32, writeU32 } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import { MESSAGE_BYTES_FIRST, MESSAGE_BYTES_MAX } from "../limits.ts";
import { isMessageType, type MessageType, PAYLOAD_BYTES_MAX } from "./messages.ts";

export const ENVELOPE_BYTES = 24;
const COMMAND_BYTES = 12;

export type EnvelopeFault = "wrong-magic" | "bad-command" | "oversized" | "bad-checksum";

export interface Frame {
  readonly type: MessageType;
  readonly payload: Bytes;
}

/** The name in a command field: printable ASCII, then zeros; null when it is neither. */
function readCommand(bytes: Bytes, at: number): string | null {
  let name = "";
  let ended = false;
  for (let index = 0; index < COMMAND_BYTES; index++) {
    const code = bytes[at + index]!;
    if (code === 0) ended = true;
    else if (ended || code < 0x20 || code > 0x7e) return null;
    else name += String.fromCharCode(code);
  }
  return name;
}

/** One message on the wire, in one buffer. */
export function encodeEnvelope(magic: Bytes, command: string, payload: Bytes): Bytes {
  const bytes = new Uint8Array(ENVELOPE_BYTES + payload.length);
  bytes.set(magic, 0);
  for (let at = 0; at < command.length; at++) bytes[4 + at] = command.charCodeAt(at);
  writeU32(bytes, 16, payload.length);
  bytes.set(hash256(payload).subarray(0, 4), 20);
  bytes.set(payload, ENVELOPE_BYTES);
  return bytes;
}

/** Cuts a stream into messages. After a fault it gives nothing more. */
export class FrameReader {
  readonly #magic: Bytes;
  readonly #bytesMax: number;
  readonly #head = new Uint8Array(ENVELOPE_BYTES);
  #headFilled = 0;
  #type: MessageType | null = null;
  #payload: Bytes = new Uint8Array(0);
  #filled = 0;
  #length = 0;
  #frames: Frame[] = [];
  fault: EnvelopeFault | null = null;
  /** Messages of unknown commands that were skipped. */
  skipped = 0;

  constructor(magic: Bytes, bytesMax: number = MESSAGE_BYTES_MAX) {
    this.#magic = magic;
    this.#bytesMax = bytesMax;
  }

  /** Bytes set aside for the message that is coming. */
  get heldBytes(): number {
    return this.#payload.length;
  }

  /** Takes a piece of the stream; returns the messages that it completed. */
  push(chunk: Bytes): Frame[] {
    let at = 0;
    while (this.fault === null && at < chunk.length) {
      at = this.#headFilled < ENVELOPE_BYTES ? this.#takeHead(chunk, at) : this.#take(chunk, at);
    }
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }

  #takeHead(chunk: Bytes, at: number): number {
    const count = Math.min(ENVELOPE_BYTES - this.#headFilled, chunk.length - at);
    this.#head.set(chunk.subarray(at, at + count), this.#headFilled);
    this.#headFilled += count;
    if (this.#headFilled >= 4 && !rangeEqual(this.#head, 0, this.#magic, 0, 4)) {
      this.fault = "wrong-magic";
    }
    if (this.#headFilled === ENVELOPE_BYTES && this.fault === null) this.#begin();
    return at + count;
  }

  #begin(): void {
    const command = readCommand(this.#head, 4);
    const length = readU32(this.#head, 16);
    if (command === null) this.fault = "bad-command";
    else if (length > this.#bytesMax) this.fault = "oversized";
    else if (isMessageType(command) && length > PAYLOAD_BYTES_MAX[command])
      this.fault = "oversized";
    if (command === null || this.fault !== null) return;
    this.#type = isMessageType(command) ? command : null;
    this.#length = length;
    this.#filled = 0;
    const first = this.#type === null ? 0 : Math.min(length, MESSAGE_BYTES_FIRST);
    this.#payload = new Uint8Array(first);
    if (length === 0) this.#finish();
  }

  #take(chunk: Bytes, at: number): number {
    const count = Math.min(this.#length - this.#filled, chunk.length - at);
    if (this.#type !== null) {
      const wanted = this.#filled + count;
      if (wanted > this.#payload.length) {
        const size = Math.min(this.#length, Math.max(wanted, this.#payload.length * 2));
        const grown = new Uint8Array(size);
        grown.set(this.#payload.subarray(0, this.#filled));
        this.#payload = grown;
      }
      this.#payload.set(chunk.subarray(at, at + count), this.#filled);
    }
    this.#filled += count;
    if (this.#filled === this.#length) this.#finish();
    return at + count;
  }

  #finish(): void {
    this.#headFilled = 0;
    if (this.#type === null) {
      this.skipped++;
      return;
    }
    const payload = this.#payload.subarray(0, this.#length);
    if (!rangeEqual(hash256(payload), 0, this.#head, 20, 4)) this.fault = "bad-checksum";
    else this.#frames.push({ type: this.#type, payload });
    this.#payload = new Uint8Array(0);
  }
}
