// `npm run demo`: a demonstration that needs nothing but this checkout. It generates a chain with real
// signatures and real work, and imports it with every rule and every script checked.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepare, root } from "./prepare.mjs";

prepare();

const folder = mkdtempSync(join(tmpdir(), "pando-demo-"));
const chain = join(folder, "chain.dat");

function pando(...words) {
  process.stderr.write(`\n$ pando ${words.join(" ")}\n`);
  const result = spawnSync(process.execPath, [join(root, "bin", "pando"), ...words], {
    stdio: "inherit",
  });
  if (result.status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    process.exit(result.status ?? 1);
  }
}

process.stderr.write(
  "pando: a chain of 150 blocks with 150,000 signed inputs is made, then validated from nothing\n",
);
pando(
  ...["generate-chain", "--blocks", "150", "--txs", "500", "--inputs", "2", "--outputs", "2"],
  ...["--kind", "mixed", "--seed", "demo", chain],
);
pando("import", "--network", "regtest", "--data-dir", join(folder, "data"), chain);
pando("coins", "--data-dir", join(folder, "data"), "--muhash");
if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
