// libsecp256k1 of the operating system, called through koffi. Every argument is copied into one
// scratch block whose address never changes, and the calls get plain addresses: no allocation and
// no typed-array handling for each check.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Bytes } from "../../base/bytes.ts";
import { type Backend, CONTEXT_FLAGS, type Points, type SchnorrPart } from "./backend.ts";
import { schnorrFromPoints } from "./schnorr-from-points.ts";

type Native = (...values: readonly unknown[]) => number;

interface Library {
  func(name: string, result: string, parameters: readonly string[]): Native;
  unload(): void;
}

interface Koffi {
  load(path: string): Library;
  address(bytes: Bytes): bigint;
}

/** Where each argument lives in the scratch block. */
const AT = {
  key: 0,
  otherKey: 64,
  signature: 128,
  compact: 256,
  serialized: 320,
  hash: 400,
  tweak: 432,
  length: 464,
  parity: 472,
  pair: 480,
  auxiliary: 576,
  secret: 608,
  message: 640,
} as const;
const MESSAGE_BYTES = 384;
const COMPRESSED = 258;

type Addresses = Record<keyof typeof AT, bigint>;

interface Core {
  readonly library: Library;
  readonly context: number;
  readonly memory: Bytes;
  readonly address: Addresses;
}

const POINTER = "void *";

function bind(core: Core, name: string, parameters: readonly string[]): Native {
  return core.library.func(`secp256k1_${name}`, "int", parameters);
}

/** A function of an optional module, or null. */
function bindOptional(core: Core, name: string, parameters: readonly string[]): Native | null {
  try {
    return bind(core, name, parameters);
  } catch {
    return null;
  }
}

function openCore(koffi: Koffi, path: string): Core {
  const library = koffi.load(path);
  const create = library.func("secp256k1_context_create", POINTER, ["uint"]);
  const randomize = library.func("secp256k1_context_randomize", "int", [POINTER, POINTER]);
  // Not from Node's pool and larger than the engine keeps inline: its address never changes.
  const memory = new Uint8Array(new ArrayBuffer(AT.message + MESSAGE_BYTES));
  const base = koffi.address(memory);
  const entries = Object.entries(AT).map(([name, at]) => [name, base + BigInt(at)] as const);
  const address = Object.fromEntries(entries) as Addresses;
  const context = create(CONTEXT_FLAGS);
  memory.set(randomBytes(32), AT.secret);
  randomize(context, address.secret);
  memory.fill(0);
  return { library, context, memory, address };
}

interface Ecdsa {
  readonly parseKey: Native;
  readonly createKey: Native;
  serializeKey(): Bytes;
}

function keys(core: Core): Ecdsa {
  const { context, memory, address } = core;
  const serialize = bind(core, "ec_pubkey_serialize", [POINTER, POINTER, POINTER, POINTER, "uint"]);
  return {
    parseKey: bind(core, "ec_pubkey_parse", [POINTER, POINTER, POINTER, "size_t"]),
    createKey: bind(core, "ec_pubkey_create", [POINTER, POINTER, POINTER]),
    serializeKey() {
      memory.fill(0, AT.length, AT.length + 8);
      memory[AT.length] = 33;
      serialize(context, address.serialized, address.length, address.key, COMPRESSED);
      return memory.slice(AT.serialized, AT.serialized + 33);
    },
  };
}

function ecdsa(
  core: Core,
  { parseKey }: Ecdsa,
): Pick<Backend, "verifyEcdsa" | "signEcdsa" | "isValidPublicKey"> {
  const { context, memory, address } = core;
  const { key, serialized, signature, compact, hash, secret } = address;
  const three = [POINTER, POINTER, POINTER];
  const parse = bind(core, "ecdsa_signature_parse_compact", three);
  const normalize = bind(core, "ecdsa_signature_normalize", three);
  const serialize = bind(core, "ecdsa_signature_serialize_compact", three);
  const verify = bind(core, "ecdsa_verify", [...three, POINTER]);
  const sign = bind(core, "ecdsa_sign", [...three, POINTER, POINTER, POINTER]);
  return {
    verifyEcdsa(publicKey, signed, digest) {
      memory.set(publicKey, AT.serialized);
      memory.set(signed, AT.compact);
      memory.set(digest, AT.hash);
      if (parse(context, signature, compact) !== 1) return false;
      if (parseKey(context, key, serialized, publicKey.length) !== 1) return false;
      normalize(context, signature, signature);
      return verify(context, signature, hash, key) === 1;
    },
    signEcdsa(secretKey, digest) {
      memory.set(secretKey, AT.secret);
      memory.set(digest, AT.hash);
      const signed = sign(context, signature, hash, secret, null, null);
      memory.fill(0, AT.secret, AT.secret + 32);
      if (signed !== 1) throw new RangeError("secret key out of range");
      serialize(context, compact, signature);
      return memory.slice(AT.compact, AT.compact + 64);
    },
    isValidPublicKey(publicKey) {
      memory.set(publicKey, AT.serialized);
      return parseKey(context, key, serialized, publicKey.length) === 1;
    },
  };
}

function recovery(core: Core, serializeKey: () => Bytes): Points["recover"] {
  const { context, memory, address } = core;
  const three = [POINTER, POINTER, POINTER];
  const parse = bindOptional(core, "ecdsa_recoverable_signature_parse_compact", [...three, "int"]);
  const recover = bindOptional(core, "ecdsa_recover", [...three, POINTER]);
  if (parse === null || recover === null) return null;
  return (signature, id, hash) => {
    memory.set(signature, AT.compact);
    memory.set(hash, AT.hash);
    if (parse(context, address.signature, address.compact, id) !== 1) return null;
    const found = recover(context, address.key, address.signature, address.hash);
    return found === 1 ? serializeKey() : null;
  };
}

function pointsOf(core: Core, { parseKey, createKey, serializeKey }: Ecdsa): Points {
  const { context, memory, address } = core;
  const tweakAdd = bind(core, "ec_pubkey_tweak_add", [POINTER, POINTER, POINTER]);
  const tweakMultiply = bind(core, "ec_pubkey_tweak_mul", [POINTER, POINTER, POINTER]);
  const combine = bind(core, "ec_pubkey_combine", [POINTER, POINTER, "void **", "size_t"]);
  const parseInto = (at: bigint, key: Bytes): boolean => {
    memory.set(key, AT.serialized);
    return parseKey(context, at, address.serialized, key.length) === 1;
  };
  const tweaked = (change: Native, key: Bytes, tweak: Bytes): Bytes | null => {
    memory.set(tweak, AT.tweak);
    if (!parseInto(address.key, key)) return null;
    return change(context, address.key, address.tweak) === 1 ? serializeKey() : null;
  };
  return {
    create(secret) {
      memory.set(secret, AT.secret);
      const made = createKey(context, address.key, address.secret);
      memory.fill(0, AT.secret, AT.secret + 32);
      return made === 1 ? serializeKey() : null;
    },
    tweakAdd: (key, tweak) => tweaked(tweakAdd, key, tweak),
    multiply: (key, scalar) => tweaked(tweakMultiply, key, scalar),
    add(a, b) {
      // The library clears the place of the sum before it reads the summands.
      if (!parseInto(address.otherKey, a) || !parseInto(address.pair, b)) return null;
      const both = [address.otherKey, address.pair];
      return combine(context, address.key, both, 2) === 1 ? serializeKey() : null;
    },
    recover: recovery(core, serializeKey),
  };
}

/** The library's own BIP340 and BIP341, or null when it was built without them. */
function schnorr(core: Core, points: Points): SchnorrPart | null {
  const { context, memory, address } = core;
  const three = [POINTER, POINTER, POINTER];
  const parse = bindOptional(core, "xonly_pubkey_parse", three);
  const checkTweak = bindOptional(core, "xonly_pubkey_tweak_add_check", [
    POINTER,
    POINTER,
    "int",
    POINTER,
    POINTER,
  ]);
  const verify = bindOptional(core, "schnorrsig_verify", [
    POINTER,
    POINTER,
    POINTER,
    "size_t",
    POINTER,
  ]);
  const createPair = bindOptional(core, "keypair_create", three);
  const sign = bindOptional(core, "schnorrsig_sign", [...three, POINTER, POINTER]);
  // It came together with the length argument of schnorrsig_verify: without it that one differs.
  const lengths = bindOptional(core, "schnorrsig_sign_custom", []);
  if (parse === null || checkTweak === null || verify === null || lengths === null) return null;
  if (createPair === null || sign === null) return null;
  const { key, serialized, tweak, compact, hash, auxiliary, pair, secret } = address;
  return {
    verifySchnorr(publicKey, signature, message) {
      memory.set(publicKey, AT.serialized);
      if (parse(context, key, serialized) !== 1) return false;
      memory.set(signature, AT.compact);
      const { length } = message;
      if (length > MESSAGE_BYTES) return verify(context, compact, message, length, key) === 1;
      memory.set(message, AT.message);
      return verify(context, compact, address.message, length, key) === 1;
    },
    checkTaprootTweak(internalKey, tweakBytes, outputKey, parity) {
      memory.set(internalKey, AT.serialized);
      if (parse(context, key, serialized) !== 1) return false;
      memory.set(tweakBytes, AT.tweak);
      memory.set(outputKey, AT.hash);
      return checkTweak(context, hash, parity, key, tweak) === 1;
    },
    signSchnorr(secretKey, message, random) {
      if (message.length !== 32) {
        return schnorrFromPoints(points).signSchnorr(secretKey, message, random);
      }
      memory.set(secretKey, AT.secret);
      memory.set(message, AT.hash);
      memory.set(random, AT.auxiliary);
      const signed =
        createPair(context, pair, secret) === 1 &&
        sign(context, compact, hash, pair, auxiliary) === 1;
      memory.fill(0, AT.pair, AT.message);
      if (!signed) throw new RangeError("secret key out of range");
      return memory.slice(AT.compact, AT.compact + 64);
    },
  };
}

/** The file behind a bare library name, where the system tells; else the name. */
function fileOf(path: string): string {
  try {
    const maps = readFileSync("/proc/self/maps", "utf8");
    const files = [...maps.matchAll(/\s(\/\S*libsecp256k1\S*)$/gm)].map((match) => match[1]!);
    const stem = path.slice(path.lastIndexOf("/") + 1);
    return files.find((file) => file.includes(`/${stem}`)) ?? path;
  } catch {
    return path;
  }
}

/**
 * Opens the shared library at `path` (a file or a bare name) and throws when it cannot be loaded.
 * With `modules: false` its Schnorr module is left unused, as if it had none.
 */
export function openSystem(
  path: string,
  options: { modules: boolean } = { modules: true },
): Backend {
  const require = createRequire(import.meta.url);
  const koffi = require("koffi") as Koffi;
  const core = openCore(koffi, path);
  const key = keys(core);
  const points = pointsOf(core, key);
  const file = fileOf(path);
  return {
    kind: "system",
    name: "libsecp256k1",
    path: file,
    version: /\.so\.([\d.]+)$/.exec(file)?.[1] ?? "unknown",
    points,
    ...ecdsa(core, key),
    ...((options.modules ? schnorr(core, points) : null) ?? schnorrFromPoints(points)),
  };
}
