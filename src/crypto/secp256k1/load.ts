// Chooses the libsecp256k1 of this thread: the system's, the fastest where there are several, else
// npm's native bindings. Each must pass the known answers and be native-fast; there is no fallback
// to a library in JavaScript, because another implementation judging consensus is another consensus.
import type { Backend } from "./backend.ts";
import { openBindings } from "./bindings.ts";
import { knownAnswerFault, microsecondsPerVerify } from "./known-answers.ts";
import { openSystem } from "./system.ts";

export interface Loaded {
  readonly backend: Backend;
  readonly usPerVerify: number;
}

/** Native code needs 35-250 us on anything that runs Node, JavaScript and emulation 2,000 and more. */
const SLOW_US = 1000;

/** Names under which a libsecp256k1 may be installed; newest interface first. */
function systemNames(): string[] {
  if (process.platform === "darwin") {
    const folders = ["", "/opt/homebrew/lib/", "/usr/local/lib/", "/opt/local/lib/"];
    return folders.map((folder) => `${folder}libsecp256k1.dylib`);
  }
  if (process.platform === "win32") {
    const versions = ["-6", "-5", "-2", "-1", "-0", ""];
    return versions.flatMap((version) => [`libsecp256k1${version}.dll`, `secp256k1${version}.dll`]);
  }
  return [6, 5, 4, 3, 2, 1, 0]
    .map((version) => `libsecp256k1.so.${version}`)
    .concat("libsecp256k1.so");
}

/** Opens and examines one candidate; a string says why it will not do. */
function examine(open: () => Backend): Loaded | string {
  let backend: Backend;
  try {
    backend = open();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const fault = knownAnswerFault(backend);
  if (fault !== null) return `${backend.path} gives a wrong answer (${fault})`;
  const usPerVerify = microsecondsPerVerify(backend);
  if (usPerVerify > SLOW_US) {
    return `${backend.path} is too slow (${usPerVerify.toFixed(0)} us a signature)`;
  }
  return { backend, usPerVerify };
}

function fastestSystem(names: readonly string[], why: string[]): Loaded | null {
  const found = new Map<string, Loaded>();
  for (const name of names) {
    const result = examine(() => openSystem(name));
    if (typeof result === "string") why.push(`${name}: ${result}`);
    else if (!found.has(result.backend.path)) found.set(result.backend.path, result);
  }
  const sorted = [...found.values()].sort((a, b) => a.usPerVerify - b.usPerVerify);
  return sorted[0] ?? null;
}

const INSTALL =
  "install it (Debian, Ubuntu: apt install libsecp256k1-1 (or -0, -2); macOS: brew install secp256k1; " +
  "Fedora: dnf install libsecp256k1) or set PANDO_SECP256K1 to the library's file";

/** The best native library of this machine; throws with what to install when there is none. */
export function loadBest(): Loaded {
  const why: string[] = [];
  const chosen = process.env["PANDO_SECP256K1"];
  if (chosen !== undefined && chosen !== "") {
    const result = examine(() => (chosen === "bindings" ? openBindings() : openSystem(chosen)));
    if (typeof result !== "string") return result;
    throw new Error(`PANDO_SECP256K1=${chosen} cannot be used: ${result}; unset it or ${INSTALL}`);
  }
  const system = fastestSystem(systemNames(), why);
  if (system !== null) return system;
  const bindings = examine(openBindings);
  if (typeof bindings !== "string") return bindings;
  why.push(`npm secp256k1: ${bindings}`);
  const unusual = why.filter(
    (line) => !/cannot open shared object|No such file|not found/.test(line),
  );
  throw new Error(`no usable native libsecp256k1: ${INSTALL}${["", ...unusual].join("\n  ")}`);
}
