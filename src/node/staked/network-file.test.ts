// Network files: what is made can be read and is the same network; every figure that breaks it is
// refused by name, and whatever two nodes could disagree about changes the chain's id.
import assert from "node:assert/strict";
import { test } from "node:test";
import { stakedTest } from "../../../test/support/staked-blocks.ts";
import { seededRandom } from "../../../test/support/world.ts";
import { toHex } from "../../base/bytes.ts";
import { decodeBlock } from "../../ledger/bitcoin/block.ts";
import { checkStakedCommitments } from "../../ledger/bitcoin/check-staked-block.ts";
import {
  genesisBlock,
  genesisTransaction,
  outpointText,
  stakedNetwork,
  txidOf,
} from "./genesis.ts";
import { type NetworkFile, networkFault, parseNetworkFile } from "./network-file.ts";
import { newNetwork } from "./new-network.ts";

const { file } = stakedTest();

/** The file with one field changed, by its path. */
function changed(path: string, value: unknown): NetworkFile {
  const copy = JSON.parse(JSON.stringify(file)) as Record<string, unknown>;
  const names = path.split(".");
  let at: Record<string, unknown> = copy;
  for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>;
  at[names.at(-1)!] = value;
  return copy as unknown as NetworkFile;
}

test("a new network's file is read as it was written, and its genesis block is sound", () => {
  const read = parseNetworkFile(JSON.stringify(file));
  assert.deepEqual(read, { ok: true, file });
  const built = stakedNetwork(file);
  assert.ok(built.ok);
  const { params, chainId } = built.network;
  const block = decodeBlock(params.genesis, 0, params.genesis.length, "staked");
  assert.ok(block.ok);
  assert.equal(block.end, params.genesis.length);
  assert.equal(toHex(block.value.header.hash), chainId);
  assert.deepEqual(checkStakedCommitments(block.value), { ok: true });
});

test("a file need not say how large segments are, and is another network than one that does", () => {
  const { segmentBits: _, ...ledger } = file.ledger;
  const older = { ...file, ledger };
  // The first transaction commits to what a file says, so bonds have other names too.
  const txid = txidOf(genesisTransaction(older));
  const stakers = older.stakers.map((staker, at) => ({
    ...staker,
    bondOutpoint: outpointText(txid, at),
  }));
  const whole = { ...older, stakers, chainId: genesisBlock({ ...older, stakers }).id };
  assert.notEqual(whole.chainId, file.chainId);
  assert.equal(networkFault(whole), null);
  const built = stakedNetwork(whole);
  assert.ok(built.ok);
  assert.equal(built.network.params.staked?.segmentBits, 10);
});

test("figures that break the network are refused by name", () => {
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ["format", "pando network 2", /no network file of this version/],
    ["name", "main", /there is a network called main/],
    ["name", "Ünsinn", /small letters/],
    ["magic", "f9beb4d9", /magic is that of main/],
    ["port", 0, /port is a port number/],
    ["parameters.slotMs", 99, /parameters.slotMs is a whole number from 100/],
    ["parameters.slotMs", 1.5, /parameters.slotMs/],
    ["parameters.skewMsMax", 501, /more than half a slot/],
    ["parameters.voteMs", 1_000, /not within the slot/],
    ["parameters.fallBehindMs", 999, /fallBehindMs is less than a slot/],
    ["parameters.activeMax", 2, /activeMax is less than the first stakers/],
    ["parameters.gate", "open", /majority or certified/],
    ["parameters.weightRule", "rich", /flat, earned or senior/],
    ["parameters.bond", 100_000_000_001, /bondValue is less than parameters.bond/],
    ["parameters.blocks", 1, /parameters.blocks is unknown/],
    ["ledger.subsidy", 5_000_000_000_000, /come to more than/],
    ["ledger.coinbaseMaturity", 10, /is 100 in this version/],
    ["ledger.blockBytesMax", 64_000_001, /ledger.blockBytesMax/],
    ["ledger.segmentBits", 3, /ledger.segmentBits is a whole number from 4 to 16/],
    ["ledger.segmentBits", "10", /ledger.segmentBits/],
    ["ledger.address.segwitPrefix", "BC", /small letters/],
    ["stakers", [], /stakers is a list of 1 to/],
    ["stakers.0.payout", "51".repeat(43), /at most 42 bytes/],
    ["stakers.1.signKey", file.stakers[0]!.signKey, /same signKey/],
    ["stakers.1.bondOutpoint", file.stakers[0]!.bondOutpoint, /same bond/],
    ["coins.0.value", -1, /coins\[0\].value/],
    ["coins.0.script", "5", /coins\[0\].script is hex/],
  ];
  for (const [path, value, why] of cases) {
    assert.match(networkFault(changed(path, value)) ?? "nothing", why, path);
  }
  assert.equal(networkFault(file), null);
  assert.deepEqual(parseNetworkFile("{"), { ok: false, why: "this is not JSON" });
});

test("what two nodes could disagree about is in the chain's id", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["parameters.slotMs", 1_001],
    ["parameters.unbondSlots", 1_000],
    ["ledger.subsidy", 1],
    ["ledger.blockBytesMax", 1_000_000],
    ["ledger.address.segwitPrefix", "tb"],
    ["stakers.0.reveal", "11".repeat(32)],
    ["stakers.2.payout", "51"],
    ["coins.5.value", 1],
  ];
  for (const [path, value] of cases) {
    const built = stakedNetwork(changed(path, value));
    assert.ok(!built.ok, path);
    assert.match(built.why, /chainId does not follow|is no coin of this file/, path);
  }
  for (const [path, value] of [
    ["name", "other"],
    ["port", 1_234],
    ["rpcPort", 1_235],
  ] as const) {
    assert.ok(stakedNetwork(changed(path, value)).ok, `${path} is a node's own business`);
  }
});

test("a bond must be a coin of the first block that its owner holds", () => {
  const { bondOutpoint } = file.stakers[0]!;
  const nowhere = changed("stakers.0.bondOutpoint", bondOutpoint.replace(/00000000$/, "ff000000"));
  const built = stakedNetwork(nowhere);
  assert.ok(!built.ok && /stakers\[0\].bondOutpoint is no coin/.test(built.why));
});

test("times follow the slot where they are not given, and unsafe wishes are refused", () => {
  const options = { name: "x", stakers: 4, ledger: {}, coins: [], nowMs: 1_234_567 };
  const made = newNetwork({ ...options, parameters: { slotMs: 500 }, random: seededRandom(5) });
  assert.ok(made.ok);
  const { slotMs, skewMsMax, voteMs, genesisMs } = made.file.parameters;
  assert.deepEqual([slotMs, skewMsMax, voteMs, genesisMs], [500, 100, 400, 1_234_000]);
  assert.deepEqual(
    made.keys.map(({ id }) => id),
    [1, 2, 3, 4],
  );
  const unsafe = newNetwork({ ...options, parameters: { voteMs: 6_000 }, random: seededRandom(5) });
  assert.ok(!unsafe.ok && /not within the slot/.test(unsafe.why));
});
