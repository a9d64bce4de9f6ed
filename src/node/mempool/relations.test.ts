import assert from "node:assert/strict";
import { test } from "node:test";
import { outpointKey, type Txid } from "../../state/admission/keys.ts";
import { Entries } from "./entries.ts";
import { CLUSTER_COUNT_MAX, CLUSTER_WEIGHT_MAX, Relations } from "./relations.ts";
import type { Member } from "./topology.ts";

const NO_BYTES = new Uint8Array(0);
const idAt = (number: number): Txid => String.fromCharCode(number).repeat(16);

/** A transaction that spends output `index` of another. */
function member(number: number, parent: number, index: number): Member {
  const inputs = [outpointKey(idAt(parent), index)];
  const plain = { version: 2, weight: 400, sigops: 0, fee: 1_000 };
  return { id: idAt(number), txid: NO_BYTES, wtxid: NO_BYTES, raw: NO_BYTES, inputs, ...plain };
}

test("what nobody hears of any more does not fill its parent's cluster for ever", () => {
  const relations = new Relations(new Entries(), false);
  const parent = member(1, 9_999, 0);
  relations.comes(parent);
  for (let index = 1; index < CLUSTER_COUNT_MAX; index++) {
    relations.comes(member(100 + index, 1, index));
  }
  const late = member(2, 1, CLUSTER_COUNT_MAX);
  const full = relations.judge(late);
  assert.ok(!full.ok && full.code === "too-large-cluster");
  for (let turns = 0; turns < 2; turns++) relations.turn();
  relations.comes(parent);
  assert.deepEqual(relations.judge(late), { ok: true, replacement: null });
});

test("what was to leave for a transaction is what was last judged of it", () => {
  const relations = new Relations(new Entries(), false);
  const one = member(1, 9_999, 0);
  const replacement = { leaving: new Map(), sibling: null };
  relations.comes(one, replacement);
  assert.equal(relations.replacementOf(one.id), replacement);
  relations.comes(one, null);
  assert.equal(relations.replacementOf(one.id), null);
});

test("one that is larger than a cluster may be is refused by itself", () => {
  const relations = new Relations(new Entries(), false);
  const one = member(1, 9_999, 0);
  assert.ok(relations.judge({ ...one, weight: CLUSTER_WEIGHT_MAX }).ok);
  const large = relations.judge({ ...one, weight: CLUSTER_WEIGHT_MAX + 1 });
  assert.ok(!large.ok && large.code === "too-large-cluster");
});
