// A node that was away learns blocks and finality from bytes alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { freshGuard } from "../finality/guard.ts";
import { highestJustified } from "../finality/view.ts";
import { checkpointOf, powerAt, setOfRound } from "./branch.ts";
import { statusOf } from "./choice.ts";
import { createQpos, type Qpos, step } from "./core.ts";
import { idsBehind, locatorOf } from "./head.ts";
import { answer, CHAIN_ID, type Chain, chainOf, keyOf } from "./test-chain.ts";
import { blockBytes, encodeLinks, finalityProof, readBlock, readLinks } from "./wire.ts";

function coreOf(chain: Chain, own: number[]): Qpos {
  return createQpos({
    network: chain.network,
    genesis: chain.genesis,
    own: own.map((id) => ({
      id,
      revealSecret: keyOf(id).revealSecret,
      guard: freshGuard(CHAIN_ID, id),
    })),
    restarted: false,
    executes: false,
    forgets: false,
    memo: null,
  });
}

/** One process with all stakers, run for some slots. */
function runAlone(chain: Chain, core: Qpos, slots: number): void {
  for (let slot = 1; slot <= slots; slot++) {
    for (const late of [0, 4_000]) {
      const nowMs = slot * chain.network.parameters.slotMs + late;
      const waiting = [...step(core, { type: "tick", nowMs })];
      for (let effect = waiting.shift(); effect !== undefined; effect = waiting.shift()) {
        waiting.push(...answer(core, effect));
      }
    }
  }
}

test("blocks and links go over as bytes, and carry finality with them", () => {
  const chain = chainOf(3);
  const full = coreOf(chain, [1, 2, 3]);
  runAlone(chain, full, 15);
  assert.equal(full.head.slot, 15);
  assert.equal(full.view.finalized.round, 4);
  const late = coreOf(chain, []);
  step(late, { type: "tick", nowMs: 80_000 });
  const ids = [...full.entries.keys()].reverse();
  for (const id of ids) {
    const block = readBlock(blockBytes(full, id)!)!;
    assert.equal(block.id, id);
    step(late, { type: "message", from: 1, message: { kind: "block", block } });
  }
  assert.equal(late.head.id, full.head.id);
  assert.equal(
    late.view.finalized.round,
    3,
    "what the blocks carry; the last links are not in any",
  );
  const setOf = (round: number) => setOfRound(full.network, full.head, round);
  const links = finalityProof(full, late.view.finalized.round);
  assert.ok(links.length >= 1);
  const bytes = encodeLinks(links, setOf);
  const read = readLinks(late, bytes)!;
  assert.deepEqual(read, links);
  const effects = step(late, { type: "message", from: 1, message: { kind: "links", links: read } });
  assert.ok(effects.some((effect) => effect.type === "finalized" && effect.round === 4));
  assert.equal(readLinks(late, bytes.subarray(0, bytes.length - 1)), null);
});

test("a locator finds the common block, and what lies behind it", () => {
  const chain = chainOf(1);
  const full = coreOf(chain, [1]);
  runAlone(chain, full, 60);
  const half = coreOf(chain, []);
  step(half, { type: "tick", nowMs: 400_000 });
  const ids = [...full.entries.keys()];
  for (const id of ids.slice(0, 40)) {
    const block = readBlock(blockBytes(full, id)!)!;
    step(half, { type: "message", from: 1, message: { kind: "block", block } });
  }
  const locator = locatorOf(half);
  assert.ok(locator.length < 20 && locator.includes(chain.genesis.id));
  assert.deepEqual(idsBehind(full, locator, 100), ids.slice(40));
  assert.deepEqual(idsBehind(full, locator, 5), ids.slice(40, 45));
  assert.deepEqual(idsBehind(full, [chain.genesis.id], 2), ids.slice(0, 2));
  const { head, view, network } = full;
  const status = (slot: number) =>
    statusOf(head, checkpointOf(head, slot)!, highestJustified(view), view.finalized);
  assert.deepEqual([10, 59, 60].map(status), ["finalized", "finalized", "justified"]);
  assert.equal(powerAt(network, head, 63).filled, 0, "two empty rounds later nothing is filled");
});

test("bytes that are no block are no block", () => {
  assert.equal(readBlock(new Uint8Array(100)), null);
  assert.equal(readBlock(new Uint8Array(292).fill(1)), null);
  assert.notEqual(readBlock(new Uint8Array(292)), null);
  assert.equal(readLinks(coreOf(chainOf(3), []), new Uint8Array([255, 255])), null);
});
