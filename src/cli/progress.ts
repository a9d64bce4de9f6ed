// The progress of a long task on stderr: one line redrawn at 5 Hz on a terminal, a plain line every
// ten seconds elsewhere. It says how much is done, the rate, the time left and what it waits for.

const REDRAW_MS = 200;
const PLAIN_MS = 10_000;
const BAR_COLUMNS = 10;

export interface ProgressState {
  /** 0 … 1, or null when the end is not known. */
  readonly done: number | null;
  /** What is being done and how fast, e.g. "height 4521  1,203 blocks/s". */
  readonly text: string;
}

/** Seconds as people read them: 42s, 3m 10s, 2h 5m. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
}

export function countText(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

export class Progress {
  readonly #state: () => ProgressState;
  readonly #terminal: boolean;
  readonly #started = performance.now();
  readonly #timer: NodeJS.Timeout;
  #drawn = false;

  constructor(state: () => ProgressState) {
    this.#state = state;
    this.#terminal = process.stderr.isTTY === true;
    this.#timer = setInterval(() => this.#draw(), this.#terminal ? REDRAW_MS : PLAIN_MS);
    this.#timer.unref();
  }

  #line(): string {
    const { done, text } = this.#state();
    if (done === null) return text;
    const elapsed = (performance.now() - this.#started) / 1000;
    const left = done > 0.001 ? `  ${durationText((elapsed * (1 - done)) / done)} left` : "";
    const percent = `${Math.floor(done * 100)}%`.padStart(4);
    if (!this.#terminal) return `${percent.trim()}  ${text}${left}`;
    const full = Math.round(done * BAR_COLUMNS);
    const bar = "#".repeat(full) + ".".repeat(BAR_COLUMNS - full);
    return `[${bar}]${percent}  ${text}${left}`;
  }

  #draw(): void {
    const line = this.#line();
    if (!this.#terminal) {
      process.stderr.write(`${line}\n`);
      return;
    }
    // A terminal may not know its width: then it says 0.
    const columns = process.stderr.columns || 80;
    process.stderr.write(`\r\x1b[K${line.slice(0, columns - 1)}`);
    this.#drawn = true;
  }

  /** Ends the line; later messages stand below it. */
  stop(): void {
    clearInterval(this.#timer);
    if (!this.#drawn) return;
    this.#draw();
    process.stderr.write("\n");
  }
}
