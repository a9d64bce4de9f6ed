// `npm start`: a network of three nodes on this machine, under payments and churn. On a terminal it
// runs until Ctrl-C; elsewhere for a minute, and its exit code says whether all went well. Flags of
// `pando devnet` may follow: npm start -- --nodes 4
import { spawn } from "node:child_process";
import { join } from "node:path";
import { prepare, root } from "./prepare.mjs";

prepare();

const words = ["devnet", "--churn", "20s", "--load", "20"];
if (!process.stdout.isTTY) words.push("--for", "60s");
const program = join(root, "bin", "pando");
const child = spawn(process.execPath, [program, ...words, ...process.argv.slice(2)], {
  stdio: "inherit",
});
// The terminal sends Ctrl-C to both; the devnet decides when it has ended.
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => child.kill(name));
child.on("exit", (code) => process.exit(code ?? 1));
