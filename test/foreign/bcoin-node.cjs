// A bcoin full node on regtest, in memory, told what to do by lines on stdin; it answers each with one
// line of JSON on stdout.
"use strict";

// Installed with scripts off, so without its native parts.
process.env.NODE_BACKEND = "js";

const { createInterface } = require("node:readline");
const { FullNode, TX, net } = require("bcoin");

const { NetAddress } = net;
const port = Number(process.argv[2]);
const node = new FullNode({
  network: "regtest",
  memory: true,
  workers: false,
  listen: true,
  host: "127.0.0.1",
  port,
  publicHost: "127.0.0.1",
  publicPort: port,
  httpPort: port + 1,
  maxOutbound: 4,
  bip37: false,
  persistentMempool: false,
  logLevel: process.env.BCOIN_LOG ?? "none",
  logConsole: process.env.BCOIN_LOG !== undefined,
});

const commands = {
  tip: async () => ({ height: node.chain.height, hash: node.chain.tip.rhash() }),
  mine: async (count) => {
    for (let left = Number(count); left > 0; left--) {
      const block = await node.miner.mineBlock();
      if (!(await node.chain.add(block))) throw new Error("bcoin refused its own block");
    }
    return commands.tip();
  },
  submit: async (hex) => {
    const tx = TX.fromRaw(Buffer.from(hex, "hex"));
    await node.sendTX(tx);
    return { txid: tx.txid() };
  },
  mempool: async () => ({ txids: [...node.mempool.map.values()].map((entry) => entry.tx.txid()) }),
  coinbase: async (height) => {
    const block = await node.chain.getBlock(Number(height));
    return { txid: block.txs[0].txid(), value: block.txs[0].outputs[0].value };
  },
  // It follows only peers that it dialled itself until it is in step with them.
  dial: async (to) => {
    const address = NetAddress.fromHostname(`127.0.0.1:${to}`, "regtest");
    node.pool.peers.add(node.pool.createOutbound(address));
    return {};
  },
  peers: async () => {
    const peers = [];
    for (let peer = node.pool.peers.head(); peer !== null; peer = peer.next) {
      const { handshake, services, compactMode, preferHeaders } = peer;
      peers.push({ agent: peer.agent, handshake, services, compactMode, preferHeaders });
    }
    return { peers };
  },
};

async function main() {
  await node.ensure?.();
  await node.open();
  await node.connect();
  // Whoever wants them may have them.
  node.miner.addAddress("mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8");
  node.startSync();
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
  const lines = createInterface({ input: process.stdin });
  let turn = Promise.resolve();
  const answer = async (line) => {
    const [name, ...args] = line.split(" ");
    try {
      process.stdout.write(`${JSON.stringify(await commands[name](...args))}\n`);
    } catch (error) {
      process.stdout.write(`${JSON.stringify({ error: String(error?.stack ?? error) })}\n`);
    }
  };
  lines.on("line", (line) => {
    turn = turn.then(() => answer(line));
  });
  lines.on("close", () => process.exit(0));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
