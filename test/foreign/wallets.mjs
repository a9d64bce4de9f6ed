// Wallets and an RPC client that nobody here wrote, behind one small shape: addresses of three kinds
// and a signed spend of a coin on each. A coin is { txid, vout, value (base units), raw (hex) }.
// `operate` spends a segwit coin into `payments` ({ address, value }), with an operation of a staked
// network in the output behind the first: its payload goes through the library's own OP_RETURN.
import * as scure from "@scure/btc-signer";
import { default as CoreClient } from "bitcoin-core";
import * as bitcoin from "bitcoinjs-lib";
import { ECPairFactory } from "ecpair";
import * as ecc from "tiny-secp256k1";

bitcoin.initEccLib(ecc);
const ECPair = ECPairFactory(ecc);
const NETWORK = bitcoin.networks.regtest;
/** Bitcoin Core's regtest, which the library does not have by name. */
const REGTEST = { bech32: "bcrt", pubKeyHash: 0x6f, scriptHash: 0xc4, wif: 0xef };

/** A client of the npm package bitcoin-core; its logger is left silent. */
export function coreClient({ host, port, user, password }) {
  const silent = { debug() {}, info() {}, warn() {}, error() {}, trace() {} };
  const options = { host: `http://${host}:${port}`, username: user, password, logger: silent };
  return new CoreClient({ ...options, version: "0.21.0" });
}

/** bitcoinjs-lib; `seed` is one byte. */
export function bitcoinjs(seed) {
  const key = ECPair.fromPrivateKey(Buffer.alloc(32, seed), { network: NETWORK });
  const inner = key.publicKey.slice(1, 33);
  const payments = {
    legacy: bitcoin.payments.p2pkh({ pubkey: key.publicKey, network: NETWORK }),
    segwit: bitcoin.payments.p2wpkh({ pubkey: key.publicKey, network: NETWORK }),
    taproot: bitcoin.payments.p2tr({ internalPubkey: inner, network: NETWORK }),
  };
  const input = {
    legacy: ({ txid, vout, raw }) => ({
      hash: txid,
      index: vout,
      nonWitnessUtxo: Buffer.from(raw, "hex"),
    }),
    segwit: ({ txid, vout, value }) => ({
      hash: txid,
      index: vout,
      witnessUtxo: { script: payments.segwit.output, value: BigInt(value) },
    }),
    taproot: ({ txid, vout, value }) => ({
      hash: txid,
      index: vout,
      witnessUtxo: { script: payments.taproot.output, value: BigInt(value) },
      tapInternalKey: inner,
    }),
  };
  return {
    name: "bitcoinjs-lib",
    address: (kind) => payments[kind].address,
    spend(kind, coin, to, fee) {
      const psbt = new bitcoin.Psbt({ network: NETWORK });
      psbt.addInput(input[kind](coin));
      psbt.addOutput({ address: to, value: BigInt(coin.value - fee) });
      const tweak = bitcoin.crypto.taggedHash("TapTweak", inner);
      psbt.signInput(0, kind === "taproot" ? key.tweak(tweak) : key);
      psbt.finalizeAllInputs();
      return psbt.extractTransaction(true).toHex();
    },
    operate(coin, payments, payload) {
      const psbt = new bitcoin.Psbt({ network: NETWORK });
      psbt.addInput(input.segwit(coin));
      const outputs = payments.map(({ address, value }) => ({ address, value: BigInt(value) }));
      const operation = bitcoin.payments.embed({ data: [Buffer.from(payload)] }).output;
      outputs.splice(1, 0, { script: operation, value: 0n });
      for (const output of outputs) psbt.addOutput(output);
      psbt.signInput(0, key);
      psbt.finalizeAllInputs();
      return psbt.extractTransaction(true).toHex();
    },
  };
}

/** @scure/btc-signer; `seed` is one byte. */
export function scureWallet(seed) {
  const secret = new Uint8Array(32).fill(seed);
  const plain = ecc.pointFromScalar(secret, true);
  const inner = plain.slice(1);
  const scripts = {
    legacy: scure.p2pkh(plain, REGTEST),
    segwit: scure.p2wpkh(plain, REGTEST),
    taproot: scure.p2tr(inner, undefined, REGTEST),
  };
  return {
    name: "@scure/btc-signer",
    address: (kind) => scripts[kind].address,
    spend(kind, { txid, vout, value, raw }, to, fee) {
      const transaction = new scure.Transaction();
      const amount = BigInt(value);
      const utxo =
        kind === "legacy"
          ? { nonWitnessUtxo: Uint8Array.from(Buffer.from(raw, "hex")) }
          : { witnessUtxo: { script: scripts[kind].script, amount } };
      const tap = kind === "taproot" ? { tapInternalKey: inner } : {};
      transaction.addInput({ txid, index: vout, ...utxo, ...tap });
      transaction.addOutputAddress(to, amount - BigInt(fee), REGTEST);
      transaction.sign(secret);
      transaction.finalize();
      return transaction.hex;
    },
    operate({ txid, vout, value }, payments, payload) {
      const transaction = new scure.Transaction({ allowUnknownOutputs: true });
      const { script } = scripts.segwit;
      transaction.addInput({ txid, index: vout, witnessUtxo: { script, amount: BigInt(value) } });
      const operation = scure.Script.encode(["RETURN", Uint8Array.from(payload)]);
      payments.forEach(({ address, value: amount }, at) => {
        transaction.addOutputAddress(address, BigInt(amount), REGTEST);
        if (at === 0) transaction.addOutput({ script: operation, amount: 0n });
      });
      transaction.sign(secret);
      transaction.finalize();
      return transaction.hex;
    },
  };
}

const bytesOf = (hex) => Buffer.from(hex, "hex");

function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** BIP340's tagged hash. */
function tagged(tag, ...parts) {
  const head = bitcoin.crypto.sha256(Buffer.from(tag));
  return bitcoin.crypto.sha256(Buffer.concat([head, head, ...parts]));
}

/** REGISTER as docs/staking.md describes it: bond in output 0, paid to its owner, active. */
export function registerPayload(chainId, signKey, revealSecret) {
  const key = bytesOf(signKey);
  const reveal = tagged("pando/qpos/reveal", bytesOf(revealSecret), key, u32(0));
  const commit = tagged("pando/qpos/commit", bytesOf(chainId), key, reveal);
  return Buffer.concat([Buffer.from("PQ1"), Buffer.from([1, 0, 255, 255, 1]), key, commit]);
}

/** EXIT as docs/staking.md describes it. */
export function exitPayload(stakerId) {
  return Buffer.concat([Buffer.from("PQ1"), Buffer.from([4]), u32(stakerId)]);
}
