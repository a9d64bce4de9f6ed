// `npm start`: a network of three nodes on this machine, under payments and churn. On a terminal it
// runs until Ctrl-C; elsewhere for a minute, and its exit code says whether all went well. Flags of
// `pando devnet` may follow: npm start -- --nodes 4
import { prepare } from "./prepare.mjs";

prepare();

const words = ["devnet", "--churn", "20s", "--load", "20"];
if (!process.stdout.isTTY) words.push("--for", "60s");
const { main } = await import("../dist/src/cli/main.js");
await main([...words, ...process.argv.slice(2)]);
