// `pando conformance`: runs public test vectors against this build, so that an operator need not take
// our word for it.
import { runFile } from "../node/conformance/run.ts";
import { type Command, CommandError, EXIT } from "./command.ts";

export const command: Command = {
  name: "conformance",
  summary: "Run public test vectors against this build.",
  usage: "FILE...",
  options: {},
  notes: `Knows, by their content and gzipped or not, Bitcoin Core's script_tests.json,
tx_valid.json, tx_invalid.json, sighash.json, script_assets_test.json,
base58_encode_decode.json, key_io_valid.json, key_io_invalid.json,
bip341_wallet_vectors.json, and bip340.csv, Project Wycheproof's ECDSA cases for
Bitcoin, and murmur3.json. Prints one JSON line a file:
  {"file","kind","passed","failed","skipped","failures":[the first 20]}
Exits with 1 when a case fails or a file cannot be run.`,
  run(args) {
    if (args.rest.length === 0) {
      throw new CommandError(
        "name one or more files of test vectors; see pando conformance --help",
      );
    }
    let sound = true;
    for (const file of args.rest) {
      const outcome = runFile(file);
      if (outcome.ok) process.stdout.write(`${JSON.stringify(outcome.report)}\n`);
      else process.stderr.write(`pando: ${outcome.fault}\n`);
      if (!outcome.ok || outcome.report.failed > 0) sound = false;
    }
    return sound ? EXIT.done : EXIT.no;
  },
};
