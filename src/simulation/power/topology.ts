// The changing topology: nodes on a circle at the moments when the components changed most, and a
// strip over all slots that shows which node was in which component.
import type { Color, Scene, Shape } from "../picture/scene.ts";
import { label, TINTS } from "./paint.ts";
import type { Moment, Recording } from "./recording.ts";

const SNAPSHOTS = 12;
const COLUMNS = 6;
const CELL = 150;
const TOP = 50;
const STRIP_LEFT = 60;

function tint(component: number): Color {
  return TINTS[component % TINTS.length]!;
}

/** Moments spread over the run, each the one with most components in its part. */
function pick(moments: readonly Moment[]): Moment[] {
  const part = Math.max(1, Math.ceil(moments.length / SNAPSHOTS));
  const picked: Moment[] = [];
  for (let from = 0; from < moments.length; from += part) {
    const slice = moments.slice(from, from + part);
    picked.push(slice.reduce((a, b) => (count(b) > count(a) ? b : a)));
  }
  return picked;
}

function count(moment: Moment): number {
  return new Set(moment.components).size;
}

// Fixed-point circle: sine and cosine may differ in their last digit between machines, and pictures
// must not; two decimals are far above that.
function place(node: number, nodes: number, radius: number): { x: number; y: number } {
  const angle = (2 * Math.PI * node) / nodes - Math.PI / 2;
  return {
    x: Math.round(radius * Math.cos(angle) * 100) / 100,
    y: Math.round(radius * Math.sin(angle) * 100) / 100,
  };
}

function drawSnapshot(moment: Moment, left: number, top: number): Shape[] {
  const nodes = moment.heads.length;
  const shapes: Shape[] = [];
  const at = (node: number): { x: number; y: number } => {
    const { x, y } = place(node, nodes, 46);
    return { x: left + CELL / 2 + x, y: top + 66 + y };
  };
  for (const [a, b] of moment.links) {
    const from = at(a);
    const to = at(b);
    const stroke = { stroke: "#52606d", width: 1.4 } as const;
    shapes.push({ kind: "line", x1: from.x, y1: from.y, x2: to.x, y2: to.y, ...stroke });
  }
  for (let node = 0; node < nodes; node++) {
    const { x, y } = at(node);
    const fill = node === 0 ? TINTS[0]! : tint(moment.components[node]!);
    shapes.push({ kind: "circle", x, y, r: nodes > 20 ? 4 : 10, fill, stroke: "#1f2933" });
    if (nodes <= 20) shapes.push(label(x, y + 4, String(node + 1), 11, "middle"));
  }
  shapes.push(label(left + CELL / 2, top + 134, `slot ${moment.slot}`, 11, "middle"));
  return shapes;
}

function stripHeight(nodes: number): number {
  return nodes * Math.max(2, Math.min(12, Math.floor(180 / nodes)));
}

function drawStrip(moments: readonly Moment[], top: number, width: number): Shape[] {
  const nodes = moments[0]!.heads.length;
  const row = stripHeight(nodes) / nodes;
  const perSlot = width / moments.length;
  const shapes: Shape[] = [label(14, top - 8, "component of each node, slot by slot")];
  for (let node = 0; node < nodes; node++) {
    let from = 0;
    for (let at = 1; at <= moments.length; at++) {
      const same = moments[at]?.components[node] === moments[from]!.components[node];
      if (same) continue;
      shapes.push({
        kind: "rect",
        x: STRIP_LEFT + from * perSlot,
        y: top + node * row,
        w: (at - from) * perSlot,
        h: row - 1,
        fill: tint(moments[from]!.components[node]!),
      });
      from = at;
    }
    if (nodes <= 20) shapes.push(label(14, top + node * row + row - 2, String(node + 1), 10));
  }
  return shapes;
}

/** The scene of a run's topology. */
export function topology(title: string, recording: Recording): Scene {
  const { moments } = recording;
  const picked = pick(moments);
  const shapes: Shape[] = [label(14, 26, `${title}: connections`, 15)];
  picked.forEach((moment, at) => {
    const left = (at % COLUMNS) * CELL;
    const top = TOP + Math.floor(at / COLUMNS) * CELL;
    shapes.push(...drawSnapshot(moment, left, top));
  });
  const stripTop = TOP + Math.ceil(picked.length / COLUMNS) * CELL + 30;
  shapes.push(...drawStrip(moments, stripTop, COLUMNS * CELL - STRIP_LEFT - 20));
  return {
    width: COLUMNS * CELL,
    height: stripTop + stripHeight(moments[0]!.heads.length) + 20,
    title: `${title}: connections`,
    background: "#ffffff",
    shapes,
  };
}
