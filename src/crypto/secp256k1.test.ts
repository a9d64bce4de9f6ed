import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { vectorsFolder } from "../../test/vectors.ts";
import { type Bytes, concatBytes, hex, toHex } from "../base/bytes.ts";
import { isLowS, parseDerLax } from "./der.ts";
import { sha256 } from "./hash.ts";
import type { Backend, Points } from "./secp256k1/backend.ts";
import { openBindings } from "./secp256k1/bindings.ts";
import { knownAnswerFault } from "./secp256k1/known-answers.ts";
import { ORDER, toBytes } from "./secp256k1/scalar.ts";
import { schnorrFromPoints } from "./secp256k1/schnorr-from-points.ts";
import { openSystem } from "./secp256k1/system.ts";
import {
  checkTaprootTweak,
  isValidPublicKey,
  loadSecp256k1,
  publicKeyCreate,
  secp256k1Provider,
  selfTest,
  signEcdsa,
  signSchnorr,
  tweakPublicKey,
  tweakSecretKey,
  verifyEcdsa,
  verifySchnorr,
} from "./secp256k1.ts";

/** Every way to a libsecp256k1 that this machine has, among them those that it would not choose. */
function libraries(): [string, Backend][] {
  const found: [string, Backend][] = [];
  const provider = loadSecp256k1();
  if (provider.kind === "system") {
    found.push(["system", openSystem(provider.path)]);
    found.push(["system without modules", openSystem(provider.path, { modules: false })]);
  } else console.log("SKIPPED: no system libsecp256k1; install it to test that way too");
  try {
    found.push(["bindings", openBindings()]);
  } catch {
    console.log("SKIPPED: npm secp256k1 has no native binding for this platform");
  }
  for (const [name, library] of [...found]) {
    if (library.points.recover === null) continue;
    const points: Points = { ...library.points, recover: null };
    found.push([`${name}, no recovery`, { ...library, points, ...schnorrFromPoints(points) }]);
  }
  return found;
}

const LIBRARIES = libraries();
const vectors = vectorsFolder();

test("every library of this machine passes the known answers", () => {
  assert.ok(LIBRARIES.length > 0);
  for (const [name, library] of LIBRARIES) assert.equal(knownAnswerFault(library), null, name);
});

test("a library that accepts everything, or nothing, fails the known answers", () => {
  const [, library] = LIBRARIES[0]!;
  for (const answer of [true, false]) {
    assert.notEqual(knownAnswerFault({ ...library, verifyEcdsa: () => answer }), null);
    assert.notEqual(knownAnswerFault({ ...library, verifySchnorr: () => answer }), null);
    assert.notEqual(knownAnswerFault({ ...library, checkTaprootTweak: () => answer }), null);
  }
});

test("the provider says what it is", () => {
  const provider = secp256k1Provider();
  assert.ok(provider.usPerVerify > 0 && provider.usPerVerify < 1000);
  assert.ok(provider.path.length > 0 && provider.version.length > 0);
  assert.equal(selfTest().fault, null);
});

test("BIP340 vectors", { skip: vectors === null }, () => {
  const text = readFileSync(join(vectors!, "json", "bip340.csv"), "utf8");
  const rows = text.trim().split("\n").slice(1);
  assert.ok(rows.length >= 15);
  for (const row of rows) {
    const [index, secret, key, auxiliary, message, signature, result] = row.trim().split(",");
    const args = [hex(key!), hex(signature!), hex(message!)] as const;
    for (const [name, library] of LIBRARIES) {
      assert.equal(library.verifySchnorr(...args), result === "TRUE", `${name}, row ${index}`);
      if (secret === "") continue;
      const signed = library.signSchnorr(hex(secret!), args[2], hex(auxiliary!));
      assert.equal(toHex(signed), signature!.toLowerCase(), `${name}, row ${index}`);
    }
  }
});

interface WycheproofGroup {
  publicKey: { uncompressed: string };
  tests: { tcId: number; msg: string; sig: string; result: string; flags: string[] }[];
}

test("Wycheproof ECDSA vectors", { skip: vectors === null }, () => {
  const file = join(vectors!, "json", "ecdsa_secp256k1_sha256_bitcoin_test.json");
  const groups = (JSON.parse(readFileSync(file, "utf8")) as { testGroups: WycheproofGroup[] })
    .testGroups;
  const loose = ["BerEncodedSignature", "InvalidEncoding", "ModifiedSignature"];
  let checked = 0;
  for (const group of groups) {
    const key = hex(group.publicKey.uncompressed);
    for (const { tcId, msg, sig, result, flags } of group.tests) {
      const signature = parseDerLax(hex(sig));
      const hash = sha256(hex(msg));
      const answers = LIBRARIES.map(
        ([, library]) => signature !== null && library.verifyEcdsa(key, signature, hash),
      );
      assert.equal(new Set(answers).size, 1, `case ${tcId}: the libraries differ`);
      // Strict DER and low s are rules of policy: here they must not fail by themselves.
      const high = signature !== null && !isLowS(signature);
      if (result === "valid" || !(high || flags.some((flag) => loose.includes(flag)))) {
        assert.equal(answers[0], result === "valid", `case ${tcId}`);
        checked++;
      }
    }
  }
  assert.ok(checked > 300);
});

test("BIP341 wallet vectors", { skip: vectors === null }, () => {
  const file = join(vectors!, "json", "bip341_wallet_vectors.json");
  const cases = JSON.parse(readFileSync(file, "utf8")).scriptPubKey as {
    given: { internalPubkey: string };
    intermediary: { tweak: string; tweakedPubkey: string };
  }[];
  for (const { given, intermediary } of cases) {
    const [internal, tweak] = [hex(given.internalPubkey), hex(intermediary.tweak)];
    const output = tweakPublicKey(internal, tweak)!;
    assert.equal(toHex(output.key), intermediary.tweakedPubkey);
    for (const [name, library] of LIBRARIES) {
      assert.ok(library.checkTaprootTweak(internal, tweak, output.key, output.parity), name);
      const wrong = output.parity === 0 ? 1 : 0;
      assert.ok(!library.checkTaprootTweak(internal, tweak, output.key, wrong), name);
    }
  }
});

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const secrets = bytes32.map((bytes) =>
  concatBytes(new Uint8Array([bytes[0]! & 0x7f]), bytes.subarray(1)),
);
const flips = fc.record({ at: fc.nat(), bit: fc.nat(7) });

function flip(bytes: Bytes, { at, bit }: { at: number; bit: number }): Bytes {
  const copy = bytes.slice();
  copy[at % copy.length]! ^= 1 << bit;
  return copy;
}

test("all libraries judge signed and damaged ECDSA signatures alike", () => {
  fc.assert(
    fc.property(secrets, bytes32, flips, fc.nat(3), (secret, hash, change, what) => {
      fc.pre(secret.some((byte) => byte !== 0));
      const parts: Bytes[] = [publicKeyCreate(secret), signEcdsa(secret, hash), hash];
      if (what < 3) parts[what] = flip(parts[what]!, change);
      for (const [name, library] of LIBRARIES) {
        assert.equal(library.verifyEcdsa(parts[0]!, parts[1]!, parts[2]!), what === 3, name);
        assert.deepEqual(library.signEcdsa(secret, hash), signEcdsa(secret, hash), name);
      }
    }),
    { numRuns: 60 },
  );
});

test("all libraries judge signed and damaged Schnorr signatures alike", () => {
  fc.assert(
    fc.property(
      secrets,
      bytes32,
      bytes32,
      flips,
      fc.nat(3),
      (secret, message, random, change, what) => {
        fc.pre(secret.some((byte) => byte !== 0));
        const key = publicKeyCreate(secret).subarray(1);
        const parts: Bytes[] = [key, signSchnorr(secret, message, random), message];
        if (what < 3) parts[what] = flip(parts[what]!, change);
        for (const [name, library] of LIBRARIES) {
          assert.equal(library.verifySchnorr(parts[0]!, parts[1]!, parts[2]!), what === 3, name);
          assert.deepEqual(
            library.signSchnorr(secret, message, random),
            signSchnorr(secret, message, random),
            name,
          );
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("Schnorr edge cases: s zero, s = n, key and nonce out of the field, messages of any length", () => {
  const secret = sha256(hex("01"));
  const key = publicKeyCreate(secret).subarray(1);
  const field = hex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f");
  const good = signSchnorr(secret, hex(""));
  const zeroS = concatBytes(good.subarray(0, 32), new Uint8Array(32));
  const bigS = concatBytes(good.subarray(0, 32), toBytes(ORDER));
  const bigNonce = concatBytes(field, good.subarray(32));
  for (const [name, library] of LIBRARIES) {
    assert.ok(library.verifySchnorr(key, good, hex("")), name);
    assert.ok(!library.verifySchnorr(key, zeroS, hex("")), name);
    assert.ok(!library.verifySchnorr(key, bigS, hex("")), name);
    assert.ok(!library.verifySchnorr(key, bigNonce, hex("")), name);
    assert.ok(!library.verifySchnorr(field, good, hex("")), name);
    assert.ok(!library.verifySchnorr(new Uint8Array(32), good, hex("")), name);
    for (const length of [1, 31, 33, 384, 385, 5000]) {
      const message = new Uint8Array(length).fill(7);
      const signature = library.signSchnorr(secret, message, new Uint8Array(32));
      assert.ok(verifySchnorr(key, signature, message), name);
      assert.ok(library.verifySchnorr(key, signature, message), name);
      assert.ok(!library.verifySchnorr(key, signature, message.subarray(1)), name);
    }
  }
});

test("point arithmetic, with infinity and zero", () => {
  for (const [name, { points }] of LIBRARIES) {
    const two = toBytes(2n);
    const generator = points.create(toBytes(1n))!;
    const double = points.create(two)!;
    assert.deepEqual(points.multiply(generator, two), double, name);
    assert.deepEqual(points.tweakAdd(generator, toBytes(1n)), double, name);
    assert.deepEqual(points.add(generator, double), points.create(toBytes(3n)), name);
    assert.equal(points.add(generator, points.create(toBytes(ORDER - 1n))!), null, name);
    assert.equal(points.multiply(generator, toBytes(0n)), null, name);
    assert.equal(points.create(toBytes(ORDER)), null, name);
  }
});

test("tweaked keys belong together, with either parity", () => {
  const parities = new Set<number>();
  for (let seed = 0; seed < 24; seed++) {
    const secret = sha256(new Uint8Array([seed]));
    const tweak = sha256(secret);
    const key = publicKeyCreate(secret);
    const output = tweakPublicKey(key.subarray(1), tweak)!;
    const outputSecret = tweakSecretKey(secret, tweak)!;
    assert.deepEqual(publicKeyCreate(outputSecret).subarray(1), output.key);
    assert.ok(checkTaprootTweak(key.subarray(1), tweak, output.key, output.parity));
    parities.add(key[0]! * 2 + output.parity);
  }
  assert.equal(parities.size, 4);
  assert.equal(tweakSecretKey(toBytes(1n), toBytes(ORDER)), null);
  assert.equal(tweakSecretKey(toBytes(1n), toBytes(ORDER - 1n)), null);
});

test("keys of wrong length or form are refused, views into larger buffers are read rightly", () => {
  const secret = sha256(hex("05"));
  const key = publicKeyCreate(secret);
  const hash = sha256(key);
  const signature = signEcdsa(secret, hash);
  const buffer = concatBytes(new Uint8Array(7), key, signature, hash, new Uint8Array(9));
  assert.ok(
    verifyEcdsa(buffer.subarray(7, 40), buffer.subarray(40, 104), buffer.subarray(104, 136)),
  );
  for (const length of [0, 1, 32, 34, 64, 66]) {
    assert.equal(isValidPublicKey(new Uint8Array(length).fill(2)), false);
    assert.equal(verifyEcdsa(new Uint8Array(length).fill(2), signature, hash), false);
  }
  assert.ok(isValidPublicKey(key));
  for (const prefix of [0, 1, 4, 5, 6, 7]) {
    assert.equal(isValidPublicKey(concatBytes(new Uint8Array([prefix]), key.subarray(1))), false);
  }
  assert.throws(() => publicKeyCreate(new Uint8Array(32)), RangeError);
  assert.throws(() => signEcdsa(new Uint8Array(32), hash), RangeError);
  assert.throws(() => signSchnorr(new Uint8Array(32), hash), RangeError);
});

test("worker threads load the library for themselves", async () => {
  const module = new URL("./secp256k1.js", import.meta.url).href;
  const source = `import { parentPort } from "node:worker_threads";
    import { selfTest } from ${JSON.stringify(module)};
    parentPort.postMessage(selfTest().fault);`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  const answers = [1, 2, 3].map(
    () =>
      new Promise((resolve, reject) => {
        new Worker(url).once("message", resolve).once("error", reject);
      }),
  );
  assert.deepEqual(await Promise.all(answers), [null, null, null]);
});

test("a library asked for by name is used or refused by name", async () => {
  const module = new URL("./secp256k1.js", import.meta.url).href;
  const ask = (library: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const source = `import { parentPort } from "node:worker_threads";
        import { secp256k1Provider } from ${JSON.stringify(module)};
        let answer;
        try { answer = secp256k1Provider().kind } catch (error) { answer = error.message }
        parentPort.postMessage(answer);`;
      const env = { ...process.env, PANDO_SECP256K1: library };
      const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
      new Worker(url, { env }).once("message", resolve).once("error", reject);
    });
  assert.match(String(await ask("/nowhere/libsecp256k1.so.9")), /PANDO_SECP256K1=.*install/);
  if (LIBRARIES.some(([name]) => name === "bindings"))
    assert.equal(await ask("bindings"), "bindings");
});

if (vectors === null) console.log("SKIPPED: public vectors not found (set PANDO_VECTORS)");
