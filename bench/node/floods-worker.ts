// The strangers of `bench floods`, in a thread of their own.
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { announceAll, offend, rubbish, sendAll, WirePeer } from "../../test/support/flood.ts";

export type FloodTask =
  /** Nothing is sent: the thread is only busy, so that the machine is. */
  | { readonly kind: "none"; readonly seconds: number }
  /** So many peers send rubbish, and come back as soon as they are shut out. */
  | {
      readonly kind: "rubbish";
      readonly port: number;
      readonly peers: number;
      readonly seconds: number;
    }
  /** A peer for each share of transactions: sent unasked, or announced and given. */
  | {
      readonly kind: "send" | "announce";
      readonly port: number;
      readonly shares: readonly (readonly Uint8Array[])[];
      readonly seconds: number;
    };

export interface FloodDone {
  /** Offences, or transactions written to sockets. */
  readonly sent: number;
  /** From the first bad byte to the end of the connection, for each offence. */
  readonly dropMs: readonly number[];
}

/** An offender comes back after so long. */
const PAUSE_MS = 20;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function beBusy(seconds: number): Promise<FloodDone> {
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    const turn = performance.now() + 5;
    while (performance.now() < turn);
    await pause(0);
  }
  return { sent: 0, dropMs: [] };
}

async function rubbishFlood(port: number, peers: number, seconds: number): Promise<FloodDone> {
  const kinds = rubbish();
  const until = performance.now() + seconds * 1000;
  const dropMs: number[] = [];
  const one = async (index: number): Promise<void> => {
    do {
      dropMs.push((await offend(port, kinds[index % kinds.length]!)).milliseconds);
      await pause(PAUSE_MS);
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: peers }, (_, index) => one(index)));
  return { sent: dropMs.length, dropMs };
}

/** Goes on to the end though everything was sent: what waits in the node's queues is part of it. */
async function transactionFlood(
  task: Extract<FloodTask, { kind: "send" | "announce" }>,
): Promise<FloodDone> {
  const over = pause(task.seconds * 1000);
  const act = task.kind === "send" ? sendAll : announceAll;
  const peers = await Promise.all(task.shares.map(() => WirePeer.connect(task.port)));
  const sent = await Promise.all(peers.map((peer, index) => act(peer, task.shares[index]!, over)));
  await over;
  for (const peer of peers) peer.close();
  return { sent: sent.reduce((sum, count) => sum + count, 0), dropMs: [] };
}

function run(task: FloodTask): Promise<FloodDone> {
  switch (task.kind) {
    case "none":
      return beBusy(task.seconds);
    case "rubbish":
      return rubbishFlood(task.port, task.peers, task.seconds);
    case "send":
    case "announce":
      return transactionFlood(task);
  }
}

// Strangers have machines of their own: here they take what the node and its client leave over. On
// Linux this is the thread's priority, not the process's.
setPriority(0, 19);
parentPort!.postMessage(await run(workerData as FloodTask));
