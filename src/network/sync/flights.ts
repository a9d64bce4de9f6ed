// Blocks that were asked for and have not come: each of one peer at a time. And who may be asked.
import { type Bytes, toHex } from "../../base/bytes.ts";
import type { ChainHeader, ChainView } from "../../ports/chain.ts";
import type { Clock } from "../../ports/clock.ts";
import { isOnBranch } from "../locator.ts";
import type { Peer } from "../peer/peer.ts";
import { SERVICE_NETWORK, SERVICE_NETWORK_LIMITED, SERVICE_WITNESS } from "../wire/messages.ts";

/** A pruned peer keeps at least this many blocks (BIP159). */
const LIMITED_BLOCKS = 288;

export interface Flight {
  readonly header: ChainHeader;
  readonly peer: Peer;
  /** When it was asked for. */
  readonly at: number;
}

export class Flights {
  readonly #clock: Clock;
  /** By hash. */
  readonly #flights = new Map<string, Flight>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#flights.size;
  }

  all(): Flight[] {
    return [...this.#flights.values()];
  }

  get(hash: Bytes): Flight | null {
    return this.#flights.get(toHex(hash)) ?? null;
  }

  has(hash: Bytes): boolean {
    return this.#flights.has(toHex(hash));
  }

  /** `peer` has been asked; who was before is not waited for any more. */
  begin(peer: Peer, header: ChainHeader): void {
    this.end(header.hash);
    const key = toHex(header.hash);
    const at = this.#clock.elapsed();
    this.#flights.set(key, { header, peer, at });
    peer.blocksInFlight.set(key, at);
  }

  /** It has come, or is not waited for any more. */
  end(hash: Bytes): Flight | null {
    const key = toHex(hash);
    const flight = this.#flights.get(key);
    if (flight === undefined) return null;
    this.#flights.delete(key);
    flight.peer.blocksInFlight.delete(key);
    flight.peer.stallingSince = null;
    return flight;
  }

  /** The peer is gone: what it was to send. */
  drop(peer: Peer): ChainHeader[] {
    const lost = this.all().filter((flight) => flight.peer === peer);
    for (const { header } of lost) this.#flights.delete(toHex(header.hash));
    peer.blocksInFlight.clear();
    return lost.map(({ header }) => header);
  }
}

/** True when blocks with their witnesses may be asked of the peer. */
export function mayServe(peer: Peer): boolean {
  const services = peer.version?.services ?? 0n;
  return (
    peer.ready &&
    peer.bestKnown !== null &&
    peer.kind !== "feeler" &&
    peer.kind !== "seed" &&
    (services & SERVICE_WITNESS) !== 0n &&
    (services & (SERVICE_NETWORK | SERVICE_NETWORK_LIMITED)) !== 0n
  );
}

/** True when the peer has shown that it has the block, and keeps blocks of that age. */
export function hasBlock(chain: ChainView, peer: Peer, header: ChainHeader): boolean {
  const best = peer.bestKnown;
  if (best === null || header.height > best.height) return false;
  const limited = ((peer.version?.services ?? 0n) & SERVICE_NETWORK) === 0n;
  if (limited && best.height - header.height >= LIMITED_BLOCKS) return false;
  return isOnBranch(chain, best, header);
}
