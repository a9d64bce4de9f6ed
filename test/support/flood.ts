// Strangers over real sockets, and what they flood a node with: rubbish, messages longer than any may
// be, orphans, chains of unconfirmed transactions, conflicting spends of one coin. A test holds the
// node to its bounds with them, the bench measures what an honest client notices.
import { connect, type Socket } from "node:net";
import { type Bytes, concatBytes, toHex, writeU32 } from "../../src/base/bytes.ts";
import { REGTEST } from "../../src/ledger/bitcoin/networks.ts";
import { decodeTransaction, rawTransaction } from "../../src/ledger/bitcoin/transaction.ts";
import { MESSAGE_BYTES_MAX } from "../../src/network/limits.ts";
import { decodeMessage } from "../../src/network/wire/decode.ts";
import { encodeMessage } from "../../src/network/wire/encode.ts";
import { encodeEnvelope, FrameReader } from "../../src/network/wire/envelope.ts";
import { INVENTORY, type Message } from "../../src/network/wire/messages.ts";
import type {
  BuiltTransaction,
  OwnedCoin,
} from "../../src/node/generate-chain/build-transaction.ts";
import { TestChain } from "../../src/node/generate-chain/test-chain.ts";
import type { NodeProcess } from "./node-process.ts";
import { spend } from "./small-chain.ts";
import { versionMessage } from "./stranger.ts";

/** A peer on a real socket that says what it is told to and counts what it hears. */
export class WirePeer {
  readonly heard: Map<string, number> = new Map<string, number>();
  readonly ended: Promise<void>;
  closed = false;
  readonly #socket: Socket;
  readonly #waiting = new Map<string, () => void>();
  #onMessage: (message: Message) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new FrameReader(REGTEST.magic);
    socket.on("error", () => {});
    this.ended = new Promise((resolve) => {
      socket.once("close", () => {
        this.closed = true;
        for (const done of this.#waiting.values()) done();
        resolve();
      });
    });
    socket.on("data", (chunk: Buffer) => {
      for (const { type, payload } of reader.push(chunk)) {
        this.heard.set(type, (this.heard.get(type) ?? 0) + 1);
        const decoded = decodeMessage(type, payload);
        if (!decoded.ok) continue;
        if (decoded.message.type === "ping") {
          void this.send({ type: "pong", nonce: decoded.message.nonce });
        }
        if (decoded.message.type === "pong") this.#waiting.get(toHex(decoded.message.nonce))?.();
        this.#onMessage(decoded.message);
      }
    });
  }

  /** Connects and greets; resolves when the node has greeted too. */
  static async connect(port: number): Promise<WirePeer> {
    const socket = connect({ host: "127.0.0.1", port });
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const peer = new WirePeer(socket);
    const greeted = new Promise<void>((resolve) => {
      peer.#onMessage = ({ type }) => {
        if (type === "verack") resolve();
      };
    });
    await peer.send(versionMessage());
    await peer.send({ type: "verack" });
    await Promise.race([greeted, peer.ended]);
    return peer;
  }

  onMessage(hear: (message: Message) => void): void {
    this.#onMessage = hear;
  }

  send(message: Message): Promise<void> {
    return this.raw(encodeEnvelope(REGTEST.magic, message.type, encodeMessage(message)));
  }

  /** Writes bytes; resolves when there is room for more. */
  raw(bytes: Bytes): Promise<void> {
    if (this.closed || this.#socket.write(bytes)) return Promise.resolve();
    const drained = new Promise<void>((resolve) => {
      this.#socket.once("drain", () => resolve());
    });
    return Promise.race([drained, this.ended]);
  }

  /** Milliseconds until the node answers a ping; null when the connection is gone. */
  async ping(number: number): Promise<number | null> {
    const nonce = new Uint8Array(8);
    writeU32(nonce, 0, number);
    const begun = performance.now();
    const answered = new Promise<void>((resolve) => this.#waiting.set(toHex(nonce), resolve));
    await this.send({ type: "ping", nonce });
    await answered;
    this.#waiting.delete(toHex(nonce));
    return this.closed ? null : performance.now() - begun;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** What no honest peer sends; each alone costs the connection. */
export function rubbish(): readonly Bytes[] {
  const oversized = encodeEnvelope(REGTEST.magic, "block", new Uint8Array(0));
  writeU32(oversized, 16, MESSAGE_BYTES_MAX + 1);
  const tooLongForItsKind = encodeEnvelope(REGTEST.magic, "ping", new Uint8Array(100_000));
  const wrongChecksum = encodeEnvelope(REGTEST.magic, "ping", new Uint8Array(8));
  wrongChecksum[20]! ^= 1;
  return [
    encodeEnvelope(REGTEST.magic, "headers", Uint8Array.of(0xff)),
    encodeEnvelope(REGTEST.magic, "addr", Uint8Array.of(0xfd, 0xff, 0xff)),
    encodeEnvelope(REGTEST.magic, "tx", new Uint8Array(50)),
    encodeEnvelope(REGTEST.magic, "inv", Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0xff)),
    concatBytes(oversized, new Uint8Array(65_536)),
    tooLongForItsKind,
    wrongChecksum,
    new Uint8Array(500).fill(7),
  ];
}

export interface Offence {
  /** From its first bad byte to the end of the connection. */
  readonly milliseconds: number;
  /** Messages written until then. */
  readonly sent: number;
}

/** Greets and sends one kind of rubbish until it is shut out. */
export async function offend(port: number, what: Bytes): Promise<Offence> {
  const peer = await WirePeer.connect(port);
  const begun = performance.now();
  let sent = 0;
  while (!peer.closed) {
    await peer.raw(what);
    sent += 1;
    // So that news of the end can come in, and the machine is not busy with strangers alone.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await peer.ended;
  return { milliseconds: performance.now() - begun, sent };
}

/** `count` transactions whose parents nobody has, from `from` on. */
export function orphans(from: number, count: number): Bytes[] {
  return Array.from({ length: count }, (_, index) => {
    const parent = new Uint8Array(32).fill(9);
    writeU32(parent, 0, from + index);
    return spend([{ txid: parent, index: 0 }], [1_000]);
  });
}

/** Sends transactions as fast as the node reads them; ends early with `over`. */
export async function sendAll(
  peer: WirePeer,
  transactions: readonly Bytes[],
  over: Promise<unknown> = peer.ended,
): Promise<number> {
  let sent = 0;
  let isOver = false;
  const end = over.then(() => {
    isOver = true;
  });
  // A stranger's own work is not to slow the node: everything is ready before the first is sent.
  const ready = transactions.map((bytes) => encodeEnvelope(REGTEST.magic, "tx", bytes));
  for (const bytes of ready) {
    if (peer.closed || isOver) break;
    await Promise.race([peer.raw(bytes), end]);
    sent += 1;
    if (sent % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return sent;
}

/** Announces transactions and gives those that the node asks for; how many it gave, at the end. */
export async function announceAll(
  peer: WirePeer,
  transactions: readonly Bytes[],
  over: Promise<unknown> = peer.ended,
): Promise<number> {
  const ready = new Map(
    transactions.map((bytes) => {
      const decoded = decodeTransaction(bytes);
      if (!decoded.ok) throw new Error(decoded.code);
      const { txid } = decoded.value;
      return [
        toHex(txid),
        { hash: txid.slice(), message: encodeEnvelope(REGTEST.magic, "tx", bytes) },
      ];
    }),
  );
  let given = 0;
  peer.onMessage((message) => {
    if (message.type !== "getdata") return;
    for (const { hash } of message.items) {
      const wanted = ready.get(toHex(hash));
      if (wanted === undefined) continue;
      void peer.raw(wanted.message);
      given += 1;
    }
  });
  const items = [...ready.values()].map(({ hash }) => ({ kind: INVENTORY.transaction, hash }));
  for (let at = 0; at < items.length; at += 1_000) {
    await peer.send({ type: "inv", items: items.slice(at, at + 1_000) });
  }
  await Promise.race([over, peer.ended]);
  return given;
}

export interface FloodLoad {
  /** Hex of blocks for submitblock, in order; the last ones are young. */
  readonly blocks: readonly string[];
  /** Transactions of an honest client, independent of one another, as hex. */
  readonly honest: readonly string[];
  /** Chains of unconfirmed transactions. */
  readonly chains: readonly (readonly Bytes[])[];
  /** Spends of one coin. */
  readonly conflicts: readonly Bytes[];
}

export interface LoadOptions {
  readonly honest: number;
  readonly chains: number;
  readonly chainLength: number;
  readonly conflicts: number;
}

const raw = ({ transaction }: BuiltTransaction): Bytes => rawTransaction(transaction).slice();

const YOUNG_BLOCKS = 12;

/** A chain with coins, and what is made of them. */
export function makeLoad(options: LoadOptions): FloodLoad {
  const chain = new TestChain({ seed: "flood" });
  const matured = chain.mineMany(102 + options.chains);
  const coins: OwnedCoin[] = [];
  const fans: BuiltTransaction[] = [];
  while (coins.length < options.honest + 1) {
    const fan = chain.spend([matured[fans.length]!.reward], { outputs: 1_000 });
    fans.push(fan);
    coins.push(...fan.created);
  }
  chain.mine({ transactions: fans });
  // Young, and not only the last: the chain's clock is the median of eleven.
  const now = Math.floor(Date.now() / 1000);
  for (let left = YOUNG_BLOCKS; left > 0; left--) chain.mine({ time: now - 600 * left });
  const contested = coins.pop()!;
  const rewards = matured.slice(fans.length, fans.length + options.chains);
  return {
    blocks: chain.tip.branch().map(({ bytes }) => toHex(bytes)),
    honest: coins
      .slice(0, options.honest)
      .map((coin) => toHex(raw(chain.spend([coin], { fee: 2_000 })))),
    chains: rewards.map(({ reward }) =>
      chain.spendInChain(reward, options.chainLength, { fee: 400 }).map(raw),
    ),
    // Cheaper and cheaper: the first to come stays, the others are refused for their fee.
    conflicts: Array.from({ length: options.conflicts }, (_, index) =>
      raw(chain.spend([contested], { fee: 20_000 - index })),
    ),
  };
}

/** Hands the blocks to a node. */
export async function feedBlocks(node: NodeProcess, { blocks }: FloodLoad): Promise<void> {
  for (const block of blocks) {
    const refused = await node.rpc<string | null>("submitblock", block);
    if (refused !== null) throw new Error(`a block of the load was refused: ${refused}`);
  }
}

/** The figures of /metrics, by name with labels. */
export async function metricsOf(node: NodeProcess): Promise<Map<string, number>> {
  const { host, port } = node.where.operations;
  const text = await (await fetch(`http://${host}:${port}/metrics`)).text();
  const figures = new Map<string, number>();
  for (const line of text.split("\n")) {
    const at = line.lastIndexOf(" ");
    if (at > 0 && !line.startsWith("#")) figures.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return figures;
}

/** What is fuller than it may be, in a line each. */
export function overfull(figures: ReadonlyMap<string, number>): string[] {
  const found: string[] = [];
  for (const [name, most] of figures) {
    const bound = /^pando_bound_max\{bound="(.*)"\}$/.exec(name)?.[1];
    if (bound === undefined) continue;
    const used = figures.get(`pando_bound_used{bound="${bound}"}`) ?? Number.NaN;
    if (!(used <= most)) found.push(`${bound}: ${used} of ${most}`);
  }
  return found;
}
