// A history of submissions, blocks, reorganisations and crashes, played on the cluster and judged by
// the sequential ledger: the coin sets must be equal, what is admitted must connect, and every other
// transaction must get the answer that the ledger gives for it.

import type { Answer } from "../../planes/execution/admission/messages.ts";
import { outpointKey } from "../../state/admission/keys.ts";
import { keyedPlaces, keyedRank, type PlacementMode } from "../../state/admission/places.ts";
import type { Candidate } from "../../state/admission/records.ts";
import { ALL_RULES, type ProtocolRules } from "../../state/admission/rules.ts";
import { Clock } from "../world/clock.ts";
import { Draws } from "../world/draws.ts";
import { EventTrace } from "../world/event-trace.ts";
import { Network } from "../world/network.ts";
import { ChainLog } from "./chain-log.ts";
import type { Sight } from "./checkers/checker.ts";
import { settledSeq, template } from "./checkers/template.ts";
import { Cluster } from "./cluster.ts";
import { ALL_HOST_RULES } from "./faults.ts";
import { apply, type Coins, createdCoins, judge, makeBlock } from "./model.ts";
import { drawProfile, type Profile } from "./profile.ts";
import { Workload } from "./workload.ts";

export type Step =
  | { readonly kind: "submit" }
  | { readonly kind: "block" }
  | { readonly kind: "reorganise"; readonly depth: number; readonly longer: number }
  | { readonly kind: "crash"; readonly process: number; readonly downMs: number }
  | { readonly kind: "wait"; readonly ms: number };

/** The ledger knows no policy. */
const NO_LIMITS = {
  bytesLow: 1e9,
  bytesHigh: 1e9,
  ancestorCountMax: 1_000,
  preparingCountMax: 1_000,
  preparingPerSourceMax: 1_000,
  parkedCountMax: 1_000,
  waiterCountMax: 1_000,
};
const SETTLE_MS = 6_000;
const ANSWER_MS = 2_500;

export class History {
  private readonly clock = new Clock();
  private readonly cluster: Cluster;
  private readonly chain: ChainLog;
  private readonly workload: Workload;
  private readonly network: Network;
  private readonly sight: Sight;

  constructor(seed: number, placement: PlacementMode, rules: ProtocolRules = ALL_RULES) {
    const mix = new Draws(seed, "history");
    const profile: Profile = {
      ...drawProfile("wide", mix),
      placement,
      partitions: 4,
      partitionsPerProcess: 1,
      replace: "off",
      giveUp: 0,
      bumps: 0,
    };
    const key = Uint32Array.from({ length: 4 }, () => mix.u32());
    const places = keyedPlaces(key, 4, placement);
    const coins: Coins = new Map();
    const rest = { coinbase: false, height: 0, round: -1, ancestors: 0, attempt: null, open: true };
    for (let index = 0; index < 12; index++) {
      const coin = { value: mix.between(500, 4_000), script: new Uint8Array(1), ...rest };
      coins.set(outpointKey(mix.id(), 0), coin);
    }
    const genesis = makeBlock(null, new Map(), mix.id(), [], 1_000_000);
    this.chain = new ChainLog(places, 4, genesis, coins);
    this.network = new Network(new Draws(seed, "network"), profile.network);
    this.cluster = new Cluster({
      profile: { ...profile, limits: { ...profile.limits, ...NO_LIMITS } },
      places,
      rank: keyedRank(key),
      rules,
      hostRules: ALL_HOST_RULES,
      clock: this.clock,
      network: this.network,
      trace: new EventTrace(1),
      chain: this.chain,
      random: new Draws(seed, "cluster"),
      policy: new Draws(seed, "policy"),
    });
    this.workload = new Workload(profile, new Draws(seed, "workload"), this.cluster, this.chain);
    this.sight = {
      cluster: this.cluster,
      chain: this.chain,
      clients: this.workload.clients,
      templateAfterSettled: true,
      fail: () => undefined,
    };
  }

  play(step: Step): void {
    switch (step.kind) {
      case "submit":
        this.workload.submitNew();
        return;
      case "block":
        this.workload.mineRecord(0, 1, false);
        return;
      case "reorganise":
        this.workload.mineRecord(step.depth, step.depth + step.longer, false);
        return;
      case "crash": {
        const process = this.cluster.processes[step.process % this.cluster.processes.length]!;
        if (process.alive) this.cluster.crash(process, step.downMs);
        return;
      }
      case "wait":
        this.pass(step.ms);
        return;
    }
  }

  private pass(ms: number): void {
    const until = this.clock.now + ms;
    while (this.clock.step(until));
    this.clock.now = until;
  }

  /** Comes to rest, asks about every transaction once more, and compares; null when all agrees. */
  compare(): string | null {
    this.network.heal();
    this.workload.offerAll();
    this.pass(SETTLE_MS);
    const settled = settledSeq(this.sight);
    if (settled === null || settled !== this.chain.last.seq) return "the partitions did not settle";
    const wrongCoin = this.compareCoins();
    if (wrongCoin !== null) return wrongCoin;
    return this.compareVerdicts();
  }

  private compareCoins(): string | null {
    const { coins } = this.chain.last;
    let count = 0;
    for (const store of this.cluster.durable) {
      for (const [key, coin] of store.coinMap) {
        if (coin.height < 0) continue;
        count++;
        const known = coins.get(key);
        if (known?.value !== coin.value || known.height !== coin.height)
          return `coin ${key} differs`;
      }
    }
    return count === coins.size ? null : `${count} coins instead of ${coins.size}`;
  }

  private compareVerdicts(): string | null {
    for (const client of this.workload.clients) {
      if (client.gaveUp) continue;
      client.last = null;
      for (let tries = 0; tries < 4 && client.last === null; tries++) {
        this.workload.ask(client);
        this.pass(ANSWER_MS);
      }
    }
    const { coins: tip, facts, confirmed } = this.chain.last;
    const coins: Coins = new Map(tip);
    // Every coin there is, whether an admitted transaction claims it or not.
    const all: Coins = new Map(tip);
    const claimed = new Set<string>();
    const admitted = new Set<string>();
    for (const { candidate } of template(this.sight)) {
      const fault = judge(candidate, coins, facts);
      if (fault !== null) return `${candidate.txid} is admitted and is ${fault}`;
      apply(candidate, coins, facts.height + 1);
      for (const [key, coin] of createdCoins(candidate, facts.height + 1, false))
        all.set(key, coin);
      admitted.add(candidate.txid);
      for (const { outpoint } of candidate.inputs) claimed.add(outpoint);
    }
    for (const { candidate, gaveUp, last } of this.workload.clients) {
      if (gaveUp) continue;
      let expected: string;
      if (admitted.has(candidate.txid)) expected = "accepted";
      else if (confirmed.has(candidate.txid)) expected = "confirmed";
      else expected = refusal(judge(candidate, all, facts), candidate, claimed);
      const got = spell(last);
      // A confirmed transaction whose outputs are all spent cannot be told from an unknown one.
      if (expected === "confirmed" && got === "parked") continue;
      if (expected !== got) return `${candidate.txid}: ${got} instead of ${expected}`;
    }
    return null;
  }
}

/** What the ledger says to a transaction that is not admitted: a claimed coin comes last. */
function refusal(fault: string | null, candidate: Candidate, claimed: ReadonlySet<string>): string {
  if (fault !== null) return fault === "missing" ? "parked" : fault;
  return candidate.inputs.some(({ outpoint }) => claimed.has(outpoint)) ? "conflict" : "accepted";
}

/** An answer in the words of the sequential judge. */
function spell(answer: Answer | null): string {
  if (answer === null) return "no answer";
  if (answer.kind !== "rejected") return answer.kind;
  switch (answer.code) {
    case "txn-mempool-conflict":
      return "conflict";
    case "bad-txns-premature-spend-of-coinbase":
      return "premature";
    case "non-BIP68-final":
      return "relative-lock";
    case "bad-txns-in-belowout":
      return "overspent";
    case "mandatory-script-verify-flag-failed":
      return "script";
    default:
      return answer.code;
  }
}
