// `pando sim cuckoo plan`: chooses the swap rule's kappa for a network, or refuses with the reason.
import { never } from "../base/assert.ts";
import { kLeast, PLAN, type PlanCode, type PlanPoint, plan, planPoint } from "../sharding/plan.ts";
import { type Arguments, type Command, EXIT, type ExitCode } from "./command.ts";
import { OUTPUT_OPTIONS, present, ratioOption } from "./sim-cuckoo-output.ts";

function reasonOf(code: PlanCode): string {
  switch (code) {
    case "hostile-too-many":
      return "refused: the hostile fraction reaches theta; no rule can help";
    case "churn-too-small":
      return "refused: the movement ceiling admits not one join per epoch";
    case "committee-too-small":
      return "refused: committees of this size cannot carry that; enlarge them, or assume less";
    default:
      return never(code);
  }
}

function row(point: PlanPoint): string[] {
  return [
    String(point.kappa),
    `${point.effective.num}/${point.effective.den}`,
    String(point.churnMax),
    String(point.evict),
    point.tail.toPrecision(7),
    point.hazard.toPrecision(7),
    point.losses.toPrecision(7),
  ];
}

function run(args: Arguments): ExitCode {
  const request = {
    theta: ratioOption(args, "theta", PLAN.theta),
    faulty: ratioOption(args, "faulty", PLAN.faulty),
    m: args.integer("m", 1, 100_000, PLAN.m),
    shards: args.integer("shards", 1, 65_536, PLAN.shards),
    local: args.integer("local", 0, 4096, PLAN.local),
    moveCeiling: ratioOption(args, "move-ceiling", PLAN.moveCeiling),
    horizon: args.integer("horizon", 1, 1e9, PLAN.horizon),
    target: args.number("target", 1e-12, 1e6, PLAN.target),
    kappaMax: args.integer("kappa-max", 1, 4096, PLAN.kappaMax),
  };
  const asked = args.text("kappa") === null ? null : args.integer("kappa", 1, 4096, 1);
  const result = plan(request);
  const given = asked === null ? null : planPoint(request, asked);
  const points = result.ok ? [result.point] : result.best === null ? [] : [result.best];
  if (given !== null) points.push(given);
  const verdict = result.ok ? `smallest kappa ${result.point.kappa}` : reasonOf(result.code);
  const table = {
    title: `${verdict} (k must exceed ${kLeast(request.faulty, request.theta).toFixed(2)})`,
    columns: ["κ", "F_eff", "J_max", "e", "tail", "h per epoch", "losses over the horizon"],
    rows: points.map(row),
  };
  const refusal = result.ok ? null : result.code;
  const json = { command: "plan", version: 1, parameters: request, refusal, points, checks: [] };
  present(args, table, json, null);
  return result.ok ? EXIT.done : EXIT.no;
}

export const command: Command = {
  name: "plan",
  summary: "The smallest safe kappa of the swap rule, or why there is none.",
  usage: "[flags]",
  options: {
    theta: { value: "FRACTION", about: "hostile fraction at which a committee is lost (1/3)" },
    faulty: { value: "FRACTION", about: "hostile fraction of the network (1/5)" },
    m: { value: "N", about: "seats per committee (600)" },
    shards: { value: "S", about: "committees (100)" },
    local: { value: "N", about: "evictions per leaver of the same committee (4)" },
    "move-ceiling": {
      value: "FRACTION",
      about: "part of all seats that may move per epoch (1/10)",
    },
    horizon: { value: "EPOCHS", about: "epochs to survive (365000)" },
    target: { value: "X", about: "acceptable expected losses over the horizon (0.1)" },
    "kappa-max": { value: "N", about: "greatest kappa to try (160)" },
    kappa: { value: "N", about: "also show what this kappa gives" },
    csv: OUTPUT_OPTIONS["csv"]!,
  },
  notes: "Exit code 1 when the plan is refused.",
  run,
};
