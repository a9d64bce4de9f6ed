// The methods for networks of one's own: blocks on demand, a clock to move, branches to prefer or to
// refuse.
import { type Bytes, toDisplayHex, toHex } from "../../../base/bytes.ts";
import { hash256 } from "../../../crypto/hash.ts";
import { addressScript } from "../../../ledger/bitcoin/address.ts";
import { transactionWeight } from "../../../ledger/bitcoin/transaction.ts";
import type { BlockTemplate } from "../../../ports/mempool.ts";
import type { Json } from "../../json/value.ts";
import { GENERATE_MAX, GENERATE_TRIES_MAX } from "../../limits.ts";
import { buildBlock, extraNonce } from "../../mining/build.ts";
import { RPC, RpcError } from "../errors.ts";
import { type Call, hashOf, type Method } from "../method.ts";
import { hashParam } from "./chain.ts";
import { descriptorScripts } from "./scan.ts";
import { parseTransaction } from "./transactions.ts";

/** Tells blocks apart that are made at the same height and time. */
let made = 0;

function mined(call: Call, template: BlockTemplate, script: Bytes, tries: number): Bytes {
  const { params } = call.context;
  const extra = extraNonce(made++);
  const block = buildBlock(template, script, extra, params.work, tries);
  if (block === null) throw new RpcError(RPC.misc, "No block was found within the tries");
  return block;
}

async function submit(call: Call, block: Bytes): Promise<string> {
  const verdict = await call.context.chain.acceptBlock(block);
  if (!verdict.ok)
    throw new RpcError(RPC.internal, `ProcessNewBlock, block not accepted: ${verdict.code}`);
  return toDisplayHex(call.context.chain.tip().hash);
}

/** Blocks are made one after another for each chain, so that two callers do not make siblings. */
const turns = new WeakMap<object, Promise<unknown>>();

function inTurn<T>({ chain }: Call["context"], make: () => Promise<T>): Promise<T> {
  const before = turns.get(chain) ?? Promise.resolve();
  const mine = before.then(make);
  turns.set(
    chain,
    mine.catch(() => {}),
  );
  return mine;
}

async function generate(call: Call, count: number, script: Bytes, tries: number): Promise<Json> {
  if (count < 0 || count > GENERATE_MAX) {
    throw new RpcError(RPC.parameter, `nblocks must be between 0 and ${GENERATE_MAX}`);
  }
  const hashes: string[] = [];
  for (let left = count; left > 0; left--) {
    const hash = await inTurn(call.context, async () => {
      const template = await call.context.mempool.template();
      return await submit(call, mined(call, template, script, tries));
    });
    hashes.push(hash);
  }
  return hashes;
}

function scriptArgument(call: Call, index: number): Bytes {
  const text = call.text(index);
  const { params } = call.context;
  const script = addressScript(text, params.address);
  if (script !== null) return script;
  if (!text.includes("(")) throw new RpcError(RPC.address, "Error: Invalid address");
  const [first] = descriptorScripts(text, params.address);
  if (first === undefined) throw new RpcError(RPC.address, "Error: Invalid address or descriptor");
  return first;
}

/** A block with exactly these transactions: txids of the mempool, or raw. */
function generateBlock(call: Call): Promise<Json> {
  return inTurn(call.context, () => makeBlock(call));
}

async function makeBlock(call: Call): Promise<Json> {
  const script = scriptArgument(call, 0);
  const { mempool } = call.context;
  const base = await mempool.template(false);
  const transactions: BlockTemplate["transactions"][number][] = [];
  for (const value of call.array(1)) {
    const text = String(value);
    const entry = text.length === 64 ? mempool.entry(hashOf(text, "txid")) : null;
    if (text.length === 64 && entry === null) {
      throw new RpcError(RPC.address, `Transaction ${text} not in mempool.`);
    }
    const transaction =
      entry === null ? parseTransaction(text) : parseTransaction(toHex(entry.raw));
    if (transaction === null) {
      const wrong = `Transaction decode failed for ${text}. Make sure the tx has at least one input.`;
      throw new RpcError(RPC.deserialization, wrong);
    }
    const { txid, wtxid, bytes } = transaction;
    const weight = transactionWeight(transaction);
    // Fees of strangers' transactions are left to nobody: the block may claim less.
    transactions.push({ raw: bytes, txid, wtxid, fee: 0, sigops: 0, weight, depends: [] });
  }
  const block = mined(call, { ...base, transactions }, script, GENERATE_TRIES_MAX);
  const verdict = await call.context.control.testBlock(block);
  if (!verdict.ok) throw new RpcError(RPC.verify, `TestBlockValidity failed: ${verdict.code}`);
  const hash = toDisplayHex(hash256(block.subarray(0, 80)));
  if (!call.boolean(2, true)) return { hash, hex: toHex(block) };
  await submit(call, block);
  return { hash };
}

function setMockTime(call: Call): Json {
  const seconds = call.integer(0);
  if (seconds < 0 || seconds > 9_223_372_036) {
    throw new RpcError(
      RPC.parameter,
      `Mocktime must be in the range [0, 9223372036], not ${seconds}.`,
    );
  }
  call.context.control.setMockTime(seconds);
  return null;
}

type Change = (hash: Bytes) => Promise<string | null>;

async function change(call: Call, make: Change): Promise<Json> {
  const hash = call.hash(0, "blockhash");
  if (call.context.chain.header(hash) === null) throw new RpcError(RPC.address, "Block not found");
  const refusal = await make(hash);
  if (refusal !== null) throw new RpcError(RPC.database, refusal);
  return null;
}

const triesParam = {
  name: "maxtries",
  type: "integer",
  about: "Hashes to try for each block",
} as const;

function isolateNodes(call: Call): Json {
  const names = call.array(0);
  if (!names.every((name) => typeof name === "string")) {
    throw new RpcError(RPC.type, "names must be strings");
  }
  call.context.control.isolate(names.map(String));
  return null;
}

/** Blocks to an address or a descriptor: both name a script. */
function generateMany(call: Call): Promise<Json> {
  const tries = call.integer(2, GENERATE_TRIES_MAX);
  return generate(call, call.integer(0), scriptArgument(call, 1), tries);
}

export const devnetMethods: readonly Method[] = [
  {
    name: "generatetoaddress",
    group: "Generating",
    about: "Makes blocks at once, paying an address.",
    params: [
      { name: "nblocks", type: "integer", required: true, about: "How many" },
      { name: "address", type: "string", required: true, about: "Whom they pay" },
      triesParam,
    ],
    result: "The hashes.",
    testOnly: true,
    run: generateMany,
  },
  {
    name: "generatetodescriptor",
    group: "Generating",
    about: "Makes blocks at once, paying a descriptor.",
    params: [
      { name: "num_blocks", type: "integer", required: true, about: "How many" },
      { name: "descriptor", type: "string", required: true, about: "Whom they pay" },
      triesParam,
    ],
    result: "The hashes.",
    testOnly: true,
    run: generateMany,
  },
  {
    name: "generateblock",
    group: "Generating",
    about: "Makes a block of exactly these transactions.",
    params: [
      { name: "output", type: "string", required: true, about: "An address or a descriptor" },
      {
        name: "transactions",
        type: "array",
        required: true,
        about: "txids of the mempool, or hex",
      },
      { name: "submit", type: "boolean", about: "Default true; false gives the block's hex" },
    ],
    result: "hash, and hex when it was not submitted.",
    testOnly: true,
    run: generateBlock,
  },
  {
    name: "setmocktime",
    group: "Control",
    about: "Sets the node's clock; 0 gives it back.",
    params: [{ name: "timestamp", type: "integer", required: true, about: "Seconds since 1970" }],
    result: "null",
    testOnly: true,
    hidden: true,
    run: setMockTime,
  },
  {
    name: "isolatenodes",
    group: "Network",
    about: "Drops and refuses the peers with these node names (--node-name), until called again.",
    params: [{ name: "names", type: "array", required: true, about: "Names; [] ends it" }],
    result: "null",
    testOnly: true,
    run: isolateNodes,
  },
  {
    name: "invalidateblock",
    group: "Blockchain",
    about: "Treats a block as if it broke a rule.",
    params: [hashParam],
    result: "null",
    hidden: true,
    run: (call) => change(call, (hash) => call.context.control.invalidateBlock(hash)),
  },
  {
    name: "reconsiderblock",
    group: "Blockchain",
    about: "Takes back invalidateblock.",
    params: [hashParam],
    result: "null",
    hidden: true,
    run: (call) => change(call, (hash) => call.context.control.reconsiderBlock(hash)),
  },
  {
    name: "preciousblock",
    group: "Blockchain",
    about: "Treats a block as if it had come first among those with equal work.",
    params: [hashParam],
    result: "null",
    run: (call) => change(call, (hash) => call.context.control.preciousBlock(hash)),
  },
];
