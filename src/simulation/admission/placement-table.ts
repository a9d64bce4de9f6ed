// What a transaction costs under both placements: partitions it touches and messages between
// partitions, counted on the real handlers without faults, for 1 to 256 partitions. The formula
// beside it is k = s(1 - (1 - 1/s)^N) for N places drawn from s.
import { CLIENT, type Envelope, VERIFIER } from "../../planes/execution/admission/messages.ts";
import { Partition } from "../../planes/execution/admission/partition.ts";
import { onMessage } from "../../planes/execution/admission/step.ts";
import { outpointKey } from "../../state/admission/keys.ts";
import { DEFAULT_LIMITS } from "../../state/admission/limits.ts";
import { keyedPlaces, keyedRank, type PlacementMode } from "../../state/admission/places.ts";
import type { Candidate } from "../../state/admission/records.ts";
import { ALL_RULES } from "../../state/admission/rules.ts";
import { MemoryPartitionStore } from "../../state/admission/store.ts";
import { Draws } from "../world/draws.ts";

export interface PlacementRow {
  readonly partitions: number;
  readonly placement: PlacementMode;
  /** Partitions that received a message or decided, per admitted transaction. */
  readonly touched: number;
  readonly expected: number;
  /** Messages between different partitions, per admitted transaction. */
  readonly messages: number;
}

export const PLACEMENT_PARTITIONS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** The table for 2-in 2-out transactions. */
export function placementTable(transactions: number, seed: number): PlacementRow[] {
  const rows: PlacementRow[] = [];
  for (const partitions of PLACEMENT_PARTITIONS) {
    for (const placement of ["txid", "outpoint"] as const) {
      rows.push(countRow(partitions, placement, transactions, seed));
    }
  }
  return rows;
}

const COIN = {
  value: 10_000,
  script: new Uint8Array(22),
  coinbase: false,
  height: 0,
  round: -1,
  ancestors: 0,
  attempt: null,
  open: true,
};

function countRow(
  partitions: number,
  placement: PlacementMode,
  transactions: number,
  seed: number,
): PlacementRow {
  const random = new Draws(seed, `${placement} ${partitions}`);
  const key = Uint32Array.from({ length: 4 }, () => random.u32());
  const places = keyedPlaces(key, partitions, placement);
  const rank = keyedRank(key);
  const stores = Array.from({ length: partitions }, () => new MemoryPartitionStore());
  const chain = { height: 100, medianTime: 1, flags: 1, medianTimeAt: () => 1 };
  const owners = stores.map((store, self) => {
    const rules = ALL_RULES;
    const settings = { coinbaseMaturity: 100, replace: "off", openRound: 0 } as const;
    const ports = {
      random: () => random.fraction(),
      chain: () => chain,
      isSealed: () => false,
      siblings: new Map(),
      rank,
    };
    const limits = DEFAULT_LIMITS;
    return new Partition({ self, places, limits, rules, ...settings, ...ports }, store, 1, 0);
  });
  let touched = 0;
  let messages = 0;
  for (let index = 0; index < transactions; index++) {
    const candidate = twoInTwoOut(random);
    for (const { outpoint } of candidate.inputs)
      stores[places.coin(outpoint)]!.coinMap.set(outpoint, COIN);
    const seen = admit(owners, places.home(candidate.txid), candidate);
    touched += seen.touched.size;
    messages += seen.messages;
  }
  const n = placement === "txid" ? 3 : 5;
  const expected = partitions * (1 - (1 - 1 / partitions) ** n);
  const row = { touched: touched / transactions, messages: messages / transactions };
  return { partitions, placement, expected, ...row };
}

function twoInTwoOut(random: Draws): Candidate {
  const output = { value: 9_000, script: new Uint8Array(22), spendable: true };
  const inputs = [0, 1].map(() => ({
    outpoint: outpointKey(random.id(), random.below(2)),
    sequence: 0xffffffff,
  }));
  const txid = random.id();
  const raw = new Uint8Array(0);
  return { txid, version: 2, lockTime: 0, inputs, outputs: [output, output], size: 208, raw };
}

/** Admits one transaction, delivering mail in order, and counts. */
function admit(
  owners: readonly Partition[],
  home: number,
  candidate: Candidate,
): { touched: Set<number>; messages: number } {
  const touched = new Set([home]);
  const submit = { type: "submit", candidate, source: 0, token: 0, given: null } as const;
  const mail: Envelope[] = [{ from: CLIENT, to: home, message: submit }];
  let messages = 0;
  for (let at = 0; at < mail.length; at++) {
    const { from, to, message } = mail[at]!;
    if (message.type === "answer") continue;
    if (message.type === "verify") {
      const { txid, attempt, flags } = message;
      const verdict = { ok: true, fee: 2_000, sigops: 1 } as const;
      mail.push({
        from: VERIFIER,
        to: from,
        message: { type: "verdict", txid, attempt, flags, verdict },
      });
      continue;
    }
    if (from >= 0 && from !== to) {
      messages++;
      touched.add(to);
    }
    mail.push(...onMessage(owners[to]!, 0, from, message).messages);
  }
  return { touched, messages };
}
