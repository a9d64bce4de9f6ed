// Random blocks against a ledger that takes them one transaction after another: which inputs are
// missing, what the coin set is after each block, after undoing, redoing, flushing and reopening,
// for 1 to 8 partitions. The blocks have no scripts to speak of: coins only.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes, readU32, readU64, toHex, writeU32, writeU64 } from "../../base/bytes.ts";
import { writeCompactSize } from "../../base/reader.ts";
import { MemoryEngine } from "../../engines/memory/memory-engine.ts";
import { full } from "../../engines/refusals.ts";
import { type Block, decodeBlock } from "../../ledger/bitcoin/block.ts";
import { EngineCoinStore, StoreRefused } from "../../state/engine-coin-store.ts";
import { IN_BLOCK, MISSING, Partition, SPEND_WORDS } from "../../state/partition.ts";
import { Placement } from "../../state/placement.ts";
import { buildFrame, type Frame, FramePool, frameMemory, frameOperations } from "./frame.ts";
import { PartitionHost } from "./partition-host.ts";

interface Outpoint {
  readonly txid: string;
  readonly index: number;
}

const keyOf = ({ txid, index }: Outpoint): string => `${txid}:${index}`;

/** Encodes a transaction whose lock time makes its txid unique. */
function encode(
  inputs: readonly Outpoint[],
  scripts: readonly number[],
  nonce: number,
): Uint8Array {
  const parts = [new Uint8Array([2, 0, 0, 0]), new Uint8Array([inputs.length])];
  for (const { txid, index } of inputs) {
    const input = new Uint8Array(41);
    input.set(Uint8Array.from(Buffer.from(txid, "hex")), 0);
    writeU32(input, 32, index);
    parts.push(input);
  }
  parts.push(new Uint8Array([scripts.length]));
  scripts.forEach((scriptBytes, number) => {
    const head = new Uint8Array(8 + 9);
    writeU64(head, 0, 1000 + number);
    const end = writeCompactSize(head, 8, scriptBytes);
    // A first byte of 0x6a makes no coin.
    const script = new Uint8Array(scriptBytes).fill(scriptBytes % 7 === 3 ? 0x6a : 0x51);
    parts.push(head.subarray(0, end), script);
  });
  const lock = new Uint8Array(4);
  writeU32(lock, 0, nonce);
  parts.push(lock);
  return concatBytes(...parts);
}

function blockOf(transactions: readonly Uint8Array[]): Uint8Array {
  return concatBytes(new Uint8Array(80), new Uint8Array([transactions.length]), ...transactions);
}

/** The sequential ledger: what Bitcoin's rules say when one looks at one transaction at a time. */
class Ledger {
  coins = new Map<string, string>();

  /** Applies a block; the missing inputs by number. A block with any is not kept. */
  apply(block: Block, height: number): { missing: number[]; coins: Map<string, string> } {
    const coins = new Map(this.coins);
    const missing: number[] = [];
    let input = 0;
    block.transactions.forEach((transaction, t) => {
      if (t > 0) {
        for (const spent of transaction.inputs) {
          const at = spent.outpointAt;
          const txid = toHex(block.bytes, at, at + 32);
          if (!coins.delete(keyOf({ txid, index: spent.previousIndex }))) missing.push(input);
          input += 1;
        }
      }
      transaction.outputs.forEach((output, index) => {
        const script = block.bytes.subarray(output.scriptAt, output.scriptEnd);
        if (script[0] === 0x6a || script.length > 10_000) return;
        const code = height * 2 + (t === 0 ? 1 : 0);
        const coin = `${code}/${output.value}/${toHex(script)}`;
        coins.set(keyOf({ txid: toHex(transaction.txid), index }), coin);
      });
    });
    return { missing, coins };
  }
}

/** A memory engine that refuses every batch after the next `left`, as a crash would. */
class DyingEngine extends MemoryEngine {
  left = Number.POSITIVE_INFINITY;

  override open(...words: Parameters<MemoryEngine["open"]>): ReturnType<MemoryEngine["open"]> {
    const opened = super.open(...words);
    if (opened.ok) {
      const { partition } = opened;
      const write = partition.writeBatch.bind(partition);
      partition.writeBatch = (...batch) => (this.left-- > 0 ? write(...batch) : full("here"));
    }
    return opened;
  }
}

/** Every changed coin is a batch of its own. */
const FLUSH_COUNT = 1;

class Node {
  readonly placement: Placement;
  readonly engine = new DyingEngine();
  readonly pool = new FramePool();
  partitions: Partition[] = [];
  host: PartitionHost;

  constructor(partitionCount: number) {
    this.placement = new Placement(new Uint8Array(16).fill(7), partitionCount);
    this.host = this.open();
  }

  open(): PartitionHost {
    for (const partition of this.partitions) partition.store.close();
    this.partitions = Array.from(
      { length: this.placement.partitionCount },
      (_, number) =>
        new Partition(
          number,
          new EngineCoinStore(this.engine, number),
          this.placement,
          FLUSH_COUNT,
        ),
    );
    this.host = new PartitionHost(this.partitions);
    return this.host;
  }

  decode(raw: Uint8Array): { block: Block; frame: Frame } {
    const memory = frameMemory(this.pool, raw);
    const decoded = decodeBlock(new Uint8Array(memory, 0, raw.length));
    assert.ok(decoded.ok, "the test's block decodes");
    const frame = buildFrame(this.pool, memory, decoded.value, this.placement);
    return { block: decoded.value, frame };
  }

  stage(frame: Frame, height: number): { deltas: Uint32Array[]; missing: number[] } {
    const { memory, bytes: _bytes, ...layout } = frame;
    const reply = this.host.handle({
      kind: "stage",
      memory,
      layout,
      height,
      duplicates: "overlay",
    });
    assert.ok(reply.kind === "staged");
    const { resolved } = frameOperations(memory, layout, 0);
    const missing = [...resolved.keys()].filter((input) => resolved[input] === MISSING);
    return { deltas: [...reply.deltas], missing };
  }

  coins(): Map<string, string> {
    const coins = new Map<string, string>();
    for (const partition of this.partitions) {
      partition.scan((key, value) => {
        const index = new DataView(key.buffer, key.byteOffset).getUint32(32);
        const amount = readU32(value, 4) + readU32(value, 8) * 2 ** 32;
        const coin = `${readU32(value, 0)}/${amount}/${toHex(value, 12)}`;
        const outpoint = keyOf({ txid: toHex(key, 0, 32), index });
        assert.ok(!coins.has(outpoint), "a coin is listed once");
        coins.set(outpoint, coin);
      });
    }
    return coins;
  }
}

const sorted = (coins: Map<string, string>): [string, string][] => [...coins].sort();

/** Choices of a random history; small numbers pick among what is there. */
const step = fc.record({
  kind: fc.constantFrom(
    "block",
    "block",
    "block",
    "bad",
    "undo",
    "redo",
    "flush",
    "torn",
    "reopen",
  ),
  transactions: fc.array(
    fc.record({
      picks: fc.array(fc.nat(1000), { minLength: 1, maxLength: 4 }),
      scripts: fc.array(fc.constantFrom(0, 1, 3, 22, 34, 60, 10_001), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
    { maxLength: 6 },
  ),
  keep: fc.nat(20),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A history of blocks on one node beside the sequential ledger. */
class History {
  readonly node: Node;
  readonly ledger = new Ledger();
  #nonce = 1;
  #height = 0;
  #past: { deltas: Uint32Array[]; before: Map<string, string> }[] = [];
  /** What the chain log and the deltas of a node would hold. */
  #log: { kind: "undo" | "redo"; deltas: Uint32Array[] }[] = [];

  constructor(partitionCount: number) {
    this.node = new Node(partitionCount);
  }

  #build(wanted: Step, bad: boolean): Uint8Array {
    const available: Outpoint[] = [...this.ledger.coins.keys()].sort().map((key) => {
      const [txid, index] = key.split(":");
      return { txid: txid!, index: Number(index) };
    });
    const raw = [encode([{ txid: "00".repeat(32), index: 0xffffffff }], [1], this.#nonce++)];
    for (const { picks, scripts } of wanted.transactions) {
      const inputs: Outpoint[] = [];
      for (const pick of picks) {
        if (available.length === 0) break;
        const at = pick % available.length;
        inputs.push(available[at]!);
        // A bad block spends some coin twice, now and then.
        if (!bad || pick % 3 !== 0) available.splice(at, 1);
      }
      if (inputs.length === 0) continue;
      const transaction = encode(inputs, scripts, this.#nonce++);
      raw.push(transaction);
      const decoded = decodeBlock(blockOf([transaction]));
      assert.ok(decoded.ok);
      const txid = toHex(decoded.value.transactions[0]!.txid);
      scripts.forEach((length, index) => {
        if (length % 7 !== 3 && length <= 10_000) available.push({ txid, index });
      });
    }
    if (bad) raw.reverse();
    return blockOf(raw);
  }

  run(wanted: Step): void {
    const { kind } = wanted;
    if (kind === "block" || kind === "bad") this.#block(wanted, kind === "bad");
    else if (kind === "undo") this.#undo(false);
    else if (kind === "redo") this.#undo(true);
    else if (kind === "flush") this.#flush(wanted.keep);
    else if (kind === "torn") this.#tornFlush(wanted.keep);
    else this.#reopen();
    assert.deepEqual(sorted(this.node.coins()), sorted(this.ledger.coins));
  }

  #block(wanted: Step, bad: boolean): void {
    const { block, frame } = this.node.decode(this.#build(wanted, bad));
    const height = this.#height + 1;
    const { deltas, missing } = this.node.stage(frame, height);
    const expected = this.ledger.apply(block, height);
    if (!bad) assert.deepEqual(expected.missing, [], "a good block misses nothing");
    // Behind the first fault the two may differ: the sequential ledger lets later inputs spend the
    // outputs of a transaction that is itself invalid.
    assert.equal(missing[0], expected.missing[0]);
    if (missing.length > 0) {
      this.node.host.handle({ kind: "undo", deltas });
      return;
    }
    this.#past.push({ deltas, before: this.ledger.coins });
    this.#log.push({ kind: "redo", deltas });
    this.ledger.coins = expected.coins;
    this.#height = height;
  }

  #undo(andRedo: boolean): void {
    const last = this.#past.at(-1);
    if (last === undefined) return;
    this.node.host.handle({ kind: "undo", deltas: last.deltas });
    if (andRedo) {
      assert.deepEqual(sorted(this.node.coins()), sorted(last.before));
      this.node.host.handle({ kind: "redo", deltas: last.deltas });
      return;
    }
    this.#past.pop();
    this.#log.push({ kind: "undo", deltas: last.deltas });
    this.ledger.coins = last.before;
    this.#height -= 1;
  }

  #flush(keep: number): void {
    const position = new Uint8Array(8);
    writeU64(position, 0, this.#log.length);
    this.node.host.handle({
      kind: "flush",
      position,
      keepFrom: this.#height - keep,
      only: null,
    });
  }

  /** A crash after some of a flush's batches, which may hold any part of the changes. */
  #tornFlush(batches: number): void {
    this.node.engine.left = batches;
    try {
      this.#flush(0);
    } catch (error) {
      assert.ok(error instanceof StoreRefused);
    }
    this.node.engine.left = Number.POSITIVE_INFINITY;
    this.#reopen();
  }

  /** A crash and a restart: what was not flushed comes back from the deltas. */
  #reopen(): void {
    this.node.open();
    const reply = this.node.host.handle({ kind: "positions" });
    assert.ok(reply.kind === "positions");
    const at = reply.positions.map(({ position }) => (position ? readU64(position, 0) : 0));
    this.#log.forEach(({ kind, deltas }, sequence) => {
      const behind = deltas.filter((delta) => at[delta[0]!]! <= sequence);
      this.node.host.handle({ kind, deltas: behind });
    });
  }
}

test("random blocks, undos, flushes and restarts agree with a sequential ledger", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(step, { maxLength: 25 }),
      (count, steps) => {
        const history = new History(count);
        for (const wanted of steps) history.run(wanted);
      },
    ),
    { numRuns: 300 },
  );
});

test("a coin made in the block needs a smaller position than its spender", () => {
  const node = new Node(4);
  const coinbase = encode([{ txid: "00".repeat(32), index: 0xffffffff }], [1], 1);
  const setup = node.decode(blockOf([coinbase]));
  node.stage(setup.frame, 1);
  const base = { txid: toHex(setup.block.transactions[0]!.txid), index: 0 };
  const parent = encode([base], [1], 2);
  const parentId = toHex(node.decode(blockOf([parent])).block.transactions[0]!.txid);
  const child = encode([{ txid: parentId, index: 0 }], [1], 3);
  const own = encode([{ txid: "00".repeat(32), index: 0xffffffff }], [1], 4);

  const wrong = node.decode(blockOf([own, child, parent]));
  const refused = node.stage(wrong.frame, 2);
  assert.deepEqual(refused.missing, [0]);
  node.host.handle({ kind: "undo", deltas: refused.deltas });

  const right = node.decode(blockOf([own, parent, child]));
  const staged = node.stage(right.frame, 2);
  assert.deepEqual(staged.missing, []);
  const { memory, bytes: _bytes, ...layout } = right.frame;
  const { resolved } = frameOperations(memory, layout, 0);
  const spends = new Int32Array(memory, layout.spendsAt, SPEND_WORDS * 2);
  assert.equal(spends.length, 10);
  assert.equal(resolved[1], IN_BLOCK - 1);
});
