// Commands that sign or verify look for the native library first, so that its absence is one line
// at the start and not an exception in the middle.
import { loadSecp256k1 } from "../crypto/secp256k1.ts";

/** Why signatures cannot be made or checked here, in one line with what to do; null when they can. */
export function cryptoFault(): string | null {
  try {
    loadSecp256k1();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/\s*\n\s*/g, "; ") : String(error);
  }
}
