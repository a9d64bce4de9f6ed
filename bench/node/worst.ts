// `bench worst`: what an attacker, or an unlucky operator, can hand in. Each case beside what it is
// to be held against: the usual case, or the work that cannot be avoided.
import { hash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bytes, concatBytes, readU32 } from "../../src/base/bytes.ts";
import { encodeTransaction } from "../../src/ledger/bitcoin/encode.ts";
import { FLAGS_CONSENSUS } from "../../src/ledger/bitcoin/script/flags.ts";
import { verifyInput } from "../../src/ledger/bitcoin/script/verify.ts";
import { prepareSignatureHashes } from "../../src/ledger/bitcoin/sighash.ts";
import { decodeInFrame } from "../../src/node/chain/accept.ts";
import { branchFacts } from "../../src/node/chain/branch.ts";
import { type OpenedChain, openChain } from "../../src/node/chain/open.ts";
import { buildTransaction } from "../../src/node/conformance/transaction-parts.ts";
import { decodeOwn, type OwnedCoin } from "../../src/node/generate-chain/build-transaction.ts";
import type { OutputKind } from "../../src/node/generate-chain/keys.ts";
import { type ChainBlock, TestChain } from "../../src/node/generate-chain/test-chain.ts";
import { fine, median, rounded } from "../measure.ts";
import { rawVerifyRate } from "../raw-rate.ts";
import { chainFile, runImport, scratchPath } from "./import-run.ts";

type Result = Record<string, number | string>;

/** A chain whose file holds its blocks last first: every block but the last is an orphan at first. */
async function reverse(quick: boolean): Promise<Result> {
  const { path } = await chainFile({
    blocks: quick ? 20 : 120,
    transactions: quick ? 100 : 500,
    inputs: 2,
    outputs: 2,
    kind: "p2wpkh",
  });
  const forward = new Uint8Array(readFileSync(path));
  const records: Bytes[] = [];
  for (let at = 0; at < forward.length; ) {
    const end = at + 8 + readU32(forward, at + 4);
    records.push(forward.subarray(at, end));
    at = end;
  }
  const reversed = scratchPath("reversed.dat");
  writeFileSync(reversed, concatBytes(...records.reverse()));
  const usual = await runImport(path);
  const worst = await runImport(reversed);
  return {
    reverseInputsPerSecond: Math.round(worst.inputs / worst.seconds),
    reverseCpuToForward: fine(worst.cpuUs / usual.cpuUs),
    reverseResidentMB: Math.round(worst.residentMB),
  };
}

/** A new node on `blocks`, for `task`. */
async function withNode<T>(
  chain: TestChain,
  blocks: readonly ChainBlock[],
  task: (opened: OpenedChain) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "pando-bench-"));
  const opened = await openChain({
    folder,
    params: chain.params,
    partitionCount: null,
    verifierCount: null,
    memoryMegabytes: 1024,
    clock: () => chain.tip.time,
    skipScripts: () => false,
  });
  try {
    for (const block of blocks) void opened.chain.submit(block.bytes);
    await opened.chain.idle();
    return await task(opened);
  } finally {
    await opened.close();
    rmSync(folder, { recursive: true });
  }
}

/** A block of one transaction with `inputs` inputs of one kind: milliseconds, and of the processor. */
async function oneTransaction(
  kind: OutputKind,
  inputs: number,
): Promise<{ ms: number; cpuMs: number; bytes: number }> {
  const chain = new TestChain({ kind, seed: `bench-worst-${kind}` });
  const blocks = chain.mineMany(120);
  const perSplit = 1500;
  const splits = Array.from({ length: Math.ceil(inputs / perSplit) }, (_, at) =>
    chain.spend([blocks[at]!.reward], { outputs: Math.min(perSplit, inputs - at * perSplit) }),
  );
  blocks.push(chain.mine({ transactions: splits }));
  const big = chain.spend(splits.flatMap(({ created }) => created));
  const block = chain.mine({ transactions: [big] });
  return await withNode(chain, blocks, async ({ chain: node }) => {
    const before = process.cpuUsage();
    const began = performance.now();
    const { verdict, reason } = await node.submit(block.bytes);
    const ms = performance.now() - began;
    if (verdict !== "connected") throw new Error(`${verdict} ${reason}`);
    const { user, system } = process.cpuUsage(before);
    const { start, end } = big.transaction;
    return { ms, cpuMs: (user + system) / 1000, bytes: end - start };
  });
}

async function huge(quick: boolean): Promise<Result> {
  const inputs = quick ? 500 : 6000;
  const { ms, cpuMs, bytes } = await oneTransaction("p2wpkh", inputs);
  const raw = await rawVerifyRate("ecdsa", quick ? 0.2 : 1);
  return {
    hugeInputs: inputs,
    hugeBytes: bytes,
    hugeMs: rounded(ms),
    hugeCpuUsPerInput: rounded((cpuMs * 1000) / inputs),
    hugeRatioToRawByCpu: fine((raw.cpuUs * inputs) / 1000 / cpuMs),
  };
}

/** Main block 364292: every input signs the whole transaction, about its square in bytes hashed. */
async function quadratic(quick: boolean): Promise<Result> {
  const inputs = quick ? 500 : 5569;
  const { ms, cpuMs, bytes } = await oneTransaction("p2pkh", inputs);
  const raw = await rawVerifyRate("ecdsa", quick ? 0.2 : 1);
  // What is signed: each input 41 bytes without its script, once for each input.
  const hashed = inputs * (inputs * 41 + 80);
  const megabyte = new Uint8Array(1 << 20);
  const began = process.cpuUsage();
  for (let round = 0; round < 64; round++) hash("sha256", megabyte, "buffer");
  const { user, system } = process.cpuUsage(began);
  const hashMs = ((user + system) / 1000 / 64) * (hashed / megabyte.length);
  return {
    quadraticInputs: inputs,
    quadraticBytes: bytes,
    quadraticHashedMB: Math.round(hashed / 1e6),
    quadraticMs: rounded(ms),
    quadraticCpuMs: rounded(cpuMs),
    quadraticHashAndSignaturesCpuMs: rounded(hashMs + (raw.cpuUs * inputs) / 1000),
  };
}

/** 4 MB of tapscript that pushes one byte and drops it: script work without signatures. */
function pushes(quick: boolean): Result {
  const pair = [1, 7, 0x75];
  const count = quick ? 100_000 : 1_333_000;
  const script = new Uint8Array(count * pair.length + 1).fill(0x51);
  for (let at = 0; at < count; at++) script.set(pair, at * pair.length);
  const program = Uint8Array.of(0x51, 32, ...new Uint8Array(32).fill(1));
  const control = Uint8Array.of(0xc0, ...new Uint8Array(32));
  const nothing = new Uint8Array(0);
  const transaction = buildTransaction({
    version: 2,
    lockTime: 0,
    inputs: [
      {
        txid: new Uint8Array(32),
        index: 0,
        script: nothing,
        sequence: 0,
        witness: [script, control],
      },
    ],
    outputs: [{ value: 1, script: program }],
  });
  const coins = [{ value: 1, script: program, height: 1, coinbase: false }];
  const accept = { ecdsa: () => true, schnorr: () => true, tweak: () => true };
  const runs = Array.from({ length: quick ? 1 : 5 }, () => {
    const hashes = prepareSignatureHashes(transaction, coins, accept);
    const before = process.cpuUsage();
    const error = verifyInput(transaction, 0, coins, FLAGS_CONSENSUS, hashes);
    if (error !== "OK") throw new Error(error);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return {
    pushesScriptBytes: script.length,
    pushesCpuMs: rounded(median(runs)),
    pushesNsPerOperation: rounded((median(runs) * 1e6) / (2 * count)),
  };
}

/** A block in which each of `links` transactions spends the one before; anyone may spend them. */
function mineLinks(chain: TestChain, coin: OwnedCoin | null, links: number): ChainBlock {
  const otherOutputs = [{ value: 1000, script: Uint8Array.of(0x51) }];
  const first = chain.spend([coin], { otherOutputs });
  const transactions = [first];
  let { txid } = first.transaction;
  for (let link = 0; link < links; link++) {
    const index = link === 0 ? 1 : 0;
    const input = { txid, index, script: new Uint8Array(0), sequence: 0xffffffff, witness: [] };
    const bytes = encodeTransaction({
      version: 2,
      lockTime: 0,
      inputs: [input],
      outputs: otherOutputs,
    });
    const transaction = decodeOwn(bytes);
    transactions.push({ transaction, coins: [], fee: 0, created: [] });
    txid = transaction.txid;
  }
  return chain.mine({ transactions, advance: false });
}

/**
 * Blocks of one long chain of transactions. 25,000 of the smallest there are weigh more than a block
 * may, so the block goes to the connector, behind the checks of the weight.
 */
async function links(quick: boolean): Promise<Result> {
  const counts = quick ? [500, 2000] : [6250, 25_000];
  const chain = new TestChain({ seed: "bench-worst-links" });
  const blocks = chain.mineMany(101);
  return await withNode(chain, blocks, async ({ chain: node }) => {
    const result: Result = {};
    for (const count of counts) {
      const block = mineLinks(chain, blocks[0]!.reward, count);
      const times: number[] = [];
      for (let round = 0; round < (quick ? 1 : 5); round++) {
        const decoded = decodeInFrame(block.bytes, node.connector.pool, "bitcoin");
        if (decoded === null) throw new Error("the block does not decode");
        const before = process.cpuUsage();
        const { verdict, deltas } = await node.connector.connect({
          ...decoded,
          facts: branchFacts(node.index, chain.params, node.tipId, block.hash),
          duplicates: "overlay",
          skipScripts: false,
          remember: false,
        });
        const { user, system } = process.cpuUsage(before);
        if (!verdict.ok) throw new Error(verdict.code);
        await node.connector.apply("undo", deltas);
        times.push(user + system);
      }
      result[`links${count}CpuUsPerLink`] = fine(median(times) / count);
    }
    return result;
  });
}

/** `quick`: small cases, once each. */
export async function run({ quick }: { quick: boolean }): Promise<Result> {
  return {
    ...(await reverse(quick)),
    ...(await huge(quick)),
    ...(await quadratic(quick)),
    ...pushes(quick),
    ...(await links(quick)),
  };
}
