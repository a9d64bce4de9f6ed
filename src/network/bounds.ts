// How full everything is that strangers can fill, beside its bound: what /metrics prints, and what a
// test of floods holds the node to. The figures stand in limits.ts, their meaning in docs/limits.md.
import {
  ANNOUNCED_PER_PEER_MAX,
  BAN_COUNT_MAX,
  DISCOURAGED_MAX,
  INBOUND_MAX,
  MESSAGE_BYTES_MAX,
  ORPHAN_BYTES_MAX,
  ORPHAN_COUNT_MAX,
  PARTIAL_BLOCKS_MAX,
  PRESYNC_BUFFER_COUNT,
  RECEIVE_CHUNK_BYTES,
  RECEIVE_QUEUE_BYTES,
  RECENT_REJECTS_MAX,
  SEND_BYTES_MAX,
  SEND_PAUSE_BYTES,
  SUBMITTED_BYTES_MAX,
  SUBMITTED_MAX,
  TO_ANNOUNCE_MAX,
  WAITING_BLOCK_BYTES_MAX,
  WAITING_MAX,
} from "./limits.ts";
import type { Peer } from "./peer/peer.ts";

/** Names of the bounds: also the metric's labels. */
export type BoundName =
  | "inbound-peers"
  | "waiting-connections"
  | "receive-bytes-per-peer"
  | "send-bytes-per-peer"
  | "requests-per-peer"
  | "announcements-per-peer"
  | "orphans"
  | "orphan-bytes"
  | "recent-rejects"
  | "judged-transactions"
  | "judged-bytes"
  | "early-block-bytes"
  | "partial-blocks"
  | "unproven-header-bytes-per-branch"
  | "discouraged"
  | "bans";

export interface Bound {
  readonly name: BoundName;
  readonly used: number;
  readonly most: number;
}

export interface BoundsParts {
  readonly peers: Iterable<Peer>;
  readonly inboundMax?: number | undefined;
  readonly messageBytesMax?: number | undefined;
  readonly transactions: {
    readonly orphanCount: number;
    readonly orphanBytes: number;
    readonly rejectCount: number;
    readonly judgedCount: number;
    readonly judgedBytes: number;
    requestsOf(peer: number): number;
  };
  readonly waitingConnections: number;
  readonly waitingBytes: number;
  readonly partialBlocks: number;
  readonly presync: { readonly count: number; readonly bytes: number };
  readonly bans: { readonly discouragedCount: number; readonly count: number };
}

/** The bits of a branch that is as long as time allows by the year 2100: 26.9 million of them. */
const COMMITMENT_BYTES_MAX = 3_400_000;
const HEADER_BYTES_BUFFERED: number = (PRESYNC_BUFFER_COUNT + 2_000) * 80;

export function boundsOf(parts: BoundsParts): Bound[] {
  const { transactions, bans, presync } = parts;
  let [inbound, bytes, sent, requests, announcements] = [0, 0, 0, 0, 0];
  for (const peer of parts.peers) {
    if (peer.inbound) inbound++;
    bytes = Math.max(bytes, peer.waitingBytes);
    sent = Math.max(sent, peer.pendingBytes);
    requests = Math.max(requests, transactions.requestsOf(peer.id));
    announcements = Math.max(announcements, peer.toAnnounce.size);
  }
  const message = parts.messageBytesMax ?? MESSAGE_BYTES_MAX;
  const list: [BoundName, number, number][] = [
    ["inbound-peers", inbound, parts.inboundMax ?? INBOUND_MAX],
    ["waiting-connections", parts.waitingConnections, WAITING_MAX],
    // One message that is coming and, while our own wait to be taken, what may wait there for us.
    [
      "receive-bytes-per-peer",
      bytes,
      RECEIVE_QUEUE_BYTES + RECEIVE_CHUNK_BYTES + SEND_PAUSE_BYTES + 2 * message,
    ],
    ["send-bytes-per-peer", sent, SEND_BYTES_MAX],
    ["requests-per-peer", requests, ANNOUNCED_PER_PEER_MAX],
    ["announcements-per-peer", announcements, TO_ANNOUNCE_MAX],
    ["orphans", transactions.orphanCount, ORPHAN_COUNT_MAX],
    ["orphan-bytes", transactions.orphanBytes, ORPHAN_BYTES_MAX],
    ["recent-rejects", transactions.rejectCount, RECENT_REJECTS_MAX],
    // Orphans whose parent has come are judged with it.
    ["judged-transactions", transactions.judgedCount, SUBMITTED_MAX + ORPHAN_COUNT_MAX],
    ["judged-bytes", transactions.judgedBytes, SUBMITTED_BYTES_MAX + message + ORPHAN_BYTES_MAX],
    ["early-block-bytes", parts.waitingBytes, WAITING_BLOCK_BYTES_MAX],
    ["partial-blocks", parts.partialBlocks, PARTIAL_BLOCKS_MAX],
    [
      "unproven-header-bytes-per-branch",
      presync.count === 0 ? 0 : presync.bytes / presync.count,
      COMMITMENT_BYTES_MAX + HEADER_BYTES_BUFFERED,
    ],
    ["discouraged", bans.discouragedCount, DISCOURAGED_MAX],
    ["bans", bans.count, BAN_COUNT_MAX],
  ];
  return list.map(([name, used, most]) => ({ name, used, most }));
}
