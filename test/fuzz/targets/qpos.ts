// Staked consensus: headers, extras, certificates, votes, evidence, guards and the messages.
import { type Bytes, writeU32 } from "../../../src/base/bytes.ts";
import { Reader } from "../../../src/base/reader.ts";
import {
  type Certificate,
  encodeCertificate,
  readCertificate,
} from "../../../src/planes/consensus/finality/certificate.ts";
import {
  type Evidence,
  encodeEvidence,
  readEvidence,
  voteEvidence,
} from "../../../src/planes/consensus/finality/evidence.ts";
import {
  crc32c,
  decodeGuard,
  encodeGuard,
  freshGuard,
} from "../../../src/planes/consensus/finality/guard.ts";
import { decodeVote, encodeVote, type Vote } from "../../../src/planes/consensus/finality/vote.ts";
import { setOfRound } from "../../../src/planes/consensus/qpos/branch.ts";
import { createQpos } from "../../../src/planes/consensus/qpos/core.ts";
import { decodeExtras, encodeExtras } from "../../../src/planes/consensus/qpos/extras.ts";
import {
  decodeHeader,
  encodeHeader,
  HEADER_BYTES,
  type Header,
} from "../../../src/planes/consensus/qpos/header.ts";
import { electorate } from "../../../src/planes/consensus/qpos/staker-set.ts";
import { CHAIN_ID, chainOf } from "../../../src/planes/consensus/qpos/test-chain.ts";
import { encodeLinks, readBlock, readLinks } from "../../../src/planes/consensus/qpos/wire.ts";
import type { FuzzTarget } from "../target.ts";

const id = (fill: number): string => fill.toString(16).padStart(2, "0").repeat(32);
const sig = (fill: number): string => id(fill).repeat(2);

const header: Header = {
  version: 0x20000000,
  parent: id(1),
  txRoot: id(2),
  time: 1_700_000_000,
  slot: 9,
  height: 8,
  round: 3,
  index: 1,
  segmentBits: 12,
  flags: 0,
  stakerId: 2,
  txCount: 77,
  witnessRoot: id(3),
  registryRoot: id(4),
  coinSetHash: id(5),
  extrasRoot: id(6),
};

const vote: Vote = {
  stakerId: 2,
  sourceRound: 1,
  sourceId: id(1),
  targetRound: 2,
  targetId: id(2),
  sig: sig(3),
};

const set = electorate([1, 2, 3], [1, 1, 1]);
const setOf = () => set;

const certificate: Certificate = {
  targetRound: 2,
  targetId: id(2),
  groups: [
    { sourceRound: 1, sourceId: id(1), voters: [1, 3], sigs: [sig(1), sig(2)] },
    { sourceRound: 0, sourceId: id(9), voters: [2], sigs: [sig(3)] },
  ],
};

const twoVotes = voteEvidence(vote, { ...vote, targetId: id(7) })!;
const twoActs = {
  kind: 1,
  a: { header, sig: sig(1) },
  b: { header: { ...header, txRoot: id(8) }, sig: sig(2) },
} as Evidence;

const extras = {
  reveal: id(1),
  commit: id(2),
  restart: null,
  links: [certificate],
  evidence: [twoVotes],
};

const plain: FuzzTarget = {
  name: "qPoS header",
  covers: ["src/planes/consensus/qpos/header.ts#decodeHeader"],
  corpus: [encodeHeader(header)],
  decode: (input) => {
    const read = decodeHeader(input);
    return read === null || input.length !== HEADER_BYTES ? "refused" : encodeHeader(read);
  },
  exact: true,
};

const extrasTarget: FuzzTarget = {
  name: "qPoS extras",
  covers: ["src/planes/consensus/qpos/extras.ts#decodeExtras"],
  corpus: [
    encodeExtras({ ...extras, links: [], evidence: [] }, setOf),
    encodeExtras(extras, setOf),
    encodeExtras({ ...extras, restart: certificate }, setOf),
  ],
  decode: (input) => {
    const read = decodeExtras(input, setOf);
    return read.ok ? encodeExtras(read.extras, setOf) : "refused";
  },
};

const votes: FuzzTarget = {
  name: "qPoS vote",
  covers: ["src/planes/consensus/finality/vote.ts#decodeVote"],
  corpus: [encodeVote(vote)],
  decode: (input) => {
    const read = decodeVote(input);
    return read === null ? "refused" : encodeVote(read);
  },
};

const certificates: FuzzTarget = {
  name: "qPoS certificate",
  covers: ["src/planes/consensus/finality/certificate.ts#readCertificate"],
  corpus: [encodeCertificate(certificate, set)],
  decode: (input) => {
    const reader = new Reader(input);
    const read = readCertificate(reader, setOf);
    if (read === null || reader.at !== reader.end) return "refused";
    return encodeCertificate(read, set);
  },
};

const evidence: FuzzTarget = {
  name: "qPoS evidence",
  covers: ["src/planes/consensus/finality/evidence.ts#readEvidence"],
  corpus: [encodeEvidence(twoVotes), encodeEvidence(twoActs)],
  decode: (input) => {
    const reader = new Reader(input);
    const read = readEvidence(reader);
    return read === null || reader.at !== reader.end ? "refused" : encodeEvidence(read);
  },
  exact: true,
};

const guardBytes = encodeGuard({
  ...freshGuard(CHAIN_ID, 5),
  actRound: 3,
  actDigest: id(4),
  voteDigest: id(5),
});

function mendGuard(input: Bytes): Bytes {
  const out = guardBytes.slice();
  out.set(input.subarray(0, 116));
  out.set(guardBytes.subarray(0, 36));
  writeU32(out, 116, crc32c(out, 116));
  return out;
}

const guard: FuzzTarget = {
  name: "qPoS guard",
  covers: ["src/planes/consensus/finality/guard.ts#decodeGuard"],
  corpus: [guardBytes],
  decode: (input) => {
    const read = decodeGuard(input, CHAIN_ID, 5);
    return read.ok ? encodeGuard(read.guard) : "refused";
  },
  mend: mendGuard,
  exact: true,
};

const body = encodeExtras(extras, setOf);
const blockBytes = new Uint8Array(HEADER_BYTES + 68 + body.length);
blockBytes.set(encodeHeader(header));
writeU32(blockBytes, HEADER_BYTES + 64, body.length);
blockBytes.set(body, HEADER_BYTES + 68);

const block: FuzzTarget = {
  name: "qPoS block",
  covers: ["src/planes/consensus/qpos/wire.ts#readBlock"],
  corpus: [blockBytes],
  decode: (input) => (readBlock(input) === null ? "refused" : "taken"),
};

const chain = chainOf(3);
const core = createQpos({
  network: chain.network,
  genesis: chain.genesis,
  own: [],
  restarted: false,
  executes: false,
  forgets: false,
  memo: null,
});
const setAt = (round: number) => setOfRound(core.network, core.head, round);

const links: FuzzTarget = {
  name: "qPoS links",
  covers: ["src/planes/consensus/qpos/wire.ts#readLinks"],
  corpus: [
    encodeLinks([], setAt),
    encodeLinks(
      [
        {
          ...certificate,
          groups: certificate.groups.map((group) => ({ ...group, sigs: group.sigs })),
        },
      ],
      setAt,
    ),
  ],
  decode: (input) => {
    const read = readLinks(core, input);
    return read === null ? "refused" : encodeLinks(read, setAt);
  },
};

export const QPOS_TARGETS: readonly FuzzTarget[] = [
  plain,
  extrasTarget,
  votes,
  certificates,
  evidence,
  guard,
  block,
  links,
];
