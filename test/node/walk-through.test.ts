// The README's ten lines, run as they stand there: only the folder and the ports are others.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../support/bcoin.ts";
import { root, temporaryFolder } from "../support/run.ts";

function tenLines(): string {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const section = readme.split("## A node of your own, in ten lines")[1] ?? "";
  return section.split("```sh\n")[1]?.split("```")[0] ?? "";
}

test("the README's ten lines: fund, send, mine, query, watch", async () => {
  const lines = tenLines();
  assert.equal(lines.trimEnd().split("\n").length, 10);
  const script = `${lines.replace("demo-node", join(temporaryFolder(), "data"))}\nwait\n`;
  const env = {
    ...process.env,
    PANDO__RPC__PORT: String(await freePort()),
    PANDO__FEED__PORT: String(await freePort()),
    PANDO__OPS__PORT: "0",
    PANDO__P2P__PORT: "0",
  };
  const child = spawn("sh", ["-e", "-c", script], { cwd: root, env });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.equal(code, 0, errors);
  assert.match(output, /regtest is ready after/);
  assert.match(output, /"value": 49\.999/);
  assert.match(output, /"channel":"transactions".*"fee":0\.00100000/);
  assert.match(output, /"channel":"blocks".*"height":102/);
  assert.match(output, /Pando stopping/);
});
