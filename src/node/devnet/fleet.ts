// The processes of a devnet: starts each with its own folder, ports and log, restarts it with the
// same ones, and waits for a folder that the last run's process is still closing.
import { join } from "node:path";
import type { NetworkKind } from "./network-kind.ts";
import { NodeChild } from "./node-child.ts";
import { type NodePorts, planPorts, portIsFree, readPorts, writePorts } from "./ports.ts";
import type { RpcClient } from "./rpc-client.ts";

export interface FleetNode {
  readonly index: number;
  readonly child: NodeChild;
  readonly folder: string;
  readonly log: string;
  ports: NodePorts;
  /** How often it has come up: what was told to an earlier process is forgotten. */
  starts: number;
}

/** As a node calls itself to its peers. */
export function nodeName(index: number): string {
  return `node-${index + 1}`;
}

export interface FleetOptions {
  readonly folder: string;
  readonly nodes: number;
  readonly program: string;
  readonly kind: NetworkKind;
}

/** A process of the last run may take this long to leave its folder. */
const IN_USE_TRIES_MAX = 20;
const IN_USE_WAIT_MS = 500;
/** Others may take a port between our look and the node's. */
const PORT_TRIES_MAX = 3;

export class NoPorts extends Error {}

export class Fleet {
  readonly nodes: readonly FleetNode[];
  readonly #options: FleetOptions;

  private constructor(options: FleetOptions, nodes: readonly FleetNode[]) {
    this.#options = options;
    this.nodes = nodes;
  }

  static async open(options: FleetOptions): Promise<Fleet> {
    const { folder, nodes } = options;
    const ports = await planPorts(readPorts(folder, nodes), portIsFree);
    if (ports === null) throw new NoPorts("no free ports are left on 127.0.0.1");
    writePorts(folder, ports);
    const made = ports.map((own, index): FleetNode => {
      const home = join(folder, `node-${index + 1}`);
      const log = join(folder, `node-${index + 1}.log`);
      return { index, child: new NodeChild(log), folder: home, log, ports: own, starts: 0 };
    });
    return new Fleet(options, made);
  }

  rpcOf(node: number): RpcClient | null {
    const { child } = this.nodes[node]!;
    return child.state === "up" ? child.rpc : null;
  }

  get up(): readonly number[] {
    return this.nodes.filter(({ child }) => child.state === "up").map(({ index }) => index);
  }

  /** The arguments of `pando` for one node. */
  #words({ index, folder, ports }: FleetNode): string[] {
    const { p2p, rpc, feed, ops } = ports;
    return [
      "start",
      ...this.#options.kind.words(index),
      ...["--data-dir", folder, "--json", "--stop-with-stdin", "--memory", "256MiB"],
      ...["--node-name", nodeName(index), "--p2p-listen", "yes"],
      ...["--p2p-bind", "127.0.0.1", "--p2p-port", String(p2p), "--rpc-port", String(rpc)],
      ...["--feed-port", String(feed), "--ops-port", String(ops)],
    ];
  }

  /** Brings one node up; its child says how that went. */
  async start(node: FleetNode): Promise<void> {
    const { child, log } = node;
    let portTries = 0;
    for (let attempt = 0; attempt < IN_USE_TRIES_MAX; attempt++) {
      await child.start({ program: this.#options.program, words: this.#words(node), log });
      if (child.state === "up") {
        node.starts += 1;
        return;
      }
      if (/EADDRINUSE|address already in use/i.test(child.why)) {
        portTries += 1;
        if (portTries > PORT_TRIES_MAX || !(await this.#movePorts(node))) return;
      } else if (/is in use by process/.test(child.why)) {
        await new Promise((resolve) => setTimeout(resolve, IN_USE_WAIT_MS));
      } else {
        return;
      }
    }
  }

  async #movePorts(node: FleetNode): Promise<boolean> {
    const others = this.nodes.map(({ ports, index }) => (index === node.index ? null : ports));
    const taken = new Set(others.flatMap((ports) => (ports === null ? [] : Object.values(ports))));
    // Those of the others are theirs, and not free because they listen.
    const isFree = async (port: number): Promise<boolean> =>
      !taken.has(port) && (await portIsFree(port));
    const planned = await planPorts([null], isFree);
    if (planned === null) return false;
    node.ports = planned[0]!;
    writePorts(
      this.#options.folder,
      this.nodes.map(({ ports }) => ports),
    );
    return true;
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.nodes.map(({ child }) => child.stop()));
  }

  boundLogs(): void {
    for (const { child } of this.nodes) child.boundLog();
  }
}
