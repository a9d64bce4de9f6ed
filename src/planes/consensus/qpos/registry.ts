// The registry of one branch: records in copy-on-write chunks, the changes that wait for a set
// version, payments due, bonds on their way out, and offences already punished. A draft collects
// the changes of one block; the registry it came from stays as it was.
import type { Evidence } from "../finality/evidence.ts";
import { type Offence, offenceKey, offenceOf, TWO_ACTS } from "../finality/evidence.ts";
import type { Digest } from "./header.ts";
import {
  MISS_RUN_MAX,
  STATUS,
  type StakerRecord,
  type Status,
  WANTS_ACTIVE,
  withCounters,
} from "./record.ts";

const CHUNK = 64;

/** A change of membership that waits until finality in the branch has passed its round. */
export interface Change {
  readonly round: number;
  readonly id: number;
  readonly kind: "join" | "leave" | "slash";
}

export interface Payment {
  readonly script: string;
  readonly value: number;
}

export interface Slashing {
  readonly id: number;
  readonly slot: number;
  readonly weight: number;
  readonly total: number;
}

/** What the execution plane must do to bond coins after a block. */
export interface LedgerChanges {
  readonly flag: readonly string[];
  readonly unflag: readonly string[];
  readonly burn: readonly string[];
}

export const NO_LEDGER_CHANGES: LedgerChanges = { flag: [], unflag: [], burn: [] };

export interface Registry {
  readonly chunks: readonly (readonly StakerRecord[])[];
  readonly nextId: number;
  readonly changes: readonly Change[];
  readonly due: readonly Payment[];
  /** Ids whose bond is on its way out, in the order in which they become free. */
  readonly exits: readonly number[];
  readonly offences: readonly string[];
  readonly slashings: readonly Slashing[];
}

/** A registry of these records, whose ids are 1, 2, 3 … */
export function registryOf(records: readonly StakerRecord[]): Registry {
  const chunks: StakerRecord[][] = [];
  for (let at = 0; at < records.length; at += CHUNK) chunks.push(records.slice(at, at + CHUNK));
  return {
    chunks,
    nextId: records.length + 1,
    changes: [],
    due: [],
    exits: [],
    offences: [],
    slashings: [],
  };
}

/** The record of a staker, or null. */
export function recordOf(registry: Registry, id: number): StakerRecord | null {
  const at = id - 1;
  return registry.chunks[Math.floor(at / CHUNK)]?.[at % CHUNK] ?? null;
}

/** All records by ascending id. */
export function* recordsOf(registry: Registry): Generator<StakerRecord> {
  for (const chunk of registry.chunks) yield* chunk;
}

/** What a draft needs to know of the network. */
export interface RegistryRules {
  readonly disableAfter: number;
  readonly unbondSlots: number;
}

type Fields = Partial<{ -readonly [Field in keyof StakerRecord]: StakerRecord[Field] }>;

/** Changes to a registry in the making. */
export class RegistryDraft {
  private readonly base: Registry;
  private readonly rules: RegistryRules;
  private chunks: StakerRecord[][] | null = null;
  private readonly copied: number[] = [];
  private nextId: number;
  changes: Change[] | null = null;
  due: Payment[] | null = null;
  private exits: number[] | null = null;
  private offences: string[] | null = null;
  private slashings: Slashing[] | null = null;
  private flag: string[] | null = null;
  private unflag: string[] | null = null;
  private burn: string[] | null = null;

  constructor(base: Registry, rules: RegistryRules) {
    this.base = base;
    this.rules = rules;
    this.nextId = base.nextId;
  }

  get(id: number): StakerRecord {
    const at = id - 1;
    return (this.chunks ?? this.base.chunks)[Math.floor(at / CHUNK)]![at % CHUNK]!;
  }

  has(id: number): boolean {
    return id >= 1 && id < this.nextId;
  }

  put(record: StakerRecord): void {
    const chunk = Math.floor((record.id - 1) / CHUNK);
    this.chunks ??= this.base.chunks.slice() as StakerRecord[][];
    if (!this.copied.includes(chunk)) {
      this.chunks[chunk] = this.chunks[chunk]?.slice() ?? [];
      this.copied.push(chunk);
    }
    this.chunks[chunk]![(record.id - 1) % CHUNK] = record;
  }

  set(id: number, fields: Fields): void {
    this.put({ ...this.get(id), ...fields });
  }

  /** A staker filled its slot. */
  produced(id: number, commit: Digest): void {
    const old = this.get(id);
    this.put(withCounters(old, old.produced + 1, old.docked, 0, old.reveals + 1, commit));
  }

  /** A staker missed `count` own slots in a row, the last of them in `round`. */
  missed(id: number, count: number, round: number): void {
    const old = this.get(id);
    const run = Math.min(MISS_RUN_MAX, old.missRun + count);
    this.put(withCounters(old, old.produced, old.docked + count, run, old.reveals, old.commit));
    if (old.missRun < this.rules.disableAfter && run >= this.rules.disableAfter)
      this.pause(id, round);
  }

  /** Records that a staker no longer wants a slot; it takes effect like any leave. */
  private pause(id: number, round: number): void {
    const record = this.get(id);
    if ((record.flags & WANTS_ACTIVE) === 0) return;
    this.set(id, { flags: record.flags & ~WANTS_ACTIVE });
    this.change({ round, id, kind: "leave" });
  }

  change(change: Change): void {
    this.changes ??= this.base.changes.slice();
    this.changes.push(change);
  }

  currentChanges(): readonly Change[] {
    return this.changes ?? this.base.changes;
  }

  /** A new record with the next id. */
  register(record: Omit<StakerRecord, "id">): number {
    const id = this.nextId++;
    this.put({ id, ...record });
    this.flag ??= [];
    this.flag.push(record.bondOutpoint);
    return id;
  }

  /** The bond of a staker becomes free at `freeSlot`. */
  leave(id: number, status: Status, freeSlot: number): void {
    this.set(id, { status, freeSlot });
    this.exits ??= this.base.exits.slice();
    if (!this.exits.includes(id)) this.exits.push(id);
    this.exits.sort((a, b) => this.get(a).freeSlot - this.get(b).freeSlot || a - b);
  }

  pay(script: string, value: number): void {
    if (value <= 0) return;
    this.due ??= this.base.due.slice();
    this.due.push({ script, value });
  }

  /** Payments that a block has made leave the list. */
  paid(count: number): void {
    if (count === 0) return;
    this.due ??= this.base.due.slice();
    this.due.splice(0, count);
  }

  isPunished(offence: Offence): boolean {
    return (this.offences ?? this.base.offences).includes(offenceKey(offence));
  }

  /** Punishes what evidence proves; the includer earns an eighth of the immediate penalty. */
  punish(evidence: Evidence, round: number, slot: number, weight: number, total: number): number {
    const offence = offenceOf(evidence);
    this.offences ??= this.base.offences.slice();
    this.offences.push(offenceKey(offence));
    const record = this.get(offence.stakerId);
    const whole = evidence.kind === TWO_ACTS;
    const fine = Math.min(
      record.bondValue - record.penalty,
      whole ? record.bondValue : Math.floor(record.bondValue / 8),
    );
    this.set(record.id, {
      penalty: record.penalty + fine,
      flags: record.flags & ~WANTS_ACTIVE,
    });
    if (record.status !== STATUS.slashed) {
      this.change({ round, id: record.id, kind: "slash" });
      this.leave(record.id, STATUS.slashed, slot + this.rules.unbondSlots);
      this.slashings ??= this.base.slashings.slice();
      this.slashings.push({ id: record.id, slot, weight, total });
    }
    return Math.floor(fine / 8);
  }

  /** Frees the bonds whose time has come at `slot`. */
  release(slot: number): void {
    for (;;) {
      const exits = this.exits ?? this.base.exits;
      const id = exits[0];
      if (id === undefined || this.get(id).freeSlot > slot) return;
      this.exits = exits.slice(1);
      this.free(this.get(id));
    }
  }

  private free(record: StakerRecord): void {
    const penalty = record.status === STATUS.slashed ? this.finalPenalty(record) : record.penalty;
    if (penalty === 0) {
      this.unflag ??= [];
      this.unflag.push(record.bondOutpoint);
    } else {
      this.burn ??= [];
      this.burn.push(record.bondOutpoint);
      this.pay(record.payout, record.bondValue - penalty);
    }
    this.set(record.id, {
      penalty,
      status: record.status === STATUS.slashed ? STATUS.slashed : STATUS.free,
    });
  }

  /** bond · min(1, 3·S/W), S the weight slashed within UNBOND_SLOTS before and after. */
  private finalPenalty(record: StakerRecord): number {
    const all = this.slashings ?? this.base.slashings;
    const own = all.find((slashing) => slashing.id === record.id);
    if (own === undefined) return record.penalty;
    let slashed = 0;
    for (const other of all) {
      if (Math.abs(other.slot - own.slot) <= this.rules.unbondSlots) slashed += other.weight;
    }
    // The product may pass 2^53, and a coin may hang on its last digit.
    const share = Number((BigInt(record.bondValue) * BigInt(3 * slashed)) / BigInt(own.total));
    return Math.max(record.penalty, Math.min(record.bondValue, share));
  }

  ledgerChanges(): LedgerChanges {
    if (this.flag === null && this.unflag === null && this.burn === null) return NO_LEDGER_CHANGES;
    return { flag: this.flag ?? [], unflag: this.unflag ?? [], burn: this.burn ?? [] };
  }

  finish(): Registry {
    const { base } = this;
    return {
      chunks: this.chunks ?? base.chunks,
      nextId: this.nextId,
      changes: this.changes ?? base.changes,
      due: this.due ?? base.due,
      exits: this.exits ?? base.exits,
      offences: this.offences ?? base.offences,
      slashings: this.slashings ?? base.slashings,
    };
  }
}
