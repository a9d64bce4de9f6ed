// The methods for miners: templates with long poll, submission, and the small protocol of candidates
// (a header and a Merkle branch instead of a whole template).
import {
  type Bytes,
  bytesEqual,
  fromHex,
  readU32,
  toDisplayHex,
  toHex,
  writeU32,
} from "../../../base/bytes.ts";
import { encodeBlock } from "../../../ledger/bitcoin/encode.ts";
import { BLOCK_WEIGHT_MAX, SIGOP_COST_MAX } from "../../../ledger/bitcoin/limits.ts";
import { decodeTransaction } from "../../../ledger/bitcoin/transaction.ts";
import type { BlockVerdict, ChainView } from "../../../ports/chain.ts";
import type { BlockTemplate } from "../../../ports/mempool.ts";
import type { ApiContext } from "../../context.ts";
import { Amount, isObject, type Json, type JsonObject } from "../../json/value.ts";
import {
  CANDIDATES_MAX,
  LONG_POLL_MS_MAX,
  LONG_POLLS_MAX,
  TEMPLATE_FRESH_MS,
} from "../../limits.ts";
import {
  coinbaseBranch,
  parseBlock,
  templateCoinbase,
  templateCommitment,
  templateHeader,
  withWitnessNonce,
} from "../../mining/build.ts";
import { bitsText, difficultyOf, targetText } from "../../shapes/block.ts";
import { RPC, RpcError } from "../errors.ts";
import { amountOf, type Call, integerOf, type Method } from "../method.ts";

function longPollId(template: BlockTemplate): string {
  return `${toDisplayHex(template.previous)}${template.sequence}`;
}

/** Long polls that wait now, over all callers. */
let waitingPolls = 0;

/** Waits until the template of `id` is out of date: another tip, or after a while more fees. */
async function waitForChange(call: Call, id: string): Promise<void> {
  const { chain, mempool } = call.context;
  const { gone } = call.caller;
  const same = (): boolean => id.startsWith(toDisplayHex(chain.tip().hash));
  if (!same() || gone.aborted || waitingPolls >= LONG_POLLS_MAX) return;
  const sequence = Number(id.slice(64));
  waitingPolls++;
  const changed = new Promise<void>((resolve) => {
    const finish = (): void => {
      stopChain();
      clearTimeout(timer);
      clearInterval(fees);
      gone.removeEventListener("abort", finish);
      resolve();
    };
    const stopChain = chain.subscribe((event) => {
      if (event.kind === "tip") finish();
    });
    const timer = setTimeout(finish, LONG_POLL_MS_MAX);
    const fees = setInterval(() => {
      if (mempool.sequence() !== sequence) finish();
    }, TEMPLATE_FRESH_MS);
    gone.addEventListener("abort", finish);
  });
  try {
    await call.caller.outside(changed);
  } finally {
    waitingPolls--;
  }
}

function requestOf(call: Call): JsonObject {
  const value = call.value(0);
  return isObject(value) ? value : {};
}

/** Refuses while there is nobody to tell a block to, or while the tip is old. */
function checkReady(context: ApiContext): void {
  if (context.params.name === "regtest") return;
  if (context.network !== null && context.network.peers.size === 0) {
    throw new RpcError(RPC.clientNotConnected, "Pando is not connected!");
  }
  if (context.chain.initialDownload()) {
    const text = "Pando is in initial sync and waiting for blocks...";
    throw new RpcError(RPC.initialDownload, text);
  }
}

async function propose(call: Call, request: JsonObject): Promise<Json> {
  const data = request["data"];
  if (typeof data !== "string") {
    throw new RpcError(RPC.type, "Missing data String key for proposal");
  }
  const bytes = fromHex(data);
  const block = bytes === null ? null : parseBlock(bytes);
  if (bytes === null || block === null) {
    throw new RpcError(RPC.deserialization, "Block decode failed");
  }
  const { chain, control } = call.context;
  const standing = chain.standing(block.header.hash);
  if (standing === "active" || standing === "valid-fork") return "duplicate";
  if (standing === "invalid") return "duplicate-invalid";
  if (standing !== null) return "duplicate-inconclusive";
  if (!bytesEqual(block.header.previous, chain.tip().hash)) return "inconclusive-not-best-prevblk";
  const verdict = await control.testBlock(bytes);
  return verdict.ok ? null : verdict.code;
}

async function blockTemplate(call: Call): Promise<Json> {
  const { context } = call;
  const { params, mempool } = context;
  const request = requestOf(call);
  const mode = request["mode"] ?? "template";
  if (mode === "proposal") return propose(call, request);
  if (mode !== "template") throw new RpcError(RPC.parameter, "Invalid mode");
  checkReady(context);
  const rules = Array.isArray(request["rules"]) ? (request["rules"] as readonly Json[]) : [];
  if (params.signetChallenge !== null && !rules.includes("signet")) {
    const text =
      'getblocktemplate must be called with the signet rule set (call with {"rules": ["segwit", "signet"]})';
    throw new RpcError(RPC.parameter, text);
  }
  if (!rules.includes("segwit")) {
    const text =
      'getblocktemplate must be called with the segwit rule set (call with {"rules": ["segwit"]})';
    throw new RpcError(RPC.parameter, text);
  }
  const poll = request["longpollid"];
  if (typeof poll === "string" && poll.length >= 64) await waitForChange(call, poll);
  return templateJson(context, await mempool.template());
}

function templateJson({ params }: ApiContext, template: BlockTemplate): JsonObject {
  const signet = params.signetChallenge;
  return {
    capabilities: ["proposal"],
    version: template.version,
    rules: ["csv", "!segwit", "taproot", ...(signet === null ? [] : ["!signet"])],
    vbavailable: {},
    vbrequired: 0,
    previousblockhash: toDisplayHex(template.previous),
    transactions: template.transactions.map(
      (one): Json => ({
        data: toHex(one.raw),
        txid: toDisplayHex(one.txid),
        hash: toDisplayHex(one.wtxid),
        depends: one.depends.map((place) => place + 1),
        fee: one.fee,
        sigops: one.sigops,
        weight: one.weight,
      }),
    ),
    coinbaseaux: {},
    coinbasevalue: template.coinbaseValue,
    longpollid: longPollId(template),
    target: targetText(template.bits),
    mintime: template.timeMin,
    mutable: ["time", "transactions", "prevblock"],
    noncerange: "00000000ffffffff",
    sigoplimit: SIGOP_COST_MAX,
    sizelimit: BLOCK_WEIGHT_MAX,
    weightlimit: BLOCK_WEIGHT_MAX,
    curtime: template.time,
    bits: bitsText(template.bits),
    height: template.height,
    signet_challenge: signet === null ? undefined : toHex(signet),
    default_witness_commitment: toHex(templateCommitment(template)),
  };
}

/** What BIP22 says of a verdict: null is accepted. */
function submissionText(verdict: BlockVerdict, isParentKnown: boolean): Json {
  if (!verdict.ok) return verdict.code;
  switch (verdict.state) {
    case "connected":
      return null;
    case "duplicate":
      return "duplicate";
    case "side":
      return "inconclusive";
    case "orphan":
      // Only here it is kept, and may connect later.
      return isParentKnown ? "inconclusive" : "prev-blk-not-found";
  }
}

async function submitBytes({ chain }: ApiContext, bytes: Bytes): Promise<Json> {
  const block = parseBlock(bytes);
  if (block === null) throw new RpcError(RPC.deserialization, "Block decode failed");
  const isParentKnown = chain.header(block.header.previous) !== null;
  return submissionText(await chain.acceptBlock(withWitnessNonce(bytes, block)), isParentKnown);
}

function submitHeader(call: Call): Json {
  const header = call.hex(0, "Block header decode failed");
  if (header.length !== 80) throw new RpcError(RPC.deserialization, "Block header decode failed");
  const { chain } = call.context;
  const previous = header.subarray(4, 36);
  if (chain.header(previous) === null) {
    const text = `Must submit previous header (${toDisplayHex(previous)}) first`;
    throw new RpcError(RPC.verify, text);
  }
  // The operator's word stands for the work.
  const verdict = chain.acceptHeaders(header, chain.headerWorkMin());
  if (!verdict.ok) throw new RpcError(RPC.verify, verdict.code);
  return null;
}

/** Hashes per second that the work of the last `count` blocks before `height` shows. */
function hashesPerSecond(
  chain: ChainView,
  interval: number,
  count: number,
  height: number,
): number {
  const tip = chain.tip();
  const end = height < 0 || height >= tip.height ? tip : chain.headerAt(height)!;
  if (end.height === 0) return 0;
  const wanted = count <= 0 ? (end.height % interval) + 1 : count;
  const back = Math.min(wanted, end.height);
  const start = chain.ancestor(end, end.height - back)!;
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (let at = start.height; at <= end.height; at++) {
    const time = readU32(chain.ancestor(end, at)!.bytes, 68);
    least = Math.min(least, time);
    most = Math.max(most, time);
  }
  return most === least ? 0 : Number(end.work - start.work) / (most - least);
}

function networkHashes(call: Call): number {
  const { chain, params } = call.context;
  const count = call.integer(0, 120);
  const height = call.integer(1, -1);
  if (count < -1 || count === 0) {
    throw new RpcError(RPC.parameter, "Invalid nblocks. Must be a positive number or -1.");
  }
  if (height < -1 || height > chain.tip().height) {
    throw new RpcError(RPC.parameter, "Block does not exist at specified height");
  }
  return hashesPerSecond(chain, params.work.timespan / params.work.spacing, count, height);
}

async function miningInfo(call: Call): Promise<Json> {
  const { chain, mempool, params, control } = call.context;
  const tip = chain.tip();
  const bits = readU32(tip.bytes, 72);
  const next = await mempool.template(false);
  const interval = params.work.timespan / params.work.spacing;
  return {
    blocks: tip.height,
    bits: bitsText(bits),
    difficulty: difficultyOf(bits),
    target: targetText(bits),
    networkhashps: hashesPerSecond(chain, interval, 120, -1),
    pooledtx: mempool.info().count,
    blockmintxfee: new Amount(1),
    chain: params.name === "testnet3" ? "test" : params.name,
    signet_challenge: params.signetChallenge === null ? undefined : toHex(params.signetChallenge),
    next: {
      height: next.height,
      bits: bitsText(next.bits),
      difficulty: difficultyOf(next.bits),
      target: targetText(next.bits),
    },
    warnings: [...control.warnings()],
  };
}

interface MiningCandidate {
  readonly template: BlockTemplate;
  readonly coinbase: Bytes | null;
}

/** Templates given out, newest last. */
export class Candidates {
  readonly #kept = new Map<string, MiningCandidate>();

  add(id: string, candidate: MiningCandidate): void {
    this.#kept.set(id, candidate);
    const oldest = this.#kept.size > CANDIDATES_MAX ? this.#kept.keys().next().value : undefined;
    if (oldest !== undefined) this.#kept.delete(oldest);
  }

  get(id: string): MiningCandidate | null {
    return this.#kept.get(id) ?? null;
  }
}

async function miningCandidate(call: Call, candidates: Candidates): Promise<Json> {
  const { context } = call;
  checkReady(context);
  const template = await context.mempool.template();
  const id = toHex(context.random.bytes(16));
  const anyone = Uint8Array.of(0x51);
  const extra = context.random.bytes(8);
  const coinbase = call.boolean(0, false) ? templateCoinbase(template, anyone, extra) : null;
  candidates.add(id, { template, coinbase });
  const branch = coinbaseBranch(template.transactions.map(({ txid }) => txid));
  return {
    id,
    prevhash: toDisplayHex(template.previous),
    coinbase: coinbase === null ? undefined : toHex(coinbase),
    coinbaseValue: template.coinbaseValue,
    witnessCommitment: toHex(templateCommitment(template)),
    version: template.version,
    nBits: bitsText(template.bits),
    time: template.time,
    height: template.height,
    num_tx: template.transactions.length + 1,
    sizeWithoutCoinbase: template.transactions.reduce((sum, { raw }) => sum + raw.length, 81),
    merkleProof: branch.map((hash) => toDisplayHex(hash)),
  };
}

async function miningSolution(call: Call, candidates: Candidates): Promise<Json> {
  const solution = call.object(0);
  const { id, nonce, coinbase, time, version } = solution;
  const candidate = typeof id === "string" ? candidates.get(id) : null;
  if (candidate === null) throw new RpcError(RPC.parameter, "Block candidate ID not found");
  const given = typeof coinbase === "string" ? fromHex(coinbase) : candidate.coinbase;
  const decoded = given === null ? null : decodeTransaction(given);
  if (given === null || decoded === null || !decoded.ok) {
    throw new RpcError(RPC.deserialization, "coinbase decode failed");
  }
  const { template } = candidate;
  const seconds = time === undefined || time === null ? template.time : integerOf(time);
  const header = templateHeader(template, decoded.value.txid, seconds);
  writeU32(header, 76, integerOf(nonce ?? null));
  if (version !== undefined && version !== null) writeU32(header, 0, integerOf(version));
  const raws = template.transactions.map(({ raw }) => raw);
  return (await submitBytes(call.context, encodeBlock(header, [given, ...raws]))) ?? true;
}

function prioritise(call: Call): Json {
  const txid = call.hash(0, "txid");
  const dummy = call.value(1);
  if (dummy !== null && amountOf(dummy) !== 0) {
    const text =
      "Priority is no longer supported, dummy argument to prioritisetransaction must be 0.";
    throw new RpcError(RPC.parameter, text);
  }
  call.context.mempool.prioritise(txid, call.integer(2));
  return true;
}

export function miningMethods(candidates: Candidates): readonly Method[] {
  return [
    {
      name: "getblocktemplate",
      group: "Mining",
      about:
        "Returns what a miner needs for the next block (BIP22, 23, 9, 145), or judges a proposal.",
      params: [
        {
          name: "template_request",
          type: "object",
          about: "mode, capabilities, rules, longpollid, data",
        },
      ],
      result: "A template, or the judgement of a proposal.",
      run: blockTemplate,
    },
    {
      name: "submitblock",
      group: "Mining",
      about: "Submits a block; submitting it again is harmless.",
      params: [
        { name: "hexdata", type: "string", required: true, about: "The block in hex" },
        { name: "dummy", type: "string", about: "Ignored" },
      ],
      result: "null when accepted, otherwise the reason (BIP22).",
      run: (call) => submitBytes(call.context, call.hex(0, "Block decode failed")),
    },
    {
      name: "submitheader",
      group: "Mining",
      about: "Submits a header.",
      params: [{ name: "hexdata", type: "string", required: true, about: "80 bytes in hex" }],
      result: "null when it is valid.",
      run: submitHeader,
    },
    {
      name: "getmininginfo",
      group: "Mining",
      about: "Returns figures for miners.",
      params: [],
      result: "An object.",
      run: miningInfo,
    },
    {
      name: "getnetworkhashps",
      group: "Mining",
      about: "Estimates the network's hashes per second from the last blocks.",
      params: [
        {
          name: "nblocks",
          type: "integer",
          about: "Blocks; -1: since the last retarget; default 120",
        },
        { name: "height", type: "integer", about: "Up to this height; -1: the tip" },
      ],
      result: "A number.",
      run: networkHashes,
    },
    {
      name: "prioritisetransaction",
      group: "Mining",
      about: "Makes a transaction count as if it paid more or less.",
      params: [
        { name: "txid", type: "string", required: true, about: "The transaction" },
        { name: "dummy", type: "any", about: "0" },
        { name: "fee_delta", type: "integer", required: true, about: "Base units" },
      ],
      result: "true",
      run: prioritise,
    },
    {
      name: "getminingcandidate",
      group: "Mining",
      about: "Returns a header and a Merkle branch instead of a whole template.",
      params: [
        { name: "coinbase", type: "boolean", about: "With a coinbase that anyone can spend" },
      ],
      result: "An object.",
      run: (call) => miningCandidate(call, candidates),
    },
    {
      name: "submitminingsolution",
      group: "Mining",
      about: "Submits the solution of a candidate.",
      params: [
        {
          name: "solution",
          type: "object",
          required: true,
          about: "id, nonce, coinbase, time, version",
        },
      ],
      result: "true, or the reason.",
      run: (call) => miningSolution(call, candidates),
    },
  ];
}
