// The coins that a block spends, as a file lists them: for each input of each transaction but the
// coinbase, in block order,
//
//   height u32 LE (0xffffffff unknown) | coinbase u8 (0, 1, 0xff unknown) | value u64 LE |
//   CompactSize length | script
import { type Bytes, writeU32, writeU64 } from "../../base/bytes.ts";
import { compactSizeBytes, Reader, writeCompactSize } from "../../base/reader.ts";
import type { Block } from "../../ledger/bitcoin/block.ts";

const UNKNOWN_HEIGHT = 0xffffffff;
const UNKNOWN_COINBASE = 0xff;

export interface SpentCoin {
  readonly value: number;
  readonly script: Bytes;
  /** Null when the file does not know it. */
  readonly height: number | null;
  readonly coinbase: boolean | null;
}

/** The coins of each transaction of the block; the coinbase has none. */
export type SpentCoins = readonly (readonly SpentCoin[])[];

export type SpentResult =
  | { readonly ok: true; readonly spent: SpentCoins }
  | { readonly ok: false; readonly fault: string };

function readCoin(reader: Reader): SpentCoin | null {
  const height = reader.u32();
  const coinbase = reader.u8();
  const value = reader.u64();
  const script = reader.take(reader.compactSize());
  if (coinbase > 1 && coinbase !== UNKNOWN_COINBASE) return null;
  return {
    value,
    script,
    height: height === UNKNOWN_HEIGHT ? null : height,
    coinbase: coinbase === UNKNOWN_COINBASE ? null : coinbase === 1,
  };
}

/** Reads exactly the coins that `block` spends. */
export function readSpent(bytes: Bytes, block: Block): SpentResult {
  const reader = new Reader(bytes);
  const spent: SpentCoin[][] = [[]];
  for (let index = 1; index < block.transactions.length; index++) {
    const coins: SpentCoin[] = [];
    for (let input = 0; input < block.transactions[index]!.inputs.length; input++) {
      const coin = readCoin(reader);
      const where = `input ${input} of transaction ${index}`;
      if (reader.fault !== null) {
        return { ok: false, fault: `the coin of ${where} is cut off or malformed` };
      }
      if (coin === null)
        return { ok: false, fault: `the coinbase mark of ${where} is not 0, 1 or 255` };
      coins.push(coin);
    }
    spent.push(coins);
  }
  const surplus = bytes.length - reader.at;
  if (surplus > 0) {
    return { ok: false, fault: `${surplus} bytes are left behind the coins of the last input` };
  }
  return { ok: true, spent };
}

/** Writes one coin in the format of the file. */
export function spentRecord(coin: SpentCoin): Bytes {
  const size = compactSizeBytes(coin.script.length);
  const out = new Uint8Array(13 + size + coin.script.length);
  writeU32(out, 0, coin.height ?? UNKNOWN_HEIGHT);
  out[4] = coin.coinbase === null ? UNKNOWN_COINBASE : coin.coinbase ? 1 : 0;
  writeU64(out, 5, coin.value);
  out.set(coin.script, writeCompactSize(out, 13, coin.script.length));
  return out;
}
