// A node of a network of stakers: its blocks, what peers say beside blocks, its files and its signer.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bytes } from "../../../src/base/bytes.ts";
import { decodeBlock } from "../../../src/ledger/bitcoin/block.ts";
import { readFundKey } from "../../../src/node/stake/fund-key.ts";
import { newStakerKeys, readKeyFile, writeKeyFile } from "../../../src/node/stake/key-file.ts";
import { guardOf, lineFields, stakerOf } from "../../../src/node/stake/signer-wire.ts";
import { stakedNetwork } from "../../../src/node/staked/genesis.ts";
import { parseNetworkFile, readNetworkFile } from "../../../src/node/staked/network-file.ts";
import { decodeIds, decodeStatus, encodeIds, encodeStatus } from "../../../src/node/staked/wire.ts";
import { stakedTest } from "../../support/staked-blocks.ts";
import { seededRandom } from "../../support/world.ts";
import { type FuzzTarget, text, textOf } from "../target.ts";

const folder = mkdtempSync(join(tmpdir(), "pando-fuzz-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const { file } = stakedTest();
const built = stakedNetwork(file);
if (!built.ok) throw new Error("the network of the tests is sound");
const genesis = built.network.params.genesis;
const id = "ab".repeat(32);

const block: FuzzTarget = {
  name: "staked block",
  covers: ["src/ledger/bitcoin/block.ts#decodeBlock", "src/api/shapes/block.ts#decodeWhole"],
  corpus: [genesis],
  decode: (input) => {
    const decoded = decodeBlock(input, 0, input.length, "staked");
    return decoded.ok && decoded.end === input.length ? "taken" : "refused";
  },
};

const IDS_MAX = 16;

const ids: FuzzTarget = {
  name: "staked ids",
  covers: ["src/node/staked/wire.ts#decodeIds"],
  corpus: [encodeIds([]), encodeIds([id, "00".repeat(32)])],
  decode: (input) => {
    const read = decodeIds(input, IDS_MAX);
    return read === null ? "refused" : encodeIds(read);
  },
  exact: true,
};

const status: FuzzTarget = {
  name: "staked status",
  covers: ["src/node/staked/wire.ts#decodeStatus"],
  corpus: [encodeStatus({ height: 5, finalizedRound: 2, head: id })],
  decode: (input) => {
    const read = decodeStatus(input);
    return read === null ? "refused" : encodeStatus(read);
  },
  exact: true,
};

const networkPath = join(folder, "network.json");

const networkFile: FuzzTarget = {
  name: "network file",
  covers: [
    "src/node/staked/network-file.ts#parseNetworkFile",
    "src/node/staked/network-file.ts#readNetworkFile",
  ],
  corpus: [text(JSON.stringify(file))],
  decode: (input) => {
    writeFileSync(networkPath, input);
    const read = readNetworkFile(networkPath);
    if (parseNetworkFile(textOf(input)).ok !== read.ok) throw new Error("the two ways differ");
    return read.ok ? text(JSON.stringify(read.file)) : "refused";
  },
};

const keyPath = join(folder, "keys.json");

function written(write: (path: string) => void): Bytes {
  write(keyPath);
  return new Uint8Array(readFileSync(keyPath));
}

const random = seededRandom(3);
const staker = newStakerKeys(random);

const keyFile: FuzzTarget = {
  name: "key file of a staker",
  covers: ["src/node/stake/key-file.ts#readKeyFile"],
  corpus: [
    written((path) => writeKeyFile(path, { chainId: id, stakers: [staker] })),
    written((path) => writeKeyFile(path, { chainId: id, stakers: [{ ...staker, id: 7 }] })),
  ],
  decode: (input) => {
    writeFileSync(keyPath, input, { mode: 0o600 });
    const read = readKeyFile(keyPath);
    return read.ok ? "taken" : "refused";
  },
};

const fundPath = join(folder, "fund.key");
writeFileSync(fundPath, "", { mode: 0o600 });

const fundKey: FuzzTarget = {
  name: "key that pays",
  covers: ["src/node/stake/fund-key.ts#readFundKey"],
  corpus: [text("11".repeat(32))],
  decode: (input) => {
    writeFileSync(fundPath, input);
    return readFundKey(fundPath).ok ? "taken" : "refused";
  },
};

const guard = {
  chainId: id,
  stakerId: 7,
  actRound: 1,
  actDigest: id,
  declSeq: 0,
  voteTarget: 2,
  voteSource: 1,
  voteDigest: id,
};

const signerLine: FuzzTarget = {
  name: "line to a signer",
  covers: [
    "src/node/stake/signer-wire.ts#lineFields",
    "src/node/stake/signer-wire.ts#guardOf",
    "src/node/stake/signer-wire.ts#stakerOf",
  ],
  corpus: [
    JSON.stringify({ id: 2, do: "persist", guard }),
    JSON.stringify({ id: 7, signKey: id, revealSecret: id, guard }),
  ].map(text),
  decode: (input) => {
    const fields = lineFields(textOf(input));
    if (fields === null) return "refused";
    guardOf(fields["guard"]);
    stakerOf(fields);
    return "taken";
  },
};

export const STAKED_TARGETS: readonly FuzzTarget[] = [
  block,
  ids,
  status,
  networkFile,
  keyFile,
  fundKey,
  signerLine,
];
