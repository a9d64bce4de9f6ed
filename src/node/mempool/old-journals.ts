// Journals that were written when the partitions were spread over another number of hosts: what they
// had admitted is read out, to be submitted again, and they go when that is done.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Bytes } from "../../base/bytes.ts";
import { Journal } from "../../planes/execution/admission-host/journal.ts";
import { NodeStore } from "../../planes/execution/admission-host/node-store.ts";
import { REWRITE_BYTES_MIN } from "../../planes/execution/admission-host/rewriting.ts";
import { SALT_WORDS } from "../../state/admission/key-table.ts";
import { compareOrder } from "../../state/admission/records.ts";
import { openJournal } from "../workers/journal-file.ts";

export interface OldJournals {
  /** Raw transactions, parents first. */
  readonly raws: readonly Bytes[];
  /** Removes the journals: their transactions are in the new ones. */
  remove(): void;
}

/** The folder of the journals of `hosts` hosts. */
export function journalsFolder(folder: string, hosts: number): string {
  return join(folder, `hosts-${hosts}`);
}

export async function readOldJournals(
  folder: string,
  hosts: number,
  partitions: number,
): Promise<OldJournals> {
  const current = journalsFolder(folder, hosts);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const old = names.filter((name) => /^hosts-\d+$/.test(name)).map((name) => join(folder, name));
  const others = old.filter((path) => path !== current);
  const stores = new Map<number, NodeStore>();
  const salt = crypto.getRandomValues(new Uint32Array(SALT_WORDS));
  for (let number = 0; number < partitions; number++) {
    stores.set(number, new NodeStore(() => null, salt));
  }
  for (const path of others) {
    for (const host of readdirSync(path)) {
      const { file } = openJournal(join(path, host), REWRITE_BYTES_MIN);
      new Journal(file).replay(stores);
      await file.close();
    }
  }
  const records = [...stores.values()].flatMap((store) =>
    Array.from(store.records(), ([, record]) => record),
  );
  return {
    raws: records.sort(compareOrder).map(({ candidate }) => candidate.raw),
    remove: () => {
      for (const path of others) rmSync(path, { recursive: true, force: true });
    },
  };
}
