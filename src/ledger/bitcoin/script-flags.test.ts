import assert from "node:assert/strict";
import { test } from "node:test";
import { fromDisplayHex } from "../../base/bytes.ts";
import { MAIN, REGTEST, TESTNET3 } from "./networks.ts";
import { scriptFlagsForBlock } from "./script-flags.ts";

const OTHER = new Uint8Array(32);
const ALWAYS = (1 << 0) | (1 << 11) | (1 << 17);

test("script flags grow with the height of the main network", () => {
  const at = (height: number): number => scriptFlagsForBlock(MAIN, height, OTHER);
  assert.equal(at(0), ALWAYS);
  assert.equal(at(363_724), ALWAYS);
  assert.equal(at(363_725), ALWAYS | (1 << 2));
  assert.equal(at(388_380), ALWAYS | (1 << 2));
  assert.equal(at(388_381), ALWAYS | (1 << 2) | (1 << 9));
  assert.equal(at(419_328), ALWAYS | (1 << 2) | (1 << 9) | (1 << 10));
  assert.equal(at(481_823), at(419_328));
  assert.equal(at(481_824), at(419_328) | (1 << 4));
  assert.equal(scriptFlagsForBlock(REGTEST, 0, OTHER), ALWAYS | (1 << 4));
});

test("the blocks that broke a rule before it was one are exempt from it", () => {
  const bip16 = fromDisplayHex("00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22")!;
  const taproot = fromDisplayHex(
    "0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad",
  )!;
  const testnet = fromDisplayHex(
    "00000000dd30457c001f4095d208cc1296b0eed002427aa599874af7a432b105",
  )!;
  assert.equal(scriptFlagsForBlock(MAIN, 170_060, bip16), 0);
  const buried = (1 << 2) | (1 << 9) | (1 << 10) | (1 << 4);
  assert.equal(scriptFlagsForBlock(MAIN, 692_261, taproot), (1 << 0) | (1 << 11) | buried);
  assert.equal(scriptFlagsForBlock(TESTNET3, 514, testnet), 0);
});
