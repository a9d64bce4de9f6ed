import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { PORT_BASE, planPorts, portIsFree } from "./ports.ts";

const row = (first: number) => ({ p2p: first, rpc: first + 1, feed: first + 2, ops: first + 3 });

test("rows follow one another from the base", async () => {
  const ports = await planPorts([null, null], () => Promise.resolve(true));
  assert.deepEqual(ports, [row(PORT_BASE), row(PORT_BASE + 4)]);
});

test("a row of last time stays; one with a taken port moves, and hits no other", async () => {
  const taken = new Set([PORT_BASE + 5, PORT_BASE + 9]);
  const wanted = [row(PORT_BASE + 4), row(PORT_BASE), row(PORT_BASE + 8), null];
  const ports = await planPorts(wanted, (port) => Promise.resolve(!taken.has(port)));
  assert.deepEqual(ports, [
    row(PORT_BASE + 12),
    row(PORT_BASE),
    row(PORT_BASE + 16),
    row(PORT_BASE + 20),
  ]);
});

test("property: whatever is taken, every port is free and given once", async () => {
  const taken = fc.uniqueArray(fc.integer({ min: PORT_BASE, max: PORT_BASE + 60 }));
  const old = fc.array(fc.option(fc.integer({ min: PORT_BASE, max: PORT_BASE + 60 }).map(row)), {
    minLength: 1,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(taken, old, async (busy, wanted) => {
      const ports = await planPorts(wanted, (port) => Promise.resolve(!busy.includes(port)));
      assert.ok(ports !== null);
      const all = ports.flatMap((one) => Object.values(one) as number[]);
      assert.equal(new Set(all).size, 4 * wanted.length);
      assert.ok(all.every((port) => !busy.includes(port)));
    }),
  );
});

test("none is left: no plan", async () => {
  assert.equal(await planPorts([null], () => Promise.resolve(false)), null);
});

test("a port with a listener is not free, and is again when it has gone", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  assert.equal(await portIsFree(address.port), false);
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await portIsFree(address.port), true);
});
