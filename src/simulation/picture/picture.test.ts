import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { zlibStream } from "./deflate.ts";
import { png, rasterize } from "./png.ts";
import type { Scene } from "./scene.ts";
import { svg } from "./svg.ts";

const scene: Scene = {
  width: 60,
  height: 40,
  title: "a < b & c",
  background: "#ffffff",
  shapes: [
    { kind: "rect", x: 10, y: 10, w: 20, h: 10.5, fill: "#0000ff" },
    { kind: "circle", x: 45, y: 15, r: 8, fill: "#ff0000", opacity: 0.5 },
    { kind: "polyline", points: [0, 35, 20, 30, 40, 36], stroke: "#00aa00", width: 2 },
    { kind: "line", x1: 0, y1: 2, x2: 60, y2: 2, stroke: "#000000", dash: [4, 4] },
    { kind: "text", x: 58, y: 38, text: "ε=.05 <&>", size: 9, anchor: "end" },
  ],
};

function pixel(x: number, y: number): number[] {
  const canvas = rasterize(scene);
  return [...canvas.rgb.subarray((y * canvas.width + x) * 3, (y * canvas.width + x) * 3 + 3)];
}

test("pixels inside, outside and on the edge of shapes", () => {
  assert.deepEqual(pixel(15, 15), [0, 0, 255]);
  assert.deepEqual(pixel(5, 15), [255, 255, 255]);
  // The rectangle ends in the middle of row 20; two or three of five sub-rows lie inside.
  assert.deepEqual(pixel(15, 20), [153, 153, 255]);
  assert.deepEqual(pixel(45, 15), [255, 128, 128]);
  assert.deepEqual(pixel(1, 2)[0]! < 200, true);
  assert.deepEqual(pixel(5, 2), [255, 255, 255]);
});

test("a PNG holds exactly the rasterised pixels", () => {
  const bytes = png(scene, 2);
  assert.deepEqual([...bytes.subarray(1, 4)], [0x50, 0x4e, 0x47]);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  assert.equal(view.getUint32(16), 120);
  const raw = inflateSync(bytes.subarray(41, 41 + view.getUint32(33)));
  const canvas = rasterize(scene, 2);
  for (let y = 0; y < 80; y++) {
    for (let x = 0; x < 360; x++) {
      const above = y === 0 ? 0 : canvas.rgb[(y - 1) * 360 + x]!;
      assert.equal((raw[y * 361 + 1 + x]! + above) & 255, canvas.rgb[y * 360 + x]);
    }
  }
});

test("the bytes are the same on every machine", () => {
  const digest = createHash("sha256").update(png(scene, 2)).update(svg(scene)).digest("hex");
  assert.equal(digest, "d66aa52d80eaf979db94676e77d0f8023ee370c77efb5dd697aef59c16fcbff5");
});

test("SVG escapes text", () => {
  const text = svg(scene);
  assert.match(text, /<title>a &lt; b &amp; c<\/title>/);
  assert.match(text, /ε=\.05 &lt;&amp;&gt;/);
});

test("zlib streams of runs and noise inflate to their input", () => {
  for (const length of [0, 1, 3, 4, 257, 258, 259, 260, 600, 70_000]) {
    const run = new Uint8Array(length).fill(7);
    const noise = Uint8Array.from({ length }, (_, at) => (at * 2654435761) >>> 24);
    assert.deepEqual(new Uint8Array(inflateSync(zlibStream(run))), run);
    assert.deepEqual(new Uint8Array(inflateSync(zlibStream(noise))), noise);
  }
});
