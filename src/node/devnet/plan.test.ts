import assert from "node:assert/strict";
import { test } from "node:test";
import { parseGroups } from "./plan.ts";

test("groups: named nodes, and the rest together", () => {
  assert.deepEqual(parseGroups(["1,2", "3"], 3), { ok: true, groups: [[0, 1], [2]] });
  assert.deepEqual(parseGroups(["2"], 4), { ok: true, groups: [[1], [0, 2, 3]] });
  assert.deepEqual(parseGroups(["1", "2"], 4), { ok: true, groups: [[0], [1], [2, 3]] });
});

test("groups that are none: the reason names the word", () => {
  const why = (words: string[], nodes: number): string => {
    const parsed = parseGroups(words, nodes);
    assert.ok(!parsed.ok);
    return parsed.why;
  };
  assert.equal(why(["1,4"], 3), "'4' is no node from 1 to 3");
  assert.equal(why(["1,"], 3), "'' is no node from 1 to 3");
  assert.equal(why(["0"], 3), "'0' is no node from 1 to 3");
  assert.equal(why(["1", "2,1"], 3), "node 1 stands in two groups");
  assert.match(why(["1,2,3"], 3), /two groups or more/);
  assert.match(why([], 3), /two groups or more/);
});
