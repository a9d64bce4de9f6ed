// The one function of resharding: who sits where next epoch, given who sits now, who joins, who
// leaves, a seed and a rule. Total and synchronous; wrong input comes back as a code.
// Rules and golden case: docs/internals/resharding.md.
import { never } from "../base/assert.ts";
import type { Bytes } from "../base/bytes.ts";
import { createDraws, type Draws, drawPoint, TAG } from "./draw.ts";
import { parametersFault } from "./parameters.ts";
import { applyBounded } from "./rules/bounded.ts";
import { applyCommensal } from "./rules/commensal.ts";
import { applyCuckoo, shardOfPoint } from "./rules/cuckoo.ts";
import { applyFull } from "./rules/full.ts";
import { applyHarmony2019 } from "./rules/harmony2019.ts";
import { applyKeyMod } from "./rules/key-mod.ts";
import { applySwap } from "./rules/swap.ts";
import { closeTable, openTable, type Table } from "./table.ts";
import {
  type AssignCode,
  type Assignment,
  type AssignResult,
  type RuleParameters,
  SHARDS_MAX,
} from "./types.ts";

function fail(code: AssignCode, about: string): AssignResult {
  return { ok: false, code, about };
}

/** What is wrong whatever the seats are, or null. */
function commonFault(shards: number, seed: Bytes, parameters: RuleParameters): AssignResult | null {
  if (!(Number.isInteger(shards) && shards >= 1 && shards <= SHARDS_MAX)) {
    return fail("limit-exceeded", `${shards} shards`);
  }
  if (seed.length !== 32) return fail("bad-seed", `${seed.length} bytes`);
  const fault = parametersFault(parameters, shards);
  return fault === null ? null : fail("bad-parameters", fault);
}

function applyRule(
  table: Table,
  draws: Draws,
  parameters: RuleParameters,
): { evictions: number; fallbacks: number } {
  const evicted = (evictions: number) => ({ evictions, fallbacks: 0 });
  switch (parameters.rule) {
    case "full":
      applyFull(table, draws);
      return evicted(0);
    case "cuckoo":
      return evicted(applyCuckoo(table, draws, parameters));
    case "commensal":
      return applyCommensal(table, draws, parameters);
    case "bounded":
      return evicted(applyBounded(table, draws, parameters));
    case "harmony-2019":
      return evicted(applyHarmony2019(table, draws, parameters));
    case "swap":
      return evicted(applySwap(table, draws, parameters));
    case "key-mod":
      applyKeyMod(table);
      return evicted(0);
    default:
      return never(parameters);
  }
}

/** The assignment of the epoch after `previous`. Joins and leaves may come in any order. */
export function assign(
  previous: Assignment,
  joins: readonly Bytes[],
  leaves: readonly Bytes[],
  seed: Bytes,
  parameters: RuleParameters,
): AssignResult {
  const fault = commonFault(previous.shards, seed, parameters);
  if (fault !== null) return fault;
  const opened = openTable(previous, joins, leaves);
  if (!opened.ok) return opened;
  const { evictions, fallbacks } = applyRule(opened.table, createDraws(seed), parameters);
  return { ok: true, assignment: closeTable(opened.table), evictions, fallbacks };
}

/** An assignment without seats; `assign` and `genesis` start from it. */
export function emptyAssignment(shards: number, epoch: number): Assignment {
  return {
    epoch,
    shards,
    ids: new Uint8Array(0),
    shard: new Uint16Array(0),
    since: new Float64Array(0),
    position: new Uint32Array(0),
    secondary: new Uint32Array(shards),
  };
}

/** The first assignment: cuckoo by points on the ring, key-mod by key, all others by full reshuffle. */
export function genesis(
  shares: readonly Bytes[],
  shards: number,
  seed: Bytes,
  parameters: RuleParameters,
  epoch = 0,
): AssignResult {
  const fault = commonFault(shards, seed, parameters);
  if (fault !== null) return fault;
  const opened = openTable(emptyAssignment(shards, epoch - 1), shares, []);
  if (!opened.ok) return opened;
  const { table } = opened;
  const draws = createDraws(seed);
  if (parameters.rule === "cuckoo") {
    for (const row of table.joins) {
      const point = drawPoint(draws, TAG.position, table.ids, row, 0);
      table.position[row] = point;
      table.shard[row] = shardOfPoint(point, shards);
    }
  } else if (parameters.rule === "key-mod") applyKeyMod(table);
  else applyFull(table, draws);
  if (parameters.rule === "commensal") table.secondary.fill(parameters.need);
  return { ok: true, assignment: closeTable(table), evictions: 0, fallbacks: 0 };
}
