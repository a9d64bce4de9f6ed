// Whatever a caller sends, it gets an answer and never "Internal error": every method with arguments
// of every kind, and every body.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FUZZ_RUNS } from "../../../test/fuzz/runs.ts";
import { smallApi } from "../../../test/support/small-api.ts";
import { decodeProof } from "./methods/proofs.ts";

/** These wait for the outside, stop the node or take their time. */
const LEFT_OUT = /^(stop|waitfor|generate)/;

test("no arguments of any method end in an internal error", async (context) => {
  const api = await smallApi();
  context.after(() => api.close());
  await api.node.chain.extend(2);
  const hash = api.node.chain.tip().hash;
  const display = [...hash].reverse().map((byte) => byte.toString(16).padStart(2, "0"));
  const names = [...api.dispatcher.methods.keys()].filter((name) => !LEFT_OUT.test(name));
  const argument = fc.oneof(
    fc.constantFrom<unknown>(
      display.join(""),
      "00",
      "",
      "add",
      "start",
      null,
      true,
      -1,
      0,
      1,
      2,
      1e9,
    ),
    fc.constantFrom<unknown>(
      "0".repeat(64),
      "0".repeat(160),
      [],
      {},
      "muhash",
      "1.2.3.4",
      0.5,
      1e300,
    ),
    fc.string({ maxLength: 80 }),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const params = fc.oneof(
    fc.array(argument, { maxLength: 4 }),
    fc.dictionary(fc.constantFrom("args", "blockhash", "txid", "verbose", "x"), argument),
  );
  const caller = {
    allowed: null,
    gone: new AbortController().signal,
    outside: <T>(wait: Promise<T>): Promise<T> => wait,
  };
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), params, async (method, given) => {
      const { body } = await api.dispatcher.answer(
        JSON.stringify({ method, params: given }),
        caller,
      );
      const { error } = JSON.parse(body!) as { error: { code: number; message: string } | null };
      assert.notEqual(error?.code, -32603, `${method} ${JSON.stringify(given)}`);
    }),
    { numRuns: Math.ceil(FUZZ_RUNS / 4) },
  );
});

test("no body ends in an internal error", async (context) => {
  const api = await smallApi();
  context.after(() => api.close());
  const caller = {
    allowed: null,
    gone: new AbortController().signal,
    outside: <T>(wait: Promise<T>): Promise<T> => wait,
  };
  const body = fc.oneof(fc.json({ maxDepth: 3 }), fc.string());
  await fc.assert(
    fc.asyncProperty(body, async (text) => {
      const { status } = await api.dispatcher.answer(text, caller);
      assert.ok([200, 204, 400, 404, 500].includes(status));
    }),
    { numRuns: Math.ceil(FUZZ_RUNS / 4) },
  );
});

test("no proof of any bytes is accepted or thrown at", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.equal(decodeProof(bytes), null);
    }),
    { numRuns: FUZZ_RUNS },
  );
});
