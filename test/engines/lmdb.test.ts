import { join } from "node:path";
import { LmdbEngine } from "../../src/engines/lmdb/lmdb-engine.ts";
import { contractTests } from "./contract.ts";
import { scratchFolder } from "./scratch.ts";

contractTests("lmdb", (context) => {
  const folder = join(scratchFolder(context), "coins");
  const engine = new LmdbEngine(folder, { batchBytesMax: 8 << 20 });
  return {
    engine,
    reopen: () => new LmdbEngine(folder),
    setRoom: (full) => {
      engine.settings.reserveBytes = full ? Number.MAX_SAFE_INTEGER : 0;
    },
  };
});
