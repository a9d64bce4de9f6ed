// `pando sim cuckoo beacon`: verifies a drand value (scheme bls-unchained-g1-rfc9380) offline.
import { fromHex, toHex } from "../base/bytes.ts";
import { verifyRound } from "../sharding/beacon.ts";
import { type Arguments, type Command, CommandError, EXIT, type ExitCode } from "./command.ts";
import { present } from "./sim-cuckoo-output.ts";

/** The public key of drand's quicknet. */
const QUICKNET =
  "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";

function hexOption(args: Arguments, name: string, otherwise: string | null, length: number) {
  const bytes = fromHex(args.text(name) ?? otherwise ?? "");
  if (bytes === null || bytes.length !== length) {
    throw new CommandError(`--${name} takes ${length * 2} hex digits`);
  }
  return bytes;
}

function run(args: Arguments): ExitCode {
  const key = hexOption(args, "key", QUICKNET, 96);
  const signature = hexOption(args, "signature", null, 48);
  const round = args.integer("round", 1, Number.MAX_SAFE_INTEGER, 0);
  if (round === 0) throw new CommandError("--round is missing");
  const verdict = verifyRound(key, round, signature);
  const value = verdict.ok ? toHex(verdict.value) : null;
  const text = verdict.ok ? `valid, value ${toHex(verdict.value)}` : "not valid";
  const table = { title: "Beacon", columns: ["round", "verdict"], rows: [[String(round), text]] };
  present(args, table, { command: "beacon", version: 1, round, valid: verdict.ok, value }, null);
  return verdict.ok ? EXIT.done : EXIT.no;
}

export const command: Command = {
  name: "beacon",
  summary: "Verify a drand beacon value offline.",
  usage: "--round N --signature HEX [flags]",
  options: {
    key: { value: "HEX", about: "public key in G2 (default: drand's quicknet)" },
    round: { value: "N", about: "the round" },
    signature: { value: "HEX", about: "its signature in G1" },
  },
  notes: "Exit code 1 when the signature is not valid.",
  run,
};
