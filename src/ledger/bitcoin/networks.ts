// The networks that Bitcoin Core knows, with its figures (kernel/chainparams.cpp; testnet4: BIP94;
// signet: BIP325), and how to find one by name or magic. `minimumWork` is nMinimumChainWork of
// Bitcoin Core 31; an older figure is as safe for those who sync, a newer one stops more.
import {
  type Bytes,
  bytesEqual,
  concatBytes,
  fromDisplayHex,
  hex,
  rangeEqual,
} from "../../base/bytes.ts";
import { compactSizeBytes, writeCompactSize } from "../../base/reader.ts";
import { hash256 } from "../../crypto/hash.ts";
import { HEADER_BYTES } from "./block.ts";
import { buildGenesis, type GenesisFields, SATOSHI_KEY, SATOSHI_MESSAGE } from "./genesis.ts";
import type { Activation, AddressParams, Params, WorkParams } from "./params.ts";
import { FLAG } from "./script/flags.ts";

/** A hash written as people write it. */
function hash(text: string): Bytes {
  const bytes = fromDisplayHex(text);
  if (bytes?.length !== 32) throw new TypeError(`not a hash: ${text}`);
  return bytes;
}

const TWO_WEEKS = 14 * 24 * 60 * 60;

const MAIN_WORK: WorkParams = {
  limit: (1n << 224n) - 1n,
  limitBits: 0x1d00ffff,
  timespan: TWO_WEEKS,
  spacing: 600,
  allowMinDifficulty: false,
  noRetargeting: false,
  bip94: false,
};

const TEST_ADDRESS: AddressParams = {
  publicKeyHash: 111,
  scriptHash: 196,
  secretKey: 239,
  segwitPrefix: "tb",
};

const FROM_ONE: Activation = { bip34: 1, bip65: 1, bip66: 1, csv: 1, segwit: 1 };

type Rest = Omit<Params, "genesis" | "genesisHash" | "bip30Repeats" | "flagExceptions" | "staked"> &
  Partial<Pick<Params, "bip30Repeats" | "flagExceptions">>;

function network(genesis: Partial<GenesisFields> & { time: number; nonce: number }, rest: Rest) {
  const block = buildGenesis({
    message: SATOSHI_MESSAGE,
    publicKey: SATOSHI_KEY,
    bits: rest.work.limitBits,
    ...genesis,
  });
  const genesisHash = hash256(block.subarray(0, HEADER_BYTES));
  const none = { bip30Repeats: [], flagExceptions: [], staked: null };
  return { genesis: block, genesisHash, ...none, ...rest };
}

export const MAIN: Params = network(
  { time: 1231006505, nonce: 2083236893 },
  {
    name: "main",
    magic: hex("f9beb4d9"),
    work: MAIN_WORK,
    minimumWork: 0x1128750f82f4c366153a3a030n,
    halvingInterval: 210_000,
    activation: { bip34: 227_931, bip65: 388_381, bip66: 363_725, csv: 419_328, segwit: 481_824 },
    bip34Hash: hash("000000000000024b89b42a942fe0d9fea3bb44ab7bd1b19115dd6a759c0808b8"),
    bip30Repeats: [
      {
        height: 91_842,
        hash: hash("00000000000a4d0a398161ffc163c503763b1f4360639393e0e4c8e300e0caec"),
      },
      {
        height: 91_880,
        hash: hash("00000000000743f190a18c5577a3c2d2a1f610ae9601ac046a38084ccb7cd721"),
      },
    ],
    flagExceptions: [
      {
        hash: hash("00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22"),
        flags: 0,
      },
      {
        hash: hash("0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad"),
        flags: FLAG.P2SH | FLAG.WITNESS,
      },
    ],
    signetChallenge: null,
    port: 8333,
    seeds: [
      "seed.bitcoin.sipa.be",
      "dnsseed.bluematt.me",
      "seed.bitcoin.jonasschnelli.ch",
      "seed.btc.petertodd.net",
      "seed.bitcoin.sprovoost.nl",
      "dnsseed.emzy.de",
      "seed.bitcoin.wiz.biz",
      "seed.mainnet.achownodes.xyz",
    ],
    address: { publicKeyHash: 0, scriptHash: 5, secretKey: 128, segwitPrefix: "bc" },
  },
);

export const TESTNET3: Params = network(
  { time: 1296688602, nonce: 414098458 },
  {
    name: "testnet3",
    magic: hex("0b110907"),
    work: { ...MAIN_WORK, allowMinDifficulty: true },
    minimumWork: 0x17dde1c649f3708d14b6n,
    halvingInterval: 210_000,
    activation: { bip34: 21_111, bip65: 581_885, bip66: 330_776, csv: 770_112, segwit: 834_624 },
    bip34Hash: hash("0000000023b3a96d3484e5abb3755c413e7d41500f8e2a5c3f0dd01299cd8ef8"),
    flagExceptions: [
      {
        hash: hash("00000000dd30457c001f4095d208cc1296b0eed002427aa599874af7a432b105"),
        flags: 0,
      },
    ],
    signetChallenge: null,
    port: 18_333,
    seeds: [
      "testnet-seed.bitcoin.jonasschnelli.ch",
      "seed.tbtc.petertodd.net",
      "seed.testnet.bitcoin.sprovoost.nl",
      "testnet-seed.bluematt.me",
      "seed.testnet.achownodes.xyz",
    ],
    address: TEST_ADDRESS,
  },
);

export const TESTNET4: Params = network(
  {
    time: 1714777860,
    nonce: 393743547,
    message: "03/May/2024 000000000000000000001ebd58c244970b3aa9d783bb001011fbe8ea8e98e00e",
    publicKey: new Uint8Array(33),
  },
  {
    name: "testnet4",
    magic: hex("1c163f28"),
    work: { ...MAIN_WORK, allowMinDifficulty: true, bip94: true },
    minimumWork: 0x9a0fe15d0177d086304n,
    halvingInterval: 210_000,
    activation: FROM_ONE,
    bip34Hash: null,
    signetChallenge: null,
    port: 48_333,
    seeds: ["seed.testnet4.bitcoin.sprovoost.nl", "seed.testnet4.wiz.biz"],
    address: TEST_ADDRESS,
  },
);

/** The challenge of the public signet: one of two keys signs. */
const SIGNET_CHALLENGE: Bytes = hex(
  "512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f2d1e086be430" +
    "210359ef5021964fe22d6f8e05b2463c9540ce96883fe3b278760f048f5189f2e6c452ae",
);

/** A signet whose blocks satisfy `challenge`; its magic follows from it. */
export function signetWithChallenge(challenge: Bytes): Params {
  const size = new Uint8Array(compactSizeBytes(challenge.length));
  writeCompactSize(size, 0, challenge.length);
  const isPublic = bytesEqual(challenge, SIGNET_CHALLENGE);
  return network(
    { time: 1598918400, nonce: 52613770 },
    {
      name: "signet",
      magic: hash256(concatBytes(size, challenge)).subarray(0, 4),
      work: { ...MAIN_WORK, limit: 0x377aen << 216n, limitBits: 0x1e0377ae },
      minimumWork: isPublic ? 0xb463ea0a4b8n : 0n,
      halvingInterval: 210_000,
      activation: FROM_ONE,
      bip34Hash: null,
      signetChallenge: challenge,
      port: 38_333,
      seeds: isPublic ? ["seed.signet.bitcoin.sprovoost.nl", "seed.signet.achownodes.xyz"] : [],
      address: TEST_ADDRESS,
    },
  );
}

export const SIGNET: Params = signetWithChallenge(SIGNET_CHALLENGE);

export const REGTEST: Params = network(
  { time: 1296688602, nonce: 2 },
  {
    name: "regtest",
    magic: hex("fabfb5da"),
    work: {
      limit: (1n << 255n) - 1n,
      limitBits: 0x207fffff,
      timespan: 24 * 60 * 60,
      spacing: 600,
      allowMinDifficulty: true,
      noRetargeting: true,
      bip94: false,
    },
    minimumWork: 0n,
    halvingInterval: 150,
    activation: { ...FROM_ONE, segwit: 0 },
    bip34Hash: null,
    signetChallenge: null,
    port: 18_444,
    seeds: [],
    address: { ...TEST_ADDRESS, segwitPrefix: "bcrt" },
  },
);

export const NETWORKS: readonly Params[] = [MAIN, TESTNET4, TESTNET3, SIGNET, REGTEST];

export const NETWORK_NAMES: readonly string[] = NETWORKS.map(({ name }) => name);

/** Other names that people and Bitcoin Core use. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["mainnet", "main"],
  ["bitcoin", "main"],
  ["test", "testnet3"],
  ["testnet", "testnet3"],
]);

/** The network called `name`, or null. */
export function networkByName(name: string): Params | null {
  const known = ALIASES.get(name) ?? name;
  return NETWORKS.find((params) => params.name === known) ?? null;
}

/** The network whose magic stands at `at`, or null. */
export function networkByMagic(bytes: Bytes, at = 0): Params | null {
  if (bytes.length < at + 4) return null;
  return NETWORKS.find((params) => rangeEqual(bytes, at, params.magic, 0, 4)) ?? null;
}
