// Gossip of addresses: a little of it is passed on, most of it kept; a peer's unasked addresses are
// counted against a small budget (Bitcoin Core: one in ten seconds).
import type { Core } from "../core.ts";
import { ADDRESS_COUNT_MAX } from "../limits.ts";
import type { Peer } from "../peer/peer.ts";
import { hasOldForm, type NetworkAddress, type TimedAddress } from "../wire/address.ts";
import { addressKey, groupOf, isRoutable } from "./address-text.ts";
import type { AddressBook } from "./book.ts";

/** Gossip in a message of this size or less is news; more is an answer to getaddr. */
const NEWS_COUNT_MAX = 10;
const NEWS_SECONDS = 600;
const RELAY_PEERS = 2;
const ANSWER_MS = 24 * 3_600_000;
/** An address counts as this much older for each hand it went through. */
const PENALTY_SECONDS = 2 * 3_600;

export class AddressRelay {
  readonly #core: Core;
  readonly #book: AddressBook;
  /** One answer a day for everyone: a peer that connects often learns nothing more. */
  #answer: { readonly at: number; readonly addresses: TimedAddress[] } | null = null;
  /** Where others can reach us. */
  #own: NetworkAddress | null = null;
  #ownServices = 0n;

  constructor(core: Core, book: AddressBook) {
    this.#core = core;
    this.#book = book;
  }

  setOwn(address: NetworkAddress, services: bigint): void {
    this.#own = address;
    this.#ownServices = services;
  }

  /** The peer is ready: ask it, and tell it where we are. */
  onReady(peer: Peer): void {
    if (peer.kind === "full" || peer.kind === "seed" || peer.kind === "manual") {
      peer.addressesExpected = true;
      peer.budgets.addresses.grant(ADDRESS_COUNT_MAX);
      peer.send({ type: "getaddr" });
    }
    const own = this.#own;
    if (own !== null && !peer.inbound && peer.kind !== "block-only" && isRoutable(own)) {
      const time = Math.floor(this.#core.clock.now() / 1000);
      this.#send(peer, [{ address: own, time, services: this.#ownServices }]);
    }
  }

  #send(peer: Peer, addresses: readonly TimedAddress[]): void {
    const told = peer.addressV2 ? addresses : addresses.filter((one) => hasOldForm(one.address));
    if (told.length === 0) return;
    for (const { address } of told) peer.toldAddresses.add(addressKey(address));
    peer.send({ type: peer.addressV2 ? "addrv2" : "addr", addresses: told });
  }

  /** Only those that dialled us get an answer: otherwise it would fingerprint our own connections. */
  onGetAddresses(peer: Peer): void {
    if (!peer.inbound || peer.askedAddresses) return;
    peer.askedAddresses = true;
    const now = this.#core.clock.now();
    if (this.#answer === null || now - this.#answer.at > ANSWER_MS) {
      const addresses = this.#book.sample(Math.floor(now / 1000), ADDRESS_COUNT_MAX);
      this.#answer = { at: now, addresses };
    }
    this.#send(peer, this.#answer.addresses);
  }

  onAddresses(peer: Peer, addresses: readonly TimedAddress[]): void {
    if (peer.kind === "block-only" || peer.kind === "feeler") return;
    const { clock, statistics } = this.#core;
    const seconds = Math.floor(clock.now() / 1000);
    const allowed = peer.budgets.addresses.take(addresses.length, clock.elapsed());
    peer.addressesProcessed += allowed;
    peer.addressesLimited += addresses.length - allowed;
    statistics.addressesDropped += addresses.length - allowed;
    const isNews = addresses.length <= NEWS_COUNT_MAX && !peer.addressesExpected;
    const source = peer.address === null ? "unknown" : groupOf(peer.address);
    for (const told of addresses.slice(0, allowed)) {
      peer.toldAddresses.add(addressKey(told.address));
      const wrongTime = told.time <= 100_000_000 || told.time > seconds + 600;
      const time = wrongTime ? seconds - 5 * 86_400 : told.time;
      const entry = { ...told, time };
      this.#book.add(entry, source, seconds, PENALTY_SECONDS);
      if (isNews && time > seconds - NEWS_SECONDS) this.#passOn(peer, entry);
    }
    if (addresses.length < ADDRESS_COUNT_MAX) peer.addressesExpected = false;
    if (peer.kind === "seed" && addresses.length > 1) this.#core.disconnect(peer, "done");
  }

  #passOn(from: Peer, entry: TimedAddress): void {
    if (!isRoutable(entry.address)) return;
    const key = addressKey(entry.address);
    const listeners = [...this.#core.peers.values()].filter(
      (peer) =>
        peer !== from &&
        peer.ready &&
        (peer.kind === "inbound" || peer.kind === "full" || peer.kind === "manual") &&
        !peer.toldAddresses.has(key),
    );
    for (let left = RELAY_PEERS; left > 0 && listeners.length > 0; left--) {
      const [peer] = listeners.splice(this.#core.random.below(listeners.length), 1);
      if (peer !== undefined) this.#send(peer, [entry]);
    }
  }
}
