// Every bound of the servers, on one page. What happens when a bound is met stands beside it.

/** A request's body: answered 413. */
export const BODY_BYTES_MAX: number = 8 * 1024 * 1024;
/** Nesting of JSON in a request: a parse error. */
export const JSON_DEPTH_MAX = 32;
/** Calls in one batch: answered -32600. */
export const BATCH_MAX = 1_000;
/** Open sockets of the RPC listener: above it the oldest idle one is closed, or the new one refused. */
export const SOCKETS_MAX = 10_000;
export const HEADER_BYTES_MAX = 8_192;
/** A socket that sends nothing is closed after this long. */
export const IDLE_MS_MAX = 120_000;
/** A request must be complete within this time. */
export const REQUEST_MS_MAX = 30_000;

/** Requests being worked on at once. */
export const CALLS_AT_ONCE = 16;
/** Requests that wait, over all clients: above it 503 with Retry-After. */
export const QUEUE_MAX = 4_096;
/** Of them, of one client. */
export const QUEUE_PER_CLIENT_MAX = 512;
export const RETRY_AFTER_SECONDS = 1;

/** Long polls that wait at once; above it the template is answered at once. */
export const LONG_POLLS_MAX = 256;
export const LONG_POLL_MS_MAX = 60_000;
/** A template's age at which new transactions are worth a new one. */
export const TEMPLATE_FRESH_MS = 5_000;

/** How long a wrong password waits for its answer. */
export const WRONG_PASSWORD_MS = 250;

/** WebSocket. */
export const FEED_CLIENTS_MAX = 1_000;
/** A client that reads slower than this much behind is told, then dropped. */
export const FEED_PENDING_BYTES_MAX: number = 4 * 1024 * 1024;
/** Events that can be resumed from. */
export const FEED_HISTORY_MAX = 10_000;
export const FEED_MESSAGE_BYTES_MAX = 65_536;
export const FEED_TRACKED_MAX = 1_000;

/** REST: what one request may name. */
export const REST_HEADERS_MAX = 2_000;
export const REST_OUTPOINTS_MAX = 15;

/** Blocks that generate* may make in one call. */
export const GENERATE_MAX = 10_000;
/** Hashes tried for one block on a test network. */
export const GENERATE_TRIES_MAX = 10_000_000;
/** Templates that submitminingsolution may refer to. */
export const CANDIDATES_MAX = 32;
