import assert from "node:assert/strict";
import { test } from "node:test";
import { Links, linkText } from "./links.ts";
import { seededPrng } from "./seeded.ts";

const upLinks = (links: Links): string[] =>
  links.all.filter((link) => links.isUp(link)).map(linkText);

test("a partition cuts what is between its groups, and heal restores it", () => {
  const links = new Links(4);
  assert.deepEqual(upLinks(links), ["1-2", "1-3", "2-3", "1-4", "2-4", "3-4"]);
  links.partition([[0, 1], [2], [3]]);
  assert.deepEqual(upLinks(links), ["1-2"]);
  assert.deepEqual(links.groups, [[0, 1], [2], [3]]);
  links.heal();
  assert.equal(upLinks(links).length, 6);
  assert.deepEqual(links.groups, [[0, 1, 2, 3]]);
});

test("churn changes one link at a time, only within groups, the same for the same seed", () => {
  const run = (): string[] => {
    const links = new Links(4);
    const prng = seededPrng("links", "churn");
    links.partition([[0, 1, 2], [3]]);
    return Array.from({ length: 40 }, () => {
      const before = new Set(upLinks(links));
      const change = links.churn(prng);
      assert.ok(change !== null && !linkText(change.link).includes("4"));
      const after = upLinks(links);
      assert.equal(Math.abs(after.length - before.size), 1);
      assert.equal(after.includes(linkText(change.link)), change.up);
      return after.join(" ");
    });
  };
  const first = run();
  assert.deepEqual(run(), first);
  // It cuts, and it restores.
  assert.ok(new Set(first).size > 3);
});

test("alone in its group nothing can be cut", () => {
  const links = new Links(2);
  links.partition([[0], [1]]);
  assert.equal(links.churn(seededPrng("links", "churn")), null);
});
