// Fills polygons on an RGB canvas with anti-aliasing: every pixel row is cut into sub-rows, and on
// each of them the covered stretch is exact. Only + - * / and square roots are used, which IEEE 754
// rounds alike everywhere, so the same scene gives the same pixels on every machine.
import type { Color } from "./scene.ts";

const SUB_ROWS = 5;

export interface Canvas {
  readonly width: number;
  readonly height: number;
  /** width * height * 3 bytes. */
  readonly rgb: Uint8Array;
}

/** A closed ring of points x, y in turn. */
export type Ring = readonly number[];

interface Edge {
  readonly top: number;
  readonly bottom: number;
  /** x at height y is x0 + y * slope. */
  readonly x0: number;
  readonly slope: number;
  readonly winding: 1 | -1;
}

export function channels(color: Color): readonly [number, number, number] {
  const value = Number.parseInt(color.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

export function createCanvas(width: number, height: number, background: Color): Canvas {
  const rgb = new Uint8Array(width * height * 3);
  const color = channels(background);
  for (let at = 0; at < rgb.length; at += 3) rgb.set(color, at);
  return { width, height, rgb };
}

function edgesOf(rings: readonly Ring[]): Edge[] {
  const edges: Edge[] = [];
  for (const ring of rings) {
    let xa = ring[ring.length - 2]!;
    let ya = ring[ring.length - 1]!;
    for (let at = 0; at < ring.length; at += 2) {
      const xb = ring[at]!;
      const yb = ring[at + 1]!;
      if (ya !== yb) {
        const slope = (xb - xa) / (yb - ya);
        const down = yb > ya;
        edges.push({
          top: down ? ya : yb,
          bottom: down ? yb : ya,
          x0: xa - ya * slope,
          slope,
          winding: down ? 1 : -1,
        });
      }
      xa = xb;
      ya = yb;
    }
  }
  return edges.sort((a, b) => a.top - b.top);
}

/** Adds the stretch [from, to) of one sub-row to the row's coverage. */
function cover(row: Float64Array, from: number, to: number): void {
  const a = Math.max(0, from);
  const b = Math.min(row.length, to);
  if (b <= a) return;
  const first = Math.floor(a);
  const last = Math.min(row.length - 1, Math.floor(b));
  if (first === last) {
    row[first]! += b - a;
    return;
  }
  row[first]! += first + 1 - a;
  for (let x = first + 1; x < last; x++) row[x]! += 1;
  row[last]! += b - last;
}

function coverSubRow(row: Float64Array, active: readonly Edge[], y: number): void {
  const crossings: { x: number; winding: number }[] = [];
  for (const edge of active) {
    if (edge.top <= y && y < edge.bottom) {
      crossings.push({ x: edge.x0 + y * edge.slope, winding: edge.winding });
    }
  }
  crossings.sort((a, b) => a.x - b.x);
  let winding = 0;
  let from = 0;
  for (const crossing of crossings) {
    if (winding === 0) from = crossing.x;
    winding += crossing.winding;
    if (winding === 0) cover(row, from, crossing.x);
  }
}

function blendRow(canvas: Canvas, y: number, row: Float64Array, color: Color, opacity: number) {
  const [red, green, blue] = channels(color);
  let at = y * canvas.width * 3;
  for (let x = 0; x < row.length; x++, at += 3) {
    const covered = row[x]!;
    if (covered === 0) continue;
    const alpha = Math.min(1, covered / SUB_ROWS) * opacity;
    canvas.rgb[at] = Math.round(canvas.rgb[at]! * (1 - alpha) + red * alpha);
    canvas.rgb[at + 1] = Math.round(canvas.rgb[at + 1]! * (1 - alpha) + green * alpha);
    canvas.rgb[at + 2] = Math.round(canvas.rgb[at + 2]! * (1 - alpha) + blue * alpha);
  }
}

/** Fills the union of the rings (non-zero winding) with one colour. */
export function fillRings(
  canvas: Canvas,
  rings: readonly Ring[],
  color: Color,
  opacity: number,
): void {
  const edges = edgesOf(rings);
  if (edges.length === 0) return;
  const lowest = edges.reduce((most, edge) => Math.max(most, edge.bottom), 0);
  const yEnd = Math.min(canvas.height, Math.ceil(lowest));
  const row = new Float64Array(canvas.width);
  let next = 0;
  let active: Edge[] = [];
  for (let y = Math.max(0, Math.floor(edges[0]!.top)); y < yEnd; y++) {
    while (next < edges.length && edges[next]!.top < y + 1) active.push(edges[next++]!);
    active = active.filter((edge) => edge.bottom > y);
    if (active.length === 0) continue;
    row.fill(0);
    for (let sub = 0; sub < SUB_ROWS; sub++) {
      coverSubRow(row, active, y + (sub + 0.5) / SUB_ROWS);
    }
    blendRow(canvas, y, row, color, opacity);
  }
}

/** cos and sin of multiples of 22.5 degrees: a round cap or join is a 16-gon. */
const C1 = 0.9238795325112867;
const S1 = 0.3826834323650898;
const H = Math.SQRT1_2;
const ROUND: readonly number[] = [
  1,
  0,
  C1,
  S1,
  H,
  H,
  S1,
  C1,
  0,
  1,
  -S1,
  C1,
  -H,
  H,
  -C1,
  S1,
  -1,
  0,
  -C1,
  -S1,
  -H,
  -H,
  -S1,
  -C1,
  0,
  -1,
  S1,
  -C1,
  H,
  -H,
  C1,
  -S1,
];

/** A regular 16-gon, for caps and joins; `discRing` is the finer one for circles. */
function roundRing(x: number, y: number, radius: number): Ring {
  return ROUND.map((unit, index) => (index % 2 === 0 ? x : y) + unit * radius);
}

/** A circle as a 64-gon, by halving the angles of the 16-gon twice. */
export function discRing(x: number, y: number, radius: number): Ring {
  let points: readonly number[] = ROUND;
  for (let pass = 0; pass < 2; pass++) {
    const finer: number[] = [];
    for (let at = 0; at < points.length; at += 2) {
      const after = (at + 2) % points.length;
      const mx = points[at]! + points[after]!;
      const my = points[at + 1]! + points[after + 1]!;
      const length = Math.sqrt(mx * mx + my * my);
      finer.push(points[at]!, points[at + 1]!, mx / length, my / length);
    }
    points = finer;
  }
  return points.map((unit, index) => (index % 2 === 0 ? x : y) + unit * radius);
}

/** The rings that a stroked line of points covers: a box per stretch, a 16-gon per point. */
export function strokeRings(points: readonly number[], width: number, closed: boolean): Ring[] {
  const rings: Ring[] = [];
  const half = width / 2;
  const count = points.length / 2;
  for (let index = 0; index < (closed ? count : count - 1); index++) {
    const to = (index + 1) % count;
    const xa = points[index * 2]!;
    const ya = points[index * 2 + 1]!;
    const xb = points[to * 2]!;
    const yb = points[to * 2 + 1]!;
    const dx = xb - xa;
    const dy = yb - ya;
    const length = Math.sqrt(dx * dx + dy * dy);
    if (length === 0) continue;
    const nx = (-dy / length) * half;
    const ny = (dx / length) * half;
    // The same sense of rotation as the 16-gons, so that windings add and never cancel.
    rings.push([xa - nx, ya - ny, xb - nx, yb - ny, xb + nx, yb + ny, xa + nx, ya + ny]);
  }
  // Flat ends for a plain line, round joins between stretches, a dot for a single point.
  const first = closed || count === 1 ? 0 : 1;
  const end = closed || count === 1 ? count : count - 1;
  for (let index = first; index < end; index++) {
    rings.push(roundRing(points[index * 2]!, points[index * 2 + 1]!, half));
  }
  return rings;
}

/** Cuts a line of points into its dashes. */
export function dashes(points: readonly number[], pattern: readonly number[]): number[][] {
  const pieces: number[][] = [];
  if (pattern.every((length) => length <= 0)) return [[...points]];
  let phase = 0;
  let left = pattern[0]!;
  let piece: number[] = [points[0]!, points[1]!];
  for (let at = 2; at < points.length; at += 2) {
    let x = points[at - 2]!;
    let y = points[at - 1]!;
    const dx = points[at]! - x;
    const dy = points[at + 1]! - y;
    const length = Math.sqrt(dx * dx + dy * dy);
    let walked = 0;
    while (length - walked > left) {
      walked += left;
      x = points[at - 2]! + (dx * walked) / length;
      y = points[at - 1]! + (dy * walked) / length;
      if (phase % 2 === 0) pieces.push([...piece, x, y]);
      phase = (phase + 1) % (pattern.length % 2 === 0 ? pattern.length : pattern.length * 2);
      left = Math.max(0.01, pattern[phase % pattern.length]!);
      piece = [x, y];
    }
    left -= length - walked;
    piece.push(points[at]!, points[at + 1]!);
  }
  if (phase % 2 === 0 && piece.length >= 4) pieces.push(piece);
  return pieces;
}
