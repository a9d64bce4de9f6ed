// Makes the nodes' connections follow the links: of every two nodes the one with the higher number
// dials, and either refuses the other while their link is cut. Compares what is wanted with what the nodes say and mends the difference, so that a node
// that was restarted, or a dial that was under way when its link was cut, ends up right.
import { type Fleet, type FleetNode, nodeName } from "./fleet.ts";
import type { Link, Links } from "./links.ts";
import { NodeSilent, type RpcCall } from "./rpc-client.ts";

export interface PeerAnswer {
  readonly id: number;
  readonly addr: string;
  readonly inbound: boolean;
}

interface Told {
  /** Of the dialling process: a new one knows nothing. */
  readonly start: number;
  readonly address: string;
  /** Milliseconds of the last `addnode add`. */
  readonly at: number;
}

/** A node that does not get through dials again by itself, ever more slowly: we ask it to begin anew. */
const REDIAL_MS = 2_000;

const UNKNOWN = "";

export class Wiring {
  readonly #fleet: Fleet;
  readonly #links: Links;
  readonly #told = new Map<Link, Told>();
  /** By node: which process was told, and whom. */
  readonly #isolated = new Map<number, string>();

  constructor(fleet: Fleet, links: Links) {
    this.#fleet = fleet;
    this.#links = links;
  }

  /** Mends one node's connections, given its peers; null: without looking at them. */
  async mend(node: FleetNode, peers: readonly PeerAnswer[] | null, nowMs: number): Promise<void> {
    const rpc = this.#fleet.rpcOf(node.index);
    if (rpc === null) return;
    const calls: RpcCall[] = this.#isolation(node);
    for (const link of this.#links.all) {
      if (link.high === node.index) calls.push(...this.#callsFor(link, node, peers, nowMs));
    }
    try {
      await rpc.batch(calls);
    } catch (error) {
      if (!(error instanceof NodeSilent)) throw error;
      // What has reached it is not known: everything is told again.
      this.#isolated.set(node.index, UNKNOWN);
      for (const link of this.#links.all) if (link.high === node.index) this.#told.delete(link);
    }
  }

  /** Everything at once, after the links have changed. */
  async mendAll(nowMs: number): Promise<void> {
    await Promise.all(this.#fleet.nodes.map((node) => this.mend(node, null, nowMs)));
  }

  /** Whom the node refuses, when that is not what its process was told last. */
  #isolation({ index, starts }: FleetNode): RpcCall[] {
    const names = this.#links.all
      .filter((link) => (link.low === index || link.high === index) && !this.#links.isUp(link))
      .map(({ low, high }) => nodeName(low === index ? high : low));
    const told = `${starts} ${names.join()}`;
    const before = this.#isolated.get(index) ?? `${starts} `;
    this.#isolated.set(index, told);
    return told === before ? [] : [["isolatenodes", names]];
  }

  #callsFor(
    link: Link,
    node: FleetNode,
    peers: readonly PeerAnswer[] | null,
    nowMs: number,
  ): RpcCall[] {
    const address = `127.0.0.1:${this.#fleet.nodes[link.low]!.ports.p2p}`;
    const told = this.#told.get(link);
    const current = told !== undefined && told.start === node.starts ? told : null;
    const connected = peers?.some(({ addr, inbound }) => !inbound && addr === address) ?? null;
    if (!this.#links.isUp(link)) {
      this.#told.delete(link);
      if (current === null && connected !== true) return [];
      return [
        ["addnode", current?.address ?? address, "remove"],
        ["disconnectnode", current?.address ?? address],
      ];
    }
    const otherUp = this.#fleet.rpcOf(link.low) !== null;
    const stale = connected === false && otherUp && nowMs - (current?.at ?? 0) > REDIAL_MS;
    if (current !== null && current.address === address && !stale) return [];
    this.#told.set(link, { start: node.starts, address, at: nowMs });
    const forget: RpcCall[] = current === null ? [] : [["addnode", current.address, "remove"]];
    return [...forget, ["addnode", address, "add"]];
  }
}
