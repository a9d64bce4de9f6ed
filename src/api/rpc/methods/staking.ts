// The methods of a staked network: how much of the stake stands behind a block, who the stakers are,
// what is final, whose turn it is. All four read the node's staking view (ports/staking.ts) and say
// plainly when there is none. The words are those of docs/internals/qpos.md.
import type {
  Checkpoint,
  PowerInfo,
  StakerInfo,
  StakingNetwork,
  StakingView,
} from "../../../ports/staking.ts";
import { Amount, type Json, type JsonObject, NumberText } from "../../json/value.ts";
import { RPC, RpcError } from "../errors.ts";
import type { Call, Method } from "../method.ts";

/** The view, or the error that a network of miners answers. */
function stakingOf({ context }: Call): StakingView {
  if (context.staking === null) {
    const text = "this network has no stakers: its blocks are found by work (getmininginfo)";
    throw new RpcError(RPC.misc, text);
  }
  return context.staking;
}

/** The answer of getpowerinfo, and the data of the feed's channel `power`. */
export function powerJson(power: PowerInfo): JsonObject {
  return {
    hash: power.hash,
    height: power.height,
    round: power.round,
    slot: power.slot,
    filled: power.filled,
    total: power.total,
    power: new NumberText(power.power),
    status: power.status,
  };
}

function stakerJson(staker: StakerInfo): JsonObject {
  return {
    id: staker.id,
    status: staker.status,
    active: staker.active,
    weight: staker.weight,
    produced: staker.produced,
    missed: staker.docked,
    missrun: staker.missRun,
    signkey: staker.signKey,
    payout: staker.payout,
    bond: { outpoint: staker.bondOutpoint, value: new Amount(staker.bondValue) },
    penalty: new Amount(staker.penalty),
    sinceslot: staker.sinceSlot,
    freeslot: staker.freeSlot === 0 ? null : staker.freeSlot,
  };
}

function networkJson(network: StakingNetwork): JsonObject {
  return {
    chainid: network.chainId,
    genesistime: Math.floor(network.genesisMs / 1000),
    slotms: network.slotMs,
    bond: new Amount(network.bond),
    unbondslots: network.unbondSlots,
    maxactive: network.activeMax,
  };
}

function checkpointJson({ round, hash, height }: Checkpoint): JsonObject {
  return { round, hash, height };
}

function getPowerInfo(call: Call): Json {
  const view = stakingOf(call);
  // Checked for its words; the view takes it as it is displayed.
  if (call.has(0)) call.hash(0, "blockhash");
  const power = view.power(call.has(0) ? call.text(0).toLowerCase() : null);
  if (power === null) throw new RpcError(RPC.address, "Block not found");
  return powerJson(power);
}

function getStakers(call: Call): Json {
  const view = stakingOf(call);
  const all = view.stakers();
  const only = call.has(0) ? call.integer(0) : null;
  const chosen = all.filter(({ id }) => only === null || id === only);
  if (only !== null && chosen.length === 0) {
    throw new RpcError(RPC.address, `unknown staker ${only}: getstakers lists them all`);
  }
  const active = all.filter((staker) => staker.active);
  return {
    ...networkJson(view.network),
    count: all.length,
    active: active.length,
    weight: active.reduce((sum, { weight }) => sum + weight, 0),
    stakers: chosen.map(stakerJson),
  };
}

function getFinality(call: Call): Json {
  const staking = stakingOf(call);
  const { finalized, justified, head } = staking.finality();
  return {
    head: { ...checkpointJson(head), slot: head.slot },
    justified: checkpointJson(justified),
    finalized: checkpointJson(finalized),
    unfinalizedblocks: head.height - finalized.height,
    stopped: staking.troubles().finality,
  };
}

function getQueue(call: Call): Json {
  const { round, slot, index, now, ids, next, gate } = stakingOf(call).queue();
  return {
    round,
    slot,
    index,
    now,
    staker: ids[index] ?? null,
    ids,
    next,
    gate: { open: gate.open, hits: gate.hits, weight: gate.weight },
  };
}

export const stakingMethods: readonly Method[] = [
  {
    name: "getpowerinfo",
    group: "Staking",
    about: "Returns how much of the stake's weight stands behind a block, and how final it is.",
    params: [{ name: "blockhash", type: "string", about: "The block; default the tip" }],
    result:
      "An object: hash, height, round, slot, filled and total (weight of the filled slots and of all, in the round before and this one up to the block), power (filled / total), status: provisional, gated (a majority of its round is in; wallets count from here), justified or finalized.",
    run: getPowerInfo,
  },
  {
    name: "getstakers",
    group: "Staking",
    about: "Returns the stakers on record and what the network asks of them.",
    params: [{ name: "id", type: "integer", about: "Only this staker" }],
    result:
      "An object: the network's chainid, genesistime, slotms, bond, unbondslots, maxactive; count, active and weight of all stakers; stakers, a list of objects: id, status (waiting, active, paused, leaving, free, slashed), active (has a slot in this round), weight, produced, missed, missrun, signkey, payout, bond, penalty, sinceslot, freeslot (null: not leaving).",
    run: getStakers,
  },
  {
    name: "getfinality",
    group: "Staking",
    about: "Returns the newest finalized and justified checkpoints beside the tip.",
    params: [],
    result:
      "An object: head, justified and finalized with round, hash and height; unfinalizedblocks, the blocks of the tip's chain that could still be replaced; stopped, why this node follows finality no longer (null: it does).",
    run: getFinality,
  },
  {
    name: "getqueue",
    group: "Staking",
    about: "Returns whose turn it is: the order of this round, and of the next when it is known.",
    params: [],
    result:
      "An object: round, slot, index (the slot's place in its round, from 0), now (milliseconds since 1970), staker (whose slot it is), ids and next (stakers in the order of their slots; null while unknown), gate (open: the next round would open on the tip; hits of weight).",
    run: getQueue,
  },
];
