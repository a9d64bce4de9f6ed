// The coin set in figures: count, amount, and MuHash on request, over all partitions.
import type { Bytes } from "../../base/bytes.ts";
import { MuHash } from "../../crypto/muhash.ts";
import type { AnyOpenedChain } from "./open.ts";

export interface SetDigest {
  readonly count: number;
  /** Base units. */
  readonly amount: number;
  /** As Bitcoin Core counts it (`bogosize`). */
  readonly bytes: number;
  /** MuHash3072 in hash order; null when not asked for. */
  readonly muhash: Bytes | null;
}

export async function coinSetDigest(
  opened: Pick<AnyOpenedChain, "hosts">,
  muhash: boolean,
): Promise<SetDigest> {
  let count = 0;
  let amount = 0;
  let bytes = 0;
  const product = new MuHash();
  const replies = await Promise.all(
    opened.hosts.map((host) => host.call({ kind: "digest", muhash })),
  );
  for (const reply of replies) {
    if (reply.kind !== "digest") continue;
    for (const digest of reply.digests) {
      count += digest.count;
      amount += digest.amount;
      bytes += digest.bytes;
      const part = digest.muhash === null ? null : MuHash.decode(digest.muhash);
      if (part !== null) product.combine(part);
    }
  }
  return { count, amount, bytes, muhash: muhash ? product.digest() : null };
}
