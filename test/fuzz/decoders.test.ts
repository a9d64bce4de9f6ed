// Every decoder in the tree, fuzzed: none throws but as documented, none asks for more memory than its
// bound, and what it takes comes back when it is encoded. A decoder that is in no list fails the first
// test. More inputs: PANDO_FUZZ=1000000 (`node scripts/nightly.mjs`), another seed: PANDO_FUZZ_SEED.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { concatBytes } from "../../src/base/bytes.ts";
import { root } from "../support/run.ts";
import { watchAllocations } from "./allocation.ts";
import { fuzz } from "./run.ts";
import type { FuzzTarget } from "./target.ts";
import { FILE_TARGETS } from "./targets/files.ts";
import { LEDGER_TARGETS } from "./targets/ledger.ts";
import { LOCAL_TARGETS } from "./targets/local.ts";
import { QPOS_TARGETS } from "./targets/qpos.ts";
import { STAKED_TARGETS } from "./targets/staked.ts";
import { TEXT_TARGETS } from "./targets/text.ts";
import { WIRE_TARGETS } from "./targets/wire.ts";

const TARGETS: readonly FuzzTarget[] = [
  ...WIRE_TARGETS,
  ...LEDGER_TARGETS,
  ...FILE_TARGETS,
  ...QPOS_TARGETS,
  ...STAKED_TARGETS,
  ...TEXT_TARGETS,
  ...LOCAL_TARGETS,
];

/** What is named like a decoder and is none of strangers' bytes, with the reason. */
const NOT_DECODERS: Readonly<Record<string, string>> = {
  "src/base/bytes.ts#readU16": "a fixed width at a place that the caller has checked",
  "src/base/bytes.ts#readU32": "the same",
  "src/base/bytes.ts#readI32": "the same",
  "src/base/bytes.ts#readU64": "the same",
  "src/base/bytes.ts#readI64": "the same",
  "src/base/bytes.ts#readU32BE": "the same",
  "src/sharding/bytes-be.ts#readU32BE": "the same",
  "src/crypto/secp256k1/load.ts#loadBest": "loads a library",
  "src/crypto/secp256k1.ts#loadSecp256k1": "loads a library",
  "src/node/config/secret-file.ts#readSecretFile": "hands over a file's text as it is",
  "src/node/staked/finality-halt.ts#readHalt": "the same",
  "src/planes/consensus/qpos/snapshot.ts#decodeSnapshot":
    "our own text, behind the SHA-256 of snapshot-file.ts, whose test spoils it",
  "src/node/mempool/old-journals.ts#readOldJournals": "replays journals: journal of admission",
  "src/node/devnet/chain-window.ts#BlockReader": "asks our own node over RPC",
  "src/node/chain/accept.ts#decodeInFrame": "decodeBlock on a copy",
  "src/node/generate-chain/build-transaction.ts#decodeOwn":
    "asserts on what we have built ourselves",
  "src/api/http/listener.ts#readBody": "collects a request's bytes within a bound",
  "src/planes/execution/admission-host/wire.ts#readVerifyHead": "between our own threads",
  "src/planes/execution/admission-host/wire.ts#readAnswer": "between our own threads",
  "src/planes/execution/admission-host/wire.ts#readAdmitted": "between our own threads",
  "src/planes/execution/admission-host/wire.ts#readEvicted": "between our own threads",
  "src/planes/execution/admission-host/wire.ts#readState": "between our own threads",
  "src/planes/execution/admission-host/wire.ts#readVerdict": "between our own threads",
  "src/planes/execution/admission/parent.ts#readHere": "looks into a store",
  "src/engines/partition.ts#PartitionReader": "a look into a store: its records have targets",
};

const EXPORTED =
  /^export (?:async )?function\*? ((?:decode|parse|read|split|load|recognise|from)[A-Z]\w*)|^export class (\w*Reader)\b/gm;

/** Readers that others are made of. */
const MADE_OF: ReadonlySet<string> = new Set(["src/base/reader.ts#Reader"]);

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts") ? [path] : [];
  });
}

function decodersIn(path: string): string[] {
  const name = relative(root, path).replaceAll("\\", "/");
  const found = [...readFileSync(path, "utf8").matchAll(EXPORTED)];
  return found.map(([, called, reader]) => `${name}#${called ?? reader}`);
}

test("every decoder has a target, and every target a decoder", () => {
  const found = new Set(sources(join(root, "src")).flatMap(decodersIn));
  const covered = new Set(TARGETS.flatMap(({ covers }) => covers));
  const missing = [...found].filter(
    (name) => !covered.has(name) && !(name in NOT_DECODERS) && !MADE_OF.has(name),
  );
  assert.deepEqual(missing, [], "add a target in test/fuzz/targets, or a reason above");
  for (const name of Object.keys(NOT_DECODERS)) assert.ok(found.has(name), `${name} is gone`);
  for (const name of covered) {
    const [path = "", called = ""] = name.split("#");
    const source = readFileSync(join(root, path), "utf8");
    assert.match(source, new RegExp(`^export .*\\b${called}\\b`, "m"), `${name} is gone`);
  }
  const names = TARGETS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length, "names are different, since they are seeds");
});

watchAllocations();
after(async () => {
  for (const target of TARGETS) await target.close?.();
});

/** Decoders that break one promise each. */
const BROKEN: readonly (readonly [RegExp, FuzzTarget["decode"]])[] = [
  [
    /no such byte/,
    (input) => {
      if (input[3] === 255) throw new Error("no such byte");
      return "taken";
    },
  ],
  [/bytes at once/, (input) => (new Uint8Array(input[0]! << 16).length > 0 ? "taken" : "refused")],
  [/decoding and encoding/, (input) => concatBytes(input, Uint8Array.of(1))],
  [/valid encoding 0 is refused/, () => "refused"],
  [
    /encoded again is refused/,
    (input) => (input.length === 4 ? "taken" : input.length > 4 ? new Uint8Array(1) : "refused"),
  ],
];

test("the fuzzer finds what it is for, and the same each time", async () => {
  for (const [number, [wanted, decode]] of BROKEN.entries()) {
    const target: FuzzTarget = {
      name: `broken ${number}`,
      covers: [],
      corpus: [Uint8Array.of(1, 2, 3, 4)],
      decode,
    };
    const faults: string[] = [];
    for (let turn = 0; turn < 2; turn++) {
      await assert.rejects(fuzz(target), (error: Error) => {
        const { message } = (error.cause as Error | undefined) ?? error;
        faults.push(error.message);
        return wanted.test(message);
      });
    }
    assert.equal(faults[0], faults[1]);
  }
});

for (const target of TARGETS) {
  test(`fuzz: ${target.name}`, async (context) => {
    // What was found of the last one is shown before this one begins.
    await new Promise((resolve) => setImmediate(resolve));
    const { runs, taken, refused } = await fuzz(target);
    context.diagnostic(`${runs} inputs: ${taken} taken, ${refused} refused`);
    // One in 64 is as it stands in the corpus: if fewer are taken, something has worn out.
    assert.ok(taken > runs / 200, `only ${taken} inputs are taken`);
  });
}
