// The worker's end of a port: answers each request with what `handle` returns, in order.
import { parentPort, type TransferListItem } from "node:worker_threads";
import { type Answer, READY, type WorkerFault } from "./thread.ts";

/** An error as plain data: what crosses a port keeps only its message otherwise. */
function describe(error: unknown): WorkerFault {
  if (!(error instanceof Error)) return { code: null, message: String(error), stack: "" };
  const code = "code" in error && typeof error.code === "string" ? error.code : null;
  return { code, message: error.message, stack: error.stack ?? "" };
}

/**
 * Serves requests of the parent thread with what `start` returns; when that fails, every request is
 * answered with its error. `transfer` names the buffers a reply gives away.
 */
export function serve<Request, Reply>(
  start: () => (request: Request) => Reply,
  transfer: (reply: Reply) => TransferListItem[] = () => [],
): void {
  if (parentPort === null) throw new Error("this file runs only as a worker");
  const port = parentPort;
  const handle = startOrRefuse(start);
  port.on("message", ({ number, body }: { number: number; body: Request }) => {
    let answer: Answer<Reply>;
    try {
      answer = { number, ok: true, body: handle(body) };
    } catch (error) {
      answer = { number, ok: false, error: describe(error) };
    }
    port.postMessage(answer, "body" in answer ? transfer(answer.body) : []);
  });
  const ready: Answer<Reply> = { number: READY };
  port.postMessage(ready);
}

function startOrRefuse<Request, Reply>(
  start: () => (request: Request) => Reply,
): (request: Request) => Reply {
  try {
    return start();
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
