// A small stroke font for PNG pictures, our own: no font file is shipped and none is looked for, so
// text looks the same on every machine. A glyph is strokes separated by spaces; a stroke is points of
// two digits, x 0..6 and y 0..8 (0 top of capitals, 2 top of small letters, 6 baseline, 8 descender).

const MISSING = "0040460600";

const GLYPHS: Readonly<Record<string, string>> = {
  A: "062046 1434",
  B: "060030414233 033344453606",
  C: "4130100105163645",
  D: "00062644422000",
  E: "40000646 0333",
  F: "400006 0333",
  G: "41301001051636454323",
  H: "0006 4046 0343",
  I: "0020 1016 0626",
  J: "4045361605",
  K: "0006 400346",
  L: "000646",
  M: "0600234046",
  N: "06004640",
  O: "100105163645413010",
  P: "06003041423303",
  Q: "100105163645413010 2446",
  R: "06003041423303 2346",
  S: "413010010213334445361605",
  T: "0040 2026",
  U: "000516364540",
  V: "002640",
  W: "0016233640",
  X: "0046 4006",
  Y: "002340 2326",
  Z: "00400646",
  a: "12324346 441405163645",
  b: "0006 0312324345361605",
  c: "4332120305163645",
  d: "4046 4332120305163645",
  e: "04444332120305163645",
  f: "30201116 0232",
  g: "4247381807 4332120305163645",
  h: "0006 0312324346",
  i: "0206 00",
  j: "121708 10",
  k: "0006 320436",
  l: "0006",
  m: "0206 0312223336 3342526366",
  n: "0206 0312324346",
  o: "120305163645433212",
  p: "0208 0312324345361605",
  q: "4248 4332120305163645",
  r: "0206 04122232",
  s: "43321203143445361605",
  t: "10152636 0232",
  u: "0205163645 4246",
  v: "022642",
  w: "0216243642",
  x: "0246 4206",
  y: "0226 4218",
  z: "02420646",
  "0": "100105163645413010",
  "1": "012026 1636",
  "2": "01103041420646",
  "3": "01103041423313 334445361605",
  "4": "36300444",
  "5": "400002324345361605",
  "6": "413010010516364544331304",
  "7": "004016",
  "8": "100102133342413010 1304051636454433",
  "9": "051636454130100102133342",
  ".": "06",
  ",": "1607",
  ":": "03 06",
  ";": "13 1607",
  "-": "0333",
  "+": "0343 2125",
  "=": "0242 0444",
  "/": "4006",
  "\\": "0046",
  "(": "20020527",
  ")": "00222507",
  "[": "20000727",
  "]": "00202707",
  "{": "20111203141627",
  "}": "00111223141607",
  "<": "410345",
  ">": "014305",
  "%": "0010110100 3545463635 4006",
  "*": "2125 0244 4204",
  "!": "0004 06",
  "?": "01103041422324 26",
  "'": "0001",
  '"': "0001 2021",
  _: "0747",
  "|": "0007",
  "#": "1016 3036 0242 0444",
  "&": "4602011020310405162644",
  $: "413010010213334445361605 2026",
  "@": "3414133343311003153645",
  "^": "022042",
  "~": "0413233443",
  "`": "0011",
  ε: "3212031424 14051636",
  θ: "100105162635312010 0333",
  κ: "0206 320436",
  λ: "001036 2306",
  σ: "4222120305162635342312",
  "≥": "014205 0646",
  "≤": "410245 0646",
  "×": "0246 4206",
  "±": "0242 2024 0646",
  "·": "03",
  "–": "0343",
  "—": "0353",
  "→": "0353 315335",
  "…": "06 26 46",
};

/** Pixels per grid unit at font size 1. */
const UNIT_X = 0.092;
const UNIT_Y = 0.1176;
/** Grid units between two glyphs, and of a blank. */
const GAP = 2;
const BLANK = 4;

/** One stroke of a text: points x, y in turn, from the start of its baseline. */
export type Stroke = readonly number[];

function glyphWidth(glyph: string): number {
  let width = 0;
  for (const stroke of glyph.split(" ")) {
    for (let at = 0; at < stroke.length; at += 2) width = Math.max(width, Number(stroke[at]));
  }
  return width;
}

/** The strokes of one line of text at a font size, and how wide it is. */
export function textStrokes(text: string, size: number): { strokes: Stroke[]; width: number } {
  const strokes: Stroke[] = [];
  let pen = 0;
  for (const character of text) {
    if (character === " ") {
      pen += BLANK;
      continue;
    }
    const glyph = GLYPHS[character] ?? MISSING;
    for (const stroke of glyph.split(" ")) {
      const points: number[] = [];
      for (let at = 0; at < stroke.length; at += 2) {
        points.push((pen + Number(stroke[at])) * UNIT_X * size);
        points.push((Number(stroke[at + 1]) - 6) * UNIT_Y * size);
      }
      strokes.push(points);
    }
    pen += glyphWidth(glyph) + GAP;
  }
  return { strokes, width: Math.max(0, pen - GAP) * UNIT_X * size };
}
