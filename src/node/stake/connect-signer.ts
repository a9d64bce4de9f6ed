// The node's side of `pando signer`. A signer that is gone refuses everything until it is back: a
// missed slot is cheap, a second signature is not.
import { connect, type Socket } from "node:net";
import { hex } from "../../base/bytes.ts";
import { verifySchnorr } from "../../crypto/secp256k1.ts";
import type { GuardRecord, SignerStaker, SignRequest, StakerSigner } from "../../ports/staking.ts";
import { namedBy } from "./guarded-keys.ts";
import type { Fields } from "./key-file.ts";
import { SignerRefused } from "./open-signer.ts";
import { Lines, lineFields, stakerOf } from "./signer-wire.ts";

/** A signature that comes later is of no use to a slot. */
const ANSWER_MS_MAX = 2_000;

/** A connection, or null when nobody listens. */
export function connectTo(path: string, ms: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const late = setTimeout(() => {
      socket.destroy();
      resolve(null);
    }, ms);
    const settle = (result: Socket | null): void => {
      clearTimeout(late);
      resolve(result);
    };
    socket.once("connect", () => settle(socket));
    socket.once("error", () => settle(null));
  });
}

/** One connection at a time, made again when a request finds it gone. */
class SignerClient {
  readonly #path: string;
  readonly #waiting = new Map<number, (answer: Fields | null) => void>();
  #socket: Promise<Socket | null> | null = null;
  #next = 1;
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  async #open(): Promise<Socket | null> {
    const socket = await connectTo(this.#path, ANSWER_MS_MAX);
    if (socket === null || this.#closed) {
      this.#socket = null;
      socket?.destroy();
      return null;
    }
    const lines = new Lines();
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      for (const line of lines.add(text) ?? []) this.#answered(lineFields(line));
    });
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#socket = null;
      for (const settle of this.#waiting.values()) settle(null);
    });
    return socket;
  }

  #answered(answer: Fields | null): void {
    const id = answer?.["id"];
    if (typeof id === "number") this.#waiting.get(id)?.(answer);
  }

  /** The answer to a request, or null when there is none in time. */
  async ask(request: object): Promise<Fields | null> {
    if (this.#closed) return null;
    this.#socket ??= this.#open();
    const socket = await this.#socket;
    if (socket === null) return null;
    const id = this.#next++;
    return await new Promise((resolve) => {
      const late = setTimeout(() => settle(null), ANSWER_MS_MAX);
      const settle = (answer: Fields | null): void => {
        clearTimeout(late);
        this.#waiting.delete(id);
        resolve(answer);
      };
      this.#waiting.set(id, settle);
      socket.write(`${JSON.stringify({ id, ...request })}\n`);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    (await this.#socket)?.destroy();
  }
}

class RemoteSigner implements StakerSigner {
  readonly #client: SignerClient;
  readonly #chainId: string;
  readonly #stakers: SignerStaker[];
  #waiting: readonly string[];

  constructor(
    client: SignerClient,
    chainId: string,
    stakers: readonly SignerStaker[],
    waiting: readonly string[],
  ) {
    this.#client = client;
    this.#chainId = chainId;
    this.#stakers = [...stakers];
    this.#waiting = waiting;
  }

  get stakers(): readonly SignerStaker[] {
    return this.#stakers;
  }

  get waiting(): readonly string[] {
    return this.#waiting;
  }

  async adopt(signKey: string, stakerId: number, produced: number): Promise<SignerStaker | null> {
    const answer = await this.#client.ask({ do: "adopt", signKey, stakerId, produced });
    const staker = stakerOf(answer?.["staker"]);
    if (answer?.["ok"] !== true || staker === null) return null;
    this.#stakers.push(staker);
    this.#waiting = this.#waiting.filter((key) => key !== signKey);
    return staker;
  }

  async persist(guard: GuardRecord): Promise<boolean> {
    return (await this.#client.ask({ do: "persist", guard }))?.["ok"] === true;
  }

  async sign(stakerId: number, request: SignRequest): Promise<string | null> {
    const answer = await this.#client.ask({ do: "sign", stakerId, ...request });
    const signature = answer?.["signature"];
    const staker = this.#stakers.find(({ id }) => id === stakerId);
    const named = namedBy(this.#chainId, stakerId, request);
    if (staker === undefined || named === null) return null;
    // A signature that does not hold would cost the node its peers.
    if (typeof signature !== "string" || !/^[0-9a-f]{128}$/.test(signature)) return null;
    const holds = verifySchnorr(hex(staker.signKey), hex(signature), hex(named.digest));
    return holds ? signature : null;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

/** The signer behind a socket; throws SignerRefused with one line when it is not there or not ours. */
export async function connectSigner(path: string, chainId: string): Promise<StakerSigner> {
  const client = new SignerClient(path);
  const answer = await client.ask({ do: "stakers" });
  const refuse = async (why: string): Promise<never> => {
    await client.close();
    throw new SignerRefused(why);
  };
  if (answer === null) return refuse(`no signer answers on ${path}: start pando signer first`);
  if (answer["chainId"] !== chainId) return refuse(`the signer on ${path} is for another chain`);
  const { stakers, waiting } = answer;
  const read = Array.isArray(stakers) ? stakers.map(stakerOf) : [null];
  const keys = Array.isArray(waiting) ? waiting.map(String) : [];
  if (read.includes(null)) return refuse(`what listens on ${path} is not a signer`);
  return new RemoteSigner(client, chainId, read as SignerStaker[], keys);
}
