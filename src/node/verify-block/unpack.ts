// Files come raw, as hex text or gzipped: which one is seen from the content.
import { gunzipSync } from "node:zlib";
import { type Bytes, fromHex } from "../../base/bytes.ts";

/** What a packed file may grow to: far above any block with its coins. */
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024;

function isHexText(bytes: Bytes): boolean {
  let digits = 0;
  for (const byte of bytes) {
    const lower = byte | 32;
    if ((byte >= 48 && byte <= 57) || (lower >= 97 && lower <= 102)) digits++;
    else if (byte !== 10 && byte !== 13 && byte !== 32 && byte !== 9) return false;
  }
  return digits > 0 && digits % 2 === 0;
}

/** The bytes a file stands for, or null when its gzip is damaged. */
export function unpack(file: Bytes): Bytes | null {
  if (file[0] === 0x1f && file[1] === 0x8b) {
    try {
      return unpack(new Uint8Array(gunzipSync(file, { maxOutputLength: UNPACKED_BYTES_MAX })));
    } catch {
      return null;
    }
  }
  if (!isHexText(file)) return file;
  return fromHex(new TextDecoder().decode(file).replace(/\s+/g, ""));
}
