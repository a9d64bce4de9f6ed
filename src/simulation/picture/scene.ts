// The scene that charts are drawn into: a flat list of shapes in painting order, in pixels from the
// top left corner. One scene becomes SVG text (svg.ts) or PNG bytes (png.ts), the same on every
// machine.

/** "#rrggbb". */
export type Color = `#${string}`;

export interface Paint {
  readonly fill?: Color;
  readonly stroke?: Color;
  /** Stroke width in pixels, 1 when absent. */
  readonly width?: number;
  /** Lengths of dashes and gaps in turn, in pixels. */
  readonly dash?: readonly number[];
  /** 0 to 1, of fill and stroke each; 1 when absent. */
  readonly opacity?: number;
}

export interface Rect extends Paint {
  readonly kind: "rect";
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Line extends Paint {
  readonly kind: "line";
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

/** Points as x0, y0, x1, y1, ... A polygon is closed and may be filled; a polyline is neither. */
export interface Points extends Paint {
  readonly kind: "polyline" | "polygon";
  readonly points: readonly number[];
}

export interface Circle extends Paint {
  readonly kind: "circle";
  readonly x: number;
  readonly y: number;
  readonly r: number;
}

export interface Text {
  readonly kind: "text";
  readonly x: number;
  /** Of the baseline. */
  readonly y: number;
  readonly text: string;
  /** Font size in pixels, 12 when absent. */
  readonly size?: number;
  readonly anchor?: "start" | "middle" | "end";
  readonly bold?: boolean;
  readonly fill?: Color;
  readonly opacity?: number;
  /** Quarter turn against the clock, about (x, y): for the title of a vertical axis. */
  readonly upright?: boolean;
}

export type Shape = Rect | Line | Points | Circle | Text;

export interface Scene {
  readonly width: number;
  readonly height: number;
  /** Read out by screen readers and shown as the tooltip of the SVG. */
  readonly title: string;
  readonly background: Color;
  readonly shapes: readonly Shape[];
}

/** A coordinate as text: at most two decimals, no exponent, no minus zero. */
export function decimal(value: number): string {
  const rounded = Math.round(value * 100) / 100;
  return String(rounded === 0 ? 0 : rounded);
}
