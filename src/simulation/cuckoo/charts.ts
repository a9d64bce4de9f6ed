// The laboratory's charts, drawn from the JSON series and from nothing else: corruption, survival,
// points (figure 2) and movement.
import {
  type Axis,
  barScene,
  PALETTE,
  type Plot,
  type PlotBand,
  type PlotLine,
  plotScene,
} from "../picture/plot.ts";
import type { Scene } from "../picture/scene.ts";
import type { Chart, Series } from "./experiments/experiment.ts";
import type { Trace } from "./jobs.ts";
import type { SurvivalCurve } from "./survival.ts";

const color = (index: number) => PALETTE[index % PALETTE.length]!;

/** Least and greatest of each time over all runs that have it. */
function envelope(traces: readonly Trace[], pick: (trace: Trace) => readonly number[]) {
  const longest = traces.reduce((a, b) => (b.t.length > a.t.length ? b : a));
  const low: number[] = [];
  const high: number[] = [];
  for (let i = 0; i < longest.t.length; i++) {
    const values = traces.map((trace) => pick(trace)[i]).filter((value) => value !== undefined);
    low.push(Math.min(...values));
    high.push(Math.max(...values));
  }
  return { x: longest.t, low, high };
}

/** Worst, mean and best hostile fraction over time; the band spans the runs. */
export function corruptionScene(
  traces: readonly Trace[],
  levels: readonly { readonly label: string; readonly value: number }[],
  title: string,
): Scene {
  const kinds: { label: string; pick: (trace: Trace) => readonly number[] }[] = [
    { label: "worst committee", pick: (trace) => trace.worst },
    { label: "mean", pick: (trace) => trace.mean },
    { label: "best committee", pick: (trace) => trace.best },
  ];
  const lines: PlotLine[] = [];
  const bands: PlotBand[] = [];
  kinds.forEach(({ label, pick }, index) => {
    const shade = color([1, 0, 2][index]!);
    bands.push({ ...envelope(traces, pick), color: shade });
    const longest = traces.reduce((a, b) => (b.t.length > a.t.length ? b : a));
    lines.push({ label, x: longest.t, y: pick(longest), color: shade });
  });
  const last = Math.max(1, ...traces.map((trace) => trace.t.at(-1) ?? 0));
  const highest = Math.max(
    ...levels.map((level) => level.value),
    ...traces.flatMap((trace) => trace.worst),
  );
  const plot: Plot = {
    title,
    x: { label: "rounds or epochs", log: false, from: 0, to: last },
    y: { label: "hostile fraction", log: false, from: 0, to: highest * 1.08 },
    lines,
    bands,
    levels,
  };
  return plotScene(plot);
}

/** The curve up to the death of its last run: a line along the floor says nothing. */
function untilDead(curve: SurvivalCurve): SurvivalCurve {
  const dead = curve.alive.indexOf(0);
  const end = dead < 0 ? curve.t.length : dead + 1;
  const cut = (values: readonly number[]) => values.slice(0, end);
  const { t, alive, low, high } = curve;
  return { ...curve, t: cut(t), alive: cut(alive), low: cut(low), high: cut(high) };
}

/** The share of runs alive over time on a logarithmic scale, with 95 % bands. */
export function survivalScene(whole: readonly SurvivalCurve[], title: string): Scene {
  const last = Math.max(10, ...whole.map((curve) => curve.t.at(-1)!));
  const curves = whole.map(untilDead);
  // Time 0 stands at the left edge of the logarithmic axis.
  const first = Math.max(1, Math.min(...curves.map((curve) => curve.t[1] ?? last)) / 2);
  const axis: Axis = { label: "rounds or epochs", log: true, from: first, to: last };
  return plotScene({
    title,
    x: axis,
    y: { label: "runs alive", log: false, from: 0, to: 1.04 },
    lines: curves.map((curve, index) => ({
      label: curve.label,
      x: curve.t,
      y: curve.alive,
      color: color(index),
      step: true,
      cut: curve.alive.at(-1)! > 0,
    })),
    bands: curves.map((curve, index) => ({
      x: curve.t,
      low: curve.low,
      high: curve.high,
      color: color(index),
      step: true,
    })),
  });
}

function range(values: readonly number[], log: boolean): { from: number; to: number } {
  const least = Math.min(...values);
  const most = Math.max(...values);
  return log
    ? { from: 10 ** Math.floor(Math.log10(least)), to: most * 1.3 }
    : { from: 0, to: most * 1.05 };
}

/** Lines of points; values read off a figure are open dots marked C. */
export function pointsScene(chart: Chart): Scene {
  const labels = [...new Set(chart.lines.map((line) => line.label.split(" ")[0]!))];
  return plotScene({
    title: chart.title,
    x: {
      label: chart.x,
      log: chart.logX,
      ...range(
        chart.lines.flatMap((l) => l.x),
        chart.logX,
      ),
    },
    y: {
      label: chart.y,
      log: chart.logY,
      ...range(
        chart.lines.flatMap((l) => l.y),
        chart.logY,
      ),
    },
    lines: chart.lines.map((line) => ({
      label: line.figure ? `${line.label} (C)` : line.label,
      x: line.x,
      y: line.y,
      color: color(labels.indexOf(line.label.split(" ")[0]!)),
      ...(line.figure ? { dots: "only" as const } : {}),
      ...(line.label.endsWith("k=2") ? { dash: [5, 3] } : {}),
    })),
  });
}

/** All charts that a series holds, each with a name for its file. */
export function scenesOf(series: Series, title: string): { name: string; scene: Scene }[] {
  const scenes: { name: string; scene: Scene }[] = [];
  for (const chart of series.points ?? [])
    scenes.push({ name: "points", scene: pointsScene(chart) });
  if (series.corruption !== undefined && series.corruption.length > 0) {
    const scene = corruptionScene(series.corruption, series.levels ?? [], title);
    scenes.push({ name: "corruption", scene });
  }
  if (series.survival !== undefined && series.survival.length > 0) {
    scenes.push({ name: "survival", scene: survivalScene(series.survival, title) });
  }
  if (series.movement !== undefined && series.movement.length > 0) {
    const bars = series.movement.map(({ label, pairs }) => ({ label, value: pairs }));
    const label = "new (seat, shard) pairs per epoch";
    scenes.push({ name: "movement", scene: barScene(title, label, bars) });
  }
  return scenes;
}
