// The methods' answers over a small node: shapes and numbers that callers rely on. Known values are
// those of Bitcoin Core's regtest.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { idsOf, type SmallApi, smallApi } from "../../../test/support/small-api.ts";
import { spend } from "../../../test/support/small-chain.ts";
import { fromDisplayHex, fromHex, hex, toDisplayHex, toHex, writeU32 } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import { decodeBlock } from "../../ledger/bitcoin/block.ts";
import { encodeBlock } from "../../ledger/bitcoin/encode.ts";
import { REGTEST } from "../../ledger/bitcoin/networks.ts";
import { decodeTransaction } from "../../ledger/bitcoin/transaction.ts";
import { hasWork } from "../../ledger/bitcoin/work.ts";
import { buildBlock, extraNonce, templateCoinbase } from "../mining/build.ts";
import { descriptorChecksum } from "../shapes/descriptor-checksum.ts";
import { scriptAssembly, scriptDescriptor, solveScript } from "../shapes/script.ts";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const GENESIS = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";

type Any = { readonly [name: string]: unknown };

/** The value behind names and places, one after another. */
function at<T = unknown>(value: unknown, ...path: (string | number)[]): T {
  let here = value;
  for (const step of path) here = (here as Record<string | number, unknown>)[step];
  return here as T;
}

interface Rpc {
  readonly api: SmallApi;
  call<T = Any>(method: string, ...params: unknown[]): Promise<T>;
  fails(code: number, text: RegExp, method: string, ...params: unknown[]): Promise<void>;
}

async function start(context: TestContext): Promise<Rpc> {
  const api = await smallApi();
  context.after(() => api.close());
  const caller = {
    allowed: null,
    gone: new AbortController().signal,
    outside: <T>(wait: Promise<T>): Promise<T> => wait,
  };
  const raw = async (method: string, params: unknown[]) => {
    const { body } = await api.dispatcher.answer(JSON.stringify({ method, params }), caller);
    return JSON.parse(body!) as { result: never; error: { code: number; message: string } | null };
  };
  return {
    api,
    call: async (method, ...params) => {
      const { result, error } = await raw(method, params);
      assert.equal(error, null, `${method}: ${JSON.stringify(error)}`);
      return result;
    },
    fails: async (code, text, method, ...params) => {
      const { error } = await raw(method, params);
      assert.ok(error !== null, `${method} should fail`);
      assert.equal(error.code, code, `${method}: ${error.message}`);
      assert.match(error.message, text);
    },
  };
}

async function text(rpc: Rpc, method: string, ...params: unknown[]): Promise<string> {
  const caller = {
    allowed: null,
    gone: new AbortController().signal,
    outside: <T>(wait: Promise<T>): Promise<T> => wait,
  };
  const answer = await rpc.api.dispatcher.answer(JSON.stringify({ method, params }), caller);
  return answer.body!;
}

/** 101 blocks, and a transaction in the mempool that spends the first of them. */
async function funded(rpc: Rpc): Promise<{ raw: string; txid: string; coinbase: string }> {
  await rpc.api.node.chain.extend(101);
  const first = await rpc.call<{ tx: string[] }>(
    "getblock",
    await rpc.call<string>("getblockhash", 1),
  );
  const coinbase = first.tx[0]!;
  const script = hex("0014751e76e8199196d454941c45d1b3a323f1433bd6");
  const bytes = spend([{ txid: fromDisplayHex(coinbase)!, index: 0 }], [4_999_990_000], script);
  const raw = toHex(bytes);
  const txid = await rpc.call<string>("sendrawtransaction", raw);
  assert.equal(txid, toDisplayHex(idsOf(bytes).txid));
  return { raw, txid, coinbase };
}

test("the first block of regtest is described as Bitcoin Core describes it", async (context) => {
  const rpc = await start(context);
  const info = await rpc.call("getblockchaininfo");
  assert.deepEqual(
    [
      info["chain"],
      info["blocks"],
      info["bestblockhash"],
      info["initialblockdownload"],
      info["pruned"],
    ],
    ["regtest", 0, GENESIS, false, false],
  );
  assert.equal(
    await text(rpc, "getblockheader", GENESIS),
    `{"result":{"hash":"${GENESIS}","confirmations":1,"height":0,"version":1,"versionHex":"00000001",` +
      `"merkleroot":"4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b","time":1296688602,` +
      `"mediantime":1296688602,"nonce":2,"bits":"207fffff",` +
      `"target":"7fffff0000000000000000000000000000000000000000000000000000000000",` +
      `"difficulty":4.656542373906925e-10,` +
      `"chainwork":"0000000000000000000000000000000000000000000000000000000000000002","nTx":1},` +
      `"error":null,"id":null}\n`,
  );
  const block = await text(rpc, "getblock", GENESIS, 2);
  assert.match(block, /"strippedsize":285,"size":285,"weight":1140,"tx":\[\{"txid":"4a5e1e4b/);
  assert.match(block, /"coinbase":"04ffff001d0104455468652054696d65732030332f4a616e/);
  assert.match(block, /"value":50\.00000000,"n":0,"scriptPubKey":\{"asm":"04678afdb0fe55/);
  assert.match(block, /"desc":"pk\(04678afdb0[0-9a-f]+\)#vlz6ztea","hex":"41/);
  assert.equal(await rpc.call("getdifficulty"), 4.656542373906925e-10);
  await rpc.fails(-5, /Block not found/, "getblock", "00".repeat(32));
  await rpc.fails(-8, /out of range/, "getblockhash", -1);
  await rpc.fails(
    -5,
    /genesis block coinbase/,
    "getrawtransaction",
    "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
  );
  assert.deepEqual(await rpc.call("getchaintips"), [
    { height: 0, hash: GENESIS, branchlen: 0, status: "active" },
  ]);
});

test("a transaction is followed from submission into a block", async (context) => {
  const rpc = await start(context);
  const { raw, txid, coinbase } = await funded(rpc);
  assert.equal(await rpc.call("sendrawtransaction", raw), txid, "again: the same answer");
  const entry = await rpc.call("getmempoolentry", txid);
  assert.match(
    await text(rpc, "getmempoolentry", txid),
    /"fees":\{"base":0\.00010000,"modified":0\.00010000/,
  );
  assert.equal(entry["vsize"], 82);
  assert.deepEqual(await rpc.call("getrawmempool"), [txid]);
  assert.equal(await rpc.call("gettxout", coinbase, 0), null, "spent in the mempool");
  assert.equal((await rpc.call("gettxout", coinbase, 0, false))["confirmations"], 101);
  const out = await rpc.call("gettxout", txid, 0);
  assert.deepEqual(
    [out["confirmations"], out["value"], at(out, "scriptPubKey", "address")],
    [0, 49.9999, ADDRESS],
  );
  await rpc.call("generatetoaddress", 1, ADDRESS);
  assert.deepEqual(await rpc.call("getrawmempool"), []);
  const best = await rpc.call<string>("getbestblockhash");
  const whole = await rpc.call("getblock", best, 3);
  const [, mine] = whole["tx"] as unknown as [Any, Any];
  assert.equal(mine["txid"], txid);
  assert.equal(mine["fee"], 0.0001);
  assert.equal(at(mine, "vin", 0, "prevout", "generated"), true);
  const found = await rpc.call("getrawtransaction", txid, 1);
  assert.deepEqual(
    [found["confirmations"], found["blockhash"], found["in_active_chain"]],
    [1, best, undefined],
  );
  assert.equal((await rpc.call("getrawtransaction", txid, true, best))["in_active_chain"], true);
  await rpc.fails(-27, /already in utxo set/, "sendrawtransaction", raw);
  await rpc.fails(-5, /No such mempool or blockchain/, "getrawtransaction", "11".repeat(32));
});

test("refusals have Bitcoin Core's codes", async (context) => {
  const rpc = await start(context);
  const { coinbase } = await funded(rpc);
  const raw = (values: number[], txid = coinbase): string =>
    toHex(spend([{ txid: fromDisplayHex(txid)!, index: 0 }], values));
  await rpc.fails(-22, /TX decode failed/, "sendrawtransaction", "00");
  await rpc.fails(-22, /TX decode failed/, "sendrawtransaction", "zz");
  await rpc.fails(-25, /missingorspent/, "sendrawtransaction", raw([1], "22".repeat(32)));
  await rpc.fails(-26, /txn-mempool-conflict/, "sendrawtransaction", raw([4_000_000_000]));
  const second = await rpc.call<{ tx: string[] }>(
    "getblock",
    await rpc.call<string>("getblockhash", 2),
  );
  const other = second.tx[0]!;
  await rpc.fails(-26, /min relay fee not met/, "sendrawtransaction", raw([5_000_000_000], other));
  await rpc.fails(-25, /Fee exceeds maximum/, "sendrawtransaction", raw([4_000_000_000], other));
  await rpc.fails(-8, /larger than or equal to 1BTC/, "sendrawtransaction", raw([1], other), 2);
  const coin = { txid: fromDisplayHex(other)!, index: 0 };
  const burning = toHex(spend([coin], [4_999_990_000], Uint8Array.of(0x6a)));
  await rpc.fails(-25, /maxburnamount/, "sendrawtransaction", burning);
  await rpc.fails(-25, /maxburnamount/, "sendrawtransaction", burning, 0, "49.9998");
  const tested = await rpc.call("testmempoolaccept", [raw([4_999_990_000], other)]);
  assert.equal((tested as unknown as Any[])[0]!["allowed"], true);
  assert.equal((await rpc.call<string[]>("getrawmempool")).length, 1, "only tested");
  const refused = await text(rpc, "testmempoolaccept", [raw([1], "22".repeat(32))]);
  assert.match(refused, /"allowed":false,"reject-reason":"missing-inputs"/);
});

test("a template is mined, submitted, and submitted again", async (context) => {
  const rpc = await start(context);
  const { txid } = await funded(rpc);
  await rpc.fails(-8, /segwit rule set/, "getblocktemplate");
  const template = await rpc.call("getblocktemplate", { rules: ["segwit"] });
  for (const name of [
    "previousblockhash",
    "target",
    "version",
    "curtime",
    "bits",
    "height",
    "coinbasevalue",
    "coinbaseaux",
    "longpollid",
    "default_witness_commitment",
  ]) {
    assert.ok(name in template, name);
  }
  assert.equal(template["coinbasevalue"], 5_000_010_000);
  assert.equal(at(template, "transactions", 0, "txid"), txid);
  assert.match(template["default_witness_commitment"] as string, /^6a24aa21a9ed[0-9a-f]{64}$/);
  assert.deepEqual(template["rules"], ["csv", "!segwit", "taproot"]);
  const inner = await rpc.api.node.mempool.template();
  const block = buildBlock(inner, hex("51"), extraNonce(1), REGTEST.work, 1_000_000)!;
  assert.equal(
    await rpc.call("getblocktemplate", { mode: "proposal", data: toHex(block), rules: [] }),
    null,
  );
  assert.equal(await rpc.call("submitblock", toHex(block)), null);
  assert.equal(await rpc.call("submitblock", toHex(block)), "duplicate");
  const worse = block.slice();
  worse[40]! ^= 1;
  assert.match(await rpc.call<string>("submitblock", toHex(worse)), /high-hash|bad-txnmrklroot/);
  const orphan = block.slice();
  orphan[4]! ^= 1;
  for (
    let nonce = 0;
    !hasWork(hash256(orphan.subarray(0, 80)), REGTEST.work.limitBits, REGTEST.work);
  ) {
    writeU32(orphan, 76, nonce++);
  }
  assert.equal(await rpc.call("submitblock", toHex(orphan)), "prev-blk-not-found");
  await rpc.fails(-22, /Block decode failed/, "submitblock", "00");
  assert.equal(await rpc.call("getblockcount"), 102);
});

test("a block without the witness nonce in its coinbase gets it", async (context) => {
  const rpc = await start(context);
  await rpc.api.node.chain.extend(1);
  const inner = await rpc.api.node.mempool.template();
  const coinbase = decodeTransaction(templateCoinbase(inner, hex("51"), extraNonce(7)));
  assert.ok(coinbase.ok);
  const whole = buildBlock(inner, hex("51"), extraNonce(7), REGTEST.work, 1_000_000)!;
  const { bytes, bodyAt, bodyEnd } = coinbase.value;
  const stripped = Uint8Array.from([
    ...bytes.subarray(0, 4),
    ...bytes.subarray(bodyAt, bodyEnd),
    ...bytes.subarray(bytes.length - 4),
  ]);
  const without = encodeBlock(whole.subarray(0, 80), [stripped]);
  assert.equal(await rpc.call("submitblock", toHex(without)), null);
});

test("a long poll answers when the tip moves", async (context) => {
  const rpc = await start(context);
  const template = await rpc.call("getblocktemplate", { rules: ["segwit"] });
  const poll = rpc.call("getblocktemplate", {
    rules: ["segwit"],
    longpollid: template["longpollid"],
  });
  let answered = false;
  void poll.then(() => {
    answered = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(answered, false);
  await rpc.api.node.chain.extend(1);
  assert.equal((await poll)["height"], 2);
});

test("a candidate's header is enough to mine", async (context) => {
  const rpc = await start(context);
  await funded(rpc);
  const candidate = await rpc.call("getminingcandidate", true);
  // As a miner would: fold the coinbase with the branch, search a nonce, send it back.
  let root = hash256(strippedOf(candidate["coinbase"] as string));
  for (const step of candidate["merkleProof"] as unknown as string[]) {
    root = hash256(Uint8Array.from([...root, ...fromDisplayHex(step)!]));
  }
  const header = new Uint8Array(80);
  const view = new DataView(header.buffer);
  view.setInt32(0, at<number>(candidate, "version"), true);
  header.set(fromDisplayHex(candidate["prevhash"] as string)!, 4);
  header.set(root, 36);
  view.setUint32(68, at<number>(candidate, "time"), true);
  view.setUint32(72, REGTEST.work.limitBits, true);
  let nonce = 0;
  for (; ; nonce++) {
    view.setUint32(76, nonce, true);
    if (hasWork(hash256(header), REGTEST.work.limitBits, REGTEST.work)) break;
  }
  assert.equal(await rpc.call("submitminingsolution", { id: candidate["id"], nonce }), true);
  assert.equal(await rpc.call("getblockcount"), 102);
  await rpc.fails(-8, /not found/, "submitminingsolution", { id: "x", nonce: 0 });
});

function strippedOf(text: string): Uint8Array {
  const decoded = decodeTransaction(fromHex(text)!);
  assert.ok(decoded.ok);
  const { bytes, bodyAt, bodyEnd, end } = decoded.value;
  return Uint8Array.from([
    ...bytes.subarray(0, 4),
    ...bytes.subarray(bodyAt, bodyEnd),
    ...bytes.subarray(end - 4, end),
  ]);
}

test("proofs of inclusion hold, and altered ones do not", async (context) => {
  const rpc = await start(context);
  const { txid } = await funded(rpc);
  await rpc.fails(-5, /not yet in block/, "gettxoutproof", [txid]);
  await rpc.call("generatetoaddress", 1, ADDRESS);
  const proof = await rpc.call<string>("gettxoutproof", [txid]);
  assert.deepEqual(await rpc.call("verifytxoutproof", proof), [txid]);
  const altered = `${proof.slice(0, -2)}${proof.endsWith("00") ? "01" : "00"}`;
  assert.deepEqual(await rpc.call("verifytxoutproof", altered), []);
});

test("figures of blocks and of the coin set", async (context) => {
  const rpc = await start(context);
  await funded(rpc);
  await rpc.call("generatetoaddress", 1, ADDRESS);
  const stats = await rpc.call("getblockstats", 102);
  assert.deepEqual(
    [stats["txs"], stats["totalfee"], stats["subsidy"], stats["ins"], stats["avgfeerate"]],
    [2, 10_000, 5_000_000_000, 1, 121],
  );
  assert.deepEqual(await rpc.call("getblockstats", 102, ["height", "txs"]), {
    height: 102,
    txs: 2,
  });
  assert.match(await text(rpc, "gettxoutsetinfo", "none"), /"total_amount":5100\.00000000/);
  const scan = await rpc.call("scantxoutset", "start", [`addr(${ADDRESS})`]);
  assert.equal((scan["unspents"] as unknown as unknown[]).length, 2);
  const window = await rpc.call("getchaintxstats", 10);
  assert.deepEqual([window["window_tx_count"], window["window_interval"]], [11, 600]);
  assert.ok((await rpc.call<number>("getnetworkhashps")) > 0);
});

test("addresses and scripts are understood", async (context) => {
  const rpc = await start(context);
  const valid = await rpc.call("validateaddress", ADDRESS);
  assert.deepEqual(
    [valid["isvalid"], valid["iswitness"], valid["witness_version"], valid["scriptPubKey"]],
    [true, true, 0, "0014751e76e8199196d454941c45d1b3a323f1433bd6"],
  );
  assert.equal(
    (await rpc.call("validateaddress", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"))["isvalid"],
    false,
  );
  assert.equal(descriptorChecksum("raw(deadbeef)"), "89f8spxm", "BIP380's example");
  const key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
  const cases: [string, string, string][] = [
    ["6a", "nulldata", "OP_RETURN"],
    ["6a0548656c6c6f", "nulldata", "OP_RETURN 48656c6c6f"],
    [`21${key}ac`, "pubkey", `${key} OP_CHECKSIG`],
    [`5121${key}51ae`, "multisig", `1 ${key} 1 OP_CHECKMULTISIG`],
    ["51024e73", "anchor", "1 29518"],
    [`5220${"11".repeat(32)}`, "witness_unknown", `2 ${"11".repeat(32)}`],
    ["00", "nonstandard", "0"],
    ["4f028000b1", "nonstandard", "-1 128 OP_CHECKLOCKTIMEVERIFY"],
    ["05aa", "nonstandard", "[error]"],
  ];
  for (const [script, type, words] of cases) {
    assert.equal(solveScript(hex(script)).type, type, script);
    assert.equal(scriptAssembly(hex(script)), words, script);
  }
  const p2pk = scriptDescriptor(hex(`21${key}ac`), REGTEST.address);
  assert.ok(p2pk.startsWith(`pk(${key})#`));
  const decoded = await rpc.call("decodescript", "6a");
  assert.equal(decoded["type"], "nulldata");
});

test("transactions are made and read", async (context) => {
  const rpc = await start(context);
  const made = await rpc.call<string>(
    "createrawtransaction",
    [{ txid: "11".repeat(32), vout: 3 }],
    [{ [ADDRESS]: "0.00000001" }, { data: "abcd" }],
  );
  const read = await text(rpc, "decoderawtransaction", made);
  assert.match(read, /"vout":3,"scriptSig":\{"asm":"","hex":""\},"sequence":4294967293/);
  assert.match(read, /"value":0\.00000001,"n":0/);
  assert.match(read, /"asm":"OP_RETURN -19883"/);
});

test("peers, bans and the rest of the network's methods", async (context) => {
  const rpc = await start(context);
  const info = await rpc.call("getnetworkinfo");
  assert.ok((info["version"] as number) >= 160_000);
  assert.deepEqual(info["localservicesnames"], ["NETWORK", "WITNESS", "NETWORK_LIMITED"]);
  assert.match(await text(rpc, "getnetworkinfo"), /"relayfee":0\.00001000/);
  await rpc.call("setban", "1.2.3.0/24", "add", 100);
  await rpc.fails(-23, /already banned/, "setban", "1.2.3.0/24", "add");
  const [ban] = await rpc.call<Any[]>("listbanned");
  assert.deepEqual([ban!["address"], ban!["ban_duration"]], ["1.2.3.0/24", 100]);
  await rpc.fails(-30, /Invalid IP/, "setban", "x", "add");
  await rpc.call("clearbanned");
  assert.deepEqual(await rpc.call("listbanned"), []);
  await rpc.call("addnode", "9.9.9.9", "add");
  await rpc.fails(-23, /already added/, "addnode", "9.9.9.9", "add");
  assert.equal((await rpc.call<unknown[]>("getaddednodeinfo")).length, 1);
  await rpc.call("addnode", "9.9.9.9", "remove");
  await rpc.fails(-24, /not been added/, "addnode", "9.9.9.9", "remove");
  await rpc.fails(-29, /not found/, "disconnectnode", "", 77);
  assert.deepEqual(await rpc.call("getpeerinfo"), []);
  assert.equal((await rpc.call("getnettotals"))["totalbytessent"], 0);
  const sync = await rpc.call("getsyncstate");
  const waits = ["reason", "peer", "height", "waiting_for"].map((name) => sync[name]);
  assert.deepEqual(waits, ["no-peer", null, Number(sync["blocks"]) + 1, "no peer is connected"]);
});

test("blocks that are asked for at the same time stand on one another", async (context) => {
  const rpc = await start(context);
  const before = await rpc.call<number>("getblockcount");
  const made = await Promise.all(
    Array.from({ length: 8 }, () => rpc.call<string[]>("generatetoaddress", 3, ADDRESS)),
  );
  assert.equal(await rpc.call<number>("getblockcount"), before + 24);
  assert.equal(new Set(made.flat()).size, 24);
  assert.equal((await rpc.call<unknown[]>("getchaintips")).length, 1);
  // One that fails is not in the way of the next.
  await rpc.fails(-5, /Invalid address/, "generatetoaddress", 1, "nope");
  await rpc.call("generatetoaddress", 1, ADDRESS);
});

test("help lists every method, describes each, and stop stops", async (context) => {
  const rpc = await start(context);
  const all = await rpc.call<string>("help");
  for (const method of rpc.api.dispatcher.methods.values()) {
    if (method.hidden !== true) assert.ok(all.includes(method.name), method.name);
    assert.ok((await rpc.call<string>("help", method.name)).startsWith(method.name));
  }
  const described = await rpc.call("rpc.discover");
  assert.equal(
    (described["methods"] as unknown as unknown[]).length,
    rpc.api.dispatcher.methods.size,
  );
  assert.match(await rpc.call<string>("stop"), /stopping/);
  assert.equal(rpc.api.stopped, true);
});

test("blocks that are made decode", async (context) => {
  const rpc = await start(context);
  const made = await rpc.call("generateblock", ADDRESS, [], false);
  const decoded = decodeBlock(fromHex(made["hex"] as string)!);
  assert.ok(decoded.ok);
  assert.equal(toDisplayHex(decoded.value.header.hash), made["hash"]);
  await rpc.fails(-5, /Invalid address/, "generatetoaddress", 1, "nope");
});
