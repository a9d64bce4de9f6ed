// Our verdicts on blocks beside those of a chain that nobody here wrote, bcoin's, and beside the order
// in which Bitcoin Core checks: random blocks, sound ones and ones with a fault or two.
// PANDO_FUZZ says how many, PANDO_FUZZ_SEED from which seed.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import type { Bytes } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { sha256 } from "../../src/crypto/hash.ts";
import { type OpenedChain, openChain } from "../../src/node/chain/open.ts";
import { FUZZ_SEED } from "../fuzz/runs.ts";
import { foreignFolder, foreignMissing } from "../support/bcoin.ts";
import { type BlockCase, BlockCases, NOW } from "../support/block-cases.ts";
import { temporaryFolder } from "../support/run.ts";

/** As much of bcoin as is used. */
interface ForeignChain {
  open(): Promise<void>;
  close(): Promise<void>;
  add(block: object): Promise<object | null>;
  isActive(): Promise<boolean>;
  getState(): Promise<number>;
  readonly tip: { readonly hash: string };
}
interface ForeignNetwork {
  readonly block: { bip34height: number; bip65height: number; bip66height: number };
  readonly time: { now(): number };
}
interface Foreign {
  readonly Chain: new (options: object) => ForeignChain;
  readonly Block: { fromRaw(raw: Uint8Array): object };
  readonly Network: { get(name: string): ForeignNetwork };
}

const COUNT = Math.min(1_000_000, Number(process.env["PANDO_FUZZ"] ?? 400));
const ACTIVE = 3;

/** A chain of bcoin with the heights and the clock of ours. */
async function openTheirs(foreign: Foreign): Promise<ForeignChain> {
  const network = foreign.Network.get("regtest");
  network.block.bip34height = 1;
  network.block.bip65height = 1;
  network.block.bip66height = 1;
  network.time.now = () => NOW;
  const chain = new foreign.Chain({ network, memory: true });
  chain.isActive = async () => true;
  chain.getState = async () => ACTIVE;
  await chain.open();
  return chain;
}

function load(): Foreign {
  // The plain backend is the one that is installed.
  process.env["NODE_BACKEND"] = "js";
  return createRequire(join(foreignFolder, "package.json"))("bcoin") as Foreign;
}

async function theirVerdict(foreign: Foreign, chain: ForeignChain, raw: Bytes): Promise<string> {
  try {
    const block = foreign.Block.fromRaw(Buffer.from(raw));
    return (await chain.add(block)) === null ? "orphan" : "connected";
  } catch (error) {
    return (error as { reason?: string }).reason ?? "undecodable";
  }
}

async function ourVerdict({ chain }: OpenedChain, raw: Bytes): Promise<string> {
  const { verdict, reason } = await chain.submit(raw);
  return verdict === "rejected" ? reason! : verdict;
}

const missing = foreignMissing();
const skip = missing === null ? false : `SKIPPED: ${missing}`;

/** What bcoin says of a block with this reason of Core's. */
function theirWords(code: string): readonly string[] {
  const word = code.replace(/\s?\(.*/, "");
  switch (word) {
    case "bad-txns-BIP30":
      // It does not ask where BIP34 holds, though on regtest coinbases before it may repeat.
      return ["bad-txns-inputs-missingorspent"];
    case "bad-version":
      // It reads the version without its sign.
      return code.startsWith("bad-version(0x0") ? [word] : ["connected"];
    case "bad-txns-vout-negative":
      // It does not decode an amount beyond 53 bits.
      return [word, "undecodable"];
    default:
      return [word];
  }
}

test("random blocks have Core's verdict, and one that bcoin can mean", { skip }, async (context) => {
  const random = new Prng(sha256(new TextEncoder().encode(`blocks ${FUZZ_SEED}`)));
  const cases = new BlockCases(random);
  const foreign = load();
  const theirs = await openTheirs(foreign);
  context.after(() => theirs.close());
  const ours = await openChain({
    folder: join(temporaryFolder(), "data"),
    params: cases.chain.params,
    partitionCount: 3,
    verifierCount: 1,
    memoryMegabytes: 512,
    clock: () => NOW,
    skipScripts: () => false,
  });
  context.after(() => ours.close());
  for (const { bytes } of cases.foundation()) {
    assert.equal(await ourVerdict(ours, bytes), "connected");
    assert.equal(await theirVerdict(foreign, theirs, bytes), "connected");
  }
  const bad = new Map<string, number>();
  const judge = async (one: BlockCase, number: number | string): Promise<void> => {
    const [wanted = "connected"] = one.codes;
    const our = await ourVerdict(ours, one.bytes);
    const their = await theirVerdict(foreign, theirs, one.bytes);
    const allowed = one.codes.length === 0 ? ["connected"] : one.codes.flatMap(theirWords);
    if (our !== wanted || !allowed.includes(their)) {
      const k=`wanted ${one.codes.join(" + ") || "connected"}: ours ${our}, bcoin ${their}`;
      bad.set(k,(bad.get(k)??0)+1);
      if (process.env["BAD"]) console.log(number, k);
    }
    if (our === "connected") cases.connect(one);
  };
  for (let number = 0; number < COUNT; number++) {
    await judge(cases.next(random.pick([0, 1, 1, 1, 2, 2])), number);
  }
  await judge(cases.allChecks(), "checks");
  await judge(cases.weighing(1), "weight+1");
  await judge(cases.weighing(0), "weight");
  for (const [k, n] of [...bad].sort((a,b)=>b[1]-a[1])) console.log(n, k);
  assert.equal(bad.size, 0);
});
