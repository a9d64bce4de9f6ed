// The strangers of `bench floods`, in a thread of their own.
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { offend, rubbish, sendAll, WirePeer } from "../../test/support/flood.ts";

export type FloodTask =
  /** So many peers send rubbish, and come back as soon as they are shut out. */
  | { readonly port: number; readonly peers: number; readonly seconds: number }
  /** A peer for each share of transactions. */
  | { readonly port: number; readonly shares: readonly (readonly Uint8Array[])[] };

export interface FloodDone {
  readonly sent: number;
  /** From the first bad byte to the end of the connection, for each offence. */
  readonly dropMs: readonly number[];
}

/** An offender comes back after so long. */
const PAUSE_MS = 20;

async function rubbishFlood(port: number, peers: number, seconds: number): Promise<FloodDone> {
  const kinds = rubbish();
  const until = performance.now() + seconds * 1000;
  const dropMs: number[] = [];
  const one = async (index: number): Promise<void> => {
    do {
      dropMs.push((await offend(port, kinds[index % kinds.length]!)).milliseconds);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: peers }, (_, index) => one(index)));
  return { sent: dropMs.length, dropMs };
}

async function transactionFlood(
  port: number,
  shares: readonly (readonly Uint8Array[])[],
): Promise<FloodDone> {
  const peers = await Promise.all(shares.map(() => WirePeer.connect(port)));
  const sent = await Promise.all(peers.map((peer, index) => sendAll(peer, shares[index]!)));
  // Everything has been read when a ping behind it is answered.
  await Promise.all(peers.map((peer) => peer.ping(1_000_000)));
  for (const peer of peers) peer.close();
  return { sent: sent.reduce((sum, count) => sum + count, 0), dropMs: [] };
}

// Strangers have machines of their own: here they take what the node and its client leave over. On
// Linux this is the thread's priority, not the process's.
setPriority(0, 19);

const task = workerData as FloodTask;
const done =
  "shares" in task
    ? await transactionFlood(task.port, task.shares)
    : await rubbishFlood(task.port, task.peers, task.seconds);
parentPort!.postMessage(done);
