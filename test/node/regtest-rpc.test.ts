// A network of one's own over JSON-RPC: mining by template with long poll, blocks refused and taken
// back, a clock that is set, and what the chain then says of itself.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { hash256 } from "../../src/crypto/hash.ts";
import { type NodeProcess, RpcFailure, startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/run.ts";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const OTHER = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry";

interface Template {
  readonly version: number;
  readonly previousblockhash: string;
  readonly curtime: number;
  readonly bits: string;
  readonly height: number;
  readonly coinbasevalue: number;
  readonly longpollid: string;
  readonly default_witness_commitment: string;
}

function little(value: number, bytes: number): string {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, Math.min(bytes, 6));
  return buffer.toString("hex");
}

const reversed = (hex: string): string => Buffer.from(hex, "hex").reverse().toString("hex");

/** What a small miner does with a template: a coinbase with the commitment, and a nonce. */
function mineTemplate(template: Template): string {
  const height = little(template.height, 2);
  const commitment = template.default_witness_commitment;
  const outputs = `02${little(template.coinbasevalue, 8)}0151${little(0, 8)}26${commitment}`;
  const input = `01${"00".repeat(32)}ffffffff0402${height}00ffffffff`;
  const body = `${input}${outputs}`;
  const txid = Buffer.from(hash256(Buffer.from(`02000000${body}00000000`, "hex"))).toString("hex");
  const coinbase = `020000000001${body}0120${"00".repeat(32)}00000000`;
  for (let nonce = 0; ; nonce++) {
    const header = [
      little(template.version, 4),
      reversed(template.previousblockhash),
      txid,
      little(template.curtime, 4),
      reversed(template.bits),
      little(nonce, 4),
    ].join("");
    // Regtest's target: the highest bit of the hash is zero.
    if (hash256(Buffer.from(header, "hex"))[31]! < 0x80) return `${header}01${coinbase}`;
  }
}

const RULES = { rules: ["segwit"] };

async function code(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 0;
  } catch (error) {
    assert.ok(error instanceof RpcFailure, String(error));
    return error.code;
  }
}

const best = (node: NodeProcess): Promise<string> => node.rpc<string>("getbestblockhash");

test("mining by template: proposal, submission, again, and the long poll that learns of it", async (context) => {
  const node = await startNode({ context, folder: join(temporaryFolder(), "data") });
  await node.rpc("generatetoaddress", 200, ADDRESS);
  const template = await node.rpc<Template>("getblocktemplate", RULES);
  assert.equal(template.height, 201);
  assert.equal(template.previousblockhash, await best(node));
  const waiting = node.rpc<Template>("getblocktemplate", {
    ...RULES,
    longpollid: template.longpollid,
  });
  const block = mineTemplate(template);
  assert.equal(await node.rpc("getblocktemplate", { mode: "proposal", data: block }), null);
  const greedy = mineTemplate({ ...template, coinbasevalue: template.coinbasevalue + 1 });
  const proposed = await node.rpc("getblocktemplate", { mode: "proposal", data: greedy });
  assert.equal(proposed, "bad-cb-amount");
  assert.equal(await node.rpc("getblockcount"), 200, "proposals leave no trace");
  assert.equal(await node.rpc("submitblock", greedy), "bad-cb-amount");
  assert.equal(await node.rpc("submitblock", greedy), "duplicate-invalid");
  assert.equal(await node.rpc("submitblock", block), null);
  assert.equal(await node.rpc("submitblock", block), "duplicate");
  assert.equal(await node.rpc("getblockcount"), 201);
  const next = await waiting;
  assert.equal(next.height, 202);
  assert.equal(next.previousblockhash, await best(node));
  const late = await node.rpc("getblocktemplate", {
    mode: "proposal",
    data: mineTemplate(template),
  });
  assert.equal(late, "duplicate");
  assert.equal(await code(node.rpc("submitblock", "00")), -22);
});

test("invalidateblock, reconsiderblock, preciousblock and what getchaintips says", async (context) => {
  const folder = join(temporaryFolder(), "data");
  let node = await startNode({ context, folder });
  await node.rpc("generatetoaddress", 10, ADDRESS);
  const first = await best(node);
  await node.rpc("invalidateblock", first);
  assert.equal(await node.rpc("getblockcount"), 9);
  await node.rpc("generatetoaddress", 1, OTHER);
  const rival = await best(node);
  assert.notEqual(rival, first);
  await node.rpc("reconsiderblock", first);
  const seen = await best(node);
  const other = seen === first ? rival : first;
  await node.rpc("preciousblock", other);
  assert.equal(await best(node), other);
  await node.rpc("preciousblock", seen);
  assert.equal(await best(node), seen);
  await node.rpc("invalidateblock", rival);
  assert.equal(await best(node), first);
  const tips = await node.rpc<{ hash: string; status: string }[]>("getchaintips");
  assert.deepEqual(
    tips.map(({ hash, status }) => [hash, status]).sort(),
    [
      [first, "active"],
      [rival, "invalid"],
    ].sort(),
  );
  // An operator's word outlives a restart.
  await node.stop();
  node = await startNode({ context, folder });
  assert.equal(await best(node), first);
  const again = await node.rpc<{ hash: string; status: string }[]>("getchaintips");
  assert.equal(again.find(({ hash }) => hash === rival)?.status, "invalid");
  assert.equal(await code(node.rpc("invalidateblock", "00".repeat(32))), -5);
});

test("setmocktime moves the clock of templates and rules", async (context) => {
  const node = await startNode({ context, folder: join(temporaryFolder(), "data") });
  const now = 1_900_000_000;
  await node.rpc("setmocktime", now);
  await node.rpc("generatetoaddress", 200, ADDRESS);
  const header = await node.rpc<{ time: number }>("getblockheader", await best(node));
  assert.ok(header.time >= now && header.time <= now + 200, String(header.time));
  await node.rpc("setmocktime", now + 3 * 3600);
  const ahead = await node.rpc<Template>("getblocktemplate", RULES);
  await node.rpc("setmocktime", now);
  assert.equal(await node.rpc("submitblock", mineTemplate(ahead)), "time-too-new");
  await node.rpc("setmocktime", now + 2 * 3600);
  assert.equal(await node.rpc("submitblock", mineTemplate(ahead)), null, "it was only early");
});

test("the coin set, block by block: gettxoutsetinfo, gettxout, getblockstats, scantxoutset", async (context) => {
  const node = await startNode({ context, folder: join(temporaryFolder(), "data") });
  const [hash] = await node.rpc<string[]>("generatetoaddress", 1, OTHER);
  await node.rpc("generatetoaddress", 99, ADDRESS);
  const { tx } = await node.rpc<{ tx: string[] }>("getblock", hash, 1);
  const out = await node.rpc<{ value: number; confirmations: number; coinbase: boolean }>(
    "gettxout",
    tx[0],
    0,
  );
  assert.deepEqual([out.value, out.confirmations, out.coinbase], [50, 100, true]);
  assert.equal(await node.rpc("gettxout", tx[0], 1), null, "a commitment is no coin");
  const set = await node.rpc<{ txouts: number; total_amount: number; height: number }>(
    "gettxoutsetinfo",
    "muhash",
  );
  assert.deepEqual([set.height, set.txouts, set.total_amount], [100, 100, 5_000]);
  const scan = await node.rpc<{ unspents: { txid: string }[]; total_amount: number }>(
    "scantxoutset",
    "start",
    [`addr(${OTHER})`],
  );
  assert.deepEqual([scan.unspents.map(({ txid }) => txid), scan.total_amount], [tx, 50]);
  const statistics = await node.rpc<{ subsidy: number; txs: number }>("getblockstats", 1);
  assert.deepEqual([statistics.subsidy, statistics.txs], [50e8, 1]);
  for (const verbosity of [0, 1, 2, 3]) {
    const answer = await node.rpc<string | { hash: string }>("getblock", hash, verbosity);
    if (typeof answer === "string") assert.equal(answer.length % 2, 0);
    else assert.equal(answer.hash, hash);
  }
});
