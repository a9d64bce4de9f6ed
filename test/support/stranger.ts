// A peer that is not ours, in memory: it connects, greets and then says what a test tells it to.
import assert from "node:assert/strict";
import type { Bytes } from "../../src/base/bytes.ts";
import { REGTEST } from "../../src/ledger/bitcoin/networks.ts";
import { NETWORK_ID } from "../../src/network/wire/address.ts";
import { decodeMessage } from "../../src/network/wire/decode.ts";
import { encodeMessage } from "../../src/network/wire/encode.ts";
import { encodeEnvelope, FrameReader } from "../../src/network/wire/envelope.ts";
import type { Message } from "../../src/network/wire/messages.ts";
import type { Stream } from "../../src/ports/stream.ts";
import { type MemoryNet, seededRandom } from "./world.ts";

const PORT = REGTEST.port;

export interface Stranger {
  closed: boolean;
  readonly heard: Message[];
  send(message: Message): void;
  raw(bytes: Bytes): void;
}

/** Connects and greets, telling `features`; `react` sees every message. */
export async function stranger(
  net: MemoryNet,
  from: string,
  to: string,
  react: (message: Message, self: Stranger) => void = () => {},
  features: readonly Message[] = [],
): Promise<Stranger> {
  const stream: Stream = await net.transport(from).connect({ host: to, port: PORT }, 1);
  const reader = new FrameReader(REGTEST.magic);
  const self: Stranger = {
    closed: false,
    heard: [],
    send: (message) =>
      stream.send(encodeEnvelope(REGTEST.magic, message.type, encodeMessage(message))),
    raw: (bytes) => stream.send(bytes),
  };
  stream.open({
    data: (chunk) => {
      for (const { type, payload } of reader.push(chunk)) {
        const decoded = decodeMessage(type, payload);
        assert.ok(decoded.ok);
        self.heard.push(decoded.message);
        react(decoded.message, self);
      }
    },
    closed: () => {
      self.closed = true;
    },
    drained: () => {},
  });
  self.send(versionMessage());
  for (const feature of features) self.send(feature);
  self.send({ type: "verack" });
  return self;
}

let nonces = 0;

export function versionMessage(): Message {
  return {
    type: "version",
    protocol: 70016,
    services: 9n,
    time: 0,
    receiverServices: 0n,
    receiver: { network: NETWORK_ID.ipv4, bytes: new Uint8Array(4), port: 0 },
    nonce: seededRandom(1_000 + nonces++).bytes(8),
    userAgent: "/stranger/",
    startHeight: 0,
    relay: true,
  };
}
