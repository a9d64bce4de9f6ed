// Where a devnet's news goes: a screen that is redrawn on a terminal, lines elsewhere, JSON lines
// with --json.
import type { EventLine, Snapshot } from "../node/devnet/snapshot.ts";
import type { Summary } from "../node/devnet/summary.ts";
import { COLUMNS_MIN, eventText, plainLine, screenLines } from "../node/devnet/view.ts";

const REDRAW_MS = 500;
const PLAIN_MS = 5_000;
const ROWS_DEFAULT = 24;
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

export interface DevnetOutput {
  event(event: EventLine): void;
  /** Begins to show the devnet as it goes. */
  show(snapshot: () => Snapshot): void;
  end(summary: Summary, lines: readonly string[]): void;
  /** Leaves the terminal as it was. */
  close(): void;
}

function jsonOutput(): DevnetOutput {
  let timer: NodeJS.Timeout | null = null;
  const write = (value: unknown): void => {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  };
  const close = (): void => {
    if (timer !== null) clearInterval(timer);
  };
  return {
    event: (event) => write({ event }),
    show: (snapshot) => {
      timer = setInterval(() => {
        // Events have lines of their own.
        write({ status: { ...snapshot(), events: [] } });
      }, PLAIN_MS);
    },
    end: (summary) => {
      close();
      write(summary);
    },
    close,
  };
}

function plainOutput(): DevnetOutput {
  let timer: NodeJS.Timeout | null = null;
  const write = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  const close = (): void => {
    if (timer !== null) clearInterval(timer);
  };
  return {
    event: ({ ms, text }) => write(eventText(ms, text)),
    show: (snapshot) => {
      timer = setInterval(() => write(plainLine(snapshot())), PLAIN_MS);
    },
    end: (_, lines) => {
      close();
      for (const line of lines) write(line);
    },
    close,
  };
}

class ScreenOutput implements DevnetOutput {
  #timer: NodeJS.Timeout | null = null;
  #entered = false;

  /** Before there is a screen, events are lines. */
  event({ ms, text }: EventLine): void {
    if (!this.#entered) process.stdout.write(`${eventText(ms, text)}\n`);
  }

  show(snapshot: () => Snapshot): void {
    this.#entered = true;
    process.stdout.write(ENTER);
    // Whatever ends the process leaves a usable terminal.
    process.once("exit", () => this.close());
    const draw = (): void => {
      // A terminal may not know its size: then it says 0.
      const columns = process.stdout.columns || COLUMNS_MIN;
      const lines = screenLines(snapshot(), columns, process.stdout.rows || ROWS_DEFAULT);
      const text = lines.map((line) => `${line}${CLEAR_LINE}`).join("\n");
      process.stdout.write(`${HOME}${text}${CLEAR_BELOW}`);
    };
    draw();
    this.#timer = setInterval(draw, REDRAW_MS);
  }

  end(_: Summary, lines: readonly string[]): void {
    this.close();
    process.stdout.write(`${lines.join("\n")}\n`);
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    if (!this.#entered) return;
    this.#entered = false;
    process.stdout.write(LEAVE);
  }
}

export function devnetOutput(json: boolean): DevnetOutput {
  if (json) return jsonOutput();
  return process.stdout.isTTY === true ? new ScreenOutput() : plainOutput();
}
