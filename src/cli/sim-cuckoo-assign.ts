// `pando sim cuckoo assign`: the next assignment of shares to shards, its root, and proofs.
import { readFileSync } from "node:fs";
import { type Bytes, fromHex, toHex } from "../base/bytes.ts";
import { assign, genesis } from "../sharding/assign.ts";
import { defaultParameters, RULE_NAMES } from "../sharding/parameters.ts";
import { proveMove, verifyMove } from "../sharding/prove.ts";
import { assignmentRoot, seatAt } from "../sharding/root.ts";
import { parametersHash, setsHash } from "../sharding/seed.ts";
import { packIds } from "../sharding/table.ts";
import type { Assignment, AssignResult, RuleParameters } from "../sharding/types.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { ruleOption } from "./sim-cuckoo-epochs.ts";
import { ratioOption, writeOutput } from "./sim-cuckoo-output.ts";

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`cannot read ${path}: ${reason}`);
  }
}

/** One share per line, 72 hex digits; empty lines and lines that begin with # are skipped. */
function readShares(path: string | null): Bytes[] {
  if (path === null) return [];
  const lines = readText(path)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line, index) => {
    const id = fromHex(line);
    if (id === null || id.length !== 36) {
      throw new CommandError(`${path}: share ${index + 1} is not 72 hex digits`);
    }
    return id;
  });
}

interface SeatJson {
  readonly share: string;
  readonly shard: number;
  readonly since: number;
  readonly position: number;
}

interface AssignmentJson {
  readonly epoch: number;
  readonly shards: number;
  readonly secondary: readonly number[];
  readonly seats: readonly SeatJson[];
}

export function assignmentToJson(assignment: Assignment): AssignmentJson {
  return {
    epoch: assignment.epoch,
    shards: assignment.shards,
    secondary: [...assignment.secondary],
    seats: Array.from(assignment.shard, (_, row) => {
      const seat = seatAt(assignment, row);
      return { ...seat, share: toHex(seat.share) };
    }),
  };
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
}

/** An assignment from a file that `assign --out` wrote; every field is checked. */
function readAssignment(path: string): Assignment {
  const wrong = (what: string) => new CommandError(`${path}: not an assignment (${what})`);
  let json: AssignmentJson;
  try {
    json = JSON.parse(readText(path)) as AssignmentJson;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw wrong("no JSON");
  }
  if (!isWhole(json.shards, 65_536) || json.shards === 0) throw wrong("shards");
  if (!isWhole(json.epoch, 2 ** 53) || !Array.isArray(json.seats)) throw wrong("epoch or seats");
  const secondary = Uint32Array.from(json.secondary ?? []);
  if (secondary.length !== json.shards) throw wrong("secondary");
  const sorted = [...json.seats].sort((a, b) => (a.share < b.share ? -1 : 1));
  const packed = packIds(sorted.map((seat) => fromHex(String(seat.share)) ?? new Uint8Array(0)));
  if (!packed.ok) throw wrong(`seats: ${packed.code}`);
  for (const seat of sorted) {
    const sound = isWhole(seat.shard, json.shards - 1) && isWhole(seat.since, 2 ** 53);
    if (!sound || !isWhole(seat.position, 2 ** 32 - 1)) throw wrong("a seat");
  }
  return {
    epoch: json.epoch,
    shards: json.shards,
    ids: packed.ids,
    shard: Uint16Array.from(sorted, (seat) => seat.shard),
    since: Float64Array.from(sorted, (seat) => seat.since),
    position: Uint32Array.from(sorted, (seat) => seat.position),
    secondary,
  };
}

function parametersOption(args: Arguments): RuleParameters {
  const rule = args.choice("rule", RULE_NAMES, "swap");
  const defaults = defaultParameters(rule);
  if (defaults.rule === "cuckoo") return { ...defaults, k: ratioOption(args, "k", defaults.k) };
  if (defaults.rule === "commensal") {
    return {
      ...defaults,
      k: ratioOption(args, "k", defaults.k),
      need: args.integer("need", 0, 1 << 20, defaults.need),
      vetting: !args.has("no-vetting"),
      scaling: !args.has("no-scaling"),
    };
  }
  return ruleOption(args, 1);
}

function seedOption(args: Arguments): Bytes {
  const seed = fromHex(args.text("seed") ?? "00".repeat(32));
  if (seed === null || seed.length !== 32) throw new CommandError("--seed takes 64 hex digits");
  return seed;
}

function hexDeep(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(hexDeep);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, hexDeep(one)]));
}

/** The proof of one share's move as JSON, checked before it is printed. */
function proofOf(
  args: Arguments,
  previous: Assignment,
  joins: readonly Bytes[],
  leaves: readonly Bytes[],
  parameters: RuleParameters,
): unknown {
  const text = args.text("prove");
  if (text === null) return null;
  const share = fromHex(text);
  if (share === null) throw new CommandError("--prove takes a share, 72 hex digits");
  const proved = proveMove(previous, joins, leaves, seedOption(args), parameters, share);
  if (!proved.ok) throw new CommandError(`cannot prove that share: ${proved.code}`, EXIT.no);
  const verified = verifyMove(proved.proof, proved.anchors);
  return hexDeep({ ...proved, verified });
}

function run(args: Arguments): ExitCode {
  const started = performance.now();
  const parameters = parametersOption(args);
  const input = args.text("in");
  const joins = readShares(args.text("joins"));
  const leaves = readShares(args.text("leaves"));
  const seed = seedOption(args);
  const previous = input === null ? null : readAssignment(input);
  let result: AssignResult;
  if (previous === null) {
    if (leaves.length > 0) throw new CommandError("--leaves needs --in: nobody is seated yet");
    result = genesis(joins, args.integer("shards", 1, 65_536, 4), seed, parameters);
  } else result = assign(previous, joins, leaves, seed, parameters);
  if (!result.ok) throw new CommandError(`${result.code}: ${result.about}`, EXIT.no);
  const { assignment } = result;
  const proof = previous === null ? null : proofOf(args, previous, joins, leaves, parameters);
  const json = assignmentToJson(assignment);
  const out = args.text("out");
  if (out !== null) writeOutput(out, `${JSON.stringify(json)}\n`);
  const root = toHex(assignmentRoot(assignment));
  const sizes = new Array<number>(assignment.shards).fill(0);
  for (const shard of assignment.shard) sizes[shard]! += 1;
  const summary = {
    command: "assign",
    version: 1,
    rule: parameters.rule,
    root,
    sets: toHex(setsHash(joins, leaves)),
    parametersHash: toHex(parametersHash(parameters)),
    evictions: result.evictions,
    fallbacks: result.fallbacks,
    proof,
    elapsedMs: Math.round(performance.now() - started),
  };
  if (args.json) process.stdout.write(`${JSON.stringify({ ...summary, assignment: json })}\n`);
  else {
    const least = Math.min(...sizes);
    const most = Math.max(...sizes);
    const lines = [
      `epoch ${assignment.epoch}: ${assignment.shard.length} seats in ${assignment.shards} shards, sizes ${least}..${most}`,
      `root ${root}`,
      `${result.evictions} evictions`,
      ...(proof === null ? [] : [`proof ${JSON.stringify(proof)}`]),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  return EXIT.done;
}

export const command: Command = {
  name: "assign",
  summary: "The next assignment of shares to shards, its root, and the proof of one share's move.",
  usage: "[flags]",
  options: {
    rule: { value: "RULE", about: `${RULE_NAMES.join(", ")} (default swap)` },
    in: {
      value: "FILE",
      about: "the assignment before, as --out wrote it; none: genesis of --joins",
    },
    joins: { value: "FILE", about: "shares that join, one per line, 72 hex digits" },
    leaves: { value: "FILE", about: "shares that leave" },
    seed: { value: "HEX", about: "the epoch's seed, 64 hex digits (default zeros)" },
    shards: { value: "S", about: "shards at genesis (default 4)" },
    prove: { value: "SHARE", about: "prove where this share goes" },
    out: { value: "FILE", about: "write the new assignment as JSON" },
    k: { value: "RATIO", about: "cuckoo, commensal: evictions per join" },
    need: { value: "N", about: "commensal: secondary joins before a join" },
    "no-vetting": { about: "commensal without vetting" },
    "no-scaling": { about: "commensal without scaling" },
    evict: { value: "E", about: "bounded, swap: evictions per shard" },
    kappa: { value: "RATIO", about: "swap, bounded: evictions demanded per join" },
    local: { value: "N", about: "swap: evictions per leaver of the same shard" },
    emin: { value: "N", about: "swap: least evictions per shard" },
    percent: { value: "N", about: "harmony-2019: percentage kicked" },
    kick: { value: "WHO", about: "harmony-2019: tail or random" },
    half: { value: "HOW", about: "bounded: floor or ceil" },
    ranked: { value: "WHEN", about: "bounded: beforeJoins or afterJoins" },
    evictable: { value: "WHO", about: "bounded: all or incumbents" },
    "evict-from": { value: "WHERE", about: "bounded: all or larger" },
    own: { value: "BOOL", about: "bounded: may fall back into its own shard" },
    "min-size": { value: "N", about: "bounded: seats that evictions leave" },
  },
  run,
};
