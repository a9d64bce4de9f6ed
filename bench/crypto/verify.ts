// `bench verify`: microseconds of one signature check on one core through our functions, beside the
// same work as bare calls of the same library, and beside npm's bindings.
import { createRequire } from "node:module";
import type { Bytes } from "../../src/base/bytes.ts";
import { sha256 } from "../../src/crypto/hash.ts";
import { openBindings } from "../../src/crypto/secp256k1/bindings.ts";
import {
  checkTaprootTweak,
  publicKeyCreate,
  secp256k1Provider,
  signEcdsa,
  signSchnorr,
  tweakPublicKey,
  verifyEcdsa,
  verifySchnorr,
} from "../../src/crypto/secp256k1.ts";
import { nanosecondsOfEach, rounded } from "../measure.ts";

interface Case {
  readonly key: Bytes;
  readonly xOnly: Bytes;
  readonly hash: Bytes;
  readonly ecdsa: Bytes;
  readonly schnorr: Bytes;
  readonly output: { readonly key: Bytes; readonly parity: 0 | 1 };
}

function makeCase(number: number): Case {
  const secret = sha256(Uint8Array.from([number, 1]));
  const hash = sha256(Uint8Array.from([number, 2]));
  const key = publicKeyCreate(secret);
  const xOnly = key.slice(1);
  const [ecdsa, schnorr] = [signEcdsa(secret, hash), signSchnorr(secret, hash)];
  return { key, xOnly, hash, ecdsa, schnorr, output: tweakPublicKey(xOnly, hash)! };
}

type Call = (...values: readonly unknown[]) => number;
type Check = (one: Case) => boolean;

/** The least that a caller of the system's library must do, without any of our code. */
function bareChecks(path: string): { ecdsa: Check; schnorr: Check } {
  const koffi = createRequire(import.meta.url)("koffi") as {
    load(path: string): { func(name: string, result: string, parameters: string[]): Call };
  };
  const library = koffi.load(path);
  const bind = (name: string, ...parameters: string[]): Call =>
    library.func(`secp256k1_${name}`, "int", parameters);
  const pointer = "void *";
  const three = [pointer, pointer, pointer];
  const context = library.func("secp256k1_context_create", pointer, ["uint"])(0x301);
  const parseKey = bind("ec_pubkey_parse", ...three, "size_t");
  const parseSignature = bind("ecdsa_signature_parse_compact", ...three);
  const normalize = bind("ecdsa_signature_normalize", ...three);
  const verify = bind("ecdsa_verify", ...three, pointer);
  const parseXOnly = bind("xonly_pubkey_parse", ...three);
  const verifyBip340 = bind("schnorrsig_verify", ...three, "size_t", pointer);
  const [key, signature] = [Buffer.alloc(64), Buffer.alloc(64)];
  return {
    ecdsa(one) {
      parseKey(context, key, one.key, 33);
      parseSignature(context, signature, one.ecdsa);
      normalize(context, signature, signature);
      return verify(context, signature, one.hash, key) === 1;
    },
    schnorr(one) {
      parseXOnly(context, key, one.xOnly);
      return verifyBip340(context, one.schnorr, one.hash, 32, key) === 1;
    },
  };
}

/** What is timed, by name; the bare calls only where there is a system library. */
function allChecks(): Record<string, Check> {
  const bindings = openBindings();
  const { kind, path } = secp256k1Provider();
  const bare = kind === "system" ? bareChecks(path) : null;
  return {
    ecdsa: ({ key, ecdsa, hash }) => verifyEcdsa(key, ecdsa, hash),
    schnorr: ({ xOnly, schnorr, hash }) => verifySchnorr(xOnly, schnorr, hash),
    tweak: ({ xOnly, hash, output }) => checkTaprootTweak(xOnly, hash, output.key, output.parity),
    ...(bare === null ? {} : { ecdsaBare: bare.ecdsa, schnorrBare: bare.schnorr }),
    ecdsaBindings: ({ key, ecdsa, hash }) => bindings.verifyEcdsa(key, ecdsa, hash),
    schnorrBindings: ({ xOnly, schnorr, hash }) => bindings.verifySchnorr(xOnly, schnorr, hash),
  };
}

/** `quick`: fewer cases and rounds. */
export async function run(options: { quick: boolean }): Promise<Record<string, number | string>> {
  const cases = Array.from({ length: options.quick ? 16 : 64 }, (_, number) => makeCase(number));
  const named = Object.entries(allChecks());
  const tasks = named.map(([name, check]) => () => {
    for (const one of cases) if (!check(one)) throw new Error(`${name}: a good one is refused`);
  });
  const times = nanosecondsOfEach(cases.length, options.quick ? 3 : 41, tasks);
  const ns = new Map(named.map(([name], at) => [name, times[at]!]));
  const result: Record<string, number | string> = {};
  for (const [name, time] of ns) result[`${name}Us`] = rounded(time / 1000);
  for (const name of ["ecdsa", "schnorr"]) {
    const bare = ns.get(`${name}Bare`);
    if (bare !== undefined) result[`${name}PercentOfBare`] = rounded((100 * bare) / ns.get(name)!);
  }
  return result;
}
