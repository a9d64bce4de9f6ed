// Where the nodes of a devnet listen: four ports each in a row from a base, the same at every start
// as long as nobody else has them; a row with a taken port is passed over. Kept in the state folder,
// so that a wallet or a browser finds a node where it was.
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

export interface NodePorts {
  readonly p2p: number;
  readonly rpc: number;
  readonly feed: number;
  readonly ops: number;
}

/** Above the ports of Bitcoin's networks, below those that systems hand out for outgoing calls. */
export const PORT_BASE = 20_400;
const ROW = 4;
const ROWS_MAX = 1_000;
const FILE = "ports.json";

function row(first: number): NodePorts {
  return { p2p: first, rpc: first + 1, feed: first + 2, ops: first + 3 };
}

function portsOf({ p2p, rpc, feed, ops }: NodePorts): number[] {
  return [p2p, rpc, feed, ops];
}

/**
 * A row for every node: the wanted one where all its ports are free and no other node has them,
 * else the next free row from the base. Null when there is none left.
 */
export async function planPorts(
  wanted: readonly (NodePorts | null)[],
  isFree: (port: number) => Promise<boolean>,
): Promise<readonly NodePorts[] | null> {
  const taken = new Set<number>();
  const free = async (ports: NodePorts): Promise<boolean> => {
    for (const port of portsOf(ports)) if (taken.has(port) || !(await isFree(port))) return false;
    return true;
  };
  const planned: (NodePorts | null)[] = [];
  for (const ports of wanted) {
    const keeps = ports !== null && (await free(ports));
    planned.push(keeps ? ports : null);
    if (keeps) for (const port of portsOf(ports)) taken.add(port);
  }
  const all: NodePorts[] = [];
  let next = 0;
  for (const kept of planned) {
    let ports = kept;
    for (; ports === null && next < ROWS_MAX; next++) {
      const candidate = row(PORT_BASE + next * ROW);
      if (await free(candidate)) ports = candidate;
    }
    if (ports === null) return null;
    for (const port of portsOf(ports)) taken.add(port);
    all.push(ports);
  }
  return all;
}

/** Whether a port of the loopback address can be listened at. */
export function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}

function isPorts(value: unknown): value is NodePorts {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Record<string, unknown>;
  return ["p2p", "rpc", "feed", "ops"].every((name) => Number.isInteger(record[name]));
}

/** The rows of last time; null for nodes without one. */
export function readPorts(folder: string, nodes: number): readonly (NodePorts | null)[] {
  let saved: unknown = [];
  try {
    saved = JSON.parse(readFileSync(join(folder, FILE), "utf8"));
  } catch {
    // None yet, or damaged: new ones are found.
  }
  const list: readonly unknown[] = Array.isArray(saved) ? saved : [];
  return Array.from({ length: nodes }, (_, index) => {
    const ports = list[index];
    return isPorts(ports) ? ports : null;
  });
}

export function writePorts(folder: string, ports: readonly NodePorts[]): void {
  writeFileSync(join(folder, FILE), `${JSON.stringify(ports, null, 2)}\n`);
}
