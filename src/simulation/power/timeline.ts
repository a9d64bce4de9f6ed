// Height, finality and power over time, one line per node, with the number of components above.
import type { Color, Scene, Shape } from "../picture/scene.ts";
import { label, TINTS } from "./paint.ts";
import type { Moment, Recording } from "./recording.ts";

const WIDTH = 900;
const LEFT = 60;
const RIGHT = 20;
const NODES_MAX = 12;

interface Panel {
  readonly title: string;
  readonly top: number;
  readonly height: number;
  readonly most: number;
}

function drawPanel(panel: Panel, ticks: readonly number[]): Shape[] {
  const { top, height, most } = panel;
  const shapes: Shape[] = [label(LEFT, top - 6, panel.title, 12)];
  for (const tick of ticks) {
    const y = top + height - (tick / most) * height;
    shapes.push({ kind: "line", x1: LEFT, y1: y, x2: WIDTH - RIGHT, y2: y, stroke: "#d9dee4" });
    shapes.push(label(LEFT - 6, y + 4, String(tick), 10, "end"));
  }
  return shapes;
}

/** A line through one value per slot; steps are thinned to about two per pixel. */
function drawLine(
  panel: Panel,
  moments: readonly Moment[],
  value: (moment: Moment) => number,
  stroke: Color,
  dash: readonly number[] | null = null,
): Shape {
  const width = WIDTH - LEFT - RIGHT;
  const stride = Math.max(1, Math.floor(moments.length / (2 * width)));
  const points: number[] = [];
  for (let at = 0; at < moments.length; at += stride) {
    points.push(
      LEFT + (at / Math.max(1, moments.length - 1)) * width,
      panel.top + panel.height - (value(moments[at]!) / panel.most) * panel.height,
    );
  }
  const line = { kind: "polyline", points, stroke, width: 1.4, opacity: 0.85 } as const;
  return dash === null ? line : { ...line, dash };
}

function niceTicks(most: number): number[] {
  const step = Math.max(1, Math.ceil(most / 4));
  return [0, 1, 2, 3, 4].map((tick) => tick * step).filter((tick) => tick <= most);
}

/** The scene of a run's timeline. */
export function timeline(title: string, recording: Recording): Scene {
  const { moments } = recording;
  const last = moments[moments.length - 1]!;
  const nodes = Math.min(NODES_MAX, last.heads.length);
  const highest = Math.max(1, ...last.heads.map((head) => head.height));
  const parts = Math.max(...moments.map((moment) => new Set(moment.components).size));
  const components: Panel = { title: "components", top: 60, height: 50, most: parts };
  const heights: Panel = {
    title: "height per node; dashed: finalized",
    top: 150,
    height: 180,
    most: highest,
  };
  const powers: Panel = { title: "power per node; red: 1/2", top: 370, height: 160, most: 1 };
  const shapes: Shape[] = [
    label(14, 26, `${title}: height and power`, 15),
    ...drawPanel(components, [0, parts]),
    drawLine(components, moments, (moment) => new Set(moment.components).size, "#52606d"),
    ...drawPanel(heights, niceTicks(highest)),
    ...drawPanel(powers, [0, 0.25, 0.5, 0.75, 1]),
  ];
  const half = powers.top + powers.height / 2;
  shapes.push({ kind: "line", x1: LEFT, y1: half, x2: WIDTH - RIGHT, y2: half, stroke: "#c62828" });
  for (let node = 0; node < nodes; node++) {
    const color = TINTS[node % TINTS.length]!;
    shapes.push(drawLine(heights, moments, (moment) => moment.heads[node]!.height, color));
    shapes.push(drawLine(heights, moments, (moment) => moment.finalized[node]!, color, [5, 4]));
    const power = (moment: Moment): number => {
      const { filled, total } = moment.power[node]!;
      return total === 0 ? 1 : filled / total;
    };
    shapes.push(drawLine(powers, moments, power, color));
  }
  shapes.push(label(WIDTH / 2, 556, `slots 1 to ${last.slot}`, 11, "middle"));
  return {
    width: WIDTH,
    height: 570,
    title: `${title}: height and power`,
    background: "#ffffff",
    shapes,
  };
}
