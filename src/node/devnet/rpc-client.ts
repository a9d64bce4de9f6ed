// JSON-RPC to one node of the devnet: one kept socket or two, batches, and a deadline for every
// answer. An answer that says no is a value; a node that does not answer is an exception.
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";

export interface RpcError {
  readonly code: number;
  readonly message: string;
}

export type RpcAnswer<T = unknown> =
  | { readonly ok: true; readonly result: T }
  | { readonly ok: false; readonly error: RpcError };

export type RpcCall = readonly [method: string, ...params: unknown[]];

/** The node did not answer: it is down, or too slow. */
export class NodeSilent extends Error {}

/** The node said no where the devnet cannot go on without a yes. */
export class NodeRefused extends Error {
  readonly code: number;
  constructor(method: string, { code, message }: RpcError) {
    super(`${method}: ${message} (${code})`);
    this.code = code;
  }
}

interface Reply {
  readonly id: number;
  readonly result: unknown;
  readonly error: RpcError | null;
}

function parseReplies(text: string): readonly Reply[] {
  try {
    const replies = JSON.parse(text) as Reply[] | Reply;
    return Array.isArray(replies) ? replies : [replies];
  } catch {
    // It was cut off.
    throw new NodeSilent("the answer is not whole");
  }
}

/** A node under load on a busy machine may take this long. */
const ANSWER_MS_MAX = 20_000;
/** A block in JSON is by far the longest answer. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
const SOCKETS_MAX = 4;

export class RpcClient {
  readonly #port: number;
  readonly #authorization: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });

  constructor(port: number, cookieFile: string) {
    this.#port = port;
    const cookie = readFileSync(cookieFile, "utf8");
    this.#authorization = `Basic ${Buffer.from(cookie).toString("base64")}`;
  }

  /** The result of one call; throws NodeRefused when the node says no. */
  async call<T>(...call: RpcCall): Promise<T> {
    const [answer] = await this.batch<T>([call]);
    if (answer!.ok) return answer!.result;
    throw new NodeRefused(call[0], answer!.error);
  }

  /** Answers in the order of the calls. */
  async batch<T = unknown>(calls: readonly RpcCall[]): Promise<readonly RpcAnswer<T>[]> {
    if (calls.length === 0) return [];
    const body = JSON.stringify(
      calls.map(([method, ...params], id) => ({ jsonrpc: "1.0", id, method, params })),
    );
    const list = parseReplies(await this.#post(body));
    return calls.map((_, index) => {
      const reply = list[index] ?? list[0];
      if (reply === undefined) throw new NodeSilent("an answer is missing");
      if (reply.error !== null && reply.error !== undefined) {
        return { ok: false, error: reply.error };
      }
      return { ok: true, result: reply.result as T };
    });
  }

  #post(body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = {
        authorization: this.#authorization,
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
      };
      const silent = (error: Error): void => reject(new NodeSilent(error.message));
      const call = request(
        { host: "127.0.0.1", port: this.#port, method: "POST", headers, agent: this.#agent },
        (response) => {
          const parts: Buffer[] = [];
          let bytes = 0;
          response.on("data", (part: Buffer) => {
            bytes += part.length;
            if (bytes > ANSWER_BYTES_MAX) call.destroy(new Error("the answer is too long"));
            else parts.push(part);
          });
          response.on("error", silent);
          response.on("end", () => {
            const text = Buffer.concat(parts).toString("utf8");
            if (text.startsWith("{") || text.startsWith("[")) resolve(text);
            else reject(new NodeSilent(`HTTP ${response.statusCode}`));
          });
        },
      );
      call.setTimeout(ANSWER_MS_MAX, () => call.destroy(new Error("no answer in time")));
      call.on("error", silent);
      call.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
