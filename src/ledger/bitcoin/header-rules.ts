// The rules of a header: its own work, and its place in a branch (Bitcoin Core's CheckBlockHeader
// and ContextualCheckBlockHeader). The branch comes as a node that knows its ancestors, the clock
// as a number.
import type { Header } from "./block.ts";
import { FUTURE_SECONDS_MAX, TIMEWARP_SECONDS_MAX } from "./limits.ts";
import { type Params, retargetInterval } from "./params.ts";
import { ACCEPTED, type RejectCode, reject, type Verdict } from "./verdict.ts";
import { type HeaderNode, hasWork, nextBits } from "./work.ts";

const MEDIAN_BLOCKS = 11;

/** The median of the times of `node` and the ten before it: the clock of the chain. */
export function medianTimePast(node: HeaderNode): number {
  const times: number[] = [];
  let at: HeaderNode = node;
  for (;;) {
    times.push(at.time);
    if (times.length === MEDIAN_BLOCKS || at.height === 0) break;
    at = at.ancestor(at.height - 1);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1]!;
}

/** What a header shows by itself: that its hash meets its own target, and that it may have it. */
export function checkHeader(header: Header, params: Params): Verdict {
  if (hasWork(header.hash, header.bits, params.work)) return ACCEPTED;
  return reject("high-hash", "proof of work failed");
}

/** The code for a header version that is no longer accepted at `height`, or null. */
export function outdatedVersion(
  version: number,
  params: Params,
  height: number,
): RejectCode | null {
  const { bip34, bip65, bip66 } = params.activation;
  const outdated =
    (version < 2 && height >= bip34) ||
    (version < 3 && height >= bip66) ||
    (version < 4 && height >= bip65);
  if (!outdated) return null;
  return `bad-version(0x${(version >>> 0).toString(16).padStart(8, "0")})`;
}

/** What a header shows as the child of `previous`; `now` is the clock, seconds since 1970. */
export function checkHeaderInBranch(
  header: Header,
  params: Params,
  previous: HeaderNode,
  now: number,
): Verdict {
  const height = previous.height + 1;
  if (header.bits !== nextBits(params, previous, header.time)) {
    return reject("bad-diffbits", "incorrect proof of work");
  }
  if (header.time <= medianTimePast(previous)) {
    return reject("time-too-old", "block's timestamp is too early");
  }
  const firstOfPeriod = height % retargetInterval(params.work) === 0;
  if (params.work.bip94 && firstOfPeriod && header.time < previous.time - TIMEWARP_SECONDS_MAX) {
    return reject(
      "time-timewarp-attack",
      "block's timestamp is too early on diff adjustment block",
    );
  }
  if (header.time > now + FUTURE_SECONDS_MAX) {
    return reject("time-too-new", "block timestamp too far in the future", "future");
  }
  const outdated = outdatedVersion(header.version, params, height);
  if (outdated !== null)
    return reject(outdated, `rejected nVersion=${outdated.slice(12, -1)} block`);
  return ACCEPTED;
}
