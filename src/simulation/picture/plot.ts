// A plot as a scene: two axes, linear or logarithmic, with lines, bands, points and level lines, and a
// legend. Values outside the axes are clipped. Colours are told apart also by people who see few of
// them (P. Tol's "bright" scheme).
import type { Color, Scene, Shape } from "./scene.ts";

export const PALETTE: readonly Color[] = [
  "#4477aa",
  "#ee6677",
  "#228833",
  "#ccbb44",
  "#66ccee",
  "#aa3377",
  "#bbbbbb",
];

export interface Axis {
  readonly label: string;
  readonly log: boolean;
  readonly from: number;
  readonly to: number;
}

export interface PlotLine {
  readonly label: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly color: Color;
  readonly width?: number;
  readonly dash?: readonly number[];
  readonly opacity?: number;
  /** Stays at a value until the next point. */
  readonly step?: boolean;
  /** Dots at the points; "only" draws no line between them. */
  readonly dots?: "also" | "only";
  /** A cross at the last point: cut off there, not ended. */
  readonly cut?: boolean;
  /** Left out of the legend. */
  readonly quiet?: boolean;
}

export interface PlotBand {
  readonly x: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly color: Color;
  readonly step?: boolean;
}

export interface PlotLevel {
  readonly label: string;
  readonly value: number;
}

export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly PlotLine[];
  readonly bands?: readonly PlotBand[];
  /** Dashed horizontal lines with a name at their right end. */
  readonly levels?: readonly PlotLevel[];
}

const WIDTH = 760;
const HEIGHT = 440;
const LEFT = 70;
const RIGHT = 20;
const TOP = 40;
const BOTTOM = 56;
const LEGEND_ROW = 18;
const GREY: Color = "#888888";

interface Frame {
  readonly plot: Plot;
  readonly height: number;
}

function scale(axis: Axis, value: number, from: number, to: number): number {
  const at = (v: number) => (axis.log ? Math.log10(Math.max(v, axis.from)) : v);
  const part = (at(value) - at(axis.from)) / (at(axis.to) - at(axis.from));
  return from + Math.min(1, Math.max(0, part)) * (to - from);
}

function atX({ plot }: Frame, value: number): number {
  return scale(plot.x, value, LEFT, WIDTH - RIGHT);
}

function atY({ plot }: Frame, value: number): number {
  return scale(plot.y, value, HEIGHT - BOTTOM, TOP);
}

/** Round values inside the axis: powers of ten, or about six steps of 1, 2 or 5. */
export function ticks(axis: Axis): number[] {
  const marks: number[] = [];
  if (axis.log) {
    for (let power = Math.ceil(Math.log10(axis.from) - 1e-9); 10 ** power <= axis.to; power++) {
      marks.push(10 ** power);
    }
    return marks;
  }
  const rough = (axis.to - axis.from) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  for (let i = Math.ceil(axis.from / step - 1e-9); i * step <= axis.to * (1 + 1e-9); i++) {
    marks.push(i * step);
  }
  return marks;
}

/** A tick as people write it: 0.05, 250, 10k, 1M. */
export function tickText(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(6))}M`;
  if (Math.abs(value) >= 1e4) return `${Number((value / 1e3).toPrecision(6))}k`;
  return String(Number(value.toPrecision(6)));
}

function axes(frame: Frame): Shape[] {
  const { plot } = frame;
  const shapes: Shape[] = [];
  const bottom = HEIGHT - BOTTOM;
  for (const tick of ticks(plot.x)) {
    const x = atX(frame, tick);
    shapes.push({ kind: "line", x1: x, y1: TOP, x2: x, y2: bottom, stroke: "#e6e6e6" });
    shapes.push({
      kind: "text",
      x,
      y: bottom + 17,
      text: tickText(tick),
      size: 11,
      anchor: "middle",
    });
  }
  for (const tick of ticks(plot.y)) {
    const y = atY(frame, tick);
    shapes.push({ kind: "line", x1: LEFT, y1: y, x2: WIDTH - RIGHT, y2: y, stroke: "#e6e6e6" });
    shapes.push({
      kind: "text",
      x: LEFT - 7,
      y: y + 4,
      text: tickText(tick),
      size: 11,
      anchor: "end",
    });
  }
  const w = WIDTH - RIGHT - LEFT;
  shapes.push({ kind: "rect", x: LEFT, y: TOP, w, h: bottom - TOP, stroke: GREY });
  const middle = LEFT + w / 2;
  shapes.push({
    kind: "text",
    x: middle,
    y: bottom + 40,
    text: plot.x.label,
    size: 12,
    anchor: "middle",
  });
  const y = (TOP + bottom) / 2;
  shapes.push({
    kind: "text",
    x: 18,
    y,
    text: plot.y.label,
    size: 12,
    anchor: "middle",
    upright: true,
  });
  shapes.push({ kind: "text", x: LEFT, y: 24, text: plot.title, size: 14, bold: true });
  return shapes;
}

/** The corners of a line in pixels, with the extra ones that make it a staircase. */
function corners(
  frame: Frame,
  x: readonly number[],
  y: readonly number[],
  step: boolean,
): number[] {
  const points: number[] = [];
  for (let i = 0; i < x.length; i++) {
    if (step && i > 0) points.push(atX(frame, x[i]!), atY(frame, y[i - 1]!));
    points.push(atX(frame, x[i]!), atY(frame, y[i]!));
  }
  return points;
}

function bandShape(frame: Frame, band: PlotBand): Shape {
  const step = band.step === true;
  const high = corners(frame, band.x, band.high, step);
  const low = corners(frame, band.x, band.low, step);
  const back: number[] = [];
  for (let at = low.length - 2; at >= 0; at -= 2) back.push(low[at]!, low[at + 1]!);
  return { kind: "polygon", points: [...high, ...back], fill: band.color, opacity: 0.15 };
}

function lineShapes(frame: Frame, line: PlotLine): Shape[] {
  const shapes: Shape[] = [];
  const points = corners(frame, line.x, line.y, line.step === true);
  if (line.dots !== "only" && points.length >= 4) {
    shapes.push({
      kind: "polyline",
      points,
      stroke: line.color,
      width: line.width ?? 2,
      ...(line.dash === undefined ? {} : { dash: line.dash }),
      ...(line.opacity === undefined ? {} : { opacity: line.opacity }),
    });
  }
  if (line.dots !== undefined) {
    for (let i = 0; i < line.x.length; i++) {
      const x = atX(frame, line.x[i]!);
      const y = atY(frame, line.y[i]!);
      if (line.dots === "also") shapes.push({ kind: "circle", x, y, r: 3, fill: line.color });
      else shapes.push({ kind: "circle", x, y, r: 3.5, stroke: line.color, width: 1.5 });
    }
  }
  if (line.cut === true && points.length >= 2) {
    const x = points.at(-2)!;
    const y = points.at(-1)!;
    shapes.push(
      { kind: "line", x1: x - 4, y1: y - 4, x2: x + 4, y2: y + 4, stroke: line.color, width: 2 },
      { kind: "line", x1: x - 4, y1: y + 4, x2: x + 4, y2: y - 4, stroke: line.color, width: 2 },
    );
  }
  return shapes;
}

function levelShapes(frame: Frame, level: PlotLevel): Shape[] {
  const y = atY(frame, level.value);
  return [
    { kind: "line", x1: LEFT, y1: y, x2: WIDTH - RIGHT, y2: y, stroke: "#444444", dash: [6, 4] },
    {
      kind: "text",
      x: WIDTH - RIGHT - 4,
      y: y - 4,
      text: level.label,
      size: 11,
      anchor: "end",
      fill: "#444444",
    },
  ];
}

function legend(lines: readonly PlotLine[]): Shape[] {
  const shapes: Shape[] = [];
  lines.forEach((line, index) => {
    const x = LEFT + (index % 2) * ((WIDTH - LEFT - RIGHT) / 2);
    const y = HEIGHT + 6 + Math.floor(index / 2) * LEGEND_ROW;
    if (line.dots === "only") {
      shapes.push({ kind: "circle", x: x + 12, y: y - 4, r: 3.5, stroke: line.color, width: 1.5 });
    } else {
      shapes.push({
        kind: "line",
        x1: x,
        y1: y - 4,
        x2: x + 24,
        y2: y - 4,
        stroke: line.color,
        width: line.width ?? 2,
        ...(line.dash === undefined ? {} : { dash: line.dash }),
      });
    }
    shapes.push({ kind: "text", x: x + 32, y, text: line.label, size: 11 });
  });
  return shapes;
}

/** The plot as a scene; the legend stands below it. */
export function plotScene(plot: Plot): Scene {
  const named = plot.lines.filter((line) => line.quiet !== true);
  const height = HEIGHT + 8 + Math.ceil(named.length / 2) * LEGEND_ROW;
  const frame = { plot, height };
  return {
    width: WIDTH,
    height,
    title: plot.title,
    background: "#ffffff",
    shapes: [
      ...axes(frame),
      ...(plot.bands ?? []).map((band) => bandShape(frame, band)),
      ...plot.lines.flatMap((line) => lineShapes(frame, line)),
      ...(plot.levels ?? []).flatMap((level) => levelShapes(frame, level)),
      ...legend(named),
    ],
  };
}

/** Horizontal bars with their values. */
export function barScene(
  title: string,
  label: string,
  bars: readonly { readonly label: string; readonly value: number }[],
): Scene {
  const most = Math.max(1e-9, ...bars.map((bar) => bar.value));
  const left = 210;
  const shapes: Shape[] = [{ kind: "text", x: 12, y: 24, text: title, size: 14, bold: true }];
  bars.forEach((bar, index) => {
    const y = TOP + 8 + index * 28;
    const w = (bar.value / most) * (WIDTH - left - 90);
    shapes.push({ kind: "text", x: left - 8, y: y + 14, text: bar.label, size: 11, anchor: "end" });
    shapes.push({ kind: "rect", x: left, y, w, h: 20, fill: PALETTE[0]! });
    const text = tickText(Number(bar.value.toPrecision(4)));
    shapes.push({ kind: "text", x: left + w + 6, y: y + 14, text, size: 11 });
  });
  const height = TOP + 8 + bars.length * 28 + 34;
  shapes.push({ kind: "text", x: left, y: height - 12, text: label, size: 12 });
  return { width: WIDTH, height, title, background: "#ffffff", shapes };
}
