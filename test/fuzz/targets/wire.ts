// Everything that comes from a peer's socket.
import { type Bytes, concatBytes, hex, writeU32 } from "../../../src/base/bytes.ts";
import { hash256 } from "../../../src/crypto/hash.ts";
import { REGTEST } from "../../../src/ledger/bitcoin/networks.ts";
import { compactBlock } from "../../../src/network/compact/build.ts";
import { PartialBlock } from "../../../src/network/compact/partial-block.ts";
import { NETWORK_ID } from "../../../src/network/wire/address.ts";
import { decodeMessage } from "../../../src/network/wire/decode.ts";
import { encodeMessage } from "../../../src/network/wire/encode.ts";
import { ENVELOPE_BYTES, encodeEnvelope, FrameReader } from "../../../src/network/wire/envelope.ts";
import {
  type Message,
  type MessageType,
  PAYLOAD_BYTES_MAX,
} from "../../../src/network/wire/messages.ts";
import { versionMessage } from "../../support/stranger.ts";
import type { FuzzTarget, Outcome } from "../target.ts";
import { SAMPLE_BLOCK, SAMPLE_DECODED, SAMPLE_TRANSACTIONS } from "./samples.ts";

const hash = (fill: number): Bytes => new Uint8Array(32).fill(fill);
const ipv4 = { network: NETWORK_ID.ipv4, bytes: Uint8Array.of(1, 2, 3, 4), port: 8333 };
const torv3 = { network: NETWORK_ID.torv3, bytes: hash(7), port: 9 };
const items = [1, 2, 5, 0x40000001].map((kind) => ({ kind, hash: hash(kind & 255) }));
const compact = compactBlock(SAMPLE_DECODED, hex("0102030405060708"));

const nonce = hex("1122334455667788");
const locator = [hash(1), hash(2)];

/** Messages of every kind. */
const SAMPLES: Message[] = [
  versionMessage(),
  { type: "verack" },
  { type: "wtxidrelay" },
  { type: "sendaddrv2" },
  { type: "sendheaders" },
  { type: "getaddr" },
  { type: "mempool" },
  { type: "ping", nonce },
  { type: "pong", nonce },
  { type: "sendcmpct", highBandwidth: true, version: 2 },
  { type: "feefilter", rate: 1_000 },
  { type: "inv", items },
  { type: "getdata", items },
  { type: "notfound", items },
  { type: "getheaders", protocol: 70016, locator, stop: hash(0) },
  { type: "getblocks", protocol: 70016, locator, stop: hash(0) },
  { type: "headers", headers: SAMPLE_BLOCK.subarray(0, 80) },
  { type: "addr", addresses: [{ address: ipv4, time: 1_700_000_000, services: 9n }] },
  {
    type: "addrv2",
    addresses: [ipv4, torv3].map((address) => ({ address, time: 1_700_000_000, services: 9n })),
  },
  { type: "tx", bytes: SAMPLE_TRANSACTIONS[0]! },
  { type: "block", bytes: SAMPLE_BLOCK },
  compact,
  { type: "getblocktxn", block: hash(3), indexes: [1, 2, 9] },
  { type: "blocktxn", block: hash(3), transactions: SAMPLE_TRANSACTIONS },
];

function messageTarget(type: MessageType): FuzzTarget {
  const corpus = SAMPLES.filter((one) => one.type === type).map(encodeMessage);
  return {
    name: `message ${type}`,
    covers: [
      "src/network/wire/decode.ts#decodeMessage",
      "src/network/wire/address.ts#readOldAddress",
      "src/network/wire/address.ts#readTimedAddress",
    ],
    corpus,
    decode: (input) => {
      const decoded = decodeMessage(type, input);
      return decoded.ok ? encodeMessage(decoded.message) : "refused";
    },
  };
}

/** What only consensus can read passes as it is. */
for (const type of Object.keys(PAYLOAD_BYTES_MAX) as MessageType[]) {
  if (type.startsWith("q"))
    SAMPLES.push({ type, payload: hash(8).subarray(0, PAYLOAD_BYTES_MAX[type]) } as Message);
}

/** Every kind by itself. */
const messages = (Object.keys(PAYLOAD_BYTES_MAX) as MessageType[]).map(messageTarget);

/** Length and checksum of the first frame made right. */
function mendEnvelope(input: Bytes): Bytes {
  if (input.length < ENVELOPE_BYTES) return input;
  const out = input.slice();
  out.set(REGTEST.magic, 0);
  writeU32(out, 16, out.length - ENVELOPE_BYTES);
  out.set(hash256(out.subarray(ENVELOPE_BYTES)).subarray(0, 4), 20);
  return out;
}

function readFrames(input: Bytes): Outcome {
  const reader = new FrameReader(REGTEST.magic);
  const frames = [];
  // In pieces, as sockets give them: the sizes follow from the input.
  for (let at = 0, step = 1; at < input.length; at += step) {
    step = 1 + ((input[at]! * 7 + at) % 61);
    frames.push(...reader.push(input.subarray(at, at + step)));
  }
  if (frames.length === 0) return "refused";
  return concatBytes(
    ...frames.map(({ type, payload }) => encodeEnvelope(REGTEST.magic, type, payload)),
  );
}

const envelope: FuzzTarget = {
  name: "envelope",
  covers: ["src/network/wire/envelope.ts#FrameReader"],
  corpus: SAMPLES.map((one) => encodeEnvelope(REGTEST.magic, one.type, encodeMessage(one))),
  decode: readFrames,
  mend: mendEnvelope,
};

const partial: FuzzTarget = {
  name: "compact block rebuilt",
  covers: [
    "src/network/compact/partial-block.ts#PartialBlock",
    "src/network/compact/short-ids.ts#readShortId",
  ],
  corpus: [encodeMessage(compact)],
  decode: (input) => {
    const decoded = decodeMessage("cmpctblock", input);
    if (!decoded.ok || decoded.message.type !== "cmpctblock") return "refused";
    const block = PartialBlock.begin(decoded.message, []);
    if (block === null) return "refused";
    const missing = block.missing();
    if (missing.length <= SAMPLE_TRANSACTIONS.length) {
      block.fill(SAMPLE_TRANSACTIONS.slice(0, missing.length));
    }
    return "taken";
  },
  // A short id of 6 bytes stands for a place of a transaction: 65,535 of them at most.
  allocates: (bytes) => bytes * 64 + 65_535 * 8 + 65_536,
};

export const WIRE_TARGETS: readonly FuzzTarget[] = [envelope, ...messages, partial];
