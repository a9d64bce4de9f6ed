// Byte streams between two ends: TCP in the node, a pair in memory in tests.
import type { Bytes } from "../base/bytes.ts";

export interface Endpoint {
  /** A literal IP address, or a name where the transport resolves names. */
  readonly host: string;
  readonly port: number;
}

export interface StreamHandlers {
  data(chunk: Bytes): void;
  /** Called once; nothing follows. */
  closed(): void;
  /** What waited to be sent has been handed to the system. */
  drained(): void;
}

export interface Stream {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** Bytes handed to `send` that the system has not taken. */
  readonly pendingBytes: number;
  /** Starts the flow of data; called once. */
  open(handlers: StreamHandlers): void;
  send(bytes: Bytes): void;
  /** Stops and starts reading. */
  pause(): void;
  resume(): void;
  close(): void;
}

export interface Listener {
  readonly local: Endpoint;
  close(): Promise<void>;
}

export interface Transport {
  /** Rejects when there is no connection within `timeoutMs`. */
  connect(to: Endpoint, timeoutMs: number): Promise<Stream>;
  listen(at: Endpoint, accept: (stream: Stream) => void): Promise<Listener>;
  /** The addresses of a name. */
  resolve(name: string): Promise<string[]>;
}
