// The signers that a node was started with, as one: key files that it opens itself, and sockets of
// `pando signer` processes.
import { statSync } from "node:fs";
import type { GuardRecord, SignerStaker, SignRequest, StakerSigner } from "../../ports/staking.ts";
import { connectSigner } from "../stake/connect-signer.ts";
import { openSigner, SignerRefused } from "../stake/open-signer.ts";

/** Several signers as one; a staker belongs to the first that has it. */
class Signers implements StakerSigner {
  readonly #parts: readonly StakerSigner[];

  constructor(parts: readonly StakerSigner[]) {
    this.#parts = parts;
  }

  get stakers(): readonly SignerStaker[] {
    return this.#parts.flatMap(({ stakers }) => stakers);
  }

  get waiting(): readonly string[] {
    return this.#parts.flatMap(({ waiting }) => waiting);
  }

  #of(stakerId: number): StakerSigner | undefined {
    return this.#parts.find(({ stakers }) => stakers.some(({ id }) => id === stakerId));
  }

  async adopt(signKey: string, stakerId: number, produced: number): Promise<SignerStaker | null> {
    const part = this.#parts.find(({ waiting }) => waiting.includes(signKey));
    return part === undefined ? null : part.adopt(signKey, stakerId, produced);
  }

  async persist(guard: GuardRecord): Promise<boolean> {
    return (await this.#of(guard.stakerId)?.persist(guard)) ?? false;
  }

  async sign(stakerId: number, request: SignRequest): Promise<string | null> {
    return (await this.#of(stakerId)?.sign(stakerId, request)) ?? null;
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.close()));
  }
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}

/** Opens key files and sockets for one chain; throws SignerRefused with one line. Null for none. */
export async function openSigners(
  paths: readonly string[],
  chainId: string,
): Promise<StakerSigner | null> {
  const open: StakerSigner[] = [];
  try {
    for (const path of paths) {
      const signer = isSocket(path)
        ? await connectSigner(path, chainId)
        : await openSigner({ keyPath: path, chainId });
      open.push(signer);
    }
    const ids = open.flatMap(({ stakers }) => stakers.map(({ id }) => id));
    const twice = ids.find((id, at) => ids.indexOf(id) !== at);
    if (twice !== undefined) {
      throw new SignerRefused(`staker ${twice} is in two of --staker-keys: name it once`);
    }
  } catch (error) {
    await Promise.all(open.map((signer) => signer.close()));
    throw error;
  }
  return open.length === 0 ? null : new Signers(open);
}
