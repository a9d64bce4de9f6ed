// A signer in this process: the keys of one file and their guards, taken for this process alone until
// close(). `pando signer` serves the same over a socket (serve-signer.ts).
import { existsSync } from "node:fs";
import { bytesEqual } from "../../base/bytes.ts";
import { encodeGuard, freshGuard } from "../../planes/consensus/finality/guard.ts";
import type { SignerStaker, StakerSigner } from "../../ports/staking.ts";
import { guardFolderOf, openGuardFolder } from "./guard-disk.ts";
import { GuardedKeys } from "./guarded-keys.ts";
import {
  createKeyFile,
  type KeyFile,
  type KeyFileRead,
  readKeyFile,
  signKeyOf,
  writeKeyFile,
} from "./key-file.ts";

export interface SignerOptions {
  readonly keyPath: string;
  /** The chain that the node is on; null takes whatever the key file says (`pando signer`). */
  readonly chainId: string | null;
}

export type SignerOpened =
  | { readonly ok: true; readonly keys: GuardedKeys; readonly signer: StakerSigner }
  /** One line for a person. */
  | { readonly ok: false; readonly why: string };

/** The ids of a key file's stakers that have one. */
function idsOf({ stakers }: KeyFile): number[] {
  return stakers.flatMap(({ id }) => (id === null ? [] : [id]));
}

/** The key file with one waiting key's id filled in. */
function withId(file: KeyFile, signKey: string, id: number): KeyFile {
  const stakers = file.stakers.map((staker) =>
    staker.id === null && signKeyOf(staker.signSecret) === signKey ? { ...staker, id } : staker,
  );
  return { chainId: file.chainId, stakers };
}

/** Opens keys and guards; refused with one line when anything is missing, doubtful or in use. */
export function openKeys({ keyPath, chainId }: SignerOptions): SignerOpened {
  const read = readKeyFile(keyPath);
  if (!read.ok) return read;
  if (chainId !== null && read.keys.chainId !== chainId) {
    return { ok: false, why: `${keyPath} is for another chain (${read.keys.chainId})` };
  }
  const folder = openGuardFolder(guardFolderOf(keyPath), idsOf(read.keys));
  if (!folder.ok) return folder;
  const { disk } = folder;
  let file = read.keys;
  const opened = GuardedKeys.open(file, disk, (signKey, id) => {
    file = withId(file, signKey, id);
    writeKeyFile(keyPath, file);
  });
  if (!opened.ok) {
    disk.release();
    return opened;
  }
  const { keys } = opened;
  return { ok: true, keys, signer: signerOf(keys, () => disk.release()) };
}

/** The port over keys in this process. */
function signerOf(keys: GuardedKeys, release: () => void): StakerSigner {
  let open = true;
  return {
    get stakers() {
      return keys.stakers;
    },
    get waiting() {
      return keys.waiting;
    },
    adopt: async (...words): Promise<SignerStaker | null> => (open ? keys.adopt(...words) : null),
    persist: async (guard) => open && keys.persist(guard),
    sign: async (stakerId, request) => (open ? keys.sign(stakerId, request) : null),
    close: async () => {
      if (open) release();
      open = false;
    },
  };
}

/** Thrown when a signer cannot be had: one line that says why. */
export class SignerRefused extends Error {}

/** A signer in this process; throws SignerRefused with one line. */
export async function openSigner(options: SignerOptions): Promise<StakerSigner> {
  const opened = openKeys(options);
  if (!opened.ok) throw new SignerRefused(opened.why);
  return opened.signer;
}

/**
 * Writes the key file of stakers that a chain has from its genesis: their fresh guards first, so
 * that a key file never names a guard that was not made. Refused when there is a key file.
 */
export function createStakerFiles(keyPath: string, file: KeyFile): KeyFileRead {
  if (existsSync(keyPath)) return createKeyFile(keyPath, file);
  const path = guardFolderOf(keyPath);
  const folder = openGuardFolder(path, []);
  if (!folder.ok) return folder;
  try {
    for (const id of idsOf(file)) {
      const fresh = encodeGuard(freshGuard(file.chainId, id));
      const stored = folder.disk.read(id);
      if (stored !== null && !bytesEqual(stored, fresh)) {
        return { ok: false, why: `${path} holds a guard of staker ${id} that has signed before` };
      }
      folder.disk.replace(id, fresh);
    }
    return createKeyFile(keyPath, file);
  } finally {
    folder.disk.release();
  }
}
