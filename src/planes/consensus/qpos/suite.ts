// The hashes and signatures that the core calls, as one value, so that the simulator can run the
// same core on cheap 64-bit mixing (profile `model`). `fullSuite` is what every network uses.
import { type Bytes, concatBytes, hex, toHex, writeU32 } from "../../../base/bytes.ts";
import { taggedHash } from "../../../crypto/hash.ts";
import { verifySchnorr } from "../../../crypto/secp256k1.ts";
import { type Vote, voteDigest } from "../finality/vote.ts";
import type { Extras } from "./block.ts";
import { encodeExtras } from "./extras.ts";
import { type Digest, type Header, headerId, type Id } from "./header.ts";
import { commitTo, mixWith, queueOf, queueSeed, revealOf, tieOf } from "./randomness.ts";
import { encodeRecord, type StakerRecord, treeRoot } from "./record.ts";
import type { Electorate, StakerSet } from "./staker-set.ts";

/** What the registry root of a round's blocks commits to: the state at the close of the round before. */
export interface ClosedState {
  readonly records: Iterable<StakerRecord>;
  readonly set: StakerSet;
  readonly finalizedRound: number;
  readonly finalizedId: Id;
  readonly mix: Digest;
  readonly nextId: number;
}

export interface Suite {
  headerId(header: Header): Id;
  extrasRoot(extras: Extras, sizeOf: SetOf): Digest;
  headerDigest(id: Id): Digest;
  voteDigest(vote: Vote): Digest;
  verify(key: string, digest: Digest, sig: string): boolean;
  reveal(secret: string, signKey: string, count: number): Digest;
  commit(signKey: string, reveal: Digest): Digest;
  mix(mix: Digest, reveal: Digest): Digest;
  seed(round: number, mix: Digest): Digest;
  queue(seed: Digest, ids: readonly number[]): readonly number[];
  tie(seed: Digest, slot: number, stakerId: number): Digest;
  registryRoot(state: ClosedState): Digest;
}

/** The active set of a round, or null when it is not known. */
export type SetOf = (round: number) => Electorate | null;

function setRoot(set: Electorate | null): Bytes {
  if (set === null) return treeRoot([]);
  return treeRoot(
    set.ids.map((id, at) => {
      const leaf = new Uint8Array(8);
      writeU32(leaf, 0, id);
      writeU32(leaf, 4, set.weights[at]!);
      return leaf;
    }),
  );
}

function u32s(...values: readonly number[]): Bytes {
  const bytes = new Uint8Array(values.length * 4);
  for (let at = 0; at < values.length; at++) writeU32(bytes, at * 4, values[at]!);
  return bytes;
}

/** registryRoot of docs/internals/qpos.md, section 1.2. */
export function registryRoot(state: ClosedState): Digest {
  const leaves: Bytes[] = [];
  for (const record of state.records) leaves.push(encodeRecord(record));
  const { set } = state;
  set.roots ??= { active: toHex(setRoot(set)), rear: toHex(setRoot(set.rear)) };
  return toHex(
    taggedHash(
      "pando/qpos/state",
      concatBytes(
        treeRoot(leaves),
        u32s(set.version, set.activation),
        hex(set.roots.active),
        hex(set.roots.rear),
        u32s(state.finalizedRound),
        hex(state.finalizedId),
        hex(state.mix),
        u32s(state.nextId),
      ),
    ),
  );
}

/** The hash that is signed for a header: not the id itself, and never the same on two chains. */
export function headerDigest(chainId: string, id: Id): Digest {
  return toHex(taggedHash("pando/qpos/header", hex(chainId), hex(id)));
}

/** Real hashes and BIP340 signatures, bound to one chain. */
export function fullSuite(chainId: string): Suite {
  return {
    headerId,
    extrasRoot: (extras, setOf) =>
      toHex(taggedHash("pando/qpos/extras", encodeExtras(extras, setOf))),
    headerDigest: (id) => headerDigest(chainId, id),
    voteDigest: (vote) => voteDigest(chainId, vote),
    verify: (key, digest, sig) =>
      sig.length === 128 && verifySchnorr(hex(key), hex(sig), hex(digest)),
    reveal: (secret, signKey, count) => revealOf(hex(secret), signKey, count),
    commit: (signKey, reveal) => commitTo(chainId, signKey, reveal),
    mix: mixWith,
    seed: (round, mix) => queueSeed(chainId, round, mix),
    queue: queueOf,
    tie: tieOf,
    registryRoot,
  };
}
