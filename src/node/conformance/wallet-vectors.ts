// bip341_wallet_vectors.json: output keys and control blocks of taproot trees, and every step of the
// key path's signatures, down to a signed transaction.
import { type Bytes, bytesEqual, concatBytes, toHex } from "../../base/bytes.ts";
import { taggedHash } from "../../crypto/hash.ts";
import {
  publicKeyCreate,
  signSchnorr,
  tweakPublicKey,
  tweakSecretKey,
} from "../../crypto/secp256k1.ts";
import { scriptAddress } from "../../ledger/bitcoin/address.ts";
import type { Coin } from "../../ledger/bitcoin/coin.ts";
import { MAIN } from "../../ledger/bitcoin/networks.ts";
import { FLAGS_STANDARD } from "../../ledger/bitcoin/script/flags.ts";
import { pushOf } from "../../ledger/bitcoin/script/script-bytes.ts";
import { verifyInput } from "../../ledger/bitcoin/script/verify.ts";
import { prepareSignatureHashes, type SignatureHashes } from "../../ledger/bitcoin/sighash.ts";
import {
  AMOUNTS,
  OUTPUTS,
  PREVOUTS,
  SCRIPTS,
  SEQUENCES,
} from "../../ledger/bitcoin/sighash-parts.ts";
import { branchHash, leafHash, tweakHash } from "../../ledger/bitcoin/taproot.ts";
import {
  arrayOf,
  hexOf,
  hexOfLength,
  isArray,
  type Json,
  type JsonObject,
  numberOf,
  objectOf,
  transactionOf,
} from "./fields.ts";
import { MalformedCase, Tally } from "./report.ts";

interface Leaf {
  readonly version: number;
  readonly hash: Bytes;
  /** From the leaf up. */
  readonly path: Bytes[];
}

interface Tree {
  readonly root: Bytes;
  /** In the order of the tree. */
  readonly leaves: readonly Leaf[];
}

function treeOf(value: Json | undefined): Tree {
  if (!isArray(value)) {
    const leaf = objectOf(value);
    const version = numberOf(leaf["leafVersion"]);
    const hash = leafHash(version, hexOf(leaf["script"]));
    return { root: hash, leaves: [{ version, hash, path: [] }] };
  }
  if (value.length !== 2) throw new MalformedCase("a branch needs two children");
  const left = treeOf(value[0]);
  const right = treeOf(value[1]);
  for (const leaf of left.leaves) leaf.path.push(right.root);
  for (const leaf of right.leaves) leaf.path.push(left.root);
  return { root: branchHash(left.root, right.root), leaves: [...left.leaves, ...right.leaves] };
}

/** The first name whose value is not the expected one. */
function difference(expected: JsonObject, found: Readonly<Record<string, Json>>): string | null {
  for (const [name, value] of Object.entries(found)) {
    const wanted = expected[name];
    if (wanted !== undefined && JSON.stringify(wanted) !== JSON.stringify(value)) {
      return `${name} is ${JSON.stringify(value)}`;
    }
  }
  return null;
}

function judgeOutput(entry: JsonObject): string | null {
  const given = objectOf(entry["given"]);
  const internalKey = hexOfLength(given["internalPubkey"], 32);
  const tree = given["scriptTree"] === null ? null : treeOf(given["scriptTree"]);
  const tweak = tweakHash(internalKey, tree?.root ?? null);
  const output = tweakPublicKey(internalKey, tweak);
  if (output === null) return "the internal key has no output key";
  const script = concatBytes(new Uint8Array([0x51]), pushOf(output.key));
  const leaves = tree?.leaves ?? [];
  const fault = difference(objectOf(entry["intermediary"]), {
    leafHashes: leaves.map(({ hash }) => toHex(hash)),
    merkleRoot: tree === null ? null : toHex(tree.root),
    tweak: toHex(tweak),
    tweakedPubkey: toHex(output.key),
  });
  return (
    fault ??
    difference(objectOf(entry["expected"]), {
      scriptPubKey: toHex(script),
      bip350Address: scriptAddress(script, MAIN.address) ?? "",
      scriptPathControlBlocks: leaves.map(({ version, path }) =>
        toHex(concatBytes(new Uint8Array([version | output.parity]), internalKey, ...path)),
      ),
    })
  );
}

function judgeShared(entry: JsonObject, hashes: SignatureHashes): string | null {
  return difference(objectOf(entry["intermediary"]), {
    hashAmounts: toHex(hashes.once(AMOUNTS)),
    hashOutputs: toHex(hashes.once(OUTPUTS)),
    hashPrevouts: toHex(hashes.once(PREVOUTS)),
    hashScriptPubkeys: toHex(hashes.once(SCRIPTS)),
    hashSequences: toHex(hashes.once(SEQUENCES)),
  });
}

function judgeSpend(entry: JsonObject, hashes: SignatureHashes): string | null {
  const given = objectOf(entry["given"]);
  const wanted = objectOf(entry["intermediary"]);
  const secret = hexOfLength(given["internalPrivkey"], 32);
  const root = given["merkleRoot"] === null ? null : hexOfLength(given["merkleRoot"], 32);
  const internalKey = publicKeyCreate(secret).subarray(1);
  const tweak = tweakHash(internalKey, root);
  const tweaked = tweakSecretKey(secret, tweak);
  if (tweaked === null) return "the key cannot be tweaked";
  const index = numberOf(given["txinIndex"]);
  const hashType = numberOf(given["hashType"]);
  if (hashes.coins[index] === undefined) throw new MalformedCase("there is no such input");
  const hash = hashes.taproot(index, hashType, null, null, 0xffffffff);
  if (hash === null) return "the hash type is refused";
  const message = taggedHash("TapSighash", hexOf(wanted["sigMsg"]));
  if (!bytesEqual(message, hash)) return `the hash of sigMsg is ${toHex(message)}`;
  const fault = difference(wanted, {
    internalPubkey: toHex(internalKey),
    tweak: toHex(tweak),
    tweakedPrivkey: toHex(tweaked),
    sigHash: toHex(hash),
  });
  if (fault !== null) return fault;
  const type = hashType === 0 ? new Uint8Array(0) : new Uint8Array([hashType]);
  const signature = concatBytes(signSchnorr(tweaked, hash), type);
  return difference(objectOf(entry["expected"]), { witness: [toHex(signature)] });
}

function judgeSigned(auxiliary: JsonObject, coins: readonly Coin[]): string | null {
  const transaction = transactionOf(auxiliary["fullySignedTx"]);
  const hashes = prepareSignatureHashes(transaction, coins);
  if (coins.length !== transaction.inputs.length) return "other inputs than the unsigned one";
  for (let index = 0; index < coins.length; index++) {
    const error = verifyInput(transaction, index, coins, FLAGS_STANDARD, hashes);
    if (error !== "OK") return `input ${index}: ${error}`;
  }
  return null;
}

function runKeyPath(tally: Tally, name: string, entry: JsonObject): void {
  const given = objectOf(entry["given"]);
  const transaction = transactionOf(given["rawUnsignedTx"]);
  const coins = arrayOf(given["utxosSpent"])
    .map(objectOf)
    .map((spent) => ({
      value: numberOf(spent["amountSats"]),
      script: hexOf(spent["scriptPubKey"]),
      height: 1,
      coinbase: false,
    }));
  const hashes = prepareSignatureHashes(transaction, coins);
  tally.judge(`${name} shared hashes`, () => judgeShared(entry, hashes));
  for (const [index, spend] of arrayOf(entry["inputSpending"]).entries()) {
    tally.judge(`${name} spend ${index}`, () => judgeSpend(objectOf(spend), hashes));
  }
  const auxiliary = entry["auxiliary"];
  if (auxiliary !== undefined) {
    tally.judge(`${name} signed`, () => judgeSigned(objectOf(auxiliary), coins));
  }
}

export function runWalletVectors(file: Json): Tally {
  const tally = new Tally();
  for (const [index, entry] of arrayOf(objectOf(file)["scriptPubKey"]).entries()) {
    tally.judge(`scriptPubKey ${index}`, () => judgeOutput(objectOf(entry)));
  }
  for (const [index, entry] of arrayOf(objectOf(file)["keyPathSpending"]).entries()) {
    const name = `keyPathSpending ${index}`;
    try {
      runKeyPath(tally, name, objectOf(entry));
    } catch (error) {
      if (!(error instanceof MalformedCase)) throw error;
      tally.count(name, `malformed case: ${error.message}`);
    }
  }
  return tally;
}
