// A running `pando signer` in a process of its own, and requests as a node would make them.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { toHex } from "../../src/base/bytes.ts";
import { VOTE_SIGNED_BYTES } from "../../src/node/stake/guarded-keys.ts";
import { encodeVote, type Vote, voteDigest } from "../../src/planes/consensus/finality/vote.ts";
import { encodeHeader, type Header, headerId } from "../../src/planes/consensus/qpos/header.ts";
import { headerDigest } from "../../src/planes/consensus/qpos/suite.ts";
import type { GuardRecord, StakerSigner } from "../../src/ports/staking.ts";
import { root } from "./run.ts";

export const TEST_CHAIN: string = "c0".repeat(32);

export interface SignerProcess {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  /** The first line of stdout; null when it ended before. */
  readonly ready: Record<string, unknown> | null;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/** Starts a signer that ends with the test; resolves when it listens, or has ended. */
export function startSigner(
  context: TestContext,
  keys: string,
  socket: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<SignerProcess> {
  const words = ["signer", "--keys", keys, "--listen", socket, "--json"];
  const child = spawn(process.execPath, [join(root, "bin", "pando"), ...words], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  context.after(() => child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<{ code: number | null; signal: string | null }>((done) => {
    child.once("close", (code, signal) => done({ code, signal }));
  });
  return new Promise((done) => {
    const settle = (ready: Record<string, unknown> | null): void =>
      done({ child, stderr: () => stderr, ready, ended });
    createInterface({ input: child.stdout }).once("line", (line) =>
      settle(JSON.parse(line) as Record<string, unknown>),
    );
    void ended.then(() => settle(null));
  });
}

const ZERO = "00".repeat(32);
const numbered = (value: number): string => value.toString(16).padStart(64, "0");

/** A header of a staker; `salt` tells headers of one round apart. */
export function testHeader(stakerId: number, round: number, salt: number): Header {
  return {
    version: 0x20000000,
    parent: ZERO,
    txRoot: numbered(salt),
    time: 0,
    slot: round,
    height: round,
    round,
    index: 0,
    segmentBits: 0,
    flags: 0,
    stakerId,
    txCount: 1,
    witnessRoot: ZERO,
    registryRoot: ZERO,
    coinSetHash: ZERO,
    extrasRoot: ZERO,
  };
}

/** A vote from round `target - 1` to `target`. */
export function testVote(stakerId: number, target: number, salt: number): Vote {
  return {
    stakerId,
    sourceRound: target - 1,
    sourceId: ZERO,
    targetRound: target,
    targetId: numbered(salt),
    sig: "00".repeat(64),
  };
}

/** What left a signer, by what an honest staker signs once: a block of a round, a vote for one. */
export class Signed {
  readonly #first = new Map<string, string>();
  readonly conflicts: string[] = [];

  add(what: "block" | "vote", round: number, digest: string): void {
    const key = `${what} ${round}`;
    const first = this.#first.get(key) ?? digest;
    if (first !== digest) this.conflicts.push(key);
    this.#first.set(key, first);
  }

  get count(): number {
    return this.#first.size;
  }
}

/** Asks for a block and a vote of a round, guards first as a core would; false when one was refused. */
export async function signRound(
  signer: StakerSigner,
  guard: GuardRecord,
  round: number,
  salt: number,
  signed: Signed,
): Promise<GuardRecord | null> {
  const { stakerId } = guard;
  const block = testHeader(stakerId, round, salt);
  const actDigest = headerDigest(TEST_CHAIN, headerId(block));
  const acted = { ...guard, actRound: round, actDigest };
  if (!(await signer.persist(acted))) return null;
  const header = toHex(encodeHeader(block));
  if ((await signer.sign(stakerId, { what: "block", header })) === null) return null;
  signed.add("block", round, actDigest);
  const vote = testVote(stakerId, round, salt);
  const digest = voteDigest(TEST_CHAIN, vote);
  const voted = { ...acted, voteTarget: round, voteSource: round - 1, voteDigest: digest };
  if (!(await signer.persist(voted))) return null;
  const bytes = toHex(encodeVote(vote), 0, VOTE_SIGNED_BYTES);
  if ((await signer.sign(stakerId, { what: "vote", vote: bytes })) === null) return null;
  signed.add("vote", round, digest);
  return voted;
}
