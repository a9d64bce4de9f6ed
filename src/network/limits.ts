// Every bound of the peer-to-peer part, on one page. What happens when a bound is met stands beside
// it; drops and refusals are counted (see statistics.ts).

/** No message may be longer (Bitcoin Core's MAX_PROTOCOL_MESSAGE_LENGTH): the peer is dropped. */
export const MESSAGE_BYTES_MAX = 4_000_000;
/** A message grows in memory only as its bytes arrive; this much is set aside at first. */
export const MESSAGE_BYTES_FIRST = 65_536;
export const HEADER_COUNT_MAX = 2_000;
export const INVENTORY_COUNT_MAX = 50_000;
export const ADDRESS_COUNT_MAX = 1_000;
export const ADDRESS_BYTES_MAX = 512;
export const LOCATOR_COUNT_MAX = 101;
export const USER_AGENT_BYTES_MAX = 256;
/** BIP152 indexes transactions with 16 bits. */
export const COMPACT_COUNT_MAX = 65_535;

/** Bytes that wait to be sent to one peer: above the first its requests wait, above the second it is dropped. */
export const SEND_PAUSE_BYTES = 1_000_000;
export const SEND_BYTES_MAX = 32_000_000;
/** Bytes from one peer that nobody looked at yet: above it the socket is not read. */
export const RECEIVE_QUEUE_BYTES: number = 256 * 1024;
/** What a socket gives at once, and may give after it was asked not to. */
export const RECEIVE_CHUNK_BYTES: number = 2 * 65_536;
/** Messages taken from one peer in one turn, so that every peer has its turn. */
export const MESSAGES_PER_TURN = 32;
/** A turn ends after so long, and goes on with the next peer when others had the thread. */
export const TURN_MS_MAX = 2;

export const HANDSHAKE_MS_MAX = 5_000;
export const CONNECT_MS_MAX = 5_000;
export const PING_EVERY_MS = 120_000;
export const PONG_MS_MAX: number = 20 * 60_000;

/** Connections. */
export const OUTBOUND_FULL = 8;
export const OUTBOUND_BLOCK_ONLY = 2;
export const INBOUND_MAX = 114;
export const MANUAL_MAX = 64;
export const INBOUND_PER_HOST_MAX = 8;
/** Who was shut out is remembered for so long, waits so long when it comes back, and so many wait. */
export const OFFENDER_MEMORY_MS = 60_000;
export const OFFENDER_WAIT_MS = 1_000;
export const OFFENDERS_MAX = 10_000;
export const WAITING_MAX = 128;
export const FEELER_EVERY_MS = 120_000;
export const ANCHOR_COUNT = 2;
export const DISCOURAGED_MAX = 50_000;
export const BAN_COUNT_MAX = 10_000;
export const BAN_SECONDS = 86_400;
/** Misbehaviour points at which a peer is dropped and its address discouraged. */
export const MISBEHAVIOUR_MAX = 100;

/** Rate budgets of a peer: tokens per second and the most that can be saved up. */
export const BYTES_PER_SECOND = 20_000_000;
export const BYTES_BURST = 80_000_000;
export const MESSAGES_PER_SECOND = 2_000;
export const MESSAGES_BURST = 20_000;
export const INVENTORY_PER_SECOND = 1_000;
export const INVENTORY_BURST = 50_000;
export const ADDRESSES_PER_SECOND = 0.1;
export const ADDRESSES_BURST = 1_000;
/**
 * Transactions that a peer sends though we did not ask it, and orphans: beyond it its transactions
 * stay in its queue, unread. A new connection has little saved up, or coming back would pay.
 */
export const UNASKED_PER_SECOND = 50;
export const UNASKED_BURST = 1_000;
export const UNASKED_FIRST = 100;
/** The same of all peers together: beyond it those that were asked for nothing wait. */
export const UNASKED_TOTAL_PER_SECOND = 500;
export const UNASKED_TOTAL_BURST = 1_000;
/** Requests that make us read blocks from disk or search the chain. */
export const REQUESTS_PER_SECOND = 200;
export const REQUESTS_BURST = 2_000;

/** Address book. */
export const NEW_BUCKETS = 1_024;
export const TRIED_BUCKETS = 256;
export const BUCKET_SLOTS = 64;
export const NEW_BUCKETS_PER_ADDRESS = 8;

/** Transactions. */
export const ORPHAN_COUNT_MAX = 100;
export const ORPHAN_BYTES_MAX = 400_000;
export const ORPHAN_MS_MAX: number = 20 * 60_000;
/** Announced and not fetched, per peer. */
export const ANNOUNCED_PER_PEER_MAX = 5_000;
/** Asked and not answered, per peer: above it others are preferred. */
export const REQUESTED_PER_PEER = 100;
export const TRANSACTION_REQUEST_MS_MAX = 60_000;
/** Known ids that stand in one peer's way to hear of them again. */
export const KNOWN_PER_PEER_MAX = 50_000;
export const TO_ANNOUNCE_MAX = 50_000;
export const ANNOUNCE_PER_TURN = 1_000;
export const RECENT_REJECTS_MAX = 120_000;
/**
 * Transactions of peers under judgement at once: above it the next one stays in its peer's queue, so
 * that the operator's own wait behind few.
 */
export const SUBMITTED_MAX = 64;
/** So many while most are refused and the operator submits transactions too, or did so lately. */
export const SUBMITTED_BESIDE_OWN_MAX = 16;
export const BESIDE_OWN_MS = 1_000;
export const SUBMITTED_BYTES_MAX: number = 4 * 1024 * 1024;
/** Longer than any that policy admits (400,000 weight): not looked at. */
export const TRANSACTION_BYTES_MAX = 400_000;

/** Blocks. */
export const BLOCKS_IN_FLIGHT_PER_PEER = 16;
/** How far beyond the last block in sequence others are fetched. */
export const DOWNLOAD_WINDOW = 1_024;
/** Bytes of blocks that came out of order and wait for the chain. */
export const WAITING_BLOCK_BYTES_MAX: number = 256 * 1024 * 1024;
/** A peer that gives no block for so long while the lowest one is missing: another is asked for it. */
export const BLOCK_STALL_MS = 2_000;
export const BLOCK_STALL_MS_MAX = 64_000;
/** A branch that leaves ours so far back is not fetched beside the best one. */
export const BESIDE_BLOCKS_MAX = 144;
/** So many times in a row, and it is let go. */
export const STALLS_MAX = 3;
export const BLOCK_TIMEOUT_MS = 60_000;
export const HEADERS_TIMEOUT_MS = 120_000;
/** A sync that waits so long for one thing says so in the log; then less and less often. */
export const WAIT_TOLD_MS = 10_000;
export const WAIT_TOLD_MS_MAX = 600_000;
export const UNCONNECTING_HEADERS_MAX = 10;
/** Easy headers: of a branch that has not shown its work one bit is kept for so many headers... */
export const PRESYNC_COMMITMENT_PERIOD = 641;
/** ... and so many stand behind one, when they come again, before it is kept (Bitcoin Core 31). */
export const PRESYNC_BUFFER_COUNT = 15_218;
/** Branches under such a count or a second fetch, of peers that dialled us: others are not heard. */
export const PRESYNC_INBOUND_MAX = 8;
/** Headers that may be announced directly (BIP130). */
export const ANNOUNCE_HEADERS_MAX = 8;
/** Blocks served through one getblocks. */
export const GETBLOCKS_COUNT = 500;
/** Blocks that a peer asked for and are not sent yet. */
export const SERVE_QUEUE_MAX = 1_000;
/** Who asks for a block that is being judged waits so long, and for so many of them. */
export const JUDGED_MS_MAX = 10_000;
export const JUDGED_COUNT_MAX = 16;
/** A peer that did not have a block is asked for its headers again so much later, then twice that. */
export const NOT_FOUND_MS = 1_000;
export const NOT_FOUND_MS_MAX = 60_000;
/** Compact blocks: served for blocks at most this deep, transactions of them for this deep. */
export const COMPACT_DEPTH_MAX = 5;
export const BLOCK_TRANSACTIONS_DEPTH_MAX = 10;
export const HIGH_BANDWIDTH_PEERS = 3;
/** Compact blocks under reconstruction at once. */
export const PARTIAL_BLOCKS_MAX = 16;
