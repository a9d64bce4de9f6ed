// The servers over a small node, for tests: real listeners on loopback, ports chosen by the system.

import type { ApiContext } from "../../src/api/context.ts";
import { Authenticator, parseRpcAuth } from "../../src/api/http/auth.ts";
import { FairQueue, type QueueBounds } from "../../src/api/http/fair-queue.ts";
import { type HttpListener, listenHttp } from "../../src/api/http/listener.ts";
import type { Dispatcher } from "../../src/api/rpc/dispatch.ts";
import type { Method } from "../../src/api/rpc/method.ts";
import { handleRpc } from "../../src/api/rpc/server.ts";
import { rpcDispatcher } from "../../src/api/rpc/table.ts";
import { toHex } from "../../src/base/bytes.ts";
import { decodeBlock } from "../../src/ledger/bitcoin/block.ts";
import { REGTEST } from "../../src/ledger/bitcoin/networks.ts";
import { decodeTransaction } from "../../src/ledger/bitcoin/transaction.ts";
import type { ConfirmedCoin } from "../../src/ports/coins.ts";
import type { NodeControl } from "../../src/ports/control.ts";
import type { StakingView } from "../../src/ports/staking.ts";
import type { SmallChain } from "./small-chain.ts";
import { type SmallNode, smallNode } from "./small-node.ts";
import { ManualClock, MemoryNet, seededRandom } from "./world.ts";

export const PASSWORD = "c00c1e";

export interface SmallApi {
  readonly node: SmallNode;
  readonly clock: ManualClock;
  readonly context: ApiContext;
  readonly dispatcher: Dispatcher;
  readonly listener: HttpListener;
  readonly queue: FairQueue;
  readonly refused: string[];
  warmup: string | null;
  stopped: boolean;
  close(): Promise<void>;
}

/** The coins that the blocks of a test chain spent, found by looking at the blocks again. */
async function spentCoins(chain: SmallChain, hash: Uint8Array): Promise<ConfirmedCoin[][] | null> {
  const header = chain.header(hash);
  const bytes = await chain.blockBytes(hash);
  const decoded = bytes === null ? null : decodeBlock(bytes);
  if (header === null || decoded === null || !decoded.ok) return null;
  const outputs = new Map<string, ConfirmedCoin>();
  for (let height = 0; height <= header.height; height++) {
    const raw = await chain.blockBytes(chain.ancestor(header, height)!.hash);
    const block = decodeBlock(raw!);
    if (!block.ok) continue;
    block.value.transactions.forEach((transaction, place) => {
      transaction.outputs.forEach(({ value, scriptAt, scriptEnd }, index) => {
        const script = transaction.bytes.slice(scriptAt, scriptEnd);
        const key = `${toHex(transaction.txid)}:${index}`;
        outputs.set(key, { value, script, height, coinbase: place === 0 });
      });
    });
  }
  return decoded.value.transactions.slice(1).map((transaction) =>
    transaction.inputs.map(({ outpointAt, previousIndex }) => {
      const txid = toHex(transaction.bytes, outpointAt, outpointAt + 32);
      return outputs.get(`${txid}:${previousIndex}`)!;
    }),
  );
}

async function findTransaction(chain: SmallChain, txid: Uint8Array) {
  for (let height = chain.tip().height; height > 0; height--) {
    const { hash } = chain.headerAt(height)!;
    const decoded = decodeBlock((await chain.blockBytes(hash))!);
    if (!decoded.ok) continue;
    for (const one of decoded.value.transactions) {
      if (toHex(one.txid) !== toHex(txid)) continue;
      return { block: hash, raw: one.bytes.subarray(one.start, one.end) };
    }
  }
  return null;
}

export interface SmallApiOptions {
  readonly bounds?: QueueBounds;
  readonly whitelist?: ReadonlyMap<string, ReadonlySet<string>>;
  readonly users?: readonly string[];
  readonly more?: readonly Method[];
  readonly lenient?: boolean;
  readonly staking?: StakingView | null;
}

interface SmallState {
  readonly staking?: StakingView | null;
  warmup: string | null;
  stopped: boolean;
}

/** What the servers need, over a small node. */
export function smallContext(
  node: Pick<SmallNode, "chain" | "mempool"> & Partial<Pick<SmallNode, "network">>,
  clock: ManualClock,
  state: SmallState,
): ApiContext {
  const control: NodeControl = {
    warmup: () => state.warmup,
    startedAt: 0,
    stop: () => {
      state.stopped = true;
    },
    version: "0.0.0",
    warnings: () => [],
    dataBytes: () => 12_345,
    folder: "/nowhere",
    pruneHeight: () => 0,
    spentCoins: (hash) => spentCoins(node.chain, hash),
    transaction: (txid) => findTransaction(node.chain, txid),
    indexed: true,
    testBlock: async (bytes) => {
      const decoded = decodeBlock(bytes);
      return decoded.ok
        ? { ok: true, state: "connected" }
        : { ok: false, code: "bad", debug: null, permanent: true };
    },
    invalidateBlock: async () => null,
    reconsiderBlock: async () => null,
    preciousBlock: async () => null,
    isolate: () => {},
    setMockTime: () => {},
  };
  return {
    params: REGTEST,
    chain: node.chain,
    coins: node.chain,
    mempool: node.mempool,
    network: node.network ?? null,
    staking: state.staking ?? null,
    control,
    clock,
    random: seededRandom(9),
  };
}

export async function smallApi(options: SmallApiOptions = {}): Promise<SmallApi> {
  const clock = new ManualClock();
  const node = await smallNode(clock, new MemoryNet(), "1.0.0.1");
  const state: SmallState = { warmup: null, stopped: false, staking: options.staking ?? null };
  const context = smallContext(node, clock, state);
  const errors: unknown[] = [];
  const observer = { called: () => {}, failed: (_: string, error: unknown) => errors.push(error) };
  const dispatcher = rpcDispatcher(context, observer, options.more);
  const queue = new FairQueue(options.bounds);
  const refused: string[] = [];
  const users = (options.users ?? []).map((text) => parseRpcAuth(text)!);
  const listener = await listenHttp(
    { host: "127.0.0.1", port: 0, lenient: options.lenient ?? true },
    (request, response) =>
      handleRpc(
        {
          dispatcher,
          authenticator: new Authenticator(seededRandom(3), PASSWORD, users, options.whitelist),
          queue,
          gate: { hosts: [], origins: [] },
          rest: null,
          later: (_, task) => task(),
          refused: (why) => refused.push(why),
        },
        request,
        response,
      ),
  );
  return {
    node,
    clock,
    context,
    dispatcher,
    listener,
    queue,
    refused,
    get warmup() {
      return state.warmup;
    },
    set warmup(text) {
      state.warmup = text;
    },
    get stopped() {
      return state.stopped;
    },
    close: async () => {
      await listener.close();
      await node.network.stop();
      if (errors.length > 0) throw errors[0];
    },
  };
}

/** The ids of a raw transaction. */
export function idsOf(raw: Uint8Array): { txid: Uint8Array; wtxid: Uint8Array } {
  const decoded = decodeTransaction(raw);
  if (!decoded.ok) throw new Error("not a transaction");
  return { txid: decoded.value.txid, wtxid: decoded.value.wtxid };
}
