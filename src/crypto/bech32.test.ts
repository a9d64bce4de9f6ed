import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { vectorsFolder } from "../../test/vectors.ts";
import { toHex } from "../base/bytes.ts";
import { base58CheckDecode } from "./base58.ts";
import {
  bech32Decode,
  bech32Encode,
  fromFiveBits,
  segwitDecode,
  segwitEncode,
  toFiveBits,
} from "./bech32.ts";

const vectors = vectorsFolder();
if (vectors === null) console.log("SKIPPED: public vectors not found (set PANDO_VECTORS)");

const PREFIXES: Record<string, string> = {
  main: "bc",
  test: "tb",
  testnet4: "tb",
  signet: "tb",
  regtest: "bcrt",
};

type KeyCase = [string, string, { chain: string; isPrivkey: boolean; tryCaseFlip?: boolean }];

function readCases<T>(name: string): T[] {
  return JSON.parse(readFileSync(join(vectors!, "json", name), "utf8")) as T[];
}

test("the addresses of all networks", { skip: vectors === null }, () => {
  let programs = 0;
  for (const [text, script, { chain, tryCaseFlip }] of readCases<KeyCase>("key_io_valid.json")) {
    const prefix = PREFIXES[chain]!;
    if (!text.startsWith(`${prefix}1`)) {
      assert.ok(script.includes(toHex(base58CheckDecode(text)!.slice(1, 21))), text);
      continue;
    }
    programs++;
    const witness = segwitDecode(prefix, text)!;
    const opcode = witness.version === 0 ? 0 : 0x50 + witness.version;
    const spelled = toHex(Uint8Array.from([opcode, witness.program.length, ...witness.program]));
    assert.equal(spelled, script, text);
    assert.equal(segwitEncode(prefix, witness), text);
    if (tryCaseFlip === true) assert.deepEqual(segwitDecode(prefix, text.toUpperCase()), witness);
    assert.equal(segwitDecode("xx", text), null);
  }
  assert.ok(programs > 10);
});

test("no invalid address is a witness program", { skip: vectors === null }, () => {
  for (const [text] of readCases<[string]>("key_io_invalid.json")) {
    for (const prefix of new Set(Object.values(PREFIXES))) {
      assert.equal(segwitDecode(prefix, text), null, text);
    }
  }
});

test("checksums and forms of BIP173 and BIP350", () => {
  for (const [text, variant] of [
    ["A12UEL5L", "bech32"],
    [
      "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
      "bech32",
    ],
    ["?1ezyfcl", "bech32"],
    ["A1LQFN3A", "bech32m"],
    ["abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", "bech32m"],
    ["?1v759aa", "bech32m"],
  ] as const) {
    const decoded = bech32Decode(text)!;
    assert.equal(decoded.variant, variant, text);
    assert.equal(bech32Encode(decoded.prefix, decoded.values, variant), text.toLowerCase());
  }
  for (const text of [
    "",
    "1",
    "pzry9x0s0muk",
    "1pzry9x0s0muk",
    "x1b4n0q5v",
    "li1dgmt3",
    "A1G7SGD8",
    "A12uEL5L",
    "10a06t8",
    "1qzzfhee",
  ]) {
    assert.equal(bech32Decode(text), null, text);
  }
  const long = bech32Encode("x", new Uint8Array(83), "bech32");
  assert.equal(bech32Decode(long), null);
  assert.notEqual(bech32Decode(long, 91), null);
});

test("any program survives, and one changed letter does not", () => {
  const programs = fc.record({
    version: fc.integer({ min: 1, max: 16 }),
    program: fc.uint8Array({ minLength: 2, maxLength: 40 }),
  });
  fc.assert(
    fc.property(programs, fc.nat(), (witness, place) => {
      const text = segwitEncode("bcrt", witness);
      assert.deepEqual(segwitDecode("bcrt", text), { ...witness });
      const at = 5 + (place % (text.length - 5));
      const other = text[at] === "q" ? "p" : "q";
      assert.equal(segwitDecode("bcrt", text.slice(0, at) + other + text.slice(at + 1)), null);
      assert.deepEqual(fromFiveBits(toFiveBits(witness.program)), witness.program);
    }),
  );
});

test("programs that cannot be are refused both ways", () => {
  const program = new Uint8Array(20);
  assert.equal(
    segwitDecode("bc", bech32Encode("bc", Uint8Array.from([0, ...toFiveBits(program)]), "bech32m")),
    null,
  );
  assert.equal(
    segwitDecode("bc", bech32Encode("bc", Uint8Array.from([1, ...toFiveBits(program)]), "bech32")),
    null,
  );
  assert.equal(
    segwitDecode(
      "bc",
      bech32Encode("bc", Uint8Array.from([17, ...toFiveBits(program)]), "bech32m"),
    ),
    null,
  );
  assert.equal(segwitDecode("bc", bech32Encode("bc", new Uint8Array(0), "bech32")), null);
  assert.throws(() => segwitEncode("bc", { version: 0, program: program.subarray(1) }), RangeError);
  assert.throws(() => segwitEncode("bc", { version: 17, program }), RangeError);
  assert.equal(fromFiveBits(Uint8Array.from([0, 1])), null);
  assert.equal(fromFiveBits(Uint8Array.from([0])), null);
});
