// One client of the feed: what it follows, and how far behind it may fall. It speaks text and knows
// its socket only through `FeedSocket`.
//
//   client: {"subscribe": ["blocks"], "cursor": "..."}   {"unsubscribe": ["blocks"]}
//           {"track": {"transactions": [...], "addresses": [...]}}
//   server: {"type": "snapshot" | "event" | "tracked" | "error" | "slow", ...}
// A cursor that is still known is answered with the events behind it, otherwise with a snapshot.
import { toHex } from "../../base/bytes.ts";
import { addressScript } from "../../ledger/bitcoin/address.ts";
import type { AddressParams } from "../../ledger/bitcoin/params.ts";
import { parseJson } from "../json/parse.ts";
import { isObject, type Json, type JsonObject } from "../json/value.ts";
import { writeJson } from "../json/write.ts";
import { FEED_PENDING_BYTES_MAX, FEED_TRACKED_MAX } from "../limits.ts";
import type { Feed, FeedListener, TransactionChange } from "./feed.ts";
import { CHANNELS, type Channel, type FeedEvent } from "./history.ts";
import { type WantDialect, wantDialect } from "./want.ts";

export interface FeedSocket {
  readonly pendingBytes: number;
  send(text: string): void;
  /** 1013: try again later. */
  close(code: number, reason: string): void;
}

export class FeedSession implements FeedListener {
  readonly #feed: Feed;
  readonly #socket: FeedSocket;
  readonly #params: AddressParams;
  readonly #channels = new Set<Channel>();
  readonly #txids = new Set<string>();
  /** Script hex to the address that the client named. */
  readonly #scripts = new Map<string, string>();
  readonly #want: WantDialect;
  /** Requests are answered one after another, so that a snapshot precedes its events. */
  #queue: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(feed: Feed, socket: FeedSocket, params: AddressParams) {
    this.#feed = feed;
    this.#socket = socket;
    this.#params = params;
    this.#want = wantDialect(feed, (value) => this.#send(value));
  }

  #send(value: Json): void {
    if (this.#closed) return;
    if (this.#socket.pendingBytes > FEED_PENDING_BYTES_MAX) {
      this.#closed = true;
      this.#socket.send(writeJson({ type: "slow", cursor: this.#feed.history.cursor }));
      this.#socket.close(1013, "too slow");
      return;
    }
    this.#socket.send(writeJson(value));
  }

  #event({ number, channel, data }: FeedEvent): void {
    const cursor = this.#feed.history.cursorOf(number);
    this.#send({ type: "event", channel, cursor, data });
  }

  event(event: FeedEvent): void {
    if (this.#channels.has(event.channel)) this.#event(event);
    this.#want.event(event);
  }

  transaction({ txid, state, facts, scripts }: TransactionChange): void {
    const addresses = scripts
      .map((script) => this.#scripts.get(script))
      .filter((address): address is string => address !== undefined);
    if (!this.#txids.has(txid) && addresses.length === 0) return;
    const named = addresses.length === 0 ? undefined : [...new Set(addresses)];
    this.#send({ type: "tracked", txid, state, addresses: named, ...facts });
  }

  /** A message from the client. */
  receive(text: string): Promise<void> {
    this.#queue = this.#queue.then(() => this.#handle(text)).catch(() => {});
    return this.#queue;
  }

  async #handle(text: string): Promise<void> {
    const parsed = parseJson(text);
    if (!parsed.ok || !isObject(parsed.value)) {
      this.#send({ type: "error", message: "a message is a JSON object" });
      return;
    }
    const message = parsed.value;
    if (message["action"] !== undefined) await this.#want.receive(message);
    if (message["subscribe"] !== undefined) await this.#subscribe(message);
    if (message["unsubscribe"] !== undefined) {
      for (const channel of channelsOf(message["unsubscribe"])) this.#channels.delete(channel);
    }
    if (isObject(message["track"])) this.#track(message["track"]);
    if (message["ping"] !== undefined) this.#send({ type: "pong", ping: message["ping"] });
  }

  async #subscribe(message: JsonObject): Promise<void> {
    const wanted = channelsOf(message["subscribe"]);
    if (wanted.length === 0) {
      this.#send({ type: "error", message: `channels are ${CHANNELS.join(", ")}` });
      return;
    }
    const cursor = message["cursor"];
    const missed = typeof cursor === "string" ? this.#feed.history.after(cursor) : null;
    if (missed !== null) {
      for (const event of missed) if (wanted.includes(event.channel)) this.#event(event);
      for (const channel of wanted) this.#channels.add(channel);
      return;
    }
    const lost = typeof cursor === "string" ? true : undefined;
    for (const channel of wanted) {
      // The cursor is taken first: an event between it and the snapshot is told twice, never lost.
      const at = this.#feed.history.cursor;
      const data = await this.#feed.snapshot(channel);
      this.#send({ type: "snapshot", channel, cursor: at, lost, data });
      for (const event of this.#feed.history.after(at) ?? []) {
        if (event.channel === channel) this.#event(event);
      }
      this.#channels.add(channel);
    }
  }

  #track(what: JsonObject): void {
    const texts = (value: Json | undefined): string[] =>
      Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
    for (const txid of texts(what["transactions"])) {
      if (this.#txids.size < FEED_TRACKED_MAX) this.#txids.add(txid.toLowerCase());
    }
    for (const address of texts(what["addresses"])) {
      const script = addressScript(address, this.#params);
      if (script === null) this.#send({ type: "error", message: `${address} is no address` });
      else if (this.#scripts.size < FEED_TRACKED_MAX) this.#scripts.set(toHex(script), address);
    }
  }
}

function channelsOf(value: Json | undefined): Channel[] {
  const names = Array.isArray(value) ? value : [value];
  return CHANNELS.filter((channel) => names.includes(channel));
}
