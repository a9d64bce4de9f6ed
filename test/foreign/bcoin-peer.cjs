// A bcoin full node on regtest in a process of its own, steered by lines of JSON on stdin: each is
// answered with one line on stdout. It keeps everything in memory.
//
//   node bcoin-peer.cjs PORT HTTP-PORT        first line: {"port":..., "version":...}
//   {"do":"connect","host":H,"port":P}  {"do":"mine","count":N,"on":HASH?}  {"do":"tip"}
//   {"do":"hash","height":N}  {"do":"submit","hex":TRANSACTION}  {"do":"mempool"}  {"do":"peers"}
"use strict";

// Its native parts need a compiler; the plain ones do for a test network.
process.env.NODE_BACKEND = "js";

const readline = require("node:readline");
const bcoin = require("bcoin").set("regtest");
const { FullNode, KeyRing, Address, TX } = bcoin;

const port = Number(process.argv[2]);
const node = new FullNode({
  network: "regtest",
  memory: true,
  listen: true,
  host: "127.0.0.1",
  port,
  publicHost: "127.0.0.1",
  publicPort: port,
  httpHost: "127.0.0.1",
  httpPort: Number(process.argv[3]),
  apiKey: "test",
  only: [],
  noDns: true,
  seeds: [],
  bip37: false,
  compact: true,
  logConsole: process.env.BCOIN_LOG === "1",
  logLevel: "debug",
  workers: false,
  maxOutbound: 4,
  persistentMempool: false,
});

const payTo = Address.fromPubkeyhash(KeyRing.generate().getHash());

async function mineOne(on) {
  const parent =
    on === undefined
      ? node.chain.tip
      : await node.chain.getEntry(Buffer.from(on, "hex").reverse().toString("hex"));
  const job = await node.miner.createJob(parent, payTo);
  job.attempt.time = Math.max(job.attempt.time, parent.time + 1);
  job.refresh();
  const block = await job.mineAsync();
  const entry = await node.chain.add(block);
  return { hash: block.rhash(), added: entry !== null };
}

const commands = {
  connect({ host, port: to }) {
    const address = new bcoin.net.NetAddress({ host, port: to, services: 9 });
    const peer = node.pool.createOutbound(address);
    node.pool.peers.add(peer);
    return {};
  },
  async mine({ count, on }) {
    let last = on;
    let made;
    for (let left = count; left > 0; left--) {
      made = await mineOne(last);
      if (last !== undefined) last = made.hash;
    }
    return made;
  },
  tip() {
    const { tip, state } = node.chain;
    return { height: tip.height, hash: tip.rhash(), witness: state.hasWitness() };
  },
  async submit({ hex }) {
    const transaction = TX.fromRaw(Buffer.from(hex, "hex"));
    await node.sendTX(transaction);
    return { txid: transaction.txid() };
  },
  mempool() {
    return { txids: [...node.mempool.map.values()].map((entry) => entry.tx.txid()) };
  },
  peers() {
    const peers = [];
    for (let peer = node.pool.peers.head(); peer !== null; peer = peer.next) {
      peers.push({ agent: peer.agent, handshake: peer.handshake, compactMode: peer.compactMode });
    }
    return { peers };
  },
  async hash({ height }) {
    const entry = await node.chain.getEntry(height);
    return { hash: entry === null ? null : entry.rhash() };
  },
};

async function main() {
  await node.ensure();
  await node.open();
  await node.connect();
  node.startSync();
  node.on("error", (error) => process.stderr.write(`bcoin: ${error.message}\n`));
  process.stdout.write(`${JSON.stringify({ port, version: bcoin.pkg.version })}\n`);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { do: name, ...rest } = JSON.parse(line);
    let answer;
    try {
      answer = await commands[name](rest);
    } catch (error) {
      answer = { error: error.stack };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
