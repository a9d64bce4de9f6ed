import assert from "node:assert/strict";
import { test } from "node:test";
import { Log } from "./log.ts";
import { Metrics } from "./metrics.ts";

test("metrics are written in Prometheus' form", () => {
  const metrics = new Metrics();
  const calls = metrics.counter("pando_rpc_requests_total", "Calls by method and code.");
  calls.add(1, { method: "getblock", code: "0" });
  calls.add(2, { method: 'a"b\\', code: "0" });
  const seconds = metrics.histogram("pando_rpc_request_seconds", "Time of a call.", [0.1, 1]);
  seconds.observe(0.05);
  seconds.observe(0.5);
  seconds.observe(5);
  metrics.gauge("pando_chain_height", "Height of the tip.", () => 7);
  assert.equal(
    metrics.text(),
    `# HELP pando_chain_height Height of the tip.
# TYPE pando_chain_height gauge
pando_chain_height 7
# HELP pando_rpc_request_seconds Time of a call.
# TYPE pando_rpc_request_seconds histogram
pando_rpc_request_seconds_bucket{le="0.1"} 1
pando_rpc_request_seconds_bucket{le="1"} 2
pando_rpc_request_seconds_bucket{le="+Inf"} 3
pando_rpc_request_seconds_sum 5.55
pando_rpc_request_seconds_count 3
# HELP pando_rpc_requests_total Calls by method and code.
# TYPE pando_rpc_requests_total counter
pando_rpc_requests_total{method="getblock",code="0"} 1
pando_rpc_requests_total{method="a\\"b\\\\",code="0"} 2
`,
  );
  assert.throws(() => metrics.counter("pando_calls", "x"), /_total/);
  assert.throws(() => metrics.gauge("calls", "x", () => 0), /name/);
  assert.throws(() => metrics.gauge("pando_chain_height", "x", () => 0), /twice/);
});

test("labels that grow without end are gathered under other", () => {
  const counter = new Metrics().counter("pando_x_total", "x");
  for (let index = 0; index < 2_000; index++) counter.add(1, { name: `n${index}` });
  assert.equal(counter.lines().length, 513);
  assert.ok(counter.lines().includes('pando_x_total{name="other"} 1488'));
});

test("levels hold per module and for a time; lines are JSON off a terminal", () => {
  const lines: string[] = [];
  let now = 1_700_000_000_000;
  const options = { level: "info" as const, role: "node", now: () => now, readable: false };
  const log = new Log({ ...options, write: (line) => lines.push(line) });
  const network = log.module("network");
  network.debug("hidden");
  log.setLevel("network", "debug", 1_000);
  network.debug("shown", { peer: 3, bytes: new Uint8Array(9), long: "x".repeat(999) });
  log.module("rpc").debug("hidden");
  now += 1_001;
  network.debug("hidden again");
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0]!) as Record<string, unknown>;
  assert.deepEqual(
    [line["level"], line["module"], line["msg"], line["peer"], line["bytes"]],
    ["debug", "network", "shown", 3, "9 bytes"],
  );
  assert.equal(String(line["long"]).length, 513);
  assert.deepEqual(log.spec(), { level: "info", modules: {} });
  assert.equal(log.counts.get("debug"), 4);
});
