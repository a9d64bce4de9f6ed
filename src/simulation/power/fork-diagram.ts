// The fork diagram: one lane per branch, one square per slot, solid for a block and dashed for a
// miss, rounds boxed with their queue, power beneath each block, a bar where a gate stays shut.
import { type Power, powerFraction, powerPasses } from "../../planes/consensus/qpos/power.ts";
import type { Scene, Shape } from "../picture/scene.ts";

export interface Cell {
  readonly slot: number;
  readonly staker: string;
  readonly kind: "block" | "miss" | "dropped";
  readonly height: number | null;
  readonly power: Power | null;
  /** Slot of the parent, when it lies in this lane or (through `from`) in another. */
  readonly parentSlot: number | null;
}

export interface RoundBox {
  readonly round: number;
  readonly fromSlot: number;
  readonly slots: number;
  readonly queue: string;
  /** The gate of this round stays shut on this lane. */
  readonly shut: boolean;
}

export interface Lane {
  readonly title: string;
  readonly cells: readonly Cell[];
  readonly rounds: readonly RoundBox[];
  /** The lane that the first block's parent stands in. */
  readonly from: number | null;
}

const CELL = 58;
const SQUARE = 40;
const LANE = 150;
const LEFT = 120;
const TOP = 70;

const INK = "#1f2933";
const GREY = "#9aa5b1";
const BLUE = "#2f6fd0";
const RED = "#c62828";

function x(slot: number, first: number): number {
  return LEFT + (slot - first) * CELL;
}

function drawRound(box: RoundBox, top: number, first: number): Shape[] {
  const left = x(box.fromSlot, first) - 5;
  const width = box.slots * CELL - 8;
  const shapes: Shape[] = [
    { kind: "rect", x: left, y: top - 8, w: width, h: SQUARE + 50, stroke: BLUE, width: 1.5 },
    {
      kind: "text",
      x: left + 2,
      y: top - 14,
      text: `round ${box.round}: ${box.queue}`,
      size: 12,
      fill: BLUE,
    },
  ];
  if (box.shut) {
    shapes.push({ kind: "rect", x: left - 6, y: top - 12, w: 5, h: SQUARE + 58, fill: RED });
    shapes.push({
      kind: "text",
      x: left - 8,
      y: top + SQUARE + 62,
      text: "gate shut",
      size: 11,
      anchor: "middle",
      fill: RED,
    });
  }
  return shapes;
}

function drawCell(cell: Cell, top: number, first: number): Shape[] {
  const left = x(cell.slot, first) + 2;
  const solid = cell.kind === "block";
  const color = solid ? INK : GREY;
  const shapes: Shape[] = [
    {
      kind: "rect",
      x: left,
      y: top,
      w: SQUARE,
      h: SQUARE,
      stroke: cell.kind === "dropped" ? RED : color,
      width: solid ? 2 : 1.2,
      ...(solid ? { fill: "#eef4ff" as const } : { dash: [4, 3] }),
    },
    {
      kind: "text",
      x: left + 5,
      y: top + 16,
      text: cell.staker,
      size: 14,
      bold: solid,
      fill: color,
    },
  ];
  if (cell.height !== null) {
    const text = String(cell.height);
    const at = { x: left + SQUARE - 4, y: top + SQUARE - 5 };
    shapes.push({ kind: "text", ...at, text, size: 12, anchor: "end", fill: color });
  }
  if (cell.power !== null) shapes.push(...drawPower(cell.power, left + SQUARE / 2, top + SQUARE));
  return shapes;
}

function drawPower(power: Power, middle: number, below: number): Shape[] {
  const fill = powerPasses(power) ? INK : RED;
  const decimal = power.total === 0 ? "1" : (power.filled / power.total).toFixed(3);
  const text = { kind: "text", x: middle, anchor: "middle", fill } as const;
  return [
    { ...text, y: below + 15, text: powerFraction(power), size: 12, bold: true },
    { ...text, y: below + 29, text: decimal, size: 10 },
  ];
}

function drawArrow(fromX: number, fromY: number, toX: number, toY: number): Shape[] {
  const line = { stroke: INK, width: 1.5 } as const;
  return [
    { kind: "line", x1: fromX, y1: fromY, x2: toX, y2: toY, ...line },
    { kind: "polygon", points: [toX, toY, toX + 7, toY - 4, toX + 7, toY + 4], fill: INK },
  ];
}

function drawParents(lanes: readonly Lane[], at: number, first: number): Shape[] {
  const lane = lanes[at]!;
  const middle = TOP + at * LANE + SQUARE / 2;
  const shapes: Shape[] = [];
  for (const cell of lane.cells) {
    if (cell.parentSlot === null || cell.parentSlot < first) continue;
    const here = lane.cells.some(
      (other) => other.slot === cell.parentSlot && other.height !== null,
    );
    const y = here || lane.from === null ? middle : TOP + lane.from * LANE + SQUARE / 2;
    const to = x(cell.parentSlot, first) + 2 + SQUARE;
    shapes.push(...drawArrow(x(cell.slot, first) + 2, middle, to, y));
  }
  return shapes;
}

/** The scene of a fork diagram. */
export function forkDiagram(title: string, lanes: readonly Lane[]): Scene {
  const slots = lanes.flatMap((lane) => lane.cells.map((cell) => cell.slot));
  const boxes = lanes.flatMap((lane) => lane.rounds);
  const first = Math.min(...slots, ...boxes.map((box) => box.fromSlot));
  const last = Math.max(...slots, ...boxes.map((box) => box.fromSlot + box.slots - 1));
  const shapes: Shape[] = [
    { kind: "text", x: 14, y: 26, text: title, size: 15, bold: true, fill: INK },
  ];
  for (let at = 0; at < lanes.length; at++) {
    const lane = lanes[at]!;
    const top = TOP + at * LANE;
    const label = { kind: "text", x: 14, y: top + 24, size: 13, bold: true, fill: INK } as const;
    shapes.push({ ...label, text: lane.title });
    for (const box of lane.rounds) shapes.push(...drawRound(box, top, first));
    shapes.push(...drawParents(lanes, at, first));
    for (const cell of lane.cells) shapes.push(...drawCell(cell, top, first));
  }
  return {
    width: Math.max(640, x(last + 1, first) + 20),
    height: TOP + lanes.length * LANE - 20,
    title,
    background: "#ffffff",
    shapes,
  };
}
