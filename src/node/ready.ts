// Is the node fit for work, and if not, why and since when: what /readyz tells. Each component has
// one look; a reason is for people and says what to do where something can be done.

import { readU32 } from "../base/bytes.ts";
import { secp256k1Provider, selfTest } from "../crypto/secp256k1.ts";
import { isOwnNetwork } from "../ledger/bitcoin/params.ts";
import type { NodeContext } from "./lifecycle.ts";

export interface Check {
  readonly component: string;
  /** Null when it is well. */
  readonly reason: string | null;
  /** Milliseconds since 1970. */
  readonly since: number;
}

type Look = (context: NodeContext) => string | null;

/** The tip is late when nothing came for so many blocks' time: one wait in 10^7 is longer by chance. */
const TIP_AGE_BLOCKS_MAX = 16;
/** As Bitcoin Core warns. */
const CLOCK_OFFSET_SECONDS_MAX = 10 * 60;
/** Signatures are tried again this often, milliseconds. */
const SELF_TEST_MS = 60_000;

const NOT_OPEN = "the chain is not open yet";

function sync({ params, chain, network }: NodeContext): string | null {
  if (params.name === "regtest" || !chain.initialDownload()) return null;
  return `still downloading: ${network.why}`;
}

function tip({ params, chain, network, clock }: NodeContext): string | null {
  // Networks of one's own make blocks when somebody wants them, or say themselves that one is late.
  if (isOwnNetwork(params)) return null;
  const age = clock.seconds() - readU32(chain.tip().bytes, 68);
  if (age <= TIP_AGE_BLOCKS_MAX * params.work.spacing) return null;
  return `the newest block is ${Math.floor(age / 60)} minutes old: ${network.why}`;
}

function clock({ network }: NodeContext): string | null {
  const { median } = network.clockOffsets;
  if (Math.abs(median) <= CLOCK_OFFSET_SECONDS_MAX) return null;
  const side = median > 0 ? "behind" : "ahead of";
  const minutes = Math.round(Math.abs(median) / 60);
  return `this clock is ${minutes} minutes ${side} those of the peers: set it, or use NTP`;
}

function crypto(): Look {
  let found: string | null = null;
  let at = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - at < SELF_TEST_MS) return found;
    at = now;
    const { fault } = selfTest();
    const { name, version, path } = secp256k1Provider();
    found = fault === null ? null : `${name} ${version} (${path}) gives a wrong answer: ${fault}`;
    return found;
  };
}

/** On networks of stakers, beside the others. */
const STAKED_LOOKS: readonly (readonly [component: string, look: Look])[] = [
  ["finality", ({ staking }) => staking?.troubles().finality ?? null],
  ["signing", ({ staking }) => staking?.troubles().signing ?? null],
];

/** The looks that need an open chain. */
function looks({ params }: NodeContext): readonly (readonly [component: string, look: Look])[] {
  return [
    ...(params.staked === null ? [] : STAKED_LOOKS),
    ["partitions", (context) => context.partitionFault],
    ["mempool", (context) => context.mempool.refusal()],
    ["sync", sync],
    ["tip", tip],
    ["disk", (context) => context.control.diskRefusal()],
    ["clock", clock],
    ["crypto", crypto()],
  ];
}

/** Looks at everything; remembers when each answer changed between well and not. */
export function readiness(context: NodeContext): () => readonly Check[] {
  const last = new Map<string, Check>();
  const components = looks(context);
  const note = (component: string, reason: string | null): Check => {
    const known = last.get(component);
    const same = known !== undefined && (known.reason === null) === (reason === null);
    const check = { component, reason, since: same ? known.since : Date.now() };
    last.set(component, check);
    return check;
  };
  return () => {
    const warmup = context.control.warmup();
    const others = components.map(([component, look]) =>
      note(component, warmup === null ? look(context) : NOT_OPEN),
    );
    return [note("chain", warmup), ...others];
  };
}
