import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { vectorFile } from "../../../test/read-vector.ts";
import { type Bytes, toHex } from "../../base/bytes.ts";
import { type Block, decodeBlock } from "../../ledger/bitcoin/block.ts";
import { rawTransaction } from "../../ledger/bitcoin/transaction.ts";
import { decodeMessage } from "../wire/decode.ts";
import { encodeMessage } from "../wire/encode.ts";
import type { CompactBlockMessage } from "../wire/messages.ts";
import { compactBlock } from "./build.ts";
import { type Candidate, PartialBlock } from "./partial-block.ts";

interface Vector {
  readonly raw: Bytes;
  readonly block: Block;
  readonly compact: CompactBlockMessage;
  readonly payload: Bytes;
}

function load(context: TestContext): Vector | null {
  const blockPath = vectorFile(context, "p2p/block-main-426884.raw");
  const compactPath = vectorFile(context, "p2p/cmpctblock-main-426884.raw");
  if (blockPath === null || compactPath === null) return null;
  const raw = new Uint8Array(readFileSync(blockPath));
  const payload = new Uint8Array(readFileSync(compactPath));
  const decoded = decodeBlock(raw);
  const message = decodeMessage("cmpctblock", payload);
  assert.ok(decoded.ok && message.ok && message.message.type === "cmpctblock");
  return { raw, block: decoded.value, compact: message.message, payload };
}

function candidates(block: Block): Candidate[] {
  return block.transactions.map((transaction) => ({
    wtxid: transaction.wtxid,
    raw: rawTransaction(transaction),
  }));
}

test("a compact block of the main network is rebuilt to the byte", (context) => {
  const vector = load(context);
  if (vector === null) return;
  const partial = PartialBlock.begin(vector.compact, candidates(vector.block));
  assert.ok(partial !== null);
  assert.deepEqual(partial.missing(), []);
  assert.equal(toHex(partial.bytes()), toHex(vector.raw));
  assert.equal(toHex(encodeMessage(vector.compact)), toHex(vector.payload));
});

test("the compact block that we build has the same short ids as the real one", (context) => {
  const vector = load(context);
  if (vector === null) return;
  const prefill = vector.compact.prefilled.map(({ index }) => index);
  const built = compactBlock(vector.block, vector.compact.nonce, prefill);
  assert.equal(toHex(encodeMessage(built)), toHex(vector.payload));
});

test("what is not here is asked for and filled in", (context) => {
  const vector = load(context);
  if (vector === null) return;
  const all = candidates(vector.block);
  const here = all.filter((_, index) => index % 3 !== 1);
  const partial = PartialBlock.begin(vector.compact, here);
  assert.ok(partial !== null);
  const missing = partial.missing();
  assert.deepEqual(
    missing,
    all.map((_, index) => index).filter((index) => index % 3 === 1),
  );
  assert.equal(partial.fill([]), false);
  assert.equal(partial.fill(missing.map((index) => all[index]!.raw)), true);
  assert.equal(toHex(partial.bytes()), toHex(vector.raw));
});

test("a short id twice in the list is refused; one transaction offered twice is not", (context) => {
  const vector = load(context);
  if (vector === null) return;
  const shortIds = vector.compact.shortIds.slice();
  shortIds.set(shortIds.subarray(0, 6), 6);
  assert.equal(PartialBlock.begin({ ...vector.compact, shortIds }, []), null);
  const [, second] = candidates(vector.block);
  const again = { wtxid: second!.wtxid.slice(), raw: second!.raw };
  const partial = PartialBlock.begin(vector.compact, [second!, again]);
  assert.ok(partial !== null);
  assert.ok(!partial.missing().includes(1));
});
