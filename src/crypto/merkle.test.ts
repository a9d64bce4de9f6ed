import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type Bytes, concatBytes, fromDisplayHex, toDisplayHex, toHex } from "../base/bytes.ts";
import {
  hash64Lanes,
  hash64Scalar,
  hash256Batch,
  SLOTS_MAX,
  Slots,
  sha256Batch,
} from "./hash-lanes.ts";
import { foldBranch, merkleBranch, merkleRoot, segmentRoot, segmentRoots } from "./merkle.ts";
import { plainLevels, plainMerkleRoot } from "./merkle-plain.ts";

const plainTwice = (bytes: Bytes): Bytes => {
  const inner = createHash("sha256").update(bytes).digest();
  return new Uint8Array(createHash("sha256").update(inner).digest());
};

/** Distinct leaves, the same in every run. */
function leaves(count: number, seed = 1): Bytes[] {
  return Array.from({ length: count }, (_, at) => {
    const name = new TextEncoder().encode(`${seed} ${at}`);
    return new Uint8Array(createHash("sha256").update(name).digest());
  });
}

test("block 100000 of the main network", () => {
  const txids = [
    "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
    "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
    "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
    "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
  ].map((text) => fromDisplayHex(text)!);
  const { root, mutated } = merkleRoot(concatBytes(...txids), 4);
  assert.equal(
    toDisplayHex(root),
    "f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766",
  );
  assert.ok(!mutated);
});

test("every count to 300 equals the plain tree: roots, branches, segments", () => {
  assert.deepEqual(merkleRoot(new Uint8Array(0), 0), plainMerkleRoot([]));
  for (let count = 1; count <= 300; count++) {
    const list = leaves(count);
    const bytes = concatBytes(...list);
    const expected = plainMerkleRoot(list);
    assert.deepEqual(merkleRoot(bytes, count), expected, `${count} leaves`);
    for (const index of new Set([0, 1, count >>> 1, count - 2, count - 1])) {
      if (index < 0 || index >= count) continue;
      const branch = merkleBranch(bytes, count, index);
      assert.deepEqual(foldBranch(list[index]!, index, branch), expected.root);
    }
    const { levels } = plainLevels(list);
    const bits = count % 7;
    const { roots } = segmentRoots(bytes, count, bits);
    assert.deepEqual(roots, concatBytes(...(levels[bits] ?? levels.at(-1)!)));
  }
});

test("large trees equal the plain one", () => {
  for (const count of [1023, 1024, 1025, 2047, 2049, 4100, 9001]) {
    const list = leaves(count, count);
    assert.deepEqual(merkleRoot(concatBytes(...list), count), plainMerkleRoot(list));
  }
});

test("segment roots computed one by one fold to the root of the whole", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(9), (count, bits) => {
      const bytes = concatBytes(...leaves(count));
      const size = 2 ** bits;
      const number = Math.ceil(count / size);
      const roots: Bytes[] = [];
      for (let segment = 0; segment < number; segment++) {
        const part = bytes.subarray(segment * size * 32, (segment + 1) * size * 32);
        roots.push(segmentRoot(part, part.length / 32, bits, number === 1).root);
      }
      assert.deepEqual(concatBytes(...roots), segmentRoots(bytes, count, bits).roots);
      assert.deepEqual(merkleRoot(concatBytes(...roots), number), merkleRoot(bytes, count));
    }),
  );
});

test("mutation is seen at every level, and only where two nodes are there to compare", () => {
  // a b c   and   a b c c   have one root:
  const [a, b, c] = leaves(3) as [Bytes, Bytes, Bytes];
  const honest = merkleRoot(concatBytes(a, b, c), 3);
  const forged = merkleRoot(concatBytes(a, b, c, c), 4);
  assert.deepEqual(forged.root, honest.root);
  assert.deepEqual([honest.mutated, forged.mutated], [false, true]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 80 }), fc.nat(), fc.nat(5), (count, place, run) => {
      // Copies a run of 2^k leaves behind itself somewhere, aligned or not.
      const list = leaves(count);
      const length = 2 ** run;
      const from = place % count;
      const copy = list.slice(from, from + length);
      const changed = [...list.slice(0, from + length), ...copy, ...list.slice(from + length)];
      assert.deepEqual(
        merkleRoot(concatBytes(...changed), changed.length),
        plainMerkleRoot(changed),
      );
    }),
    { numRuns: 300 },
  );
});

test("a changed leaf, branch or index gives another root", () => {
  const list = leaves(13);
  const { root } = merkleRoot(concatBytes(...list), 13);
  const branch = merkleBranch(concatBytes(...list), 13, 6);
  assert.deepEqual(foldBranch(list[6]!, 6, branch), root);
  assert.notDeepEqual(foldBranch(list[5]!, 6, branch), root);
  assert.notDeepEqual(foldBranch(list[6]!, 7, branch), root);
  branch[40]! ^= 1;
  assert.notDeepEqual(foldBranch(list[6]!, 6, branch), root);
});

test("nodes on lanes and one by one equal node:crypto, in place too, and write nothing else", () => {
  for (const count of [0, 1, 2, 3, 4, 5, 7, 8, 1023, 1024, 1026, 3001]) {
    const input = concatBytes(...leaves(count * 2));
    const expected = new Uint8Array(count * 32 + 7).fill(0xee);
    for (let node = 0; node < count; node++) {
      expected.set(plainTwice(input.subarray(node * 64, node * 64 + 64)), node * 32);
    }
    for (const hash of [hash64Lanes, hash64Scalar]) {
      const output = new Uint8Array(count * 32 + 7).fill(0xee);
      hash(input, output, count);
      assert.deepEqual(output, expected, `${count} nodes`);
    }
    hash64Lanes(input, input, count);
    assert.deepEqual(input.subarray(0, count * 32), expected.subarray(0, count * 32));
  }
});

test("batches of messages of any lengths and pieces equal node:crypto", () => {
  const lengths = fc.array(fc.oneof(fc.nat(130), fc.nat(1200)), { maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), lengths, (pieces, sizes) => {
      const bytes = concatBytes(...leaves(80));
      const count = Math.floor(sizes.length / pieces);
      const ranges = new Uint32Array(count * pieces * 2);
      const expected: Bytes[] = [];
      for (let message = 0; message < count; message++) {
        const parts: Bytes[] = [];
        for (let piece = message * pieces; piece < (message + 1) * pieces; piece++) {
          const from = (piece * 37) % 900;
          ranges.set([from, from + sizes[piece]!], piece * 2);
          parts.push(bytes.subarray(from, from + sizes[piece]!));
        }
        expected.push(plainTwice(concatBytes(...parts)));
      }
      const out = new Uint8Array(count * 32 + 1);
      hash256Batch(bytes, ranges, out, pieces);
      assert.deepEqual(out, concatBytes(...expected, new Uint8Array(1)));
      if (pieces !== 1) return;
      sha256Batch(bytes, ranges, out);
      for (let at = 0; at < count; at++) {
        const message = bytes.subarray(ranges[at * 2], ranges[at * 2 + 1]);
        const once = createHash("sha256").update(message).digest("hex");
        assert.equal(toHex(out, at * 32, at * 32 + 32), once);
      }
    }),
    { numRuns: 200 },
  );
});

/** Each is the one before it with one byte changed. */
function inSlots(length: number, count: number): { messages: Bytes[]; slots: Slots } {
  const slots = new Slots(length);
  const { bytes, at } = slots.open();
  const messages: Bytes[] = [];
  for (let slot = 0; slot < count; slot++) {
    const from = at + slot * slots.stride;
    if (slot === 0) bytes.set(concatBytes(...leaves(8)).subarray(0, length), from);
    else bytes.copyWithin(from, from - slots.stride, from);
    if (length > 0) bytes[from + ((slot * 5) % length)] = slot;
    messages.push(bytes.slice(from, from + length));
  }
  return { messages, slots };
}

test("messages of one length in slots equal node:crypto, whatever was hashed there before", () => {
  for (const length of [247, 0, 33, 55, 56, 64, 119, 120, 182, 183, 184, 239]) {
    for (const count of [SLOTS_MAX, 1, 2, 4, 5, 16]) {
      const { messages, slots } = inSlots(length, count);
      const out = new Uint8Array(count * 32 + 1);
      slots.hash(count, true, out);
      assert.deepEqual(out, concatBytes(...messages.map(plainTwice), new Uint8Array(1)));
      slots.hash(count, false, out);
      const once = messages.map((message) => createHash("sha256").update(message).digest());
      assert.deepEqual(out, concatBytes(...once, new Uint8Array(1)));
      slots.hash160(count, out);
      for (let slot = 0; slot < count; slot++) {
        const expected = createHash("ripemd160").update(once[slot]!).digest("hex");
        assert.equal(toHex(out, slot * 32, slot * 32 + 20), expected);
      }
    }
  }
  assert.throws(() => new Slots(248));
});

test("a machine without vector instructions gives the same answers", (context) => {
  if (process.arch !== "x64") return context.skip("SKIPPED: only x64 can switch its vectors off");
  const list = leaves(21);
  const source = `
    import { merkleRoot } from ${JSON.stringify(new URL("./merkle.js", import.meta.url).href)};
    import { hasLanes, hash256Batch, Slots } from ${JSON.stringify(new URL("./hash-lanes.js", import.meta.url).href)};
    const leaves = new Uint8Array(Buffer.from(process.argv[1], "hex"));
    const out = new Uint8Array(96);
    hash256Batch(leaves, Uint32Array.of(0, 9, 3, 80, 5, 76), out);
    const root = merkleRoot(leaves, leaves.length / 32).root;
    const slots = new Slots(70);
    const { bytes, at } = slots.open();
    bytes.set(leaves.subarray(0, 70), at);
    bytes.copyWithin(at + slots.stride, at, at + slots.stride);
    bytes[at + slots.stride] = 7;
    const both = new Uint8Array(64);
    slots.hash(2, true, both);
    const keys = new Uint8Array(64);
    slots.hash160(2, keys);
    const shown = [root, out, both, keys.subarray(0, 20)].map((bytes) => Buffer.from(bytes).toString("hex"));
    console.log([hasLanes(), ...shown].join());`;
  const child = spawnSync(
    process.execPath,
    ["--no-enable-sse4-1", "--input-type=module", "-e", source, toHex(concatBytes(...list))],
    { encoding: "utf8" },
  );
  const bytes = concatBytes(...list);
  const hashes = [bytes.subarray(0, 9), bytes.subarray(3, 80), bytes.subarray(5, 76)].map(
    plainTwice,
  );
  const slot = bytes.slice(0, 70);
  const changed = Uint8Array.of(7, ...slot.subarray(1));
  const shown = [
    plainMerkleRoot(list).root,
    concatBytes(...hashes),
    concatBytes(plainTwice(slot), plainTwice(changed)),
    createHash("ripemd160").update(createHash("sha256").update(slot).digest()).digest(),
  ];
  const expected = [false, ...shown.map((hash) => toHex(hash))].join();
  assert.equal(child.stdout.trim(), expected, child.stderr);
});
