// A small staked chain for tests, on real hashes and signatures: builds blocks, good or spoiled.
import { assert } from "../../../base/assert.ts";
import { hex, toHex } from "../../../base/bytes.ts";
import { sha256 } from "../../../crypto/hash.ts";
import { publicKeyCreate, signSchnorr } from "../../../crypto/secp256k1.ts";
import type { Vote } from "../finality/vote.ts";
import type { Block, Extras } from "./block.ts";
import {
  applyBlock,
  type Branch,
  genesisBranch,
  type Network,
  placeOf,
  queueAhead,
  registryRootFor,
  setOfRound,
} from "./branch.ts";
import { type Qpos, step } from "./core.ts";
import type { Header } from "./header.ts";
import type { Body, Effect } from "./message.ts";
import { DEFAULT_PARAMETERS, type QposParameters } from "./params.ts";
import { STATUS, WANTS_ACTIVE } from "./record.ts";
import { recordOf, registryOf } from "./registry.ts";
import { type Rules, SPECIFIED } from "./rules.ts";
import { fullSuite } from "./suite.ts";

export const CHAIN_ID: string = "c0".repeat(32);
const ZERO = "00".repeat(32);

export interface Key {
  readonly secret: string;
  readonly signKey: string;
  readonly revealSecret: string;
}

/** The key of staker `id`. */
export function keyOf(id: number): Key {
  const secret = sha256(new Uint8Array([id, 7]));
  return {
    secret: toHex(secret),
    signKey: toHex(publicKeyCreate(secret).subarray(1)),
    revealSecret: toHex(sha256(secret)),
  };
}

export function sign(id: number, digest: string): string {
  return toHex(signSchnorr(hex(keyOf(id).secret), hex(digest)));
}

/** The script that owns the bond of staker `id`. */
export function ownerScript(id: number): string {
  return `0014${id.toString(16).padStart(40, "0")}`;
}

export function scriptHash(script: string): string {
  return toHex(sha256(hex(script)));
}

export interface Chain {
  readonly network: Network;
  readonly genesis: Branch;
}

/** A chain of `count` equal stakers. */
export function chainOf(
  count: number,
  rules: Partial<Rules> = {},
  parameters: Partial<QposParameters> = {},
): Chain {
  const suite = fullSuite(CHAIN_ID);
  const network: Network = {
    parameters: { ...DEFAULT_PARAMETERS, ...parameters },
    rules: { ...SPECIFIED, ...rules },
    suite,
    seenFinalizedRound: null,
  };
  const ids = Array.from({ length: count }, (_, at) => at + 1);
  const records = ids.map((id) => {
    const { signKey, revealSecret } = keyOf(id);
    return {
      id,
      kind: 0,
      status: STATUS.active,
      flags: WANTS_ACTIVE,
      signKey,
      commit: suite.commit(signKey, suite.reveal(revealSecret, signKey, 0)),
      reveals: 0,
      ownerHash: scriptHash(ownerScript(id)),
      operatorHash: ZERO,
      bondOutpoint: `${id.toString(16).padStart(64, "0")}00000000`,
      bondValue: network.parameters.bond,
      penalty: 0,
      produced: 0,
      docked: 0,
      missRun: 0,
      sinceSlot: 0,
      freeSlot: 0,
      payout: ownerScript(id),
    };
  });
  const genesis = genesisBranch(
    network,
    CHAIN_ID,
    registryOf(records),
    ids.map(() => 1),
  );
  return { network, genesis };
}

/** Who is due at a slot behind `parent`. */
export function dueAt(chain: Chain, parent: Branch, slot: number): number {
  const place = placeOf(chain.network, parent, slot);
  return queueAhead(chain.network, parent, place.round)[place.index]!;
}

export interface Spoil {
  readonly header?: Partial<Header>;
  readonly extras?: Partial<Extras>;
  readonly signer?: number;
}

/** A signed block at a slot behind `parent`, with some fields spoiled. */
export function blockAt(chain: Chain, parent: Branch, slot: number, spoil: Spoil = {}): Block {
  const { network } = chain;
  const { suite, parameters } = network;
  const place = placeOf(network, parent, slot);
  const stakerId = spoil.header?.stakerId ?? dueAt(chain, parent, slot);
  const key = keyOf(stakerId);
  const reveals = recordOf(parent.registry, stakerId)?.reveals ?? 0;
  const extras: Extras = {
    reveal: suite.reveal(key.revealSecret, key.signKey, reveals),
    commit: suite.commit(key.signKey, suite.reveal(key.revealSecret, key.signKey, reveals + 1)),
    restart: null,
    links: [],
    evidence: [],
    ...spoil.extras,
  };
  const setOf = (round: number) => setOfRound(network, parent, round);
  const header: Header = {
    version: 0x20000000,
    parent: parent.id,
    txRoot: ZERO,
    time: Math.floor((parameters.genesisMs + slot * parameters.slotMs) / 1000),
    slot,
    height: parent.height + 1,
    round: place.round,
    index: place.index,
    segmentBits: 10,
    flags: 0,
    txCount: 1,
    witnessRoot: ZERO,
    registryRoot: registryRootFor(network, parent, slot),
    coinSetHash: ZERO,
    extrasRoot: suite.extrasRoot(extras, setOf),
    ...spoil.header,
    stakerId,
  };
  const id = suite.headerId(header);
  return { id, header, sig: sign(spoil.signer ?? stakerId, suite.headerDigest(id)), extras };
}

/** Appends a good block. */
export function extend(
  chain: Chain,
  parent: Branch,
  slot: number,
  extras: Partial<Extras> = {},
): Branch {
  return applyBlock(chain.network, parent, blockAt(chain, parent, slot, { extras }), []);
}

/** Appends good blocks in every slot up to `last`. */
export function grow(chain: Chain, parent: Branch, last: number): Branch {
  let tip = parent;
  while (tip.slot < last) tip = extend(chain, tip, tip.slot + 1);
  return tip;
}

/** A signed vote. */
export function voteOf(
  chain: Chain,
  stakerId: number,
  source: { round: number; id: string },
  target: { round: number; id: string },
): Vote {
  assert(stakerId > 0, "stakers are counted from 1");
  const vote = {
    stakerId,
    sourceRound: source.round,
    sourceId: source.id,
    targetRound: target.round,
    targetId: target.id,
    sig: "",
  };
  return { ...vote, sig: sign(stakerId, chain.network.suite.voteDigest(vote)) };
}

/** What stands in blocks that nobody executes. */
export const BODY: Body = {
  txRoot: ZERO,
  witnessRoot: ZERO,
  txCount: 1,
  segmentBits: 0,
  coinSetHash: ZERO,
};

/** Assembles and signs when a core asks for it, as a shell would; other effects are nothing to it. */
export function answer(core: Qpos, effect: Effect): readonly Effect[] {
  if (effect.type === "assemble") {
    const { stakerId, slot, parent } = effect;
    return step(core, { type: "assembled", stakerId, slot, parent, body: BODY });
  }
  if (effect.type !== "sign") return [];
  if (effect.what === "block") {
    const sig = sign(effect.block.header.stakerId, effect.digest);
    return step(core, { type: "signedBlock", block: { ...effect.block, sig } });
  }
  const sig = sign(effect.vote.stakerId, effect.digest);
  return step(core, { type: "signedVote", vote: { ...effect.vote, sig } });
}
