// The life of a devnet: its folder is locked, its plan written, its nodes brought up; it runs until
// it is asked to end, and everything is taken down in order.
import { accessSync, constants, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { lockDataDirectory } from "../../engines/files/lock.ts";
import { runCommand } from "./commands.ts";
import { ControlServer } from "./control-server.ts";
import { Fleet, NoPorts } from "./fleet.ts";
import type { NetworkKind } from "./network-kind.ts";
import { type DevnetPlan, readPlan, writePlan } from "./plan.ts";
import { seededPrng, seededRandom } from "./seeded.ts";
import { type EventLine, isAgreed, type Snapshot } from "./snapshot.ts";
import { NetworkFault, StakedKind } from "./staked-kind.ts";
import { Supervisor } from "./supervisor.ts";
import { type Account, accountsOf } from "./wallet/accounts.ts";
import { WorkKind } from "./work-kind.ts";

export interface DevnetOptions {
  readonly folder: string;
  /** Removes what the folder holds. */
  readonly fresh: boolean;
  readonly plan: DevnetPlan;
  readonly load: number;
  readonly churnMs: number | null;
  readonly program: string;
}

export type EndReason = "interrupted" | "stopped" | "over";

export interface Ended {
  readonly why: EndReason;
  /** Taken before the nodes were stopped. */
  readonly snapshot: Snapshot;
}

/** The state folder cannot be used now; the message says why and what to do. */
export class NodeFolderFault extends Error {}

/** After --for, payments and nodes get this many slots to come to rest. */
const REST_SLOTS_MAX = 60;

function kindOf({ folder, plan }: DevnetOptions, accounts: readonly Account[]): NetworkKind {
  if (plan.consensus === "work") return new WorkKind(accounts, seededPrng(plan.seed, "miner"));
  const random = seededRandom(seededPrng(plan.seed, "stakers"));
  return new StakedKind({ folder, plan, accounts, random, nowMs: Date.now() });
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    const { code = "error" } = error as NodeJS.ErrnoException;
    throw new NodeFolderFault(`${folder} cannot be used (${code}): name another --state`);
  }
}

interface TakenFolder {
  readonly release: () => void;
  /** It held no devnet. */
  readonly isNew: boolean;
}

function takeFolder({ folder, fresh, plan }: DevnetOptions): TakenFolder {
  makeFolder(folder);
  const lock = lockDataDirectory(folder);
  if (!lock.ok) {
    const text = `a devnet runs on ${folder} already (process ${lock.pid}): see pando devnet status`;
    throw new NodeFolderFault(text);
  }
  if (fresh) {
    for (const name of readdirSync(folder)) {
      if (name !== "LOCK") rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
  const isNew = readPlan(folder).found === "none";
  writePlan(folder, plan);
  return { release: () => lock.release(), isNew };
}

export class Devnet {
  readonly #supervisor: Supervisor;
  readonly #control: ControlServer;
  readonly #release: () => void;
  readonly #slotMs: number;
  readonly #asked: Promise<EndReason>;

  constructor(
    supervisor: Supervisor,
    control: ControlServer,
    release: () => void,
    slotMs: number,
    asked: Promise<EndReason>,
  ) {
    this.#supervisor = supervisor;
    this.#control = control;
    this.#release = release;
    this.#slotMs = slotMs;
    this.#asked = asked;
  }

  snapshot(): Snapshot {
    return this.#supervisor.snapshot();
  }

  /**
   * Runs until somebody ends it, or for so long; `told` hears the end before the nodes are stopped,
   * and everything is down when this returns.
   */
  async run(forMs: number | null, told: (ended: Ended) => void): Promise<void> {
    try {
      const why = await this.#until(forMs);
      told({ why, snapshot: this.snapshot() });
    } finally {
      await this.#supervisor.end();
      await this.#control.close();
      this.#release();
    }
  }

  async #until(forMs: number | null): Promise<EndReason> {
    if (forMs === null) return await this.#asked;
    const first = await Promise.race([this.#asked, this.#after(forMs)]);
    if (first !== "over") return first;
    // Only a network at rest can be asked whether it agrees.
    this.#supervisor.quiet();
    await this.#supervisor.heal();
    for (let slot = 0; slot < REST_SLOTS_MAX && !this.#isAtRest(); slot++) {
      const next = await Promise.race([this.#asked, this.#after(this.#slotMs)]);
      if (next !== "over") return next;
    }
    await this.#agreement();
    return "over";
  }

  #isAtRest(): boolean {
    const { load, fork, nodes } = this.snapshot();
    if (nodes.every(({ state }) => state !== "up")) return true;
    return fork === null && load.waiting === 0 && load.unanswered === 0;
  }

  /** Blocks go on coming: waits for a moment in which everybody has the same. */
  async #agreement(): Promise<void> {
    const looks = 10;
    for (let look = 0; look < REST_SLOTS_MAX * looks; look++) {
      const snapshot = this.snapshot();
      if (isAgreed(snapshot) || snapshot.nodes.some(({ state }) => state !== "up")) return;
      await this.#after(this.#slotMs / looks);
    }
  }

  #after(ms: number): Promise<"over"> {
    return new Promise((resolve) => {
      setTimeout(() => resolve("over"), ms).unref();
    });
  }
}

/** One Ctrl-C may come as several signals: from the terminal, and from whoever started us. */
const SAME_SIGNAL_MS = 1_000;

/** Signals and `pando devnet stop`; another signal ends the process at once. */
function endRequests(): { readonly asked: Promise<EndReason>; readonly stop: () => void } {
  let ask: (why: EndReason) => void = () => {};
  const asked = new Promise<EndReason>((resolve) => {
    ask = resolve;
  });
  let first: number | null = null;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      first ??= performance.now();
      // The nodes stop when our ends of their pipes close.
      if (performance.now() - first > SAME_SIGNAL_MS) process.exit(130);
      ask("interrupted");
    });
  }
  return { asked, stop: () => ask("stopped") };
}

export async function openDevnet(
  options: DevnetOptions & { readonly tell: (event: EventLine) => void },
): Promise<Devnet> {
  const { folder, plan, program, load, churnMs, tell } = options;
  const { release, isNew } = takeFolder(options);
  try {
    const { asked, stop } = endRequests();
    const accounts = accountsOf(plan.seed, plan.nodes);
    const kind = kindOf(options, accounts);
    await kind.prepare();
    const fleet = await Fleet.open({ folder, nodes: plan.nodes, program, kind });
    const now = (): number => Date.now();
    const parts = { folder, plan, program, kind, accounts, isNew, load, churnMs, now, tell };
    const supervisor = new Supervisor(parts, fleet);
    const control = await ControlServer.open(folder, (command) =>
      runCommand(supervisor, command, stop),
    );
    await supervisor.start();
    if (fleet.up.length === 0) {
      await supervisor.end();
      await control.close();
      throw new NodeFolderFault(`no node started: ${fleet.nodes[0]!.child.why}`);
    }
    return new Devnet(supervisor, control, release, plan.slotMs, asked);
  } catch (error) {
    release();
    if (error instanceof NoPorts || error instanceof NetworkFault)
      throw new NodeFolderFault(error.message);
    throw error;
  }
}
