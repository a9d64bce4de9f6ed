// Sets of flags to judge a case under besides its own. Flags only ever forbid: what passes must pass
// with fewer of them, and what fails must fail with more. The random sets are the same in every run.
import { FLAG, FLAGS_ALL } from "../../ledger/bitcoin/script/flags.ts";

/** The single flags. */
export const SINGLE_FLAGS: readonly number[] = Object.values(FLAG).filter((flag) => flag !== 0);

/** Some random sets of flags, from xorshift32 with a fixed seed for each case. */
export function someFlags(caseIndex: number, count: number): number[] {
  let state = (caseIndex + 1) * 0x9e3779b1;
  const sets: number[] = [];
  for (let index = 0; index < count; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    sets.push(state & FLAGS_ALL);
  }
  return sets;
}

/** False for sets that no one may ask for: a flag without the one it builds on. */
export function isSound(flags: number): boolean {
  if ((flags & FLAG.WITNESS) !== 0 && (flags & FLAG.P2SH) === 0) return false;
  if ((flags & FLAG.WITNESS) !== 0) return true;
  return (flags & (FLAG.CLEANSTACK | FLAG.TAPROOT)) === 0;
}

/** Every sound set of the flags that blocks may be under: 64 of them. */
export const CONSENSUS_FLAG_SETS: readonly number[] = consensusSets();

function consensusSets(): number[] {
  const flags = [
    FLAG.P2SH,
    FLAG.DERSIG,
    FLAG.NULLDUMMY,
    FLAG.CHECKLOCKTIMEVERIFY,
    FLAG.CHECKSEQUENCEVERIFY,
    FLAG.WITNESS,
    FLAG.TAPROOT,
  ];
  let sets = [0];
  for (const flag of flags) sets = sets.concat(sets.map((set) => set | flag));
  return sets.filter(isSound);
}
