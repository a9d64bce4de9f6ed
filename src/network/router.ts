// Hands each message of a peer to the handler whose business it is, and greets: before the handshake
// is done nothing else counts. On a network of stakers consensus reads its own messages.
import type { StakedHandler } from "../ports/staked-peers.ts";
import type { AddressRelay } from "./addresses/address-relay.ts";
import type { AddressBook } from "./addresses/book.ts";
import type { ClockOffsets } from "./clock-offsets.ts";
import type { Core } from "./core.ts";
import {
  type Greeting,
  onFeature,
  onPong,
  onVerack,
  onVersion,
  sendPing,
} from "./peer/handshake.ts";
import type { Peer } from "./peer/peer.ts";
import type { TransactionRelay } from "./relay/transaction-relay.ts";
import type { BlockDownload } from "./sync/block-download.ts";
import type { CompactRelay } from "./sync/compact-relay.ts";
import type { HeaderSync } from "./sync/header-sync.ts";
import type { BlockServer } from "./sync/serve.ts";
import { INVENTORY, type InventoryItem, type Message } from "./wire/messages.ts";

interface RouterParts {
  readonly core: Core;
  readonly greeting: Greeting;
  readonly book: AddressBook;
  readonly clockOffsets: ClockOffsets;
  readonly headers: HeaderSync;
  readonly download: BlockDownload;
  readonly compact: CompactRelay;
  readonly server: BlockServer;
  readonly transactions: TransactionRelay;
  readonly addresses: AddressRelay;
  readonly staked: StakedHandler | undefined;
  readonly blocksOnly: boolean;
  /** A peer has said who it is. */
  readonly introduced: (peer: Peer) => void;
}

export class MessageRouter {
  readonly #parts: RouterParts;
  readonly #core: Core;

  constructor(parts: RouterParts) {
    this.#parts = parts;
    this.#core = parts.core;
  }

  /** A message that has been decoded. */
  handle(peer: Peer, message: Message): void {
    switch (message.type) {
      case "version":
        onVersion(this.#core, this.#parts.greeting, peer, message);
        if (peer.version === message && !peer.inbound) {
          this.#parts.clockOffsets.add(message.time - Math.floor(this.#core.clock.now() / 1000));
        }
        this.#parts.introduced(peer);
        return;
      case "verack":
        if (onVerack(this.#core, peer)) this.#ready(peer);
        return;
      case "wtxidrelay":
      case "sendaddrv2":
        if (peer.version !== null) onFeature(this.#core, peer, message.type);
        return;
      case "sendheaders":
        peer.prefersHeaders = true;
        return;
      case "sendcmpct":
        if (message.version !== 2) return;
        peer.compact = true;
        peer.highBandwidthFrom = message.highBandwidth;
        return;
      default:
        // Before the handshake is done nothing else counts.
        if (peer.ready) this.#handleReady(peer, message);
    }
  }

  #handleReady(peer: Peer, message: Message): void {
    switch (message.type) {
      case "ping":
        peer.send({ type: "pong", nonce: message.nonce });
        return;
      case "pong":
        onPong(this.#core, peer, message.nonce);
        return;
      case "feefilter":
        if (message.rate >= 0) peer.feeFilter = message.rate;
        return;
      case "getaddr":
        this.#parts.addresses.onGetAddresses(peer);
        return;
      case "addr":
      case "addrv2":
        this.#parts.addresses.onAddresses(peer, message.addresses);
        return;
      case "inv":
        this.#onInventory(peer, message.items);
        return;
      case "tx":
        if (!this.#parts.blocksOnly) this.#parts.transactions.onTransaction(peer, message.bytes);
        return;
      case "mempool":
        this.#parts.transactions.onMempoolRequest(peer);
        return;
      case "notfound":
        this.#parts.transactions.onNotFound(peer, message.items);
        this.#parts.download.onNotFound(peer, message.items);
        return;
      default:
        if (this.#parts.staked === undefined) this.#handleBlocks(peer, message);
        else this.#handleStaked(this.#parts.staked, peer, message);
    }
  }

  /** Consensus reads its own messages; of the others only transactions are served. */
  #handleStaked(staked: StakedHandler, peer: Peer, message: Message): void {
    if ("payload" in message) staked.message(peer.id, message.type, message.payload);
    else if (message.type === "getdata") {
      this.#parts.server.onGetData(peer, message.items.filter(isTransaction));
    }
  }

  #handleBlocks(peer: Peer, message: Message): void {
    switch (message.type) {
      case "headers":
        this.#parts.headers.onHeaders(peer, message.headers);
        return;
      case "block":
        this.#parts.download.receive(message.bytes, { peer, compact: false });
        return;
      case "cmpctblock":
        this.#parts.compact.onCompactBlock(peer, message);
        return;
      case "blocktxn":
        this.#parts.compact.onBlockTransactions(peer, message);
        return;
      case "getheaders":
        if (this.#mayAsk(peer)) this.#parts.server.onGetHeaders(peer, message);
        return;
      case "getblocks":
        if (this.#mayAsk(peer)) this.#parts.server.onGetBlocks(peer, message);
        return;
      case "getdata":
        this.#parts.server.onGetData(peer, message.items);
        return;
      case "getblocktxn":
        if (!this.#mayAsk(peer)) return;
        this.#parts.server.onGetBlockTransactions(peer, message).catch((error: unknown) => {
          this.#core.log("error", "a block could not be read", { error: String(error) });
        });
        return;
      default:
        return;
    }
  }

  /** Costly requests have a budget of their own; beyond it they are not answered. */
  #mayAsk(peer: Peer): boolean {
    if (peer.budgets.requests.take(1, this.#core.clock.elapsed()) > 0) return true;
    this.#core.fault(peer, 1, "bad-request", "too many requests");
    return false;
  }

  #onInventory(peer: Peer, items: readonly InventoryItem[]): void {
    let block: InventoryItem | null = null;
    const transactions: InventoryItem[] = [];
    for (const item of items) {
      if (item.kind === INVENTORY.block) block = item;
      else if (item.kind === INVENTORY.transaction || item.kind === INVENTORY.witnessId) {
        transactions.push(item);
      }
    }
    // Headers tell the rest: only the last announced block matters.
    const byHeaders = this.#parts.staked === undefined;
    if (block !== null && byHeaders) this.#parts.headers.onAnnounced(peer, block.hash);
    if (transactions.length > 0 && !this.#parts.blocksOnly) {
      this.#parts.transactions.onInventory(peer, transactions);
    }
  }

  #ready(peer: Peer): void {
    const { clock } = this.#core;
    if (!peer.inbound && peer.address !== null && peer.version !== null) {
      this.#parts.book.good(peer.address, peer.version.services, Math.floor(clock.now() / 1000));
    }
    if (peer.kind === "feeler") {
      peer.close("done");
      return;
    }
    this.#parts.addresses.onReady(peer);
    sendPing(this.#core, peer);
    if (this.#parts.staked === undefined) this.#parts.headers.tick();
    else this.#parts.staked.joined(peer.id);
  }
}

function isTransaction({ kind }: InventoryItem): boolean {
  const { transaction, witnessId, witnessTransaction } = INVENTORY;
  return kind === transaction || kind === witnessId || kind === witnessTransaction;
}
