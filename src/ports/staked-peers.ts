// Between the peer-to-peer part and staked consensus: messages whose contents only consensus can read.
// The network frames them, bounds their sizes and keeps the peers; it knows none of the rules.
import type { Bytes } from "../base/bytes.ts";

/**
 * The messages of staked consensus (docs/internals/staked-node.md):
 *   qstat   where a peer stands             qvote, qevid     a vote, evidence
 *   qinv    blocks that it has              qgetfin, qfin    links above a round
 *   qget, qblock, qnone  ask, get, not here
 *   qfind, qids          ids behind the first known of a locator
 */
const STAKED_COMMANDS = [
  "qstat",
  "qinv",
  "qget",
  "qblock",
  "qnone",
  "qfind",
  "qids",
  "qvote",
  "qevid",
  "qgetfin",
  "qfin",
] as const;
export type StakedCommand = (typeof STAKED_COMMANDS)[number];

const KNOWN: ReadonlySet<string> = new Set(STAKED_COMMANDS);

export function isStakedCommand(command: string): command is StakedCommand {
  return KNOWN.has(command);
}

/** Who reads them. */
export interface StakedHandler {
  /** The handshake with a peer is done. */
  joined(peer: number): void;
  left(peer: number): void;
  message(peer: number, command: StakedCommand, payload: Bytes): void;
}

/** The peers as consensus sees them. */
export interface StakedPeers {
  /** Those whose handshake is done. */
  ready(): readonly number[];
  /** False when there is no such peer any more. */
  send(peer: number, command: StakedCommand, payload: Bytes): boolean;
  /** True when so much waits to be sent that requests of this peer should wait too. */
  isCongested(peer: number): boolean;
  /** The peer did what no honest node can do. */
  misbehaved(peer: number, why: string): void;
}
