// One epoch of 1,000,000 shares in 1,000 committees by `assign`: seconds, and the growth of the
// process's memory at its peak. Goal: under 10 s and 100 MB.
//   node dist/bench/sharding/assign.js [bounded|swap|full|harmony-2019]
import { assign } from "../../src/sharding/assign.ts";
import { BOUNDED, defaultParameters, RULE_NAMES } from "../../src/sharding/parameters.ts";
import { assignmentRoot } from "../../src/sharding/root.ts";
import { type Assignment, idAt, shareId } from "../../src/sharding/types.ts";

const SEATS = 1_000_000;
const SHARDS = 1_000;
const CHURN = 2_000;

/** A staker id that sorts by its number. */
function staker(number: number): Uint8Array {
  const id = new Uint8Array(32);
  new DataView(id.buffer).setUint32(0, number);
  return id;
}

/** Even staker numbers sit; odd ones are free to join. */
function seated(): Assignment {
  const ids = new Uint8Array(SEATS * 36);
  for (let row = 0; row < SEATS; row++) ids.set(staker(row * 2), row * 36);
  return {
    epoch: 1,
    shards: SHARDS,
    ids,
    shard: Uint16Array.from({ length: SEATS }, (_, row) => row % SHARDS),
    since: new Float64Array(SEATS),
    position: new Uint32Array(SEATS),
    secondary: new Uint32Array(SHARDS),
  };
}

const wanted = process.argv[2] ?? "swap";
const rule = RULE_NAMES.find((name) => name === wanted) ?? "swap";
const parameters = rule === "bounded" ? { ...BOUNDED, evict: 50 } : defaultParameters(rule);
const before = seated();
const leaves = Array.from({ length: CHURN }, (_, i) => idAt(before.ids, i * 499));
const joins = Array.from({ length: CHURN }, (_, i) => shareId(staker(i * 998 + 1), 0));
const seed = new Uint8Array(32).fill(1);
assign(before, joins.slice(0, 1), [], seed, { rule: "key-mod" });
globalThis.gc?.();
const rss = process.memoryUsage().rss;
const started = performance.now();
const result = assign(before, joins, leaves, seed, parameters);
const seconds = (performance.now() - started) / 1000;
const peak = process.resourceUsage().maxRSS * 1024;
if (!result.ok) throw new Error(result.code);
const rooted = performance.now();
assignmentRoot(result.assignment);
process.stdout.write(
  `${JSON.stringify({
    bench: "sharding/assign",
    rule,
    seats: SEATS,
    shards: SHARDS,
    churn: CHURN,
    evictions: result.evictions,
    seconds: Number(seconds.toFixed(2)),
    rootSeconds: Number(((performance.now() - rooted) / 1000).toFixed(2)),
    peakMegabytes: Math.round((peak - rss) / 1e6),
  })}\n`,
);
