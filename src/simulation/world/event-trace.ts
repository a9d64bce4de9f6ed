// The trace of a run: a running hash of everything that happened, which proves that a seed repeats
// itself, and the last events as text for people.

export class EventTrace {
  private readonly lines: string[] = [];
  private readonly kept: number;
  private a = 0x811c9dc5;
  private b = 0x9e3779b9;
  count = 0;

  constructor(kept: number) {
    this.kept = kept;
  }

  add(now: number, text: string): void {
    this.count++;
    const line = `${(Math.floor(now * 1000) / 1000).toString()} ${text}`;
    for (let at = 0; at < line.length; at++) {
      const code = line.charCodeAt(at);
      this.a = Math.imul(this.a ^ code, 0x01000193);
      this.b = (Math.imul(this.b, 31) + code) | 0;
    }
    this.lines[this.count % this.kept] = line;
  }

  /** 16 hex digits. */
  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.a) + hex(this.b);
  }

  /** The last events, oldest first. */
  get last(): string[] {
    const from = Math.max(1, this.count - this.kept + 1);
    const lines: string[] = [];
    for (let at = from; at <= this.count; at++) lines.push(this.lines[at % this.kept]!);
    return lines;
  }
}
