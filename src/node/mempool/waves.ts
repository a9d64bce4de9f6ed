// Transactions in waves: what only spends what is there already, then what spends those, and so on,
// so that each wave may be submitted at once and no child comes before its parent.
import { type Bytes, toHex } from "../../base/bytes.ts";
import { decodeTransaction } from "../../ledger/bitcoin/transaction.ts";

export function wavesOf(raws: readonly Bytes[]): Bytes[][] {
  const decoded = raws.flatMap((raw) => {
    const read = decodeTransaction(raw);
    if (!read.ok) return [];
    const { txid, inputs } = read.value;
    const parents = inputs.map(({ outpointAt }) => toHex(raw, outpointAt, outpointAt + 32));
    return [{ raw, id: toHex(txid), parents }];
  });
  const byId = new Map(decoded.map((one) => [one.id, one]));
  const depths = new Map<string, number>();
  // Without recursion: a chain may be as long as the limits of another node allowed.
  const stack = decoded.map(({ id }) => id);
  while (stack.length > 0) {
    const id = stack[stack.length - 1]!;
    const open = byId.get(id)!.parents.filter((parent) => byId.has(parent) && !depths.has(parent));
    if (depths.has(id) || open.length === 0) {
      stack.pop();
      let depth = 0;
      for (const parent of byId.get(id)!.parents)
        depth = Math.max(depth, (depths.get(parent) ?? -1) + 1);
      depths.set(id, depth);
    } else stack.push(...open);
  }
  const waves: Bytes[][] = [];
  for (const { id, raw } of decoded) {
    const depth = depths.get(id)!;
    waves[depth] ??= [];
    waves[depth].push(raw);
  }
  return waves;
}
