// The first block of a network, built from its fields. Its coinbase spends nothing and says when it
// was made; its output never enters the coin set (Bitcoin Core's CreateGenesisBlock).
import { type Bytes, concatBytes, hex, writeU32, writeU64 } from "../../base/bytes.ts";
import { hash256 } from "../../crypto/hash.ts";
import { HEADER_BYTES } from "./block.ts";
import { COIN_UNITS } from "./limits.ts";

export interface GenesisFields {
  readonly time: number;
  readonly nonce: number;
  readonly bits: number;
  /** What the coinbase says. */
  readonly message: string;
  /** Whom it pays. */
  readonly publicKey: Bytes;
}

export const SATOSHI_MESSAGE =
  "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks";
export const SATOSHI_KEY: Bytes = hex(
  "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6" +
    "49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f",
);

const OP_CHECKSIG = 0xac;
const OP_PUSHDATA1 = 0x4c;

function push(data: Bytes): Bytes {
  const prefix = data.length < OP_PUSHDATA1 ? [data.length] : [OP_PUSHDATA1, data.length];
  return concatBytes(Uint8Array.from(prefix), data);
}

function withSize(script: Bytes): Bytes {
  return concatBytes(Uint8Array.of(script.length), script);
}

/** The raw bytes of the genesis block with these fields. */
export function buildGenesis(fields: GenesisFields): Bytes {
  const message = new TextEncoder().encode(fields.message);
  // 486604799 is 0x1d00ffff, pushed as a number; then the number 4.
  const input = concatBytes(hex("04ffff001d0104"), push(message));
  const output = concatBytes(push(fields.publicKey), Uint8Array.of(OP_CHECKSIG));
  const value = new Uint8Array(8);
  writeU64(value, 0, 50 * COIN_UNITS);
  const coinbase = concatBytes(
    hex(`0100000001${"00".repeat(32)}ffffffff`),
    withSize(input),
    hex("ffffffff01"),
    value,
    withSize(output),
    hex("00000000"),
  );
  const block = new Uint8Array(HEADER_BYTES + 1 + coinbase.length);
  writeU32(block, 0, 1);
  block.set(hash256(coinbase), 36);
  writeU32(block, 68, fields.time);
  writeU32(block, 72, fields.bits);
  writeU32(block, 76, fields.nonce);
  block[HEADER_BYTES] = 1;
  block.set(coinbase, HEADER_BYTES + 1);
  return block;
}
