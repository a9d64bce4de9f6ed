// Extras: `type u8 ‖ length u32 ‖ value`, types ascending, each at most once. Everything a header
// needs to be judged beside its parent: the reveal, certificates, evidence. Delegation (types 04,
// 05, 07) is not part of version 1 of this core: a block that carries it is refused by name.

import { assert } from "../../../base/assert.ts";
import { type Bytes, concatBytes, hex, toHex, writeU16, writeU32 } from "../../../base/bytes.ts";
import { Reader } from "../../../base/reader.ts";
import { type Certificate, encodeCertificate, readCertificate } from "../finality/certificate.ts";
import {
  EVIDENCE_BYTES_MAX,
  type Evidence,
  encodeEvidence,
  readEvidence,
} from "../finality/evidence.ts";
import type { Extras } from "./block.ts";
import type { SetOf } from "./suite.ts";

const REVEAL = 1;
const RESTART = 2;
const LINKS = 3;
const EVIDENCE = 6;
/** Link certificates in one block. */
export const LINKS_MAX = 2;
/** Pieces of evidence in one block. */
export const EVIDENCE_MAX = 64;

export type ExtrasFault =
  | "extras-malformed"
  | "extras-order"
  | "extras-unknown"
  | "delegation-unsupported"
  | "certificate-malformed";

function item(type: number, value: Bytes): Bytes {
  const head = new Uint8Array(5);
  head[0] = type;
  writeU32(head, 1, value.length);
  return concatBytes(head, value);
}

function packed(certificate: Certificate, setOf: SetOf): Bytes {
  const set = setOf(certificate.targetRound);
  assert(set !== null, "the set of a certificate's target is known to who encodes it");
  return encodeCertificate(certificate, set);
}

/** The canonical bytes of extras. */
export function encodeExtras(extras: Extras, setOf: SetOf): Bytes {
  const parts = [item(REVEAL, concatBytes(hex(extras.reveal), hex(extras.commit)))];
  if (extras.restart !== null) parts.push(item(RESTART, packed(extras.restart, setOf)));
  if (extras.links.length > 0) {
    parts.push(item(LINKS, concatBytes(...extras.links.map((link) => packed(link, setOf)))));
  }
  if (extras.evidence.length > 0) {
    const count = new Uint8Array(2);
    writeU16(count, 0, extras.evidence.length);
    parts.push(item(EVIDENCE, concatBytes(count, ...extras.evidence.map(encodeEvidence))));
  }
  return concatBytes(...parts);
}

/** Bytes of a certificate of so many voters, each with a source of its own. */
function certificateBytesMost(voters: number): number {
  return 37 + voters * (36 + Math.ceil(voters / 8) + 64);
}

/** How long extras can be where certificates have at most so many voters. */
export function extrasBytesMost(voters: number, evidenceCount: number): number {
  const link = 37 + 36 + Math.ceil(voters / 8) + 64 * voters;
  const heads = 5 * 4 + 64;
  return (
    heads +
    certificateBytesMost(voters) +
    LINKS_MAX * link +
    (2 + evidenceCount * EVIDENCE_BYTES_MAX)
  );
}

type Draft = { -readonly [Field in keyof Extras]: Extras[Field] };

function readLinks(reader: Reader, setOf: SetOf): Certificate[] | null {
  const links: Certificate[] = [];
  while (reader.at < reader.end) {
    const link = readCertificate(reader, setOf);
    if (link === null || links.length === LINKS_MAX) return null;
    links.push(link);
  }
  return links.length === 0 ? null : links;
}

function readEvidenceList(reader: Reader): Evidence[] | null {
  const count = reader.u16();
  if (count === 0 || count > EVIDENCE_MAX) return null;
  const list: Evidence[] = [];
  for (let index = 0; index < count; index++) {
    const evidence = readEvidence(reader);
    if (evidence === null) return null;
    list.push(evidence);
  }
  return reader.at === reader.end ? list : null;
}

function readItem(draft: Draft, type: number, reader: Reader, setOf: SetOf): ExtrasFault | null {
  if (type === REVEAL) {
    if (reader.end - reader.at !== 64) return "extras-malformed";
    draft.reveal = toHex(reader.take(32));
    draft.commit = toHex(reader.take(32));
    return null;
  }
  if (type === RESTART) {
    draft.restart = readCertificate(reader, setOf);
    return draft.restart === null || reader.at !== reader.end ? "certificate-malformed" : null;
  }
  if (type === LINKS) {
    const links = readLinks(reader, setOf);
    if (links === null) return "certificate-malformed";
    draft.links = links;
    return null;
  }
  if (type === EVIDENCE) {
    const list = readEvidenceList(reader);
    if (list === null) return "extras-malformed";
    draft.evidence = list;
    return null;
  }
  return type === 4 || type === 5 || type === 7 ? "delegation-unsupported" : "extras-unknown";
}

export type ExtrasRead =
  | { readonly ok: true; readonly extras: Extras }
  | { readonly ok: false; readonly code: ExtrasFault };

/** Reads canonical extras. `setOf` gives the sets of the block's own branch, hence after its parent. */
export function decodeExtras(bytes: Bytes, setOf: SetOf): ExtrasRead {
  const draft: Draft = { reveal: "", commit: "", restart: null, links: [], evidence: [] };
  const reader = new Reader(bytes);
  let last = 0;
  while (reader.at < reader.end) {
    const type = reader.u8();
    const length = reader.u32();
    const from = reader.skip(length);
    if (reader.fault !== null) return { ok: false, code: "extras-malformed" };
    if (type <= last) return { ok: false, code: "extras-order" };
    last = type;
    const fault = readItem(draft, type, new Reader(bytes, from, from + length), setOf);
    if (fault !== null) return { ok: false, code: fault };
  }
  if (draft.reveal === "") return { ok: false, code: "extras-malformed" };
  return { ok: true, extras: draft };
}
