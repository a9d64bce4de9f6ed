// Colours and text that the pictures of a run share.
import type { Color, Shape } from "../picture/scene.ts";

/** Tints of nodes and components. */
export const TINTS: readonly Color[] = [
  "#f2c230",
  "#2f6fd0",
  "#2e9e6b",
  "#c4562f",
  "#8356b8",
  "#3aa6b9",
  "#b8487f",
  "#7c8a2e",
];

/** Text in the pictures' ink. */
export function label(
  x: number,
  y: number,
  text: string,
  size = 12,
  anchor: "start" | "middle" | "end" = "start",
): Shape {
  return { kind: "text", x, y, text, size, anchor, fill: "#1f2933" };
}
