// Consensus messages as bytes: a block without its body, a list of links, a request for them. Votes
// and evidence have their own files. Certificates can only be opened by who knows the set of their
// target's round, so blocks arrive sealed and links are read against one's own head.
import {
  type Bytes,
  concatBytes,
  hex,
  readU16,
  readU32,
  toHex,
  writeU16,
  writeU32,
} from "../../../base/bytes.ts";
import { Reader } from "../../../base/reader.ts";
import { type Certificate, encodeCertificate, readCertificate } from "../finality/certificate.ts";
import { linksToCarry } from "../finality/view.ts";
import { type Branch, setOfRound } from "./branch.ts";
import type { Qpos } from "./core.ts";
import { encodeExtras } from "./extras.ts";
import { branchOf } from "./head.ts";
import { decodeHeader, encodeHeader, HEADER_BYTES, headerId, type Id } from "./header.ts";
import type { SealedBlock } from "./message.ts";
import type { SetOf } from "./suite.ts";

const SIGNED_BYTES = HEADER_BYTES + 64;
/** Links in one `qfin`. */
export const FIN_LINKS_MAX = 64;

/** header 224, signature 64, length of extras 4, extras: the bytes of a known block, to be served. */
export function blockBytes(core: Qpos, id: Id): Bytes | null {
  const entry = core.entries.get(id);
  const parent = entry === undefined ? null : branchOf(core, entry.block.header.parent);
  if (entry === undefined || parent === null) return null;
  const { header, sig, extras } = entry.block;
  const body = encodeExtras(extras, (round) => setOfRound(core.network, parent, round));
  const length = new Uint8Array(4);
  writeU32(length, 0, body.length);
  return concatBytes(encodeHeader(header), hex(sig), length, body);
}

/** A block as it arrives: its extras stay sealed until its parent is known. Null: not a block. */
export function readBlock(bytes: Bytes): SealedBlock | null {
  if (bytes.length < SIGNED_BYTES + 4) return null;
  if (bytes.length !== SIGNED_BYTES + 4 + readU32(bytes, SIGNED_BYTES)) return null;
  const header = decodeHeader(bytes)!;
  return {
    id: headerId(header),
    header,
    sig: toHex(bytes, HEADER_BYTES, SIGNED_BYTES),
    extras: bytes.slice(SIGNED_BYTES + 4),
  };
}

/** The links above `fromRound`: those that the head's branch carries, then those it does not yet. */
export function finalityProof(core: Qpos, fromRound: number): Certificate[] {
  const links = carriedBy(core).filter(({ targetRound }) => targetRound > fromRound);
  links.push(...linksToCarry(core.view, core.head, core.head.round + 1, FIN_LINKS_MAX));
  return links.slice(0, FIN_LINKS_MAX);
}

/**
 * The links in the blocks of the head's branch that are in the tree. Anybody may ask at any time, and
 * finality may stand still: only what is new since the last time is walked.
 */
function carriedBy(core: Qpos): readonly Certificate[] {
  const { head, carried } = core;
  if (carried?.head === head) return carried.links;
  const chain: Branch[] = [];
  let at: Branch | null = head;
  while (at !== null && at !== carried?.head) {
    chain.push(at);
    at = at.parent;
  }
  const links = at === null || carried === null ? [] : [...carried.links];
  for (const { id } of chain.reverse()) {
    links.push(...(core.entries.get(id)?.block.extras.links ?? []));
  }
  core.carried = { head, links };
  return links;
}

/** The bytes of `qfin`: count 2, links. */
export function encodeLinks(links: readonly Certificate[], setOf: SetOf): Bytes {
  const count = new Uint8Array(2);
  writeU16(count, 0, links.length);
  return concatBytes(
    count,
    ...links.map((link) => encodeCertificate(link, setOf(link.targetRound)!)),
  );
}

/** Reads `qfin` against the sets of one's own head; null when the bytes are not that. */
export function readLinks(core: Qpos, bytes: Bytes): Certificate[] | null {
  if (bytes.length < 2 || readU16(bytes, 0) > FIN_LINKS_MAX) return null;
  const reader = new Reader(bytes, 2);
  const links: Certificate[] = [];
  for (let index = readU16(bytes, 0); index > 0; index--) {
    const link = readCertificate(reader, (round) => setOfRound(core.network, core.head, round));
    if (link === null) return null;
    links.push(link);
  }
  return reader.at === reader.end ? links : null;
}
