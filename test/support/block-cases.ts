// Random blocks on a regtest chain, sound ones and ones that break a rule or two, with the reason
// that Bitcoin Core 31 names: the order of its checks (CheckBlock, ContextualCheckBlockHeader,
// ContextualCheckBlock, ConnectBlock in validation.cpp) decides between two faults.
import { type Bytes, concatBytes, toHex } from "../../src/base/bytes.ts";
import type { Prng } from "../../src/base/prng.ts";
import { heightScript } from "../../src/ledger/bitcoin/check-block.ts";
import { encodeTransaction, type NewOutput } from "../../src/ledger/bitcoin/encode.ts";
import { MONEY_MAX } from "../../src/ledger/bitcoin/limits.ts";
import { OP } from "../../src/ledger/bitcoin/script/opcodes.ts";
import { scriptErrorMessage } from "../../src/ledger/bitcoin/script/script-error.ts";
import {
  decodeTransaction,
  rawTransaction,
  type Transaction,
} from "../../src/ledger/bitcoin/transaction.ts";
import type { BlockEdits } from "../../src/node/generate-chain/build-block.ts";
import {
  type BuiltTransaction,
  decodeOwn,
  type OwnedCoin,
} from "../../src/node/generate-chain/build-transaction.ts";
import { OUTPUT_KINDS, type OutputKind } from "../../src/node/generate-chain/keys.ts";
import {
  type ChainBlock,
  corrupt,
  type MineOptions,
  TestChain,
} from "../../src/node/generate-chain/test-chain.ts";
import {
  CHECKS_IN_SCRIPT,
  LOCK_BLOCKS,
  LOCKS,
  type Lock,
  type LockedCoin,
  manyChecks,
  SCRIPT_HASH_CHECKS,
  spendLocked,
  UNKNOWN_PROGRAM,
  WITNESS_CHECKS,
} from "./locked-coins.ts";

/** Where in Bitcoin Core's order a rule is checked. */
const STAGE = {
  work: 0,
  merkle: 1,
  repeated: 1.5,
  noCoinbase: 2,
  twoCoinbases: 2.5,
  coinbase: 3,
  transaction: 4,
  legacySigops: 5,
  bits: 6,
  tooOld: 7,
  tooNew: 8,
  version: 9,
  lockTime: 10,
  height: 11,
  witness: 12,
  commitment: 12.5,
  weight: 13,
  again: 14,
  coins: 15,
  reward: 16,
  scripts: 17,
} as const;

interface Fault {
  readonly stage: number;
  readonly code: string;
  readonly transactions?: readonly BuiltTransaction[];
  readonly header?: Pick<MineOptions, "time" | "bits">;
  /** Other transactions would change what is wrong. */
  readonly isLone?: boolean;
  readonly edits?: BlockEdits;
}

export interface BlockCase {
  readonly block: ChainBlock;
  readonly bytes: Bytes;
  /** Codes of its faults, the one that counts first; none for a sound block. */
  readonly codes: readonly string[];
  /** What is wrong is wrong with its hash, behind a sound header: it need not be judged again. */
  readonly isRemembered: boolean;
}

const START = 1_700_000_000;
/** The clock of those who judge. */
export const NOW = 1_800_000_000;
const SPENDABLE_DEPTH = 100;
const FUNDED = 400;
const VALUE = 100_000;
/** Less is not worth a coin: its outputs would be too small. */
const VALUE_MIN = 5000;
const NONCE = new Uint8Array(32);
const ALL_LOCKS: readonly Lock[] = [...LOCKS, SCRIPT_HASH_CHECKS, WITNESS_CHECKS];

const scriptCode = (error: Parameters<typeof scriptErrorMessage>[0]): string =>
  `mandatory-script-verify-flag-failed (${scriptErrorMessage(error)})`;

const outpointOf = ({ txid, index }: { txid: Bytes; index: number }): string =>
  `${toHex(txid)}:${index}`;

const alone = (transaction: Transaction): BuiltTransaction => ({
  transaction,
  coins: [],
  fee: 0,
  created: [],
});

function caseOf(block: ChainBlock, codes: readonly string[] = []): BlockCase {
  return { block, bytes: block.bytes, codes, isRemembered: codes.length > 0 };
}

export class BlockCases {
  readonly chain: TestChain;
  readonly #random: Prng;
  readonly #locks = new Map(ALL_LOCKS.map((lock) => [toHex(lock.script), lock]));
  #coins: LockedCoin[] = [];
  #rewards: ChainBlock[] = [];
  #spent: LockedCoin[] = [];
  #connected: Transaction[] = [];
  /** Coins that the block being built has not used. */
  #free: LockedCoin[] = [];
  #freeRewards: OwnedCoin[] = [];

  constructor(random: Prng) {
    this.#random = random;
    this.chain = new TestChain({ seed: `blocks ${random.u32()}` });
  }

  #chance(probability: number): boolean {
    return this.#random.below(1_000_000) < probability * 1_000_000;
  }

  /** The blocks that all cases stand on, sound ones with coins of every lock. */
  *foundation(): Generator<ChainBlock> {
    for (let height = 1; height <= SPENDABLE_DEPTH + 20; height++) {
      const time = height === 1 ? START : undefined;
      const transactions = height > SPENDABLE_DEPTH + 10 ? [this.#fund(height)] : [];
      const block = this.chain.mine({ transactions, ...(time === undefined ? {} : { time }) });
      this.#take(block);
      yield block;
    }
  }

  #fund(height: number): BuiltTransaction {
    const { reward } = this.#rewards.shift()!;
    const locks = Array.from({ length: FUNDED / 10 }, () => this.#random.pick(LOCKS));
    if (height === SPENDABLE_DEPTH + 11) {
      for (let left = 12; left > 0; left--) locks.push(SCRIPT_HASH_CHECKS);
      for (let left = 42; left > 0; left--) locks.push(WITNESS_CHECKS);
    }
    const otherOutputs = locks.map(({ script }) => ({ value: VALUE, script }));
    return this.chain.spend([reward], { otherOutputs });
  }

  /** A sound block became the tip. */
  connect({ block }: BlockCase): void {
    this.chain.tip = block;
    this.#take(block);
  }

  #take(block: ChainBlock): void {
    const { transactions } = block.block;
    const gone = new Set<string>();
    for (const { bytes, inputs } of transactions) {
      for (const { outpointAt, previousIndex } of inputs) {
        gone.add(`${toHex(bytes, outpointAt, outpointAt + 32)}:${previousIndex}`);
      }
    }
    for (const { bytes, outputs, txid } of transactions) {
      for (const [index, { scriptAt, scriptEnd, value }] of outputs.entries()) {
        const lock = this.#locks.get(toHex(bytes, scriptAt, scriptEnd));
        if (lock !== undefined && value >= VALUE_MIN) {
          this.#coins.push({ txid, index, value, lock, height: block.height });
        }
      }
    }
    this.#spent.push(...this.#coins.filter((coin) => gone.has(outpointOf(coin))));
    this.#coins = this.#coins.filter((coin) => !gone.has(outpointOf(coin)));
    this.#rewards.push(block);
    this.#rewards = this.#rewards.filter(({ reward }) => !gone.has(outpointOf(reward!)));
    this.#connected = transactions.slice(1);
  }

  /** A block on the tip, with as many faults. */
  next(faultCount: number): BlockCase {
    this.#renew();
    const faults: Fault[] = [];
    const used = new Set<string>();
    while (faults.length < faultCount) {
      const fault = this.#random.pick(MAKERS).call(this);
      if (fault.isLone === true && faultCount > 1) continue;
      const { code, edits = {}, header = {} } = fault;
      const keys = [code, ...Object.keys(header), ...Object.keys(edits)];
      if (keys.some((key) => used.has(key))) continue;
      for (const key of keys) used.add(key);
      faults.push(fault);
    }
    return this.#build(faults);
  }

  #renew(): void {
    this.#free = this.#coins.filter(
      ({ height, lock }) => LOCKS.includes(lock) && height <= this.height - LOCK_BLOCKS,
    );
    this.#random.shuffle(this.#free);
    this.#freeRewards = this.#rewards
      .filter(({ height }) => height <= this.chain.tip.height + 1 - SPENDABLE_DEPTH)
      .map(({ reward }) => reward!);
  }

  /** A sound block with some bytes of one transaction changed, and everything above it made anew. */
  mutated(): BlockCase {
    this.#renew();
    // Spends of taproot are what bcoin does not judge.
    const kinds = OUTPUT_KINDS.filter((kind) => kind !== "p2tr");
    let transactions = Array.from({ length: 3 }, () => this.#sound(kinds)).flat();
    const change = (transaction: Transaction): Transaction => {
      for (;;) {
        const raw = this.#changedBytes(rawTransaction(transaction));
        const decoded = decodeTransaction(raw);
        if (decoded.ok && decoded.end === raw.length) return decoded.value;
      }
    };
    const at = this.#random.below(transactions.length + 1) - 1;
    transactions = transactions.map((built, index) =>
      index === at ? { ...built, transaction: change(built.transaction) } : built,
    );
    const edit = (list: readonly Transaction[]): readonly Transaction[] => [
      change(list[0]!),
      ...list.slice(1),
    ];
    const edits: BlockEdits = at < 0 ? { edit } : {};
    const block = this.chain.mine({ transactions, edits, time: this.#time(), advance: false });
    return caseOf(block);
  }

  /** Some bytes set, put in or left out. */
  #changedBytes(raw: Bytes): Bytes {
    let bytes: Bytes = raw.slice();
    for (let left = this.#random.pick([1, 1, 1, 2, 3]); left > 0; left--) {
      const at = this.#random.below(bytes.length);
      const byte = this.#random.pick([0, 1, 0xff, 0x80, bytes[at]! ^ (1 << this.#random.below(8))]);
      switch (this.#random.below(6)) {
        case 0:
          bytes = concatBytes(bytes.subarray(0, at), Uint8Array.of(byte), bytes.subarray(at));
          break;
        case 1:
          bytes = concatBytes(bytes.subarray(0, at), bytes.subarray(at + 1));
          break;
        default:
          bytes[at] = byte;
      }
    }
    return bytes;
  }

  #time(): number {
    const { tip } = this.chain;
    return Math.max(tip.time + this.#random.below(1200) - 100, tip.medianTime + 1);
  }

  #build(faults: readonly Fault[]): BlockCase {
    const transactions: BuiltTransaction[] = [];
    const filler = (): void => {
      for (let left = this.#random.below(3); left > 0; left--) transactions.push(...this.#sound());
    };
    const isLone = faults.some((fault) => fault.isLone === true);
    if (!isLone) filler();
    let header: Fault["header"] = {};
    let edits: BlockEdits = {};
    for (const fault of faults) {
      transactions.push(...(fault.transactions ?? []));
      if (!isLone) filler();
      header = { ...header, ...fault.header };
      edits = { ...edits, ...fault.edits };
    }
    const time = this.#time();
    const block = this.chain.mine({ transactions, time, ...header, edits, advance: false });
    const ordered = [...faults].sort((a, b) => a.stage - b.stage);
    const stage: number = ordered[0]?.stage ?? STAGE.work;
    const ofBytes = stage === STAGE.witness || stage === STAGE.commitment;
    const isRemembered = stage >= STAGE.lockTime && !ofBytes;
    return { block, bytes: block.bytes, codes: ordered.map(({ code }) => code), isRemembered };
  }

  /** The height of the block that is built. */
  get height(): number {
    return this.chain.tip.height + 1;
  }

  #coin(wanted: (coin: LockedCoin) => boolean = ({ lock }) => lock.good !== null): LockedCoin {
    const at = this.#free.findIndex(wanted);
    if (at < 0) throw new Error("the foundation has too few coins");
    return this.#free.splice(at, 1)[0]!;
  }

  /** One whose lock says nothing of sequences. */
  #plainCoin(): LockedCoin {
    return this.#coin(({ lock }) => lock.good !== null && !lock.name.includes("lock"));
  }

  #outputs(value: number): NewOutput[] {
    const first = Math.floor(value / 2);
    return [first, value - first].map((part) => ({
      value: part,
      script: this.#random.pick(LOCKS).script,
    }));
  }

  /** Valid transactions, some of them one on the other, some at the edge of what is allowed. */
  #sound(kinds: readonly OutputKind[] = OUTPUT_KINDS): BuiltTransaction[] {
    const { tip } = this.chain;
    switch (this.#random.below(7)) {
      case 0: {
        const reward = this.#freeRewards.shift();
        if (reward === undefined) return [];
        const kind = this.#random.pick(kinds);
        const locks = Array.from({ length: 20 }, () => this.#random.pick(LOCKS));
        const otherOutputs = locks.map(({ script }) => ({ value: VALUE, script }));
        const parent = this.chain.spend([reward], { outputs: 2, kind, otherOutputs });
        return [parent, this.chain.spend(parent.created)];
      }
      case 1: {
        const lockTime = this.#chance(0.5) ? this.height - 1 : tip.medianTime - 1;
        const coin = this.#plainCoin();
        return [
          spendLocked([coin], this.#outputs(coin.value), { lockTime, sequences: [0xfffffffe] }),
        ];
      }
      case 2: {
        const coin = this.#plainCoin();
        const sequences = [this.#relativeLock(coin, 0)];
        return [spendLocked([coin], this.#outputs(coin.value), { sequences })];
      }
      case 3: {
        const lockTime = this.height + 100;
        const coin = this.#plainCoin();
        return [
          spendLocked([coin], this.#outputs(coin.value), { lockTime, sequences: [0xffffffff] }),
        ];
      }
      case 4: {
        const coin = this.#plainCoin();
        const parent = spendLocked(
          [coin],
          [
            { value: 1000, script: Uint8Array.of(OP.RETURN) },
            { value: coin.value - 1000, script: Uint8Array.of(0x51) },
          ],
        );
        const { txid } = parent.transaction;
        const made = { txid, index: 1, value: coin.value - 1000, height: 0, lock: LOCKS[0]! };
        return [parent, spendLocked([made], this.#outputs(500))];
      }
      default: {
        const coins = [this.#coin(), this.#coin()];
        const value = coins.reduce((sum, coin) => sum + coin.value, 0);
        return [spendLocked(coins, this.#outputs(value - this.#random.below(2) * 1000))];
      }
    }
  }

  /** A sequence that opens in this block, or as many units later. */
  #relativeLock(coin: LockedCoin, later: number): number {
    const { tip } = this.chain;
    if (this.#chance(0.5)) return this.height - coin.height + later;
    const from = tip.ancestor(Math.max(coin.height - 1, 0)).medianTime;
    return (1 << 22) | (Math.floor((tip.medianTime - from) / 512) + later);
  }

  highHash(): Fault {
    return { stage: STAGE.work, code: "high-hash", edits: { work: false } };
  }

  wrongRoot(): Fault {
    const merkleRoot = this.#random.bytes(32);
    return { stage: STAGE.merkle, code: "bad-txnmrklroot", edits: { merkleRoot } };
  }

  /** The last transaction twice, so that another list has the same root (CVE-2012-2459). */
  repeatedTail(): Fault {
    const edit = (list: readonly Transaction[]): readonly Transaction[] => {
      const odd = list.length % 2 === 1 ? list : list.slice(0, -1);
      return [...odd, odd.at(-1)!];
    };
    return { stage: STAGE.repeated, code: "bad-txns-duplicate", edits: { edit } };
  }

  noCoinbase(): Fault {
    const coin = this.#coin();
    const transactions = [spendLocked([coin], this.#outputs(coin.value))];
    const edit = (list: readonly Transaction[]): readonly Transaction[] =>
      list.length === 2 ? list.slice(1) : [...list.slice(1), list[0]!];
    return { stage: STAGE.noCoinbase, code: "bad-cb-missing", transactions, edits: { edit } };
  }

  twoCoinbases(): Fault {
    const second = decodeOwn(
      encodeTransaction({
        version: 2,
        lockTime: 0,
        inputs: [
          {
            txid: new Uint8Array(32),
            index: 0xffffffff,
            script: concatBytes(heightScript(this.height), Uint8Array.of(1, 7)),
            sequence: 0xffffffff,
            witness: [],
          },
        ],
        outputs: [{ value: 1, script: Uint8Array.of(0x51) }],
      }),
    );
    const edit = (list: readonly Transaction[]): readonly Transaction[] => [...list, second];
    return { stage: STAGE.twoCoinbases, code: "bad-cb-multiple", edits: { edit } };
  }

  coinbaseLength(): Fault {
    const start = heightScript(this.height);
    const coinbaseScript = this.#chance(0.5)
      ? start.slice(0, this.#random.below(2))
      : concatBytes(start, new Uint8Array(101 - start.length));
    return { stage: STAGE.coinbase, code: "bad-cb-length", edits: { coinbaseScript } };
  }

  noInputs(): Fault {
    const transactions = [alone(decodeOwn(new Uint8Array(10)))];
    return { stage: STAGE.transaction, code: "bad-txns-vin-empty", transactions };
  }

  noOutputs(): Fault {
    const transactions = [spendLocked([this.#coin()], [])];
    return { stage: STAGE.transaction, code: "bad-txns-vout-empty", transactions };
  }

  negativeOutput(): Fault {
    const coin = this.#coin();
    const built = spendLocked([coin], this.#outputs(coin.value));
    const raw = rawTransaction(built.transaction).slice();
    const at = built.transaction.outputs[this.#random.below(2)]!.at - built.transaction.start;
    raw.fill(255, at + (this.#chance(0.5) ? 0 : 7), at + 8);
    const transactions = [alone(decodeOwn(raw))];
    return { stage: STAGE.transaction, code: "bad-txns-vout-negative", transactions };
  }

  hugeOutput(): Fault {
    const coin = this.#coin();
    const value = MONEY_MAX + 1;
    const transactions = [
      alone(spendLocked([coin], [{ value, script: coin.lock.script }]).transaction),
    ];
    return { stage: STAGE.transaction, code: "bad-txns-vout-toolarge", transactions };
  }

  hugeSum(): Fault {
    const coin = this.#coin();
    const outputs = [MONEY_MAX, 1].map((value) => ({ value, script: coin.lock.script }));
    const transactions = [alone(spendLocked([coin], outputs).transaction)];
    return { stage: STAGE.transaction, code: "bad-txns-txouttotal-toolarge", transactions };
  }

  sameInputTwice(): Fault {
    const [coin, other] = [this.#coin(), this.#coin()];
    const transactions = [spendLocked([coin, other, coin], this.#outputs(coin.value))];
    return { stage: STAGE.transaction, code: "bad-txns-inputs-duplicate", transactions };
  }

  nullInput(): Fault {
    const none = { ...this.#coin(), txid: new Uint8Array(32), index: 0xffffffff };
    const coins = [this.#coin(), none];
    const transactions = [spendLocked(coins, this.#outputs(VALUE))];
    return { stage: STAGE.transaction, code: "bad-txns-prevout-null", transactions };
  }

  manyLegacyChecks(): Fault {
    const coin = this.#coin();
    const script = this.#chance(0.5)
      ? manyChecks(OP.CHECKSIG, 20_001)
      : manyChecks(OP.CHECKMULTISIGVERIFY, 1001);
    const transactions = [spendLocked([coin], [{ value: coin.value, script }])];
    return { stage: STAGE.legacySigops, code: "bad-blk-sigops", transactions };
  }

  wrongBits(): Fault {
    const bits = this.#random.pick([0x207ffffe, 0x207ffeff, 0x1f7fffff]);
    return { stage: STAGE.bits, code: "bad-diffbits", header: { bits } };
  }

  tooOld(): Fault {
    const time = this.chain.tip.medianTime - this.#random.below(2) * 5000;
    return { stage: STAGE.tooOld, code: "time-too-old", header: { time } };
  }

  tooNew(): Fault {
    return { stage: STAGE.tooNew, code: "time-too-new", header: { time: NOW + 7201 } };
  }

  oldVersion(): Fault {
    const version = this.#random.pick([0, 1, 2, 3]);
    const code = `bad-version(0x${version.toString(16).padStart(8, "0")})`;
    return { stage: STAGE.version, code, edits: { version } };
  }

  notFinal(): Fault {
    const lockTime = this.#chance(0.5) ? this.height : this.chain.tip.medianTime;
    const coins = [this.#plainCoin(), this.#plainCoin()];
    const sequences = [0xffffffff, this.#random.pick([0, 0xfffffffe])];
    const spend = spendLocked(coins, this.#outputs(VALUE), { lockTime, sequences });
    return { stage: STAGE.lockTime, code: "bad-txns-nonfinal", transactions: [spend] };
  }

  wrongHeight(): Fault {
    const { height } = this;
    const right = heightScript(height);
    const coinbaseScript = this.#random.pick([
      concatBytes(heightScript(height + 1), Uint8Array.of(0, 0)),
      concatBytes(heightScript(height - 1), Uint8Array.of(0, 0)),
      // Not the shortest push of the right number.
      concatBytes(Uint8Array.of(right.length), right.subarray(1), Uint8Array.of(0, 0)),
      concatBytes(Uint8Array.of(76), right, Uint8Array.of(0)),
      concatBytes(Uint8Array.of(0), right, Uint8Array.of(0)),
      Uint8Array.of(0x51, 0x51),
    ]);
    return { stage: STAGE.height, code: "bad-cb-height", edits: { coinbaseScript } };
  }

  wrongNonce(): Fault {
    const coinbaseWitness = this.#random.pick([
      [],
      [NONCE.subarray(1)],
      [NONCE, NONCE],
      [new Uint8Array(33)],
      [new Uint8Array(0)],
    ]);
    return { stage: STAGE.witness, code: "bad-witness-nonce-size", edits: { coinbaseWitness } };
  }

  wrongCommitment(): Fault {
    const edits: BlockEdits = this.#chance(0.5)
      ? { commitment: "wrong" }
      : { coinbaseWitness: [this.#random.bytes(32)] };
    return { stage: STAGE.commitment, code: "bad-witness-merkle-match", edits };
  }

  unexpectedWitness(): Fault {
    const coin = this.#coin(({ lock }) => lock.name.includes("wsh"));
    const transactions = [spendLocked([coin], this.#outputs(coin.value))];
    const edits: BlockEdits = { commitment: "none", coinbaseWitness: [] };
    return { stage: STAGE.witness, code: "unexpected-witness", transactions, edits };
  }

  /** A transaction of the tip, whose outputs nobody has spent. */
  sameAgain(): Fault {
    const again = this.#connected.filter(({ txid }) =>
      this.#coins.some((coin) => toHex(coin.txid) === toHex(txid)),
    );
    if (again.length === 0) return this.spentCoin();
    const transactions = [alone(this.#random.pick(again))];
    return { stage: STAGE.again, code: "bad-txns-BIP30", transactions };
  }

  spentCoin(): Fault {
    const index = this.#random.pick([5000, 0xffffffff, 0x7fffffff]);
    const coin = this.#coin();
    const twice = this.#coin();
    const missing = this.#random.pick<LockedCoin>([
      { ...coin, txid: this.#random.bytes(32) },
      { ...coin, index },
      { ...coin, txid: new Uint8Array(32), index: 0 },
      // The first coin of all was never one.
      { ...coin, txid: this.chain.genesis.block.transactions[0]!.txid, index: 0 },
      this.#spent.length > 0 ? this.#random.pick(this.#spent.slice(-20)) : { ...coin, index },
    ]);
    const opened = missing.lock.good === null ? { ...missing, lock: LOCKS[0]! } : missing;
    const spend = (coins: readonly LockedCoin[]): BuiltTransaction =>
      alone(spendLocked(coins, this.#outputs(VALUE)).transaction);
    const transactions = this.#chance(0.7)
      ? [spend([twice, opened])]
      : [spendLocked([twice], this.#outputs(twice.value)), spend([coin, twice])];
    return { stage: STAGE.coins, code: "bad-txns-inputs-missingorspent", transactions };
  }

  /** The child before its parent, the same transaction twice, or a coin that is none. */
  wrongOrder(): Fault {
    const coin = this.#plainCoin();
    const anyone: Lock = LOCKS[0]!;
    const parent = spendLocked(
      [coin],
      [
        { value: 1000, script: anyone.script },
        { value: 1000, script: Uint8Array.of(OP.RETURN) },
        { value: 1000, script: new Uint8Array(10_001).fill(OP.NOP) },
        { value: coin.value - 3000, script: anyone.script },
      ],
    );
    const { txid } = parent.transaction;
    const spend = (index: number, value = 500): BuiltTransaction =>
      alone(
        spendLocked([{ txid, index, value: 1000, height: 0, lock: anyone }], this.#outputs(value))
          .transaction,
      );
    const transactions = this.#random.pick([
      [spend(0), parent],
      [parent, spend(1)],
      [parent, spend(2)],
      [parent, spend(0), spend(0, 501)],
      [parent, spend(4)],
      [parent, spend(0), parent],
      [parent, spend(0), spend(3), parent],
    ]);
    return { stage: STAGE.coins, code: "bad-txns-inputs-missingorspent", transactions };
  }

  youngCoinbase(): Fault {
    const depth = this.#random.pick([1, 2, SPENDABLE_DEPTH - 1]);
    const { reward } = this.chain.tip.ancestor(this.height - depth);
    const transactions = [this.chain.spend([reward])];
    const code = "bad-txns-premature-spend-of-coinbase";
    return { stage: STAGE.coins, code, transactions };
  }

  ownCoinbase(): Fault {
    const edit = (list: readonly Transaction[]): readonly Transaction[] => {
      const { txid } = list[0]!;
      const coin = { txid, index: 0, value: 1000, height: 0, lock: LOCKS[0]! };
      return [...list, spendLocked([coin], this.#outputs(500)).transaction];
    };
    const code = "bad-txns-premature-spend-of-coinbase";
    return {
      stage: STAGE.coins,
      code,
      isLone: true,
      edits: { commitment: "none", coinbaseWitness: [], edit },
    };
  }

  moreOutThanIn(): Fault {
    const coin = this.#coin();
    const transactions = [alone(spendLocked([coin], this.#outputs(coin.value + 1)).transaction)];
    return { stage: STAGE.coins, code: "bad-txns-in-belowout", transactions };
  }

  lockedCoin(): Fault {
    const coin = this.#plainCoin();
    const sequences = [this.#relativeLock(coin, 1)];
    const version = this.#random.pick([2, 3, 0x7fffffff, 0x80000000, 0xffffffff]);
    const transactions = [spendLocked([coin], this.#outputs(coin.value), { sequences, version })];
    return { stage: STAGE.coins, code: "bad-txns-nonfinal", transactions };
  }

  /** One check too many, by what is behind hashes. */
  manyChecks(): Fault {
    return { stage: STAGE.coins, code: "bad-blk-sigops", transactions: [this.checksOf(101)] };
  }

  /** Its checks cost 79,600 and four for each of `more`. */
  checksOf(more: number): BuiltTransaction {
    const lock = this.#chance(0.5) ? SCRIPT_HASH_CHECKS : WITNESS_CHECKS;
    const perCoin = lock === WITNESS_CHECKS ? CHECKS_IN_SCRIPT : CHECKS_IN_SCRIPT * 4;
    const coins = this.#coins.filter((coin) => coin.lock === lock).slice(0, 79_600 / perCoin);
    const value = coins.reduce((sum, coin) => sum + coin.value, 0);
    return spendLocked(coins, [{ value, script: manyChecks(OP.CHECKSIG, more) }]);
  }

  /** A block with exactly as many checks as are allowed. */
  allChecks(): BlockCase {
    const block = this.chain.mine({ transactions: [this.checksOf(100)], advance: false });
    return caseOf(block);
  }

  /** A block of four million weight units, and as many more. */
  weighing(more: number): BlockCase {
    const coin = this.#coins.find(({ lock }) => lock === UNKNOWN_PROGRAM)!;
    const mine = (bytes: number): ChainBlock => {
      const witness = [new Uint8Array(bytes)];
      const outputs = [{ value: coin.value, script: Uint8Array.of(0x51) }];
      const transactions = [spendLocked([coin], outputs, { witness })];
      return this.chain.mine({ transactions, advance: false });
    };
    const weightOf = ({ block }: ChainBlock): number => {
      let stripped = 81;
      for (const { start, end, bodyAt, bodyEnd, hasWitness } of block.transactions) {
        stripped += hasWitness ? 8 + bodyEnd - bodyAt : end - start;
      }
      return stripped * 3 + block.end - block.start;
    };
    const bytes = 3_900_000;
    // The tag of a coinbase is a number, which may grow by a digit.
    let block = mine(bytes + 4_000_000 - weightOf(mine(bytes)) + more);
    const miss = weightOf(block) - 4_000_000 - more;
    if (miss !== 0) block = mine(bytes + 4_000_000 - weightOf(mine(bytes)) + more - miss);
    return caseOf(block, more > 0 ? ["bad-blk-weight"] : []);
  }

  greedyCoinbase(): Fault {
    const extraReward = this.#random.pick([1, 100_000_000]);
    return { stage: STAGE.reward, code: "bad-cb-amount", edits: { extraReward } };
  }

  badScript(): Fault {
    const first = this.#coin(({ lock }) => lock.bad !== null);
    const others = [this.#coin(({ lock }) => lock.bad !== null), this.#coin()];
    const coins = [others[1]!, first, others[0]!];
    const value = coins.reduce((sum, coin) => sum + coin.value, 0);
    const bad = this.#chance(0.5) || others[0]!.lock.good === null ? [1, 2] : [1];
    const transactions = [spendLocked(coins, this.#outputs(value), { bad })];
    return { stage: STAGE.scripts, code: scriptCode(first.lock.bad!.error), transactions };
  }

  badSignature(): Fault {
    const reward = this.#freeRewards.shift();
    if (reward === undefined) return this.badScript();
    const transactions = [corrupt(this.chain.spend([reward]))];
    return { stage: STAGE.scripts, code: scriptCode("EVAL_FALSE"), transactions };
  }
}

const MAKERS: readonly ((this: BlockCases) => Fault)[] = (() => {
  const { prototype } = BlockCases;
  return [
    prototype.highHash,
    prototype.wrongRoot,
    prototype.repeatedTail,
    prototype.noCoinbase,
    prototype.twoCoinbases,
    prototype.coinbaseLength,
    prototype.noInputs,
    prototype.noOutputs,
    prototype.negativeOutput,
    prototype.hugeOutput,
    prototype.hugeSum,
    prototype.sameInputTwice,
    prototype.nullInput,
    prototype.manyLegacyChecks,
    prototype.wrongBits,
    prototype.tooOld,
    prototype.tooNew,
    prototype.oldVersion,
    prototype.notFinal,
    prototype.wrongHeight,
    prototype.wrongNonce,
    prototype.wrongCommitment,
    prototype.unexpectedWitness,
    prototype.sameAgain,
    prototype.spentCoin,
    prototype.wrongOrder,
    prototype.youngCoinbase,
    prototype.ownCoinbase,
    prototype.moreOutThanIn,
    prototype.lockedCoin,
    prototype.manyChecks,
    prototype.greedyCoinbase,
    prototype.badScript,
    prototype.badSignature,
  ];
})();
