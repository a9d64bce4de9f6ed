// A scene as SVG text: plain elements, no script, no style sheet, no reference to anything outside,
// so that it can stand in a file, in a page or in a report that is opened offline.
import { never } from "../../base/assert.ts";
import { decimal, type Paint, type Scene, type Shape, type Text } from "./scene.ts";

const FONT = "Helvetica, Arial, sans-serif";

/** `text` with the five characters replaced that mean something in XML. */
export function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

function paintAttributes(paint: Paint): string {
  let text = ` fill="${paint.fill ?? "none"}"`;
  const opacity = paint.opacity ?? 1;
  if (paint.fill !== undefined && opacity < 1) text += ` fill-opacity="${decimal(opacity)}"`;
  if (paint.stroke === undefined) return text;
  text += ` stroke="${paint.stroke}" stroke-width="${decimal(paint.width ?? 1)}"`;
  text += ' stroke-linejoin="round"';
  if (paint.dash !== undefined) {
    text += ` stroke-dasharray="${paint.dash.map(decimal).join(" ")}"`;
  }
  if (opacity < 1) text += ` stroke-opacity="${decimal(opacity)}"`;
  return text;
}

function textElement(shape: Text): string {
  const x = decimal(shape.x);
  const y = decimal(shape.y);
  const anchor = shape.anchor ?? "start";
  let attributes = `x="${x}" y="${y}" font-size="${decimal(shape.size ?? 12)}"`;
  attributes += ` fill="${shape.fill ?? "#000000"}"`;
  if (anchor !== "start") attributes += ` text-anchor="${anchor}"`;
  if (shape.bold === true) attributes += ' font-weight="bold"';
  if (shape.opacity !== undefined) attributes += ` fill-opacity="${decimal(shape.opacity)}"`;
  if (shape.upright === true) attributes += ` transform="rotate(-90 ${x} ${y})"`;
  return `<text ${attributes}>${escapeXml(shape.text)}</text>`;
}

function pointList(points: readonly number[]): string {
  const pairs: string[] = [];
  for (let at = 0; at + 1 < points.length; at += 2) {
    pairs.push(`${decimal(points[at]!)},${decimal(points[at + 1]!)}`);
  }
  return pairs.join(" ");
}

function element(shape: Shape): string {
  switch (shape.kind) {
    case "rect": {
      const box = `x="${decimal(shape.x)}" y="${decimal(shape.y)}"`;
      const size = `width="${decimal(shape.w)}" height="${decimal(shape.h)}"`;
      return `<rect ${box} ${size}${paintAttributes(shape)}/>`;
    }
    case "line": {
      const from = `x1="${decimal(shape.x1)}" y1="${decimal(shape.y1)}"`;
      const to = `x2="${decimal(shape.x2)}" y2="${decimal(shape.y2)}"`;
      return `<line ${from} ${to}${paintAttributes(shape)}/>`;
    }
    case "polyline":
    case "polygon": {
      const paint = shape.kind === "polyline" ? { ...shape, fill: undefined } : shape;
      const { fill, ...rest } = paint;
      const attributes = paintAttributes(fill === undefined ? rest : { ...rest, fill });
      return `<${shape.kind} points="${pointList(shape.points)}"${attributes}/>`;
    }
    case "circle": {
      const centre = `cx="${decimal(shape.x)}" cy="${decimal(shape.y)}" r="${decimal(shape.r)}"`;
      return `<circle ${centre}${paintAttributes(shape)}/>`;
    }
    case "text":
      return textElement(shape);
    default:
      return never(shape);
  }
}

/** The scene as one SVG document. */
export function svg(scene: Scene): string {
  const width = decimal(scene.width);
  const height = decimal(scene.height);
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${FONT}" role="img">`,
    `<title>${escapeXml(scene.title)}</title>`,
    `<rect x="0" y="0" width="${width}" height="${height}" fill="${scene.background}"/>`,
  ];
  for (const shape of scene.shapes) lines.push(element(shape));
  lines.push("</svg>", "");
  return lines.join("\n");
}
