import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FUZZ_RUNS } from "../../../test/fuzz/runs.ts";
import { readJsonVector } from "../../../test/read-vector.ts";
import { type Bytes, concatBytes, fromHex, hex, toHex } from "../../base/bytes.ts";
import { ADDRESS_LENGTH, type NetworkAddress } from "./address.ts";
import { decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import { encodeEnvelope, type Frame, FrameReader } from "./envelope.ts";
import { type Message, type MessageType, PAYLOAD_BYTES_MAX } from "./messages.ts";

const MAGIC = hex("fabfb5da");
const TYPES = Object.keys(PAYLOAD_BYTES_MAX) as MessageType[];

/** Plain objects, as the decoder makes them. */
function record<T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const flags = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

/** Addresses that each form can carry. */
const oldAddress: fc.Arbitrary<NetworkAddress> = fc.oneof(
  record({ network: fc.constant(1), bytes: bytesOf(4), port: fc.nat(65535) }),
  record({
    network: fc.constant(2),
    bytes: bytesOf(16).map((bytes) => Uint8Array.of(0x20, ...bytes.subarray(1))),
    port: fc.nat(65535),
  }),
);
const anyAddress: fc.Arbitrary<NetworkAddress> = fc
  .constantFrom(...Object.keys(ADDRESS_LENGTH).map(Number))
  .chain((network) =>
    record({
      network: fc.constant(network),
      bytes: bytesOf(ADDRESS_LENGTH[network]!),
      port: fc.nat(65535),
    }),
  );
const timed = (address: fc.Arbitrary<NetworkAddress>) =>
  fc.array(record({ address, time: u32, services: flags }), { maxLength: 8 });

const TRANSACTION = hex(
  `01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0151ffffffff0100f2052a010000000151000000${"00"}`,
);
const indexes = fc
  .uniqueArray(fc.nat(2_000), { minLength: 1, maxLength: 20 })
  .map((list) => list.sort((a, b) => a - b));

const message: fc.Arbitrary<Message> = fc.oneof(
  record({
    type: fc.constant("version" as const),
    protocol: fc.nat(0x7fffffff),
    services: flags,
    time: fc.nat(2 ** 40),
    receiverServices: flags,
    receiver: oldAddress,
    nonce: bytesOf(8),
    userAgent: fc.stringMatching(/^[ -~]{0,40}$/),
    startHeight: fc.nat(0x7fffffff),
    relay: fc.boolean(),
  }),
  record({
    type: fc.constantFrom("verack", "wtxidrelay", "sendaddrv2", "sendheaders", "getaddr"),
  }) as fc.Arbitrary<Message>,
  record({ type: fc.constantFrom("ping", "pong"), nonce: bytesOf(8) }) as fc.Arbitrary<Message>,
  record({
    type: fc.constant("sendcmpct" as const),
    highBandwidth: fc.boolean(),
    version: fc.nat(9),
  }),
  record({ type: fc.constant("feefilter" as const), rate: fc.nat(2 ** 50) }),
  record({
    type: fc.constantFrom("inv", "getdata", "notfound"),
    items: fc.array(record({ kind: u32, hash: bytesOf(32) }), { maxLength: 9 }),
  }) as fc.Arbitrary<Message>,
  record({
    type: fc.constantFrom("getheaders", "getblocks"),
    protocol: u32,
    locator: fc.array(bytesOf(32), { maxLength: 101 }),
    stop: bytesOf(32),
  }) as fc.Arbitrary<Message>,
  fc
    .nat(5)
    .chain((count) =>
      record({ type: fc.constant("headers" as const), headers: bytesOf(count * 80) }),
    ),
  record({ type: fc.constant("addr" as const), addresses: timed(oldAddress) }),
  record({ type: fc.constant("addrv2" as const), addresses: timed(anyAddress) }),
  record({ type: fc.constant("getblocktxn" as const), block: bytesOf(32), indexes }),
  record({
    type: fc.constant("blocktxn" as const),
    block: bytesOf(32),
    transactions: fc.array(fc.constant(TRANSACTION), { maxLength: 3 }),
  }),
  fc.nat(5).chain((count) =>
    record({
      type: fc.constant("cmpctblock" as const),
      header: bytesOf(80),
      nonce: bytesOf(8),
      shortIds: bytesOf(count * 6),
      prefilled: fc.constant([
        { index: 0, transaction: TRANSACTION },
        { index: count + 1, transaction: TRANSACTION },
      ]),
    }),
  ),
  record({ type: fc.constantFrom("tx", "block"), bytes: bytesOf(100) }) as fc.Arbitrary<Message>,
);

test("every message survives encoding and decoding", () => {
  fc.assert(
    fc.property(message, (sent) => {
      const decoded = decodeMessage(sent.type, encodeMessage(sent));
      assert.ok(decoded.ok, `${sent.type}: ${decoded.ok ? "" : decoded.code}`);
      assert.deepEqual(decoded.message, sent);
    }),
    { numRuns: 2_000 },
  );
});

test("a stream cut anywhere gives the same messages", () => {
  const pieces = fc.array(fc.nat(400), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), pieces, (sent, cuts) => {
      const stream = concatBytes(
        ...sent.map((one) => encodeEnvelope(MAGIC, one.type, encodeMessage(one))),
      );
      const reader = new FrameReader(MAGIC);
      const frames: Frame[] = [];
      let at = 0;
      for (let turn = 0; at < stream.length; turn++) {
        const to = at + 1 + cuts[turn % cuts.length]!;
        frames.push(...reader.push(stream.subarray(at, to)));
        at = to;
      }
      assert.equal(reader.fault, null);
      assert.deepEqual(
        frames.map(({ type }) => type),
        sent.map(({ type }) => type),
      );
      frames.forEach((frame, index) => {
        assert.deepEqual(decodeMessage(frame.type, frame.payload), {
          ok: true,
          message: sent[index],
        });
      });
    }),
    { numRuns: 300 },
  );
});

test("any payload gives a message or a fault, never an exception", () => {
  const payload = fc.oneof(fc.uint8Array({ maxLength: 200 }), message.map(encodeMessage));
  const damage = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 });
  let refused = 0;
  fc.assert(
    fc.property(fc.constantFrom(...TYPES), payload, damage, (type, bytes, changes) => {
      const wrong = bytes.slice();
      for (const [at, value] of changes) if (at < wrong.length) wrong[at] = value;
      const decoded = decodeMessage(type, wrong);
      if (!decoded.ok) refused++;
      else assert.equal(decoded.message.type, type);
    }),
    { numRuns: FUZZ_RUNS },
  );
  assert.ok(refused > FUZZ_RUNS / 10, "the mutations reach the refusals");
});

test("any stream gives messages or a fault, and a fault is final", () => {
  const noise = fc.uint8Array({ maxLength: 100 });
  fc.assert(
    fc.property(message, noise, fc.nat(23), fc.nat(255), (sent, tail, at, value) => {
      const bytes = encodeEnvelope(MAGIC, sent.type, encodeMessage(sent));
      bytes[at] = value;
      const reader = new FrameReader(MAGIC);
      reader.push(bytes);
      const fault = reader.fault;
      const more = reader.push(tail);
      if (fault !== null) assert.deepEqual(more, []);
    }),
    { numRuns: FUZZ_RUNS },
  );
});

test("an oversized or foreign envelope is refused from its head alone", () => {
  const head = (magic: Bytes, command: string, length: number): Bytes => {
    const bytes = encodeEnvelope(magic, command, new Uint8Array(0));
    new DataView(bytes.buffer).setUint32(16, length, true);
    return bytes;
  };
  const faultOf = (bytes: Bytes): string | null => {
    const reader = new FrameReader(MAGIC);
    reader.push(bytes);
    return reader.fault;
  };
  assert.equal(faultOf(head(MAGIC, "ping", 65)), "oversized");
  assert.equal(faultOf(head(MAGIC, "block", 4_000_001)), "oversized");
  assert.equal(faultOf(head(MAGIC, "block", 4_000_000)), null);
  assert.equal(faultOf(head(hex("f9beb4d9"), "ping", 8)), "wrong-magic");
  assert.equal(faultOf(head(MAGIC, "a\u0001", 8)), "bad-command");
  const damaged = encodeEnvelope(MAGIC, "ping", new Uint8Array(8));
  damaged[30] = 1;
  assert.equal(faultOf(damaged), "bad-checksum");
});

test("unknown commands are skipped", () => {
  const reader = new FrameReader(MAGIC);
  const unknown = encodeEnvelope(MAGIC, "sendtxrcncl", new Uint8Array(3_000));
  const ping = encodeEnvelope(MAGIC, "ping", new Uint8Array(8));
  assert.equal(reader.push(concatBytes(unknown, ping)).length, 1);
  assert.equal(reader.skipped, 1);
});

test("counts above their bound are refused", () => {
  const inventory = hex("fd51c3"); // 50,001
  assert.deepEqual(decodeMessage("inv", concatBytes(inventory, new Uint8Array(36 * 50_001))), {
    ok: false,
    code: "too-many",
  });
  const locator = concatBytes(hex("7f110100"), hex("66"), new Uint8Array(103 * 32));
  assert.deepEqual(decodeMessage("getheaders", locator), { ok: false, code: "too-many" });
  const headers = concatBytes(hex("fdd107"), new Uint8Array(81 * 2_001));
  assert.deepEqual(decodeMessage("headers", headers), { ok: false, code: "too-many" });
});

test("real messages of the main network decode and encode back to their bytes", (context) => {
  const vectors = readJsonVector<Record<string, Record<string, string>>>(
    context,
    "json/p2p_messages_2014.json",
  );
  if (vectors === null) return;
  let count = 0;
  for (const forms of Object.values(vectors)) {
    for (const [name, text] of Object.entries(forms)) {
      // This form states the length of the one with the relay flag, so it is never whole.
      if (name === "messagenofrelay") continue;
      const bytes = fromHex(text);
      if (bytes === null || !text.startsWith("f9beb4d9")) continue;
      const reader = new FrameReader(hex("f9beb4d9"));
      const [frame] = reader.push(bytes);
      if (frame === undefined) {
        assert.equal(reader.fault, null, name);
        assert.equal(reader.skipped, 1, `${name} is a command we do not know`);
        continue;
      }
      const decoded = decodeMessage(frame.type, frame.payload);
      assert.ok(decoded.ok, `${frame.type}: ${name}`);
      count++;
      // A version message tells its sender's address, which we never tell.
      if (frame.type === "version") continue;
      assert.equal(toHex(encodeMessage(decoded.message)), toHex(frame.payload), frame.type);
    }
  }
  assert.ok(count >= 10, `${count} messages`);
});
