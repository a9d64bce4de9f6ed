import assert from "node:assert/strict";
import { test } from "node:test";
import { smallApi } from "../../../test/support/small-api.ts";
import { watchdog } from "../../../test/support/watchdog.ts";
import type { Json } from "../json/value.ts";

test("who has gone before its wait begins is not waited for", async (context) => {
  watchdog(context, 20_000);
  const { dispatcher, node, close } = await smallApi();
  context.after(close);
  const gone = new AbortController();
  const caller = { allowed: null, gone: gone.signal, outside: <T>(wait: Promise<T>) => wait };
  const calls = ["waitfornewblock", "waitforblockheight"].map((method, id): Json => {
    const params = method === "waitfornewblock" ? [] : [1_000];
    return { jsonrpc: "2.0", id, method, params };
  });
  const answered = dispatcher.answer(JSON.stringify(calls), caller);
  // It goes while the first is waited for; the second has not begun.
  gone.abort();
  const { body } = await answered;
  const replies = JSON.parse(body!) as { result: { height: number } }[];
  const { height } = node.chain.tip();
  assert.deepEqual(
    replies.map(({ result }) => result.height),
    [height, height],
  );
});
