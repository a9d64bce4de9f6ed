// Serving what peers ask for: headers, hashes, blocks in their several forms, transactions. Requests
// wait while the peer does not take what it was sent, so a slow reader costs one queue, bounded.
import { type Bytes, bytesEqual, concatBytes, toHex } from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";
import { type Block, decodeBlock } from "../../ledger/bitcoin/block.ts";
import { rawTransaction, strippedTransaction } from "../../ledger/bitcoin/transaction.ts";
import type { ChainEvent, ChainHeader } from "../../ports/chain.ts";
import type { Core } from "../core.ts";
import {
  BLOCK_TRANSACTIONS_DEPTH_MAX,
  COMPACT_DEPTH_MAX,
  GETBLOCKS_COUNT,
  HEADER_COUNT_MAX,
  JUDGED_COUNT_MAX,
  JUDGED_MS_MAX,
  SEND_PAUSE_BYTES,
  SERVE_QUEUE_MAX,
} from "../limits.ts";
import { forkPoint, isActive } from "../locator.ts";
import type { Peer } from "../peer/peer.ts";
import {
  type GetBlockTransactionsMessage,
  INVENTORY,
  type InventoryItem,
  type LocatorMessage,
} from "../wire/messages.ts";
import type { Announcer } from "./announce.ts";

/** A block without its witnesses, for peers that know none. */
function strippedBlock(block: Block): Bytes {
  const count = new Uint8Array(compactSizeBytes(block.transactions.length));
  writeCompactSize(count, 0, block.transactions.length);
  return concatBytes(block.header.bytes, count, ...block.transactions.map(strippedTransaction));
}

export class BlockServer {
  readonly #core: Core;
  readonly #announcer: Announcer;
  /** A transaction by its id or witness id, when the peer may have it. */
  readonly #transaction: (peer: Peer, item: InventoryItem) => Bytes | null;
  /** When blocks were told of before their verdict, by hash: who asks for one of them waits for it. */
  readonly #seen = new Map<string, number>();
  /** The last one of them: its transactions may be asked for at once. */
  #lastSeen: { readonly hash: Bytes; readonly bytes: Bytes } | null = null;

  constructor(
    core: Core,
    announcer: Announcer,
    transaction: (peer: Peer, item: InventoryItem) => Bytes | null,
  ) {
    this.#core = core;
    this.#announcer = announcer;
    this.#transaction = transaction;
  }

  onEvent(event: ChainEvent): void {
    if (event.kind === "seen") {
      const { header, bytes } = event;
      this.#lastSeen = { hash: header.hash, bytes };
      this.#seen.set(toHex(header.hash), this.#core.clock.elapsed());
      if (this.#seen.size <= JUDGED_COUNT_MAX) return;
      const oldest = this.#seen.keys().next().value;
      if (oldest !== undefined) this.#seen.delete(oldest);
      return;
    }
    for (const { hash } of event.connected) this.#seen.delete(toHex(hash));
    for (const peer of this.#core.peers.values()) this.pump(peer);
  }

  /** True while a block that peers were told of is being judged: its bytes are not vouched for yet. */
  #isJudged(hash: Bytes): boolean {
    const { chain } = this.#core;
    const since = this.#seen.get(toHex(hash));
    if (since === undefined || chain.standing(hash) !== "stored") return false;
    // Another one was faster: it waits for a child, if for anything.
    if (chain.header(hash)!.work <= chain.tip().work) return false;
    if (this.#core.clock.elapsed() - since <= JUDGED_MS_MAX) return true;
    this.#core.statistics.verdictsLate++;
    this.#seen.delete(toHex(hash));
    return false;
  }

  onGetHeaders(peer: Peer, message: LocatorMessage): void {
    const { chain } = this.#core;
    // While we are far behind our headers are no news to anyone, and may be the wrong ones.
    if (chain.initialDownload() && peer.inbound && chain.tip().height === 0) {
      peer.send({ type: "headers", headers: new Uint8Array(0) });
      return;
    }
    let from: ChainHeader | null;
    let count = HEADER_COUNT_MAX;
    if (message.locator.length === 0) {
      const only = chain.header(message.stop);
      if (only === null) return;
      from = only;
      count = 1;
      peer.send({ type: "headers", headers: only.bytes });
      return;
    }
    from = forkPoint(chain, message.locator);
    const headers: Bytes[] = [];
    let last: ChainHeader = from;
    for (let height = from.height + 1; count > 0; height++, count--) {
      const header = chain.headerAt(height);
      if (header === null) break;
      headers.push(header.bytes);
      last = header;
      if (bytesEqual(header.hash, message.stop)) break;
    }
    peer.bestSent = last;
    peer.send({ type: "headers", headers: concatBytes(...headers) });
  }

  onGetBlocks(peer: Peer, message: LocatorMessage): void {
    const { chain } = this.#core;
    const items: InventoryItem[] = [];
    for (let height = forkPoint(chain, message.locator).height + 1; ; height++) {
      const header = chain.headerAt(height);
      if (header === null || bytesEqual(header.hash, message.stop)) break;
      items.push({ kind: INVENTORY.block, hash: header.hash });
      if (items.length === GETBLOCKS_COUNT) break;
    }
    if (items.length > 0) peer.send({ type: "inv", items });
  }

  onGetData(peer: Peer, items: readonly InventoryItem[]): void {
    const unknown: InventoryItem[] = [];
    for (const item of items) {
      if (isBlockKind(item.kind)) {
        if (peer.serveQueue.length >= SERVE_QUEUE_MAX) {
          this.#core.fault(peer, 20, "bad-request", "too many blocks asked for at once");
          return;
        }
        peer.serveQueue.push(item);
        continue;
      }
      const raw = this.#transaction(peer, item);
      if (raw === null) unknown.push(item);
      else peer.send({ type: "tx", bytes: raw });
    }
    if (unknown.length > 0) peer.send({ type: "notfound", items: unknown });
    this.pump(peer);
  }

  /** Sends the next blocks that the peer waits for, as fast as it takes them. */
  pump(peer: Peer): void {
    if (peer.serving || !peer.ready) return;
    if (peer.serveQueue.length === 0 || peer.pendingBytes > SEND_PAUSE_BYTES) return;
    // The next tip or tick comes back to it.
    if (this.#isJudged(peer.serveQueue[0]!.hash)) return;
    peer.serving = true;
    const item = peer.serveQueue.shift()!;
    this.#serve(peer, item).then(
      () => {
        peer.serving = false;
        this.pump(peer);
      },
      (error: unknown) => {
        peer.serving = false;
        this.#core.log("error", "a block could not be read", { error: String(error) });
        this.#core.disconnect(peer, "useless");
      },
    );
  }

  /** A block that may be served: stored, and on the active chain or lately left. */
  #mayServe(header: ChainHeader | null): header is ChainHeader {
    const { chain } = this.#core;
    if (header === null || !chain.hasBlock(header.hash)) return false;
    const standing = chain.standing(header.hash);
    return standing === "active" || standing === "valid-fork";
  }

  async #serve(peer: Peer, item: InventoryItem): Promise<void> {
    const { chain } = this.#core;
    const header = chain.header(item.hash);
    const bytes = this.#mayServe(header) ? await chain.blockBytes(item.hash) : null;
    if (header === null || bytes === null) {
      peer.send({ type: "notfound", items: [item] });
      return;
    }
    const deep = chain.tip().height - header.height;
    if (item.kind === INVENTORY.compactBlock && deep <= COMPACT_DEPTH_MAX) {
      const message = this.#announcer.compact(item.hash, bytes);
      if (message !== null) {
        peer.send(message);
        return;
      }
    }
    if (item.kind === INVENTORY.block) {
      const decoded = decodeBlock(bytes);
      if (decoded.ok) peer.send({ type: "block", bytes: strippedBlock(decoded.value) });
      return;
    }
    peer.send({ type: "block", bytes });
  }

  async onGetBlockTransactions(peer: Peer, message: GetBlockTransactionsMessage): Promise<void> {
    const { chain } = this.#core;
    const header = chain.header(message.block);
    if (header === null || !chain.hasBlock(message.block)) return;
    const tooDeep = chain.tip().height - header.height > BLOCK_TRANSACTIONS_DEPTH_MAX;
    const last = this.#lastSeen;
    // Whoever got it in compact form rebuilds it before anybody has judged it (BIP152).
    const seen = last !== null && bytesEqual(last.hash, message.block) ? last.bytes : null;
    if (tooDeep || (seen === null && !isActive(chain, header))) {
      this.onGetData(peer, [{ kind: INVENTORY.witnessBlock, hash: message.block }]);
      return;
    }
    const bytes = seen ?? (await chain.blockBytes(message.block));
    const decoded = bytes === null ? null : decodeBlock(bytes);
    if (decoded === null || !decoded.ok) return;
    const { transactions } = decoded.value;
    if (message.indexes.some((index) => index >= transactions.length)) {
      this.#core.fault(peer, 100, "bad-request", "index outside the block");
      return;
    }
    const wanted = message.indexes.map((index) => rawTransaction(transactions[index]!));
    peer.send({ type: "blocktxn", block: message.block, transactions: wanted });
  }
}

function isBlockKind(kind: number): boolean {
  return (
    kind === INVENTORY.block ||
    kind === INVENTORY.witnessBlock ||
    kind === INVENTORY.compactBlock ||
    kind === INVENTORY.filteredBlock
  );
}
