// The command line that runs one seed of a configuration again.
import { type PowerConfig, TESTNET } from "./config.ts";

function splitText(config: PowerConfig): string | null {
  const { split } = config;
  if (split === null) return null;
  return `${split.groups.join(",")}@${split.fromSlot}+${split.slots}`;
}

/** Flags that say everything in which a configuration differs from the test network. */
export function configFlags(config: PowerConfig): string[] {
  const flags = [
    "--arm",
    config.arm,
    "--nodes",
    String(config.nodes),
    "--churn",
    String(config.churn),
  ];
  flags.push("--slots", String(config.slots));
  const add = (
    name: string,
    value: string | number | null,
    usual: string | number | null,
  ): void => {
    if (value !== usual && value !== null) flags.push(`--${name}`, String(value));
  };
  add("heal", config.heal, TESTNET.heal);
  add("split", splitText(config), null);
  add("shape", config.shape, TESTNET.shape);
  add("hostile", config.hostile, TESTNET.hostile);
  add("mutate", config.mutation, null);
  add("ties", config.ties, TESTNET.ties);
  add("gate", config.gate, TESTNET.gate);
  add("delivery", config.delivery, TESTNET.delivery);
  add("degree", config.degree, TESTNET.degree);
  add("vote-delay", config.voteDelay, TESTNET.voteDelay);
  add("disable-after", config.disableAfter, TESTNET.disableAfter);
  if (config.weights.some((weight) => weight !== 1))
    flags.push("--weights", config.weights.join(","));
  const { faults } = config;
  add("loss", faults.lossPerMille / 10, 0);
  add("duplicate", faults.duplicatePerMille / 10, 0);
  add("skew", faults.skewMs, 0);
  add("delay", `${faults.delayMsMin}..${faults.delayMsMax}`, "100..1000");
  for (const c of faults.crashes) {
    const tail = `${c.staleSlots > 0 ? `/${c.staleSlots}` : ""}${c.torn ? "/torn" : ""}`;
    flags.push("--crash", `${c.node + 1}@${c.atSlot}+${c.downSlots}${tail}`);
  }
  if (config.crypto === "full") flags.push("--full");
  return flags;
}

/** The command that replays one run. */
export function replayCommand(config: PowerConfig, seed: number): string {
  return `pando sim power ${configFlags(config).join(" ")} --seeds 1 --seed ${seed}`;
}
