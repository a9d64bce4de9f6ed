// The figures of a staked network for Prometheus, read from the staking view when they are asked for.
// Misses and equivocations are those on record in the tip's branch: after a rollback they can be fewer,
// which Prometheus takes for a restart of the counter.
import type { Metrics } from "../../node/metrics.ts";
import type { StakingView } from "../../ports/staking.ts";

export function declareStakingMetrics(metrics: Metrics, view: StakingView): void {
  metrics.gauge(
    "pando_power_ratio",
    "Weight of filled slots over that of all, at the tip: this round and the one before.",
    () => Number(view.power(null)?.power ?? 0),
  );
  metrics.gauge("pando_round", "The round by this node's clock.", () => view.queue().round);
  metrics.gauge(
    "pando_finalized_height",
    "Height of the newest finalized block.",
    () => view.finality().finalized.height,
  );
  metrics.counted("pando_slots_missed_total", "Slots that their stakers let pass.", () =>
    view.stakers().reduce((sum, { docked }) => sum + docked, 0),
  );
  metrics.counted(
    "pando_equivocations_total",
    "Stakers that were proven to have signed two things at once.",
    () => view.stakers().filter(({ penalty }) => penalty > 0).length,
  );
}
