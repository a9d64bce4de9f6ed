// What the subcommands of `pando sim cuckoo` share: flags, tables on stdout, JSON, CSV and pictures.
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Ratio } from "../sharding/types.ts";
import type { Table } from "../simulation/cuckoo/experiments/experiment.ts";
import { png } from "../simulation/picture/png.ts";
import type { Scene } from "../simulation/picture/scene.ts";
import { svg } from "../simulation/picture/svg.ts";
import { type Arguments, CommandError, type Option } from "./command.ts";

export const OUTPUT_OPTIONS: Readonly<Record<string, Option>> = {
  csv: { value: "FILE", about: "also write the table as CSV" },
  plot: { value: "FILE", about: "also draw the chart, FILE.svg or FILE.png" },
};

export const RUN_OPTIONS: Readonly<Record<string, Option>> = {
  ...OUTPUT_OPTIONS,
  seed: { value: "TEXT", about: "seed of all randomness (default pando)" },
  seeds: { value: "R", about: "independent runs per point (default 40)" },
  workers: { value: "N", about: "worker threads (default: processors)" },
};

export function workersOf(args: Arguments): number {
  return args.integer("workers", 1, 256, availableParallelism());
}

/** A fraction such as 1/3, 5 or .25, within what the rules allow. */
export function ratioOption(args: Arguments, name: string, otherwise: Ratio): Ratio {
  const text = args.text(name);
  if (text === null) return otherwise;
  const ratio = parseRatio(text);
  if (ratio === null) throw new CommandError(`--${name} takes a number or fraction, not '${text}'`);
  return ratio;
}

export function parseRatio(text: string): Ratio | null {
  const fraction = /^(\d{1,4})\/(\d{1,4})$/.exec(text);
  if (fraction !== null) {
    const den = Number(fraction[2]);
    return den === 0 ? null : { num: Number(fraction[1]), den };
  }
  if (!/^(\d{1,4}(\.\d{0,3})?|\.\d{1,3})$/.test(text)) return null;
  const value = Number(text);
  for (const den of [1, 2, 4, 5, 8, 10, 20, 25, 50, 100, 200, 250, 500, 1000]) {
    const num = Math.round(value * den);
    if (Math.abs(num / den - value) < 1e-9) return { num, den };
  }
  return null;
}

/** Decimal numbers separated by commas. */
export function numberList(args: Arguments, name: string, otherwise: readonly number[]): number[] {
  const text = args.text(name);
  if (text === null) return [...otherwise];
  const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (numbers.some((value) => !Number.isFinite(value) || value < 0)) {
    throw new CommandError(`--${name} takes numbers separated by commas, not '${text}'`);
  }
  return numbers;
}

/** Whole numbers separated by commas, exactly so many. */
export function integersOption(args: Arguments, name: string, count: number): number[] | null {
  const text = args.text(name);
  if (text === null) return null;
  const numbers = text.split(",").map(Number);
  if (numbers.length !== count || numbers.some((value) => !Number.isSafeInteger(value))) {
    throw new CommandError(`--${name} takes ${count} whole numbers separated by commas`);
  }
  return numbers;
}

/** A table in columns, the first aligned left. */
export function tableText(table: Table): string {
  const all = [table.columns, ...table.rows];
  const widths = table.columns.map((_, c) => Math.max(...all.map((row) => (row[c] ?? "").length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join("  ")
      .trimEnd();
  return [table.title, ...all.map(line), ""].join("\n");
}

function csvCell(cell: string): string {
  return /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

export function csvText(table: Table): string {
  return `${[table.columns, ...table.rows].map((row) => row.map(csvCell).join(",")).join("\n")}\n`;
}

/** Writes a file or says in one line why not. */
export function writeOutput(path: string, content: string | Uint8Array): void {
  try {
    writeFileSync(path, content);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`cannot write ${path}: ${reason}`, 4);
  }
}

/** Draws a scene into FILE.svg or FILE.png, by the name's end. */
export function writePicture(path: string, scene: Scene): void {
  if (path.endsWith(".png")) writeOutput(path, png(scene, 2));
  else if (path.endsWith(".svg")) writeOutput(path, svg(scene));
  else throw new CommandError(`--plot takes a name that ends in .svg or .png, not '${path}'`);
}

/** Prints the table or the JSON line, and writes what --csv and --plot ask for. */
export function present(
  args: Arguments,
  table: Table,
  json: object,
  scene: (() => Scene) | null,
): void {
  const csv = args.text("csv");
  if (csv !== null) writeOutput(csv, csvText(table));
  const plot = args.text("plot");
  if (plot !== null) {
    if (scene === null) throw new CommandError("there is no chart of this; leave out --plot");
    writePicture(plot, scene());
  }
  process.stdout.write(args.json ? `${JSON.stringify(json)}\n` : `${tableText(table)}\n`);
}
