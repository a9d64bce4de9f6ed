// Secrets come from files that only their owner can read, never from flags or the environment.
import { readFileSync, statSync } from "node:fs";

export type Secret =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly why: string };

/** The text of a secret file; refused when others may read it. */
export function readSecretFile(path: string): Secret {
  try {
    const { mode } = statSync(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, "0");
      return { ok: false, why: `${path} has mode ${shown}; make it 0600 (chmod 600 ${path})` };
    }
    return { ok: true, text: readFileSync(path, "utf8") };
  } catch (error) {
    return { ok: false, why: `${path} cannot be read: ${(error as Error).message}` };
  }
}
