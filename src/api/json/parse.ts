// JSON in, from strangers: bounded in depth, strict in grammar (RFC 8259), and numbers that a double
// cannot hold exactly keep their text. The last of equal names counts.
import { JSON_DEPTH_MAX } from "../limits.ts";
import { type Json, NumberText } from "./value.ts";

export type Parsed =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly at: number };

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** What does not stand for itself in a string. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
const SPECIAL = /[\u0000-\u001f\\]/;

/** The end of the run of plain characters of a string that begins at `at`. */
function plainEnd(text: string, at: number): number {
  let end = at;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code < 0x20 || code === 0x22 || code === 0x5c) break;
  }
  return end;
}

class Parser {
  readonly text: string;
  at = 0;
  failed = false;

  constructor(text: string) {
    this.text = text;
  }

  fail(): null {
    this.failed = true;
    return null;
  }

  space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }

  value(depth: number): Json {
    if (depth > JSON_DEPTH_MAX) return this.fail();
    this.space();
    switch (this.text[this.at]) {
      case "{":
        return this.object(depth);
      case "[":
        return this.array(depth);
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  word(word: string, value: Json): Json {
    if (!this.text.startsWith(word, this.at)) return this.fail();
    this.at += word.length;
    return value;
  }

  number(): Json {
    // Most are short whole numbers, which a search need not look for.
    let whole = 0;
    let at = this.at;
    let code = this.text.charCodeAt(at);
    if (code !== 0x30) {
      for (; code >= 0x30 && code <= 0x39; code = this.text.charCodeAt(++at)) {
        whole = whole * 10 + code - 0x30;
      }
    }
    // Neither a fraction nor a power follows, and a double holds it.
    const digits = at - this.at;
    if (digits > 0 && digits <= 15 && code !== 0x2e && (code | 0x20) !== 0x65) {
      this.at = at;
      return whole;
    }
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null) return this.fail();
    this.at = NUMBER.lastIndex;
    const [text] = match;
    // A whole number of up to 15 digits is exact; everything else may be an amount.
    return /^-?\d{1,15}$/.test(text) && text !== "-0" ? Number(text) : new NumberText(text);
  }

  string(): string {
    this.at++;
    // Most strings are plain to their end, and those that are long are hex.
    const quote = this.text.indexOf('"', this.at);
    if (quote >= 0) {
      const whole = this.text.slice(this.at, quote);
      if (!SPECIAL.test(whole)) {
        this.at = quote + 1;
        return whole;
      }
    }
    let out = "";
    for (;;) {
      const end = plainEnd(this.text, this.at);
      out += this.text.slice(this.at, end);
      this.at = end;
      const char = this.text[this.at];
      if (char === '"') {
        this.at++;
        return out;
      }
      if (char !== "\\") {
        this.fail();
        return "";
      }
      out += this.escape();
      if (this.failed) return "";
    }
  }

  escape(): string {
    const char = this.text[this.at + 1] ?? "";
    const plain = '"\\/bfnrt'.indexOf(char);
    if (char !== "" && plain >= 0) {
      this.at += 2;
      return '"\\/\b\f\n\r\t'[plain]!;
    }
    const code = /^[0-9a-fA-F]{4}$/.exec(this.text.slice(this.at + 2, this.at + 6));
    if (char !== "u" || code === null) {
      this.fail();
      return "";
    }
    this.at += 6;
    return String.fromCharCode(Number.parseInt(code[0], 16));
  }

  array(depth: number): Json {
    const values: Json[] = [];
    this.at++;
    this.space();
    if (this.text[this.at] === "]") {
      this.at++;
      return values;
    }
    for (;;) {
      values.push(this.value(depth + 1));
      if (this.failed) return null;
      this.space();
      const char = this.text[this.at++];
      if (char === "]") return values;
      if (char !== ",") return this.fail();
    }
  }

  object(depth: number): Json {
    const members: { [name: string]: Json } = {};
    this.at++;
    this.space();
    if (this.text[this.at] === "}") {
      this.at++;
      return {};
    }
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') return this.fail();
      const name = this.string();
      this.space();
      if (this.failed || this.text[this.at++] !== ":") return this.fail();
      const value = this.value(depth + 1);
      // A name like any other, but not to an assignment.
      if (name === "__proto__") {
        const plain = { value, enumerable: true, configurable: true, writable: true };
        Object.defineProperty(members, name, plain);
      } else members[name] = value;
      if (this.failed) return null;
      this.space();
      const char = this.text[this.at++];
      if (char === "}") return members;
      if (char !== ",") return this.fail();
    }
  }
}

/** Parses `text`; space around the value is allowed, anything else behind it is not. */
export function parseJson(text: string): Parsed {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.space();
  const ok = !parser.failed && parser.at === text.length;
  return ok ? { ok, value } : { ok: false, at: parser.at };
}
