// Transactions, blocks, scripts, signatures and addresses.

import { lockJson, scriptAssembly, solveScript } from "../../../src/api/shapes/script.ts";
import { type Bytes, fromHex, hex } from "../../../src/base/bytes.ts";
import { base58CheckDecode, base58CheckEncode, base58Decode } from "../../../src/crypto/base58.ts";
import {
  bech32Decode,
  bech32Encode,
  fromFiveBits,
  segwitDecode,
} from "../../../src/crypto/bech32.ts";
import { parseDerLax } from "../../../src/crypto/der.ts";
import {
  addressScript,
  decodeSecretKey,
  encodeSecretKey,
  scriptAddress,
} from "../../../src/ledger/bitcoin/address.ts";
import { decodeBlock } from "../../../src/ledger/bitcoin/block.ts";
import { encodeBlock } from "../../../src/ledger/bitcoin/encode.ts";
import { MAIN, REGTEST } from "../../../src/ledger/bitcoin/networks.ts";
import { FLAGS_STANDARD, parseFlags } from "../../../src/ledger/bitcoin/script/flags.ts";
import {
  isPushOnly,
  lastPush,
  operationEnd,
} from "../../../src/ledger/bitcoin/script/script-bytes.ts";
import {
  readScriptNumber,
  scriptNumber,
} from "../../../src/ledger/bitcoin/script/script-number.ts";
import { verifyInput } from "../../../src/ledger/bitcoin/script/verify.ts";
import { prepareSignatureHashes } from "../../../src/ledger/bitcoin/sighash.ts";
import { countSigops } from "../../../src/ledger/bitcoin/sigops.ts";
import { decodeTransaction, rawTransaction } from "../../../src/ledger/bitcoin/transaction.ts";
import { type FuzzTarget, latin, type Outcome, text } from "../target.ts";
import { SAMPLE_BLOCK, SAMPLE_COINS, SAMPLE_TRANSACTIONS } from "./samples.ts";

const transaction: FuzzTarget = {
  name: "transaction",
  covers: [
    "src/ledger/bitcoin/transaction.ts#decodeTransaction",
    "src/ledger/bitcoin/transaction.ts#readTransaction",
  ],
  corpus: SAMPLE_TRANSACTIONS,
  decode: (input) => {
    const decoded = decodeTransaction(input);
    if (!decoded.ok || decoded.end !== input.length) return "refused";
    return rawTransaction(decoded.value);
  },
  exact: true,
};

const block: FuzzTarget = {
  name: "block",
  covers: [
    "src/ledger/bitcoin/block.ts#decodeBlock",
    "src/ledger/bitcoin/block.ts#readHeader",
    "src/api/mining/build.ts#parseBlock",
  ],
  corpus: [SAMPLE_BLOCK, REGTEST.genesis],
  decode: (input) => {
    const decoded = decodeBlock(input);
    if (!decoded.ok || decoded.end !== input.length) return "refused";
    const { header, transactions } = decoded.value;
    return encodeBlock(header.bytes, transactions.map(rawTransaction));
  },
  exact: true,
};

/** Scripts as they come, and all that reads them without running them. */
const script: FuzzTarget = {
  name: "script",
  covers: ["src/ledger/bitcoin/script/script-bytes.ts#operationEnd"],
  corpus: [
    ...SAMPLE_COINS.map((coin) => coin.script),
    hex("5121".concat("02".repeat(33), "51ae")),
    hex("4c0501020304054d0200aabb6351675268"),
  ],
  decode: (input) => {
    let at = 0;
    while (at < input.length) {
      const end = operationEnd(input, at);
      if (end <= at || end > input.length) break;
      at = end;
    }
    if (isPushOnly(input)) lastPush(input);
    scriptAssembly(input, true);
    solveScript(input);
    lockJson(input, REGTEST.address);
    return countSigops(input, true) >= 0 ? "taken" : "refused";
  },
  // Text of a script, of its descriptor and of its parts.
  allocates: (bytes) => bytes * 128 + 65_536,
};

const [spending] = SAMPLE_TRANSACTIONS.map((bytes) => {
  const decoded = decodeTransaction(bytes);
  if (!decoded.ok) throw new Error("a sample decodes");
  return decoded.value;
});

/** Scripts as they run: the lock of a coin is whatever came. */
const running: FuzzTarget = {
  name: "script that runs",
  covers: ["src/ledger/bitcoin/script/verify.ts#verifyInput"],
  corpus: SAMPLE_COINS.map((coin) => coin.script),
  decode: (input) => {
    const coins = [{ ...SAMPLE_COINS[0]!, script: input }];
    const hashes = prepareSignatureHashes(spending!, coins);
    verifyInput(spending!, 0, coins, FLAGS_STANDARD, hashes);
    return "taken";
  },
  allocates: (bytes) => bytes * 64 + 1_048_576,
};

const scriptNumbers: FuzzTarget = {
  name: "script number",
  covers: ["src/ledger/bitcoin/script/script-number.ts#readScriptNumber"],
  corpus: [0, 1, -1, 127, 128, -255, 65_535, 2 ** 31 - 1, -(2 ** 39 - 1)].map(scriptNumber),
  decode: (input) => {
    const value = readScriptNumber(input, true, 5);
    return Number.isNaN(value) ? "refused" : scriptNumber(value);
  },
  exact: true,
};

const der: FuzzTarget = {
  name: "DER signature",
  covers: ["src/crypto/der.ts#parseDerLax", "src/crypto/der.ts#parseDerLaxInto"],
  corpus: [
    hex(`3044022${"0".concat("11".repeat(32))}022${"0".concat("22".repeat(32))}`),
    hex("3006020101020101"),
  ],
  decode: (input) => (parseDerLax(input) === null ? "refused" : "taken"),
};

const ADDRESSES: readonly string[] = [
  "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
  "mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8",
  base58CheckEncode(Uint8Array.of(196, ...new Uint8Array(20).fill(3))),
];

const address: FuzzTarget = {
  name: "address",
  covers: ["src/ledger/bitcoin/address.ts#addressScript", "src/crypto/bech32.ts#segwitDecode"],
  corpus: ADDRESSES.map(text),
  decode: (input) => {
    const spelled = latin(input);
    segwitDecode("bcrt", spelled);
    const found = addressScript(spelled, REGTEST.address);
    if (found === null) return "refused";
    const back = scriptAddress(found, REGTEST.address);
    // Upper case spells the same.
    return back === null ? "taken" : text(back);
  },
};

const secretKey: FuzzTarget = {
  name: "secret key",
  covers: ["src/ledger/bitcoin/address.ts#decodeSecretKey"],
  corpus: [true, false].map((compressed) =>
    base58Payload(encodeSecretKey(new Uint8Array(32).fill(5), compressed, MAIN.address)),
  ),
  // The input is what base58check holds, so that checksums are no wall.
  decode: (input) => {
    const key = decodeSecretKey(base58CheckEncode(input), MAIN.address);
    if (key === null) return "refused";
    return base58Payload(encodeSecretKey(key.secret, key.compressed, MAIN.address));
  },
  exact: true,
};

function base58Payload(spelled: string): Bytes {
  const payload = base58CheckDecode(spelled);
  if (payload === null) throw new Error("a sample decodes");
  return payload;
}

const base58: FuzzTarget = {
  name: "base58",
  covers: ["src/crypto/base58.ts#base58CheckDecode", "src/crypto/base58.ts#base58Decode"],
  corpus: ADDRESSES.slice(2).map(text),
  decode: (input) => {
    const spelled = latin(input);
    base58Decode(spelled);
    const payload = base58CheckDecode(spelled);
    return payload === null ? "refused" : text(base58CheckEncode(payload));
  },
  exact: true,
};

const PREFIX = "bcrt";

/** The input is the prefix and the values between, so that checksums are no wall. */
const bech32: FuzzTarget = {
  name: "bech32",
  covers: ["src/crypto/bech32.ts#bech32Decode", "src/crypto/bech32.ts#fromFiveBits"],
  corpus: ADDRESSES.slice(0, 2).map((one) => bech32Decode(one)!.values),
  decode: (input): Outcome => {
    bech32Decode(latin(input));
    const values = input.map((byte) => byte & 31);
    const read = bech32Decode(bech32Encode(PREFIX, values, "bech32m"), 5_000);
    if (read === null || read.prefix !== PREFIX) throw new Error("its own spelling is refused");
    fromFiveBits(read.values);
    return read.values;
  },
};

const flags: FuzzTarget = {
  name: "script flags",
  covers: ["src/ledger/bitcoin/script/flags.ts#parseFlags"],
  corpus: ["P2SH,WITNESS", "NONE", "", "TAPROOT"].map(text),
  decode: (input) => (parseFlags(latin(input)) === null ? "refused" : "taken"),
};

const hexText: FuzzTarget = {
  name: "hex",
  covers: ["src/base/bytes.ts#fromHex", "src/base/bytes.ts#fromDisplayHex"],
  corpus: ["00ff", "", "ABcd09"].map(text),
  decode: (input) => (fromHex(latin(input)) === null ? "refused" : "taken"),
};

export const LEDGER_TARGETS: readonly FuzzTarget[] = [
  transaction,
  block,
  script,
  running,
  scriptNumbers,
  der,
  address,
  secretKey,
  base58,
  bech32,
  flags,
  hexText,
];
