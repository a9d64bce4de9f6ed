// Random blocks with a fault or two, judged alone: the reason that Bitcoin Core names, as far as a
// block and its coins show it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FUZZ_SEED } from "../../../test/fuzz/runs.ts";
import { BlockCases } from "../../../test/support/block-cases.ts";
import { type Bytes, concatBytes, toHex } from "../../base/bytes.ts";
import { Prng } from "../../base/prng.ts";
import { sha256 } from "../../crypto/hash.ts";
import { isCoinbase } from "../../ledger/bitcoin/transaction.ts";
import type { ChainBlock } from "../generate-chain/test-chain.ts";
import { type SpentCoin, spentRecord } from "./spent.ts";
import { verifyBlock } from "./verify-block.ts";

const COUNT = Math.min(1_000_000, Number(process.env["PANDO_FUZZ"] ?? 250));

/** What only the chain or the clock can tell. */
const UNSEEN = new Set(["bad-diffbits", "time-too-new", "bad-txns-BIP30"]);
const NOWHERE: SpentCoin = { value: 0, script: new Uint8Array(0), height: null, coinbase: null };

/** Every output of the chain, by outpoint. */
class Outputs {
  readonly #coins = new Map<string, SpentCoin>();

  add(block: ChainBlock): void {
    for (const transaction of block.block.transactions) {
      const { bytes, outputs, txid } = transaction;
      for (const [index, { scriptAt, scriptEnd, value }] of outputs.entries()) {
        const script = bytes.subarray(scriptAt, scriptEnd);
        const coin = { value, script, height: block.height, coinbase: isCoinbase(transaction) };
        this.#coins.set(`${toHex(txid)}:${index}`, coin);
      }
    }
  }

  spentBy(block: ChainBlock): Bytes {
    const own = new Outputs();
    own.add(block);
    const records = block.block.transactions.slice(1).flatMap(({ bytes, inputs }) =>
      inputs.map(({ outpointAt, previousIndex }) => {
        const outpoint = `${toHex(bytes, outpointAt, outpointAt + 32)}:${previousIndex}`;
        return spentRecord(this.#coins.get(outpoint) ?? own.#coins.get(outpoint) ?? NOWHERE);
      }),
    );
    return concatBytes(...records);
  }
}

test("random blocks have Core's reason where a block and its coins show it", async () => {
  const seed = sha256(new TextEncoder().encode(`alone ${FUZZ_SEED}`));
  const cases = new BlockCases(new Prng(seed));
  const outputs = new Outputs();
  for (const block of cases.foundation()) outputs.add(block);
  let valid = 0;
  let invalid = 0;
  for (let number = 0; number < COUNT; number++) {
    const one = cases.next([0, 1, 1, 2][number % 4]!);
    const { block, codes } = one;
    const visible = codes.filter((code) => !UNSEEN.has(code));
    // Where its coins are not there, nobody can list them.
    if (visible.includes("bad-txns-inputs-missingorspent")) continue;
    const result = await verifyBlock({
      params: cases.chain.params,
      height: block.height,
      medianTime: block.parent!.medianTime,
      block: block.bytes,
      spent: outputs.spentBy(block),
      threads: 1,
    });
    const where = `case ${number} of PANDO_FUZZ_SEED=${FUZZ_SEED} with ${codes.join(" and ")}`;
    assert.ok(result.ok, `${where}: ${result.ok || result.fault}`);
    const { reason, unchecked } = result.answer;
    const timeLocks = unchecked.some((line) => line.includes("relative locks in seconds"));
    const hidden = visible[0] === "bad-txns-nonfinal" && reason !== visible[0] && timeLocks;
    if (hidden) visible.shift();
    assert.equal(reason, visible[0] ?? null, where);
    if (reason === null) valid++;
    else invalid++;
    if (codes.length > 0) continue;
    cases.connect(one);
    outputs.add(block);
  }
  assert.ok(valid > COUNT / 10 && invalid > COUNT / 4, `${valid} valid and ${invalid} invalid`);
});
