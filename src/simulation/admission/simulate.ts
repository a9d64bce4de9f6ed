// Many seeds and the fixed schedules, with all rules or with one of them taken away.
import { EventTrace } from "../world/event-trace.ts";
import { connectBlocks } from "./blocks.ts";
import { type Mutant, rulesOf } from "./mutants.ts";
import type { ProfileName } from "./profile.ts";
import { type RunResult, runSeed, type Violation } from "./run.ts";
import { SCHEDULES } from "./schedules/schedules.ts";

export interface SimulateOptions {
  readonly seeds: number;
  readonly first: number;
  readonly mutant: Mutant | null;
  readonly profile: ProfileName | null;
  /** Called after each run; for progress and for the text of a failure. */
  onRun(result: RunResult): void;
  /** Called when the blocks of a seed were judged otherwise than one transaction after another. */
  onBlocks(seed: number, text: string): void;
}

export interface SimulateResult {
  readonly seeds: number;
  readonly violations: number;
  readonly unfinished: number;
  readonly traceHash: string;
  readonly admitted: number;
  readonly messages: number;
  /** The first violation and where: a seed's number or a schedule's name. */
  readonly first: { readonly where: number | string; readonly violation: Violation } | null;
}

/** Plays the schedules, then the seeds. With a mutant it stops at the first violation. */
export function simulate(options: SimulateOptions): SimulateResult {
  const { rules, hostRules, blockRules } = rulesOf(options.mutant);
  const trace = new EventTrace(1);
  let violations = 0;
  let unfinished = 0;
  let admitted = 0;
  let messages = 0;
  let first: SimulateResult["first"] = null;
  for (const { name, rule, play } of SCHEDULES) {
    const text = play(rules);
    trace.add(0, `${name} ${text ?? ""}`);
    if (text === null) continue;
    violations++;
    first ??= { where: name, violation: { rule, text } };
  }
  let seeds = 0;
  while (seeds < options.seeds && (options.mutant === null || violations === 0)) {
    const seed = options.first + seeds;
    const blocks = connectBlocks(seed, blockRules);
    trace.add(seed, blocks ?? "");
    if (blocks !== null) {
      violations++;
      first ??= { where: seed, violation: { rule: "block", text: blocks } };
      seeds++;
      options.onBlocks(seed, blocks);
      continue;
    }
    const result = runSeed({ seed, profile: options.profile, rules, hostRules });
    seeds++;
    trace.add(seed, result.hash);
    admitted += result.admitted;
    messages += result.messages;
    if (result.violation !== null) {
      violations++;
      first ??= { where: seed, violation: result.violation };
    } else {
      unfinished += result.unfinished;
    }
    options.onRun(result);
  }
  return { seeds, violations, unfinished, traceHash: trace.hash, admitted, messages, first };
}
