// Connecting blocks in their branch, and moving the tip from one branch to another. A switch is one
// chain record; only one that is too large for memory is cut into several, each a sound tip of its
// own. A block is condemned only when it fails twice: the second time alone, read from the disk, and
// where a coin is missing after every store has been read through.
import { assert } from "../../base/assert.ts";
import { toDisplayHex } from "../../base/bytes.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";
import { formOf, type Params } from "../../ledger/bitcoin/params.ts";
import { type BlockId, type BlockIndex, NONE } from "../../planes/consensus/work/block-index.ts";
import type { Connected, Connector } from "../../planes/execution/connect.ts";
import { decodeInFrame } from "./accept.ts";
import type { Archive, Link } from "./archive.ts";
import { branchFacts, duplicatesRule } from "./branch.ts";
import { DataError } from "./files.ts";

export interface SwitchParts {
  readonly index: BlockIndex;
  readonly params: Params;
  readonly archive: Archive;
  readonly connector: Connector;
  readonly skipScripts: (hash: Uint8Array) => boolean;
  /** True for a block of this time whose scripts may be asked for again. */
  readonly remember: (time: number) => boolean;
  /** True when the partitions hold more than they may. */
  readonly isFull: () => boolean;
  /** Makes a change of the tip durable and tells who listens. */
  readonly record: (disconnected: readonly BlockId[], connected: readonly Link[]) => Promise<void>;
  /** Writes the partitions' changes, which are those of the records, to their stores. */
  readonly flush: (tip: BlockId) => Promise<void>;
  readonly storeDelta: (id: BlockId, deltas: readonly Uint32Array[]) => Promise<Link>;
  readonly count: (connected: Connected, transactions: number) => void;
  /** What a block may create beside subsidy and fees, base units. */
  readonly moreMoney: (id: BlockId) => number;
}

/** Where a switch ended; `invalid` is the block that stopped it half way. */
export interface Switched {
  readonly tip: BlockId;
  readonly invalid: { readonly id: BlockId; readonly reason: string } | null;
}

/** Blocks in one record of a switch. */
const RECORD_BLOCKS_MAX = 10_000;

/** What has changed in the partitions since the last record. */
interface Step {
  tip: BlockId;
  disconnected: BlockId[];
  connected: Link[];
}

export class Switch {
  readonly #parts: SwitchParts;

  constructor(parts: SwitchParts) {
    this.#parts = parts;
  }

  /** Stages and judges a block on its parent, whose state the partitions show. */
  connect(
    id: BlockId,
    { block, memory }: { block: Block; memory: SharedArrayBuffer },
    exact = false,
  ): Promise<Connected> {
    const { index, params, connector, skipScripts, remember, moreMoney } = this.#parts;
    const parent = index.parent(id);
    const hash = index.hash(id);
    return connector.connect({
      block,
      memory,
      facts: branchFacts(index, params, parent, hash, moreMoney(id)),
      duplicates: duplicatesRule(index, params, parent, hash, exact),
      skipScripts: skipScripts(hash),
      remember: remember(block.header.time),
    });
  }

  async #connectStored(
    id: BlockId,
    exact: boolean,
  ): Promise<{ connected: Connected; transactions: number }> {
    const { archive, connector, params } = this.#parts;
    const decoded = decodeInFrame(archive.readBlock(id), connector.pool, formOf(params));
    assert(decoded !== null, "a stored block decodes");
    const connected = await this.connect(id, decoded, exact);
    return { connected, transactions: decoded.block.transactions.length };
  }

  /**
   * A block has failed, and has been undone: judges it again before it is condemned. Returns the
   * reason; one that passes now shows that the machine cannot be trusted.
   */
  async confirm(id: BlockId, first: string): Promise<string> {
    const { connector, index } = this.#parts;
    if (first === "bad-txns-inputs-missingorspent") await connector.verifyStores();
    const { connected } = await this.#connectStored(id, true);
    await connector.apply("undo", connected.deltas);
    if (!connected.verdict.ok) return connected.verdict.code;
    const hash = toDisplayHex(index.hash(id));
    const what = `block ${hash} failed (${first}) and passed when it was judged again`;
    throw new DataError("environment", `${what}: check this machine's memory, then start again`);
  }

  /** Moves from `tip` to `best`, or as far as the blocks between are valid; nothing is pending. */
  async run(tip: BlockId, best: BlockId): Promise<Switched> {
    const { index, archive, connector } = this.#parts;
    // The first block of all is followed from nothing.
    const fork = tip === NONE ? NONE : index.fork(tip, best);
    let step: Step = { tip, disconnected: [], connected: [] };
    while (step.tip !== fork) {
      await connector.apply("undo", archive.readDelta(step.tip));
      step.disconnected.push(step.tip);
      step.tip = index.parent(step.tip);
      step = await this.#cut(step);
    }
    const from = fork === NONE ? 0 : index.height(fork) + 1;
    for (let height = from; height <= index.height(best); height++) {
      const id = index.ancestor(best, height);
      const result = await this.#link(id);
      if (typeof result === "string") {
        return { tip: await this.#back(step), invalid: { id, reason: result } };
      }
      step.connected.push(result);
      step.tip = id;
      step = await this.#cut(step);
    }
    await this.#record(step);
    return { tip: best, invalid: null };
  }

  /** Connects the next block; the reason when it is invalid, and then nothing has changed. */
  async #link(id: BlockId): Promise<Link | string> {
    const { archive, connector } = this.#parts;
    // A block is valid or not by what it stands on, which is the same as the last time.
    const known = archive.linkOf(id);
    if (known !== null) {
      await connector.apply("redo", archive.readDeltaAt(known));
      return known;
    }
    const { connected, transactions } = await this.#connectStored(id, false);
    if (!connected.verdict.ok) {
      await connector.apply("undo", connected.deltas);
      return await this.confirm(id, connected.verdict.code);
    }
    this.#parts.count(connected, transactions);
    return await this.#parts.storeDelta(id, connected.deltas);
  }

  /**
   * Judges a stored block on its own branch, whose blocks have all been connected at some time, and
   * comes back to `tip`. Null when it is valid: it is then connected without being judged again.
   */
  async probe(tip: BlockId, id: BlockId): Promise<string | null> {
    const { index, archive, connector } = this.#parts;
    const parent = index.parent(id);
    const fork = index.fork(tip, parent);
    const move = async (kind: "undo" | "redo", from: BlockId): Promise<void> => {
      const path: BlockId[] = [];
      for (let at = from; at !== fork; at = index.parent(at)) path.push(at);
      if (kind === "redo") path.reverse();
      for (const at of path) await connector.apply(kind, archive.readDelta(at));
    };
    await move("undo", tip);
    await move("redo", parent);
    const result = await this.#link(id);
    if (typeof result !== "string") {
      archive.keep(result);
      await connector.apply("undo", archive.readDeltaAt(result));
    }
    await move("undo", parent);
    await move("redo", tip);
    return typeof result === "string" ? result : null;
  }

  /** Ends a step that has become too large with a record; a new one begins behind it. */
  async #cut(step: Step): Promise<Step> {
    const { isFull, flush } = this.#parts;
    const blocks = step.disconnected.length + step.connected.length;
    if (!isFull() && blocks < RECORD_BLOCKS_MAX) return step;
    await this.#record(step);
    if (isFull()) await flush(step.tip);
    return { tip: step.tip, disconnected: [], connected: [] };
  }

  async #record({ disconnected, connected }: Step): Promise<void> {
    if (disconnected.length === 0 && connected.length === 0) return;
    for (const link of connected) this.#parts.archive.keep(link);
    await this.#parts.record(disconnected, connected);
  }

  /** A branch broke a rule: the partitions go back to the last record. Returns its tip. */
  async #back({ tip, disconnected, connected }: Step): Promise<BlockId> {
    const { archive, connector, index } = this.#parts;
    let at = tip;
    for (const link of connected.reverse()) {
      await connector.apply("undo", archive.readDeltaAt(link));
      at = index.parent(link.id);
    }
    for (const id of disconnected.reverse()) {
      await connector.apply("redo", archive.readDelta(id));
      at = id;
    }
    return at;
  }
}
