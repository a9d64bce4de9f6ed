// The devnet as lines of text: a screen for a terminal, one line for a log. Pure: what it shows is
// in the snapshot.
import type { Branches } from "./forks.ts";
import { isAgreed, type NodeRow, type Snapshot } from "./snapshot.ts";

export const COLUMNS_MIN = 80;
/** Events on the screen. */
const EVENTS_SHOWN = 8;
const TIP_SHOWN = 8;

function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Cuts a line that is too long, and says so by its last sign. */
function fit(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}

/** Two decimals and no rounding up: 0.66, not 0.67 of the weight. */
function powerText(power: string | null): string {
  return power === null ? "-" : power.slice(0, 5);
}

function rateText(rate: number | null): string {
  return rate === null ? "-" : rate.toFixed(1);
}

const WIDTHS = [4, 12, 8, 9, 7, 8, 6, 8, 6, 5, 7] as const;
const HEADS = [
  "node",
  "state",
  "height",
  "tip",
  "round",
  "slot",
  "power",
  "final",
  "peers",
  "pool",
  "tx/s",
];

function columnsText(cells: readonly string[]): string {
  const padded = cells.map((cell, index) => {
    const width = WIDTHS[index]! - 1;
    // Names to the left, figures to the right.
    const left = index === 1;
    return left ? ` ${cell.padEnd(width)}` : cell.padStart(width + 1);
  });
  return padded.join("").trimEnd();
}

function whole(value: number | null): string {
  return value === null ? "-" : String(value);
}

function rowText(row: NodeRow): string {
  if (row.state !== "up") {
    const why = row.why === "" ? "" : `  ${row.why}`;
    return `${String(row.node).padStart(4)} ${row.state}${why}`;
  }
  return columnsText([
    String(row.node),
    row.status ?? row.state,
    whole(row.height),
    row.tip?.slice(0, TIP_SHOWN) ?? "-",
    whole(row.round),
    whole(row.slot),
    powerText(row.power),
    whole(row.finalizedHeight),
    whole(row.peers),
    whole(row.mempool),
    rateText(row.rate),
  ]);
}

export function branchesText(branches: Branches): string {
  return branches
    .map(({ nodes, tip, depth }) => {
      const names = nodes.map((node) => node + 1).join(",");
      const above = depth === null ? "" : ` +${depth}`;
      return `${names} at ${tip.height} ${tip.hash.slice(0, TIP_SHOWN)}${above}`;
    })
    .join(" | ");
}

/** Whether they agree, in one line. */
export function agreementText(snapshot: Snapshot): string {
  const { fork, nowMs, round } = snapshot;
  if (fork !== null) {
    const rounds = Math.max(0, round - fork.sinceRound);
    return `FORK for ${span(nowMs - fork.sinceMs)}, ${rounds} rounds: ${branchesText(fork.branches)}`;
  }
  const down = snapshot.nodes.filter(({ state }) => state !== "up").length;
  if (down === snapshot.nodes.length) return "no node is up";
  const up = down === 0 ? "all nodes" : `${snapshot.nodes.length - down} nodes that are up`;
  if (isAgreed(snapshot)) return `${up} agree on one tip`;
  return `${up} are on one chain, some a block or more behind`;
}

function linksText({ groups, cut, churnMs }: Snapshot): string {
  const churn = churnMs === null ? "" : `; churn every ${span(churnMs)}`;
  const parts = groups.length > 1 ? [`partition ${groups.join(" | ")}`] : [];
  if (cut.length > 0) parts.push(`cut: ${cut.join(" ")}`);
  return `${parts.length === 0 ? "all up" : parts.join("; ")}${churn}`;
}

function loadText({ load }: Snapshot): string {
  if (load.rate === 0) return "none (--load N)";
  const idle = load.idle === null ? "" : `; ${load.idle}`;
  const reason = load.refusal === null ? "" : ` (${load.refusal})`;
  const refused = `${count(load.refused)} refused${reason}`;
  const lost = load.lost === 0 ? "" : `, ${count(load.lost)} LOST`;
  return `${count(load.rate)}/s: ${count(load.acknowledged)} acknowledged, ${count(load.waiting)} waiting, ${refused}${lost}${idle}`;
}

export function titleText({ plan }: Snapshot): string {
  const stakers = plan.consensus === "qpos" ? `, ${plan.stakers} stakers` : "";
  return `Pando devnet: ${plan.nodes} nodes${stakers}, ${plan.consensus}, slot ${plan.slotMs / 1000} s`;
}

/** The whole screen. */
export function screenLines(snapshot: Snapshot, columns: number, rows: number): string[] {
  const width = Math.max(COLUMNS_MIN, columns);
  const title = titleText(snapshot);
  const up = `up ${span(snapshot.nowMs - snapshot.startedMs)}`;
  const head = [
    `${title}${up.padStart(Math.max(1, Math.min(width, COLUMNS_MIN) - title.length))}`,
    `State in ${snapshot.folder}`,
    "",
    columnsText(HEADS),
    ...snapshot.nodes.map(rowText),
    "",
    agreementText(snapshot),
    `links   ${linksText(snapshot)}`,
    `load    ${loadText(snapshot)}`,
    `forks   ${snapshot.forks.count} so far, the deepest ${snapshot.forks.deepest} blocks`,
    ...(snapshot.conflicts.length === 0 ? [] : [`CONFLICT ${snapshot.conflicts[0]}`]),
    "",
  ];
  const foot = [
    "",
    "Ctrl-C stops. In another terminal: pando devnet partition 1,2 3 (heal, kill 2)",
  ];
  const room = Math.max(0, Math.min(EVENTS_SHOWN, rows - head.length - foot.length));
  const shown = room === 0 ? [] : snapshot.events.slice(-room);
  const events = shown.map(({ ms, text }) => `${clock(ms)}  ${text}`);
  return [...head, ...events, ...foot].map((line) => fit(line, width));
}

/** What every node says, "x" for one that is down; once when all say the same. */
function each(snapshot: Snapshot, of: (row: NodeRow) => string): string {
  const told = snapshot.nodes.map((row) => (row.state === "up" ? of(row) : "x"));
  return new Set(told).size === 1 ? told[0]! : told.join(" ");
}

/** One line for a log. */
export function plainLine(snapshot: Snapshot): string {
  const { plan, nowMs, round, load } = snapshot;
  const staked =
    plan.consensus === "qpos"
      ? `  power ${each(snapshot, ({ power }) => powerText(power))}  final ${each(snapshot, ({ finalizedHeight }) => whole(finalizedHeight))}`
      : "";
  const rates = snapshot.nodes.flatMap(({ rate }) => (rate === null ? [] : [rate]));
  const sent = load.rate === 0 ? "" : `  ${rateText(Math.max(0, ...rates))} tx/s`;
  const heights = each(snapshot, ({ height }) => whole(height));
  const peers = each(snapshot, (row) => whole(row.peers));
  const agreement = snapshot.fork !== null || isAgreed(snapshot) ? agreementText(snapshot) : "";
  return `${clock(nowMs)}  round ${round}  height ${heights}${staked}  peers ${peers}${sent}  ${agreement}`.trimEnd();
}

/** An event as a line of a log. */
export function eventText(ms: number, text: string): string {
  return `${clock(ms)}  ${text}`;
}
