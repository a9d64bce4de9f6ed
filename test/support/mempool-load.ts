// A node under load, to be killed: transactions, children, replacements, a block that conflicts, and
// a reorganisation, the same in every run. What is acknowledged is written to stdout at once, so that
// whoever killed it knows what was promised. `check` opens the same folder and reports what is there.
//
//   node mempool-load.js run|check FOLDER

import { writeSync } from "node:fs";
import { toHex } from "../../src/base/bytes.ts";
import { rawTransaction } from "../../src/ledger/bitcoin/transaction.ts";
import { coinSetDigest } from "../../src/node/chain/digest.ts";
import { openChain } from "../../src/node/chain/open.ts";
import type { BuiltTransaction } from "../../src/node/generate-chain/build-transaction.ts";
import { type ChainBlock, TestChain } from "../../src/node/generate-chain/test-chain.ts";
import { type OpenedMempool, openMempool } from "../../src/node/mempool/open-mempool.ts";
import { keyHex, outpointIndex, outpointTxid, txidInto } from "../../src/state/admission/keys.ts";

const AT_ONCE = 8;
/** Small, so that the journals are rewritten while the load runs. */
const JOURNAL_BYTES = 4_000;

interface Plan {
  readonly chain: TestChain;
  readonly first: readonly ChainBlock[];
  readonly before: readonly BuiltTransaction[];
  readonly replacing: readonly BuiltTransaction[];
  readonly main: ChainBlock;
  readonly between: readonly BuiltTransaction[];
  readonly rivals: readonly ChainBlock[];
  readonly after: readonly BuiltTransaction[];
}

/** The whole load, from the seed alone. */
export function planLoad(): Plan {
  const chain = new TestChain({ seed: "mempool-kill" });
  const first = chain.mineMany(104);
  const fan = chain.spend([first[0]!.reward], { outputs: 120 });
  first.push(chain.mine({ transactions: [fan] }));
  const coins = [...fan.created];
  const pay = (fee: number, outputs = 2): BuiltTransaction =>
    chain.spend([coins.shift()!, coins.shift()!], { outputs, fee });
  const parents = Array.from({ length: 20 }, () => pay(2_000));
  const children = parents.slice(0, 10).map(({ created }) => chain.spend([created[0]!]));
  const grandchildren = children.slice(0, 5).map(({ created }) => chain.spend(created));
  const replacing = parents.slice(15, 18).map(({ transaction }, number) => {
    const at = parents.findIndex((parent) => parent.transaction === transaction);
    return chain.spend([fan.created[at * 2]!, fan.created[at * 2 + 1]!], { fee: 9_000 + number });
  });
  const stranger = chain.spend([fan.created[36]!], { fee: 5_000 });
  const fork = chain.tip;
  const main = chain.mine({ transactions: [...parents.slice(0, 8), children[0]!, stranger] });
  const between = Array.from({ length: 12 }, () => pay(3_000, 3));
  const rival = chain.mine({ parent: fork, transactions: [parents[9]!, pay(2_500)] });
  const rivals = [rival, chain.mine({ parent: rival, transactions: [between[0]!] })];
  const after = Array.from({ length: 12 }, () => pay(4_000, 1));
  const before = [...parents, ...children, ...grandchildren];
  return { chain, first, before, replacing, main, between, rivals, after };
}

const say = (what: object): void => void writeSync(1, `${JSON.stringify(what)}\n`);

async function submitAll(
  { view }: OpenedMempool,
  transactions: readonly BuiltTransaction[],
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < transactions.length) {
      const { transaction } = transactions[next++]!;
      const verdict = await view.submit(rawTransaction(transaction).slice());
      if (verdict.ok) say({ acknowledged: toHex(transaction.txid) });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function open(folder: string, plan: Plan) {
  const opened = await openChain({
    folder,
    params: plan.chain.params,
    partitionCount: 4,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => plan.chain.tip.time + 100_000,
    skipScripts: () => false,
  });
  const journalBytes = JOURNAL_BYTES;
  const clock = (): number => plan.chain.tip.time;
  return { opened, mempool: await openMempool(opened, { clock, journalBytes }) };
}

async function run(folder: string): Promise<void> {
  const plan = planLoad();
  const { opened, mempool } = await open(folder, plan);
  for (const block of plan.first) await opened.chain.submit(block.bytes);
  await opened.chain.flush();
  await submitAll(mempool, plan.before);
  const replaced = submitAll(mempool, plan.replacing);
  await opened.chain.submit(plan.main.bytes);
  await replaced;
  await submitAll(mempool, plan.between);
  const during = submitAll(mempool, plan.after);
  for (const rival of plan.rivals) await opened.chain.submit(rival.bytes);
  await during;
  await mempool.close();
  await opened.close();
  say({ done: true });
}

async function check(folder: string): Promise<void> {
  const plan = planLoad();
  const { opened, mempool } = await open(folder, plan);
  const { view } = mempool;
  await view.save();
  const entries = [...view.entriesIndex.byId.values()];
  const template = await view.template();
  const missing: string[] = [];
  for (const entry of entries) {
    for (const outpoint of entry.inputs) {
      if (view.entriesIndex.byId.has(outpointTxid(outpoint))) continue;
      const txid = new Uint8Array(32);
      txidInto(txid, 0, outpoint);
      const coin = await mempool.coins.coin(txid, outpointIndex(outpoint));
      if (coin === null) missing.push(keyHex(outpoint));
    }
  }
  const tip = toHex(opened.chain.tip.hash);
  const { count, amount, muhash } = await coinSetDigest(opened, true);
  say({
    tip,
    coins: { count, amount, muhash: toHex(muhash!) },
    entries: entries.map(({ id, inputs }) => ({ id: keyHex(id), inputs: inputs.map(keyHex) })),
    missing,
    templated: template.transactions.length,
    invalidTemplates: view.statistics.invalidTemplates,
    resets: view.statistics.resets,
  });
  await mempool.close();
  await opened.close();
}

const [mode, folder] = process.argv.slice(2);
if (mode === "run") await run(folder!);
else if (mode === "check") await check(folder!);
