// The node's index of what its partitions have admitted, fed by their events: by id, by witness id,
// by coin spent, with parents and children. Events of two partitions may cross, so a child may come
// before its parent and a replacement before the replaced one leaves.
import {
  type OutpointKey,
  outpointKey,
  outpointTxid,
  type Txid,
} from "../../state/admission/keys.ts";
import type { Entry } from "./entry.ts";

/** What an entry costs beside its raw bytes, roughly; for the reports. */
const ENTRY_OVERHEAD_BYTES = 1_500;

export class Entries {
  readonly byId: Map<string, Entry> = new Map();
  readonly byWitnessId: Map<string, Entry> = new Map();
  readonly spenders: Map<string, Entry> = new Map();
  /** Fees that miners pretend, by id; kept for transactions that are not here yet. */
  readonly feeDeltas: Map<string, number> = new Map();
  bytes = 0;
  fees = 0;
  rawBytes = 0;

  get count(): number {
    return this.byId.size;
  }

  get memoryBytes(): number {
    return this.rawBytes + this.count * ENTRY_OVERHEAD_BYTES;
  }

  /** False when it is here already. */
  add(entry: Entry): boolean {
    if (this.byId.has(entry.id)) return false;
    this.byId.set(entry.id, entry);
    this.byWitnessId.set(entry.witnessId, entry);
    entry.feeDelta = this.feeDeltas.get(entry.id) ?? 0;
    for (const outpoint of entry.inputs) {
      this.spenders.set(outpoint, entry);
      const parent = this.byId.get(outpointTxid(outpoint));
      if (parent !== undefined) link(parent, entry);
    }
    for (let index = 0; index < entry.outputCount; index++) {
      const child = this.spenders.get(outpointKey(entry.id, index));
      if (child !== undefined) link(entry, child);
    }
    this.bytes += entry.size;
    this.fees += entry.fee;
    this.rawBytes += entry.raw.length;
    return true;
  }

  remove(id: string): Entry | null {
    const entry = this.byId.get(id);
    if (entry === undefined) return null;
    this.byId.delete(id);
    if (this.byWitnessId.get(entry.witnessId) === entry) this.byWitnessId.delete(entry.witnessId);
    for (const outpoint of entry.inputs) {
      if (this.spenders.get(outpoint) === entry) this.spenders.delete(outpoint);
    }
    for (const parent of entry.parents) parent.unlinkChild(entry);
    for (const child of entry.children) child.unlinkParent(entry);
    entry.unlink();
    this.bytes -= entry.size;
    this.fees -= entry.fee;
    this.rawBytes -= entry.raw.length;
    return entry;
  }

  /** Entries that spend a coin of `inputs` and are not `self`; null when there is none. */
  conflicts(inputs: readonly OutpointKey[], self: Txid): Set<Entry> | null {
    let found: Set<Entry> | null = null;
    for (const outpoint of inputs) {
      const spender = this.spenders.get(outpoint);
      if (spender === undefined || spender.id === self) continue;
      found ??= new Set();
      found.add(spender);
    }
    return found;
  }
}

function link(parent: Entry, child: Entry): void {
  parent.linkChild(child);
  child.linkParent(parent);
}
