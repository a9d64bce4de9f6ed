// Receiving blocks in compact form (BIP152, version 2): rebuild from the mempool and from what was
// lately refused, ask the sender for the rest, fall back to the whole block. Also which peers may
// send new blocks unasked: the last three that were first with a good one.
import { toHex } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import type { BlockVerdict, ChainHeader } from "../../ports/chain.ts";
import { type Candidate, PartialBlock } from "../compact/partial-block.ts";
import type { Core } from "../core.ts";
import { HIGH_BANDWIDTH_PEERS, PARTIAL_BLOCKS_MAX } from "../limits.ts";
import type { Peer } from "../peer/peer.ts";
import type { BlockTransactionsMessage, CompactBlockMessage } from "../wire/messages.ts";
import type { BlockDownload } from "./block-download.ts";
import type { HeaderSync } from "./header-sync.ts";
import type { BlockSource } from "./waiting-blocks.ts";

interface Partial {
  readonly header: ChainHeader;
  readonly block: PartialBlock;
}

export class CompactRelay {
  readonly #core: Core;
  readonly #headers: HeaderSync;
  readonly #download: BlockDownload;
  /** By peer and block. */
  readonly #partials = new Map<string, Partial>();
  /** Oldest first. */
  #highBandwidth: Peer[] = [];
  /** Transactions that are not in the mempool but may be in the next block. */
  readonly #extra: () => Iterable<Candidate>;

  constructor(
    core: Core,
    headers: HeaderSync,
    download: BlockDownload,
    extra: () => Iterable<Candidate>,
  ) {
    this.#core = core;
    this.#headers = headers;
    this.#download = download;
    this.#extra = extra;
  }

  *#candidates(): Iterable<Candidate> {
    yield* this.#core.mempool.entries();
    yield* this.#extra();
  }

  /** Blocks under reconstruction. */
  get partialCount(): number {
    return this.#partials.size;
  }

  onCompactBlock(peer: Peer, message: CompactBlockMessage): void {
    const { chain, statistics } = this.#core;
    statistics.compactReceived++;
    const hash = hash256(message.header);
    if (chain.header(message.header.subarray(4, 36)) === null) {
      // Far ahead of us: ask for the headers between.
      if (!chain.initialDownload()) this.#headers.ask(peer, chain.bestHeader());
      return;
    }
    const verdict = chain.acceptHeaders(message.header);
    if (!verdict.ok) {
      if (verdict.punish) this.#core.fault(peer, 100, "invalid-header", verdict.code);
      return;
    }
    const header = verdict.last ?? chain.header(hash);
    if (header === null) return;
    if (this.#wants(peer, header)) this.#rebuild(peer, header, message);
    // Behind that, or the block that is here would be asked for.
    this.#headers.learn(peer, header);
  }

  #wants(peer: Peer, header: ChainHeader): boolean {
    const { chain } = this.#core;
    if (chain.hasBlock(header.hash)) return false;
    const asked = this.#download.askedFrom(header.hash);
    if (asked === peer) return true;
    const near = header.height <= chain.tip().height + 2 && header.work > chain.tip().work;
    return near && (asked === null || peer.highBandwidthTo);
  }

  #rebuild(peer: Peer, header: ChainHeader, message: CompactBlockMessage): void {
    const { statistics } = this.#core;
    const block = PartialBlock.begin(message, this.#candidates());
    if (block === null) {
      statistics.compactFailed++;
      this.#download.askWhole(peer, header);
      return;
    }
    const missing = block.missing();
    if (missing.length === 0) {
      statistics.compactComplete++;
      this.#download.receive(block.bytes(), { peer, compact: true });
      return;
    }
    const key = `${peer.id} ${toHex(header.hash)}`;
    // It told the block unasked and was asked for it at the same time: one answer is on its way.
    if (this.#partials.has(key)) return;
    if (this.#partials.size >= PARTIAL_BLOCKS_MAX) {
      // Those under way keep their places: their answers would come for nothing.
      const asked = this.#download.askedFrom(header.hash);
      if (asked === null || asked === peer) this.#download.askWhole(peer, header);
      return;
    }
    this.#partials.set(key, { header, block });
    this.#download.claim(peer, header);
    peer.send({ type: "getblocktxn", block: header.hash, indexes: missing });
  }

  onBlockTransactions(peer: Peer, message: BlockTransactionsMessage): void {
    const key = `${peer.id} ${toHex(message.block)}`;
    const partial = this.#partials.get(key);
    if (partial === undefined) return;
    this.#partials.delete(key);
    if (!partial.block.fill(message.transactions)) {
      this.#core.fault(peer, 100, "bad-block-transactions");
      return;
    }
    this.#core.statistics.compactAsked++;
    this.#download.receive(partial.block.bytes(), { peer, compact: true });
  }

  dropped(peer: Peer): void {
    this.#highBandwidth = this.#highBandwidth.filter((one) => one !== peer);
    for (const key of [...this.#partials.keys()]) {
      if (key.startsWith(`${peer.id} `)) this.#partials.delete(key);
    }
  }

  /** A block from `from` has been judged: its sender may earn the right to send the next unasked. */
  onVerdict(header: ChainHeader, verdict: BlockVerdict, from: BlockSource): void {
    const { peer } = from;
    for (const key of [...this.#partials.keys()]) {
      if (key.endsWith(toHex(header.hash))) this.#partials.delete(key);
    }
    if (!verdict.ok || verdict.state !== "connected" || peer === null) return;
    if (!peer.ready || !peer.compact || this.#core.chain.initialDownload()) return;
    if (peer.highBandwidthTo) {
      this.#highBandwidth = [...this.#highBandwidth.filter((one) => one !== peer), peer];
      return;
    }
    // One of the three is to be a peer that we dialled, when there is one.
    const outbound = this.#highBandwidth.filter((one) => !one.inbound);
    if (this.#highBandwidth.length >= HIGH_BANDWIDTH_PEERS) {
      const keep = peer.inbound && outbound.length === 1 ? outbound[0] : undefined;
      const out = this.#highBandwidth.find((one) => one !== keep);
      if (out !== undefined) this.#setHighBandwidth(out, false);
    }
    this.#setHighBandwidth(peer, true);
  }

  #setHighBandwidth(peer: Peer, on: boolean): void {
    this.#highBandwidth = this.#highBandwidth.filter((one) => one !== peer);
    if (on) this.#highBandwidth.push(peer);
    peer.highBandwidthTo = on;
    peer.send({ type: "sendcmpct", highBandwidth: on, version: 2 });
  }
}
