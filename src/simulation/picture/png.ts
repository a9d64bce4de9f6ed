// A scene as PNG bytes: 8-bit RGB, anti-aliased, the same bytes on every machine (see raster.ts,
// deflate.ts and font.ts). The format is the W3C's PNG specification.
import { never } from "../../base/assert.ts";
import { concatBytes, writeU32BE } from "../../base/bytes.ts";
import { zlibStream } from "./deflate.ts";
import { textStrokes } from "./font.ts";
import {
  type Canvas,
  createCanvas,
  dashes,
  discRing,
  fillRings,
  type Ring,
  strokeRings,
} from "./raster.ts";
import type { Paint, Scene, Shape, Text } from "./scene.ts";

function scaled(points: readonly number[], scale: number): number[] {
  return points.map((value) => value * scale);
}

/** Fills and strokes one outline, given in scene pixels. */
function paint(canvas: Canvas, scale: number, points: number[], closed: boolean, by: Paint): void {
  const opacity = by.opacity ?? 1;
  const outline = scaled(points, scale);
  if (closed && by.fill !== undefined) fillRings(canvas, [outline], by.fill, opacity);
  if (by.stroke === undefined) return;
  const width = (by.width ?? 1) * scale;
  const rings: Ring[] = [];
  if (by.dash === undefined) rings.push(...strokeRings(outline, width, closed));
  else {
    const line = closed ? [...outline, outline[0]!, outline[1]!] : outline;
    for (const piece of dashes(line, scaled(by.dash, scale))) {
      for (const ring of strokeRings(piece, width, false)) rings.push(ring);
    }
  }
  fillRings(canvas, rings, by.stroke, opacity);
}

function drawText(canvas: Canvas, scale: number, shape: Text): void {
  const size = shape.size ?? 12;
  const { strokes, width } = textStrokes(shape.text, size);
  const anchor = shape.anchor ?? "start";
  const shift = anchor === "start" ? 0 : anchor === "middle" ? width / 2 : width;
  const thickness = size * (shape.bold === true ? 0.13 : 0.085) * scale;
  const rings: Ring[] = [];
  for (const stroke of strokes) {
    const points: number[] = [];
    for (let at = 0; at < stroke.length; at += 2) {
      const x = stroke[at]! - shift;
      const y = stroke[at + 1]!;
      points.push((shape.x + (shape.upright === true ? y : x)) * scale);
      points.push((shape.y + (shape.upright === true ? -x : y)) * scale);
    }
    rings.push(...strokeRings(points, thickness, false));
  }
  fillRings(canvas, rings, shape.fill ?? "#000000", shape.opacity ?? 1);
}

function draw(canvas: Canvas, scale: number, shape: Shape): void {
  switch (shape.kind) {
    case "rect": {
      const { x, y, w, h } = shape;
      paint(canvas, scale, [x, y, x + w, y, x + w, y + h, x, y + h], true, shape);
      return;
    }
    case "line":
      paint(canvas, scale, [shape.x1, shape.y1, shape.x2, shape.y2], false, shape);
      return;
    case "polyline":
      if (shape.points.length >= 4) paint(canvas, scale, [...shape.points], false, shape);
      return;
    case "polygon":
      if (shape.points.length >= 6) paint(canvas, scale, [...shape.points], true, shape);
      return;
    case "circle":
      paint(canvas, scale, [...discRing(shape.x, shape.y, shape.r)], true, shape);
      return;
    case "text":
      drawText(canvas, scale, shape);
      return;
    default:
      never(shape);
  }
}

/** The scene's pixels, `scale` times as many in each direction. */
export function rasterize(scene: Scene, scale = 1): Canvas {
  const width = Math.round(scene.width * scale);
  const height = Math.round(scene.height * scale);
  const canvas = createCanvas(width, height, scene.background);
  for (const shape of scene.shapes) draw(canvas, scale, shape);
  return canvas;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC[(crc ^ byte) & 255]!;
  return (crc ^ 0xffffffff) >>> 0;
}

function chunk(name: string, data: Uint8Array): Uint8Array {
  const body = concatBytes(new TextEncoder().encode(name), data);
  const bytes = new Uint8Array(body.length + 8);
  writeU32BE(bytes, 0, data.length);
  bytes.set(body, 4);
  writeU32BE(bytes, body.length + 4, crc32(body));
  return bytes;
}

/** Every row as its difference from the row above (filter 2): flat areas become zeros. */
function filtered(canvas: Canvas): Uint8Array {
  const stride = canvas.width * 3;
  const bytes = new Uint8Array(canvas.height * (stride + 1));
  for (let y = 0; y < canvas.height; y++) {
    const to = y * (stride + 1);
    bytes[to] = 2;
    for (let x = 0; x < stride; x++) {
      const above = y === 0 ? 0 : canvas.rgb[(y - 1) * stride + x]!;
      bytes[to + 1 + x] = canvas.rgb[y * stride + x]! - above;
    }
  }
  return bytes;
}

/** The scene as a PNG file, `scale` times as many pixels in each direction. */
export function png(scene: Scene, scale = 1): Uint8Array {
  const canvas = rasterize(scene, scale);
  const header = new Uint8Array(13);
  writeU32BE(header, 0, canvas.width);
  writeU32BE(header, 4, canvas.height);
  header.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB, no interlace
  return concatBytes(
    new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", zlibStream(filtered(canvas))),
    chunk("IEND", new Uint8Array(0)),
  );
}
