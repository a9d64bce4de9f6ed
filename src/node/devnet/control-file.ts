// Where a running devnet takes commands: a port of the loopback address and a token, in a file of
// the state folder that only its owner can read.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface ControlAddress {
  readonly port: number;
  readonly token: string;
  readonly pid: number;
}

const FILE = "control.json";

export function writeControl(folder: string, address: ControlAddress): void {
  rmSync(join(folder, FILE), { force: true });
  writeFileSync(join(folder, FILE), `${JSON.stringify(address)}\n`, { mode: 0o600 });
}

export function removeControl(folder: string): void {
  rmSync(join(folder, FILE), { force: true });
}

/** Null when no devnet left one. */
export function readControl(folder: string): ControlAddress | null {
  try {
    const value = JSON.parse(readFileSync(join(folder, FILE), "utf8")) as Partial<ControlAddress>;
    const { port, token, pid } = value;
    const sound = typeof port === "number" && typeof token === "string" && typeof pid === "number";
    return sound ? { port, token, pid } : null;
  } catch {
    return null;
  }
}
