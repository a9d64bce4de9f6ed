// One run: a world from one seed, some simulated seconds of faults, then healing, rest and the last
// checks. The same seed gives the same trace on every machine.

import type { OutpointKey } from "../../state/admission/keys.ts";
import { outpointKey } from "../../state/admission/keys.ts";
import { keyedPlaces, keyedRank } from "../../state/admission/places.ts";
import type { CoinRecord } from "../../state/admission/records.ts";
import { ALL_RULES, type ProtocolRules } from "../../state/admission/rules.ts";
import type { Change } from "../../state/admission/store.ts";
import { Clock } from "../world/clock.ts";
import { Draws } from "../world/draws.ts";
import { EventTrace } from "../world/event-trace.ts";
import { Network } from "../world/network.ts";
import { ChainLog } from "./chain-log.ts";
import { attempt } from "./checkers/attempt.ts";
import { bounds } from "./checkers/bounds.ts";
import { cause } from "./checkers/cause.ts";
import type { Checker, Sight } from "./checkers/checker.ts";
import { claimBehindDecision } from "./checkers/claim-behind-decision.ts";
import { claimHasCoin } from "./checkers/claim-has-coin.ts";
import { coinSet } from "./checkers/coin-set.ts";
import { compareAndAct } from "./checkers/compare-and-act.ts";
import { decision } from "./checkers/decision.ts";
import { displaced } from "./checkers/displaced.ts";
import { notConfirmed } from "./checkers/not-confirmed.ts";
import { oneOwner } from "./checkers/one-owner.ts";
import { progress } from "./checkers/progress.ts";
import { atRest } from "./checkers/rest.ts";
import { spendable } from "./checkers/spendable.ts";
import { templateConnects } from "./checkers/template.ts";
import { twoAccepted } from "./checkers/two-accepted.ts";
import { value } from "./checkers/value.ts";
import { Cluster } from "./cluster.ts";
import { ALL_HOST_RULES, type HostRules } from "./faults.ts";
import { type Coins, makeBlock } from "./model.ts";
import { drawProfile, PROFILES, type Profile, type ProfileName } from "./profile.ts";
import { Workload } from "./workload.ts";

const SAMPLE_MS = 20;
const REST_MS = 12_000;
/** Clients ask on for so long after the faults. */
const ASK_MS = 5_000;
const EVENTS_MAX = 400_000;
const TRACE_LINES = 60;

export interface RunOptions {
  readonly seed: number;
  readonly profile: ProfileName | null;
  readonly rules: ProtocolRules;
  readonly hostRules: HostRules;
  /** How many of the last events are kept as text. */
  readonly traceLines?: number;
}

export interface Violation {
  readonly rule: string;
  readonly text: string;
}

export interface RunResult {
  readonly seed: number;
  readonly profile: Profile;
  readonly violation: Violation | null;
  /** Transactions without a definite answer at the end. */
  readonly unfinished: number;
  readonly events: number;
  readonly messages: number;
  readonly admitted: number;
  /** What happened how often: evictions by cause, confirmations, restorations, crashes ... */
  readonly counts: Readonly<Record<string, number>>;
  readonly hash: string;
  readonly last: readonly string[];
}

export const HONEST: Pick<RunOptions, "rules" | "hostRules"> = {
  rules: ALL_RULES,
  hostRules: ALL_HOST_RULES,
};

/** Runs one seed. */
export function runSeed(options: RunOptions): RunResult {
  return new Run(options).go();
}

class Run {
  private readonly options: RunOptions;
  private readonly profile: Profile;
  private readonly clock = new Clock();
  private readonly trace: EventTrace;
  private readonly network: Network;
  private readonly chain: ChainLog;
  private readonly cluster: Cluster;
  private readonly workload: Workload;
  private readonly checkers: readonly Checker[];
  private readonly sight: Sight;
  private readonly chaos: Draws;
  private violation: Violation | null = null;
  private admitted = 0;
  private readonly counts: Record<string, number> = {};

  constructor(options: RunOptions) {
    this.options = options;
    this.trace = new EventTrace(options.traceLines ?? TRACE_LINES);
    const { seed } = options;
    const mix = new Draws(seed, "mix");
    this.profile = drawProfile(options.profile ?? PROFILES[seed % PROFILES.length]!, mix);
    const key = Uint32Array.from({ length: 4 }, () => mix.u32());
    const { partitions, placement } = this.profile;
    const places = keyedPlaces(key, partitions, placement);
    this.network = new Network(new Draws(seed, "network"), this.profile.network);
    const coins = genesisCoins(mix, this.profile.genesisCoins);
    const genesis = makeBlock(null, new Map(), mix.id(), [], 1_000_000);
    this.chain = new ChainLog(places, partitions, genesis, coins);
    this.chaos = new Draws(seed, "chaos");
    this.cluster = new Cluster({
      profile: this.profile,
      places,
      rank: keyedRank(key),
      rules: options.rules,
      hostRules: options.hostRules,
      clock: this.clock,
      network: this.network,
      trace: this.trace,
      chain: this.chain,
      random: new Draws(seed, "cluster"),
      policy: new Draws(seed, "policy"),
    });
    const random = new Draws(seed, "workload");
    this.workload = new Workload(this.profile, random, this.cluster, this.chain);
    this.checkers = allCheckers();
    this.sight = {
      cluster: this.cluster,
      chain: this.chain,
      clients: this.workload.clients,
      templateAfterSettled: options.hostRules.templateAfterSettled,
      fail: (rule, text) => {
        this.violation ??= { rule, text };
      },
    };
    this.watch();
  }

  private watch(): void {
    const { checkers, sight } = this;
    this.cluster.watcher = {
      durable: (entry) => {
        for (const change of entry.changes) if (isDisplacement(change)) this.count("displaced");
        for (const checker of checkers) checker.durable?.(sight, entry);
      },
      stepped: (instance, message) => {
        for (const checker of checkers) checker.stepped?.(sight, instance, message);
        instance.store.touched = [];
        instance.store.left = [];
      },
      answered: (message) => {
        if (message.answer.kind === "accepted") this.admitted++;
        for (const checker of checkers) checker.answered?.(sight, message);
      },
      happened: (_, event) => {
        this.count(event.type === "evicted" ? `evicted-${event.cause}` : event.type);
        for (const checker of checkers) checker.happened?.(sight, event);
      },
    };
  }

  go(): RunResult {
    const { durationMs } = this.profile;
    this.plan();
    this.drain(durationMs);
    if (this.violation === null) this.heal();
    if (this.violation === null) {
      this.drain(durationMs + REST_MS);
      this.finish();
    }
    const open = this.workload.clients.filter(
      ({ last, gaveUp }) => last === null && !gaveUp,
    ).length;
    return {
      seed: this.options.seed,
      profile: this.profile,
      violation: this.violation,
      unfinished: open,
      events: this.trace.count,
      messages: this.cluster.messages,
      admitted: this.admitted,
      counts: this.counts,
      hash: this.trace.hash,
      last: this.trace.last,
    };
  }

  private count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  private drain(until: number): void {
    let left = EVENTS_MAX;
    while (this.violation === null && left-- > 0 && this.clock.step(until));
    if (left <= 0) this.sight.fail("I15", "the run does not come to an end");
  }

  /** Everything that happens by itself: transactions, blocks, faults, looks at the whole. */
  private plan(): void {
    const { profile, chaos, workload, clock } = this;
    const { durationMs, transactions, chainRecords } = profile;
    for (let left = transactions; left > 0; left--) {
      clock.after(chaos.fraction() * durationMs * 0.9, () => workload.submitNew());
    }
    for (let left = chainRecords; left > 0; left--) {
      clock.after((0.03 + chaos.fraction() * 0.95) * durationMs, () => workload.mine());
    }
    this.every(SAMPLE_MS, () => this.sample());
    this.every(profile.askMs, () => {
      if (clock.now < durationMs + ASK_MS) workload.askAgain();
    });
    this.often(profile.crashMs, () => this.crashOne());
    this.often(profile.takeoverMs, () => this.takeOverOne());
    this.often(profile.dropMs, () => workload.dropOne());
    this.often(profile.cutMs, () => this.cutOne());
  }

  private every(ms: number, act: () => void): void {
    this.clock.after(ms, () => {
      act();
      this.every(ms, act);
    });
  }

  /** At random times while the faults last. */
  private often(mean: number, act: () => void): void {
    if (mean === Number.POSITIVE_INFINITY) return;
    this.clock.after(this.chaos.exponential(mean), () => {
      if (this.clock.now > this.profile.durationMs) return;
      act();
      this.often(mean, act);
    });
  }

  private crashOne(): void {
    const process = this.chaos.pick(this.cluster.processes);
    if (!process.alive) return;
    this.count("crashes");
    this.cluster.crash(process, this.chaos.exponential(300));
  }

  private takeOverOne(): void {
    this.count("takeovers");
    this.cluster.takeOver(this.chaos.pick(this.cluster.processes));
  }

  private cutOne(): void {
    const count = this.cluster.processes.length;
    const until = this.clock.now + this.chaos.exponential(800);
    this.network.cutApart(this.chaos.below(count), this.chaos.below(count), until);
  }

  private sample(): void {
    for (const checker of this.checkers) checker.sample?.(this.sight);
  }

  /** Faults stop: the network is calm, old owners are gone, everything is offered again. */
  private heal(): void {
    this.trace.add(this.clock.now, "heal");
    this.network.heal();
    for (const process of this.cluster.stale) this.cluster.stop(process);
    for (const ms of [1_000, 2_500, 4_000, 5_500, 7_000]) {
      this.clock.after(ms, () => this.workload.offerAll());
    }
  }

  private finish(): void {
    this.sample();
    for (const checker of this.checkers) checker.rest?.(this.sight);
  }
}

function genesisCoins(random: Draws, count: number): Coins {
  const coins = new Map<OutpointKey, CoinRecord>();
  const rest = { coinbase: false, height: 0, round: -1, ancestors: 0, attempt: null, open: true };
  for (let index = 0; index < count; index++) {
    const amount = random.between(500, 4_000);
    const coin = { value: amount, script: new Uint8Array(1), ...rest };
    coins.set(outpointKey(random.id(), random.below(3)), coin);
  }
  return coins;
}

/** One is displaced by a decision. */
function isDisplacement(change: Change): boolean {
  return (
    change.space === "outbox" && change.value?.cause === "replaced" && change.value.parent === null
  );
}

function allCheckers(): Checker[] {
  return [
    decision(),
    oneOwner,
    attempt(),
    claimBehindDecision,
    compareAndAct,
    spendable,
    claimHasCoin,
    coinSet,
    notConfirmed,
    atRest,
    twoAccepted,
    templateConnects(),
    cause(),
    value,
    bounds,
    progress,
    displaced(),
  ];
}
