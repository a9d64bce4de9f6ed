// A JSON-RPC client that costs next to nothing, so that a bench on the same cores measures the node:
// bodies are made before, one socket asks and waits, and of the answer only its end is looked for.
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const HEAD_END = "\r\n\r\n";

export class RpcClient {
  readonly #socket: Socket;
  readonly #head: string;
  #received: Buffer[] = [];
  #answered: (body: string) => void = () => {};

  private constructor(socket: Socket, head: string) {
    this.#socket = socket;
    this.#head = head;
    socket.setNoDelay(true);
    socket.on("data", (part: Buffer) => this.#receive(part));
  }

  static async open(host: string, port: number, cookie: string): Promise<RpcClient> {
    const socket = connect(port, host);
    await once(socket, "connect");
    const authorization = `Basic ${Buffer.from(cookie).toString("base64")}`;
    const head = [
      "POST / HTTP/1.1",
      `Host: ${host}:${port}`,
      `Authorization: ${authorization}`,
      "Content-Type: application/json",
    ].join("\r\n");
    return new RpcClient(socket, head);
  }

  /** The body of the answer. */
  ask(body: string): Promise<string> {
    const answer = new Promise<string>((resolve) => {
      this.#answered = resolve;
    });
    this.#socket.write(`${this.#head}\r\nContent-Length: ${body.length}${HEAD_END}${body}`);
    return answer;
  }

  #receive(part: Buffer): void {
    this.#received.push(part);
    const all = this.#received.length === 1 ? part : Buffer.concat(this.#received);
    this.#received = [all];
    const headEnd = all.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const length = /content-length: (\d+)/i.exec(all.toString("latin1", 0, headEnd));
    const end = headEnd + HEAD_END.length + Number(length?.[1] ?? 0);
    if (all.length < end) return;
    this.#received = [];
    this.#answered(all.toString("latin1", headEnd + HEAD_END.length, end));
  }

  close(): void {
    this.#socket.destroy();
  }
}
