// Locators: a few hashes that tell a peer where our chain is, dense near the tip and sparse behind,
// and how one of a peer's is read.
import { type Bytes, bytesEqual } from "../base/bytes.ts";
import type { ChainHeader, ChainView } from "../ports/chain.ts";

/** Hashes of `from`, its nine parents, then steps that double, and the first block; newest first. */
export function locator(chain: ChainView, from: ChainHeader): Bytes[] {
  const hashes: Bytes[] = [];
  let height = from.height;
  let step = 1;
  let header: ChainHeader | null = from;
  while (header !== null) {
    hashes.push(header.hash);
    if (height === 0) break;
    if (hashes.length >= 10) step *= 2;
    height = Math.max(0, height - step);
    header = chain.ancestor(header, height);
  }
  return hashes;
}

function isSame(a: ChainHeader | null, b: ChainHeader): boolean {
  return a !== null && (a === b || bytesEqual(a.hash, b.hash));
}

/** True when the header stands on the active chain. */
export function isActive(chain: ChainView, header: ChainHeader): boolean {
  return isSame(chain.headerAt(header.height), header);
}

/** True when the branch that ends in `end` has `header`. */
export function isOnBranch(chain: ChainView, end: ChainHeader, header: ChainHeader): boolean {
  return isSame(chain.ancestor(end, header.height), header);
}

/** The last block that we share with the sender of a locator: at least the first. */
export function forkPoint(chain: ChainView, hashes: readonly Bytes[]): ChainHeader {
  for (const hash of hashes) {
    const header = chain.header(hash);
    if (header === null) continue;
    if (isActive(chain, header)) return header;
    // A branch we left: it shares an ancestor with the active chain.
    let at: ChainHeader | null = header;
    while (at !== null && !isActive(chain, at)) {
      at = at.height === 0 ? null : chain.ancestor(at, at.height - 1);
    }
    if (at !== null) return at;
  }
  return chain.headerAt(0) ?? chain.tip();
}
