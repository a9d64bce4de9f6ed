// REGISTER and EXIT built by wallets that nobody here wrote, from the words of docs/staking.md alone:
// a node takes them as ordinary transactions, and our reader reads in them what our own builder writes.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { fromDisplayHex, hex, toHex } from "../../src/base/bytes.ts";
import { sha256 } from "../../src/crypto/hash.ts";
import { decodeTransaction } from "../../src/ledger/bitcoin/transaction.ts";
import { keyFromSecret } from "../../src/node/generate-chain/keys.ts";
import { type StakerKeys, signKeyOf } from "../../src/node/stake/key-file.ts";
import {
  buildExit,
  buildRegister,
  type RegistryBuilt,
} from "../../src/node/stake/registry-transactions.ts";
import {
  applyOperation,
  type ResolvedOperation,
} from "../../src/planes/consensus/qpos/apply-operation.ts";
import { operationOf } from "../../src/planes/consensus/qpos/operations.ts";
import { STATUS } from "../../src/planes/consensus/qpos/record.ts";
import { RegistryDraft, recordOf } from "../../src/planes/consensus/qpos/registry.ts";
import { CHAIN_ID, chainOf } from "../../src/planes/consensus/qpos/test-chain.ts";
import { foreignMissing } from "../support/bcoin.ts";
import { type NodeProcess, startNode } from "../support/node-process.ts";
import { root, temporaryFolder } from "../support/run.ts";

interface Coin {
  readonly txid: string;
  readonly vout: number;
  readonly value: number;
}

interface Wallet {
  readonly name: string;
  address(kind: "segwit"): string;
  operate(
    coin: Coin,
    payments: readonly { address: string; value: number }[],
    payload: Uint8Array,
  ): string;
}

interface Foreign {
  bitcoinjs(seed: number): Wallet;
  scureWallet(seed: number): Wallet;
  registerPayload(chainId: string, signKey: string, revealSecret: string): Uint8Array;
  exitPayload(stakerId: number): Uint8Array;
}

const missing = foreignMissing();
if (missing !== null) process.stderr.write(`SKIPPED: ${missing}\n`);

/** A bond that a regtest coinbase can pay. */
const BOND = 4_000_000_000;
const FEE = 2_000;
/** An EXIT is paid from what the REGISTER gave back to its owner, in output 2. */
const REST = 10_000;

/** A transaction as the execution plane hands it to the registry. */
function resolved(raw: Uint8Array, firstCoinScript: string): ResolvedOperation {
  const decoded = decodeTransaction(raw);
  assert.ok(decoded.ok);
  const { bytes, outputs, txid } = decoded.value;
  const scripts = outputs.map(({ scriptAt, scriptEnd }) => bytes.subarray(scriptAt, scriptEnd));
  const operation = operationOf(scripts);
  assert.ok(operation !== null, "the transaction carries an operation");
  return {
    txid: toHex(txid),
    operation,
    authHash: toHex(sha256(hex(firstCoinScript))),
    outputs: outputs.map(({ value }, at) => ({ value, script: toHex(scripts[at]!) })),
  };
}

async function rewardOf(node: NodeProcess, address: string): Promise<Coin & { script: string }> {
  const [hash] = await node.rpc<string[]>("generatetoaddress", 1, address);
  const block = await node.rpc<{
    tx: { txid: string; vout: { value: number; scriptPubKey: { hex: string } }[] }[];
  }>("getblock", hash, 2);
  const { txid, vout } = block.tx[0]!;
  const { value, scriptPubKey } = vout[0]!;
  return { txid, vout: 0, value: Math.round(value * 1e8), script: scriptPubKey.hex };
}

function raw(built: RegistryBuilt): Uint8Array {
  assert.ok(built.ok);
  return built.raw;
}

test("bitcoinjs-lib and @scure/btc-signer register a staker and take it out again", {
  skip: missing ?? false,
}, async (context) => {
  const url = pathToFileURL(join(root, "test", "foreign", "wallets.mjs"));
  const foreign = (await import(url.href)) as Foreign;
  const node = await startNode({ context, folder: join(temporaryFolder(), "node") });
  const wallets = [foreign.bitcoinjs(7), foreign.scureWallet(9)].map((wallet, at) => ({
    wallet,
    seed: [7, 9][at]!,
  }));
  const coins: (Coin & { script: string })[] = [];
  for (const { wallet } of wallets) coins.push(await rewardOf(node, wallet.address("segwit")));
  await node.rpc("generatetoaddress", 100, wallets[0]!.wallet.address("segwit"));

  for (const [at, { wallet, seed }] of wallets.entries()) {
    const coin = coins[at]!;
    const own = wallet.address("segwit");
    const keys: StakerKeys = {
      id: null,
      signSecret: toHex(sha256(Uint8Array.of(seed))),
      revealSecret: toHex(sha256(Uint8Array.of(seed, 1))),
      ownerSecret: toHex(new Uint8Array(32).fill(seed)),
    };
    const owner = keyFromSecret(hex(keys.ownerSecret!));
    assert.equal(toHex(owner.scripts.p2wpkh), coin.script, `${wallet.name}: the same key`);

    const payload = foreign.registerPayload(
      CHAIN_ID,
      signKeyOf(keys.signSecret),
      keys.revealSecret,
    );
    const back = [
      { address: own, value: BOND },
      { address: own, value: REST },
      { address: own, value: coin.value - BOND - REST - FEE },
    ];
    const registerRaw = wallet.operate(coin, back, payload);
    const txid = await node.rpc<string>("sendrawtransaction", registerRaw);
    await node.rpc("generatetoaddress", 1, own);
    assert.notEqual(await node.rpc("gettxout", txid, 0), null, "in a block");
    const rest = { txid, vout: 2, value: REST };
    const exitRaw = wallet.operate(
      rest,
      [{ address: own, value: REST - FEE }],
      foreign.exitPayload(5),
    );
    await node.rpc("sendrawtransaction", exitRaw);

    // Our own builder, from the same coins: the same operation with the same effect.
    const coinOf = (one: Coin) => ({
      txid: fromDisplayHex(one.txid)!,
      index: one.vout,
      value: one.value,
      script: owner.scripts.p2wpkh,
      height: 1,
      coinbase: false,
      kind: "p2wpkh" as const,
      key: owner,
    });
    const funding = { change: { key: owner, kind: "p2wpkh" as const }, feeRate: 2 };
    const ours = {
      register: raw(
        buildRegister({
          ...funding,
          chainId: CHAIN_ID,
          keys,
          owner,
          bond: BOND,
          payout: null,
          coins: [coinOf(coin)],
        }),
      ),
      exit: raw(buildExit({ ...funding, coins: [coinOf(rest)] }, 5)),
    };
    const [theirRegister, theirExit] = [registerRaw, exitRaw].map((one) =>
      resolved(hex(one), coin.script),
    );
    const [ourRegister, ourExit] = [ours.register, ours.exit].map((one) =>
      resolved(one, coin.script),
    );
    assert.deepEqual(theirRegister!.operation, ourRegister!.operation, wallet.name);
    assert.deepEqual(theirExit!.operation, ourExit!.operation, wallet.name);
    assert.deepEqual(theirRegister!.outputs[0], ourRegister!.outputs[0], "the bond");

    const chain = chainOf(4, {}, { bond: BOND });
    const draft = new RegistryDraft(chain.genesis.registry, chain.network.parameters);
    const apply = (one: ResolvedOperation, round: number): string =>
      applyOperation(draft, chain.network.parameters, one, { round, slot: 4 * round });
    assert.equal(apply(theirRegister!, 3), "done");
    const record = recordOf(draft.finish(), 5)!;
    assert.equal(record.signKey, signKeyOf(keys.signSecret));
    assert.equal(record.payout, coin.script);
    assert.equal(record.bondOutpoint, `${toHex(fromDisplayHex(txid)!)}00000000`);
    assert.equal(
      record.commit,
      chain.network.suite.commit(
        record.signKey,
        chain.network.suite.reveal(keys.revealSecret, record.signKey, 0),
      ),
    );
    const stranger = { ...theirExit!, authHash: "ab".repeat(32) };
    assert.equal(apply(stranger, 5), "no-authority");
    assert.equal(apply(theirExit!, 5), "done");
    assert.equal(recordOf(draft.finish(), 5)!.status, STATUS.leaving);
  }
});
