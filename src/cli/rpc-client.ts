// JSON-RPC to a running node with its own cookie, for the commands that talk to one.
import { request } from "node:http";
import { type Arguments, CommandError, EXIT } from "./command.ts";
import { runningNode, untilUp } from "./running-node.ts";

interface Reply {
  readonly result: unknown;
  readonly error: { readonly code: number; readonly message: string } | null;
}

/** Bitcoin Core's code of a node that is still starting. */
const WARMING_UP = -28;

/** Posts the text of one call; null when there is nobody yet. */
export function post(args: Arguments, body: string): Promise<Reply | null> {
  const { host, rpcPort: port, cookie } = runningNode(args);
  if (cookie === null) return Promise.resolve(null);
  const authorization = `Basic ${Buffer.from(cookie).toString("base64")}`;
  return new Promise((resolve, reject) => {
    const call = request(
      { host, port, method: "POST", path: "/", headers: { authorization } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("end", () => resolve(replyOf(text, response.statusCode ?? 0, reject)));
      },
    );
    call.on("error", () => resolve(null));
    call.end(body);
  });
}

function replyOf(text: string, status: number, reject: (error: Error) => void): Reply | null {
  if (status === 401 || status === 503) return null;
  if (!text.startsWith("{")) {
    reject(new CommandError(`the node answered with status ${status}: ${text.trim()}`, EXIT.no));
    return null;
  }
  const reply = JSON.parse(text) as Reply;
  return reply.error?.code === WARMING_UP ? null : reply;
}

/** Calls a method; what the node refuses is one line for the person. */
export async function callNode<T>(
  args: Arguments,
  method: string,
  ...params: readonly unknown[]
): Promise<T> {
  const body = JSON.stringify({ method, params });
  const { result, error } = await untilUp(args, () => post(args, body));
  if (error !== null) throw new CommandError(`${error.message} (${error.code})`, EXIT.no);
  return result as T;
}
