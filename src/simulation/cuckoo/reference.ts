// The reference engine: the same experiments played by `assign` itself, with identities and hashes.
// Slow, and the judge of the fast engines. A share's staker id is the hash of its number; the hostile
// ones come first.
import { type Bytes, concatBytes, toHex } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/hash.ts";
import { assign, genesis } from "../../sharding/assign.ts";
import { u32be } from "../../sharding/bytes-be.ts";
import { type Assignment, idAt, type RuleParameters, shareId } from "../../sharding/types.ts";
import type { Words } from "./random.ts";

/** The share with a number, as in the golden case. */
export function numberedShare(number: number): Bytes {
  const label = new TextEncoder().encode("staker");
  return shareId(sha256(concatBytes(label, u32be(number))), 0);
}

export interface ReferenceSettings {
  readonly rule: RuleParameters;
  readonly n: number;
  readonly shards: number;
  readonly hostile: number;
  readonly theta: { readonly num: number; readonly den: number };
  readonly strict: boolean;
  /** Seats that rejoin per epoch by the strategy "least". */
  readonly rejoin: number;
}

export class ReferenceEngine {
  lost = false;
  assignment: Assignment;
  private readonly settings: ReferenceSettings;
  private readonly words: Words;
  private readonly hostileIds = new Set<string>();

  constructor(settings: ReferenceSettings, words: Words) {
    this.settings = settings;
    this.words = words;
    const shares: Bytes[] = [];
    for (let number = 0; number < settings.n; number++) shares.push(numberedShare(number));
    for (const share of shares.slice(0, settings.hostile)) this.hostileIds.add(toHex(share));
    const start = genesis(shares, settings.shards, this.seed(), settings.rule);
    if (!start.ok) throw new Error(`${start.code}: ${start.about}`);
    this.assignment = start.assignment;
    this.note(this.counts());
  }

  private seed(): Bytes {
    const bytes = new Uint8Array(32);
    for (let at = 0; at < 32; at += 4) bytes.set(u32be(this.words.word()), at);
    return bytes;
  }

  /** Size of every shard, and the rows of its hostile members. */
  private counts(): { size: number[]; hostile: number[][] } {
    const { shards, shard, ids } = this.assignment;
    const size = new Array<number>(shards).fill(0);
    const hostile = Array.from({ length: shards }, (): number[] => []);
    for (let row = 0; row < shard.length; row++) {
      const c = shard[row]!;
      size[c]! += 1;
      if (this.hostileIds.has(toHex(idAt(ids, row)))) hostile[c]!.push(row);
    }
    return { size, hostile };
  }

  private note(counts: { size: number[]; hostile: number[][] }): void {
    const { theta, strict } = this.settings;
    for (let c = 0; c < counts.size.length; c++) {
      const excess = theta.den * counts.hostile[c]!.length - theta.num * counts.size[c]!;
      if (strict ? excess > 0 : excess >= 0) this.lost = true;
    }
  }

  /** The least hostile shard that has a hostile member, or -1. */
  private least(counts: { size: number[]; hostile: number[][] }): number {
    let least = -1;
    for (let c = 0; c < counts.size.length; c++) {
      const hostile = counts.hostile[c]!.length;
      if (hostile === 0) continue;
      if (least < 0) least = c;
      else if (hostile * counts.size[least]! < counts.hostile[least]!.length * counts.size[c]!) {
        least = c;
      }
    }
    return least;
  }

  /** Plays up to so many epochs; says how many were played. */
  advance(epochs: number): number {
    let played = 0;
    while (played < epochs && !this.lost) {
      const counts = this.counts();
      const moving: Bytes[] = [];
      for (let i = 0; i < this.settings.rejoin; i++) {
        const c = this.least(counts);
        if (c < 0) break;
        const list = counts.hostile[c]!;
        const [row] = list.splice(this.words.below(list.length), 1);
        counts.size[c]! -= 1;
        moving.push(idAt(this.assignment.ids, row!));
      }
      const next = assign(this.assignment, moving, moving, this.seed(), this.settings.rule);
      if (!next.ok) throw new Error(`${next.code}: ${next.about}`);
      this.assignment = next.assignment;
      played++;
      this.note(this.counts());
    }
    return played;
  }
}
