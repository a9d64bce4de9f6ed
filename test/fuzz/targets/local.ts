// Files and words of one machine: the fee estimator's memory, and a devnet's plan, ports and control.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bytes, writeU32 } from "../../../src/base/bytes.ts";
import { crc32c } from "../../../src/base/crc32c.ts";
import { readControl } from "../../../src/node/devnet/control-file.ts";
import {
  NODES_MAX,
  parseGroups,
  parseNode,
  readPlan,
  writePlan,
} from "../../../src/node/devnet/plan.ts";
import { readPorts } from "../../../src/node/devnet/ports.ts";
import { FeeEstimator } from "../../../src/node/mempool/fee-estimator.ts";
import { loadFees } from "../../../src/node/mempool/fee-file.ts";
import { type FuzzTarget, latin, text } from "../target.ts";

const folder = mkdtempSync(join(tmpdir(), "pando-fuzz-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const NOW = Math.floor(Date.now() / 1000);
const learnt = new FeeEstimator();
const fees = learnt.encode();
const feePath = join(folder, "fees");

/** As long as the file is, with its checksum: what the figures say is left to chance. */
function mendFees(input: Bytes): Bytes {
  // Half a megabyte each: some of the inputs, which follow from themselves. Most are equally long.
  if (crc32c(input) % 32 !== 0) return input;
  const out = fees.slice();
  out.set(input.subarray(0, out.length));
  out.set(fees.subarray(0, 28));
  writeU32(out, out.length - 4, crc32c(out, 0, 0, out.length - 4));
  return out;
}

const feeFile: FuzzTarget = {
  name: "file of fees",
  covers: ["src/node/mempool/fee-file.ts#loadFees"],
  corpus: [fees],
  decode: (input) => {
    // Every load replaces all that was learnt; making an estimator takes longer than reading.
    const loaded = learnt.load(input);
    if (!loaded && crc32c(input) % 16 === 0) {
      writeFileSync(feePath, input);
      loadFees(feePath, learnt, NOW);
    }
    return loaded ? "taken" : "refused";
  },
  mend: mendFees,
  // The tables of an estimator.
  allocates: (bytes) => bytes * 64 + 1_048_576,
};

const plan: FuzzTarget = {
  name: "plan of a devnet",
  covers: ["src/node/devnet/plan.ts#readPlan"],
  corpus: [
    text(
      '{"format":1,"plan":{"consensus":"qpos","nodes":3,"stakers":3,"slotMs":500,"blockBytes":null,"seed":"x"}}',
    ),
  ],
  decode: (input) => {
    writeFileSync(join(folder, "devnet.json"), input);
    const read = readPlan(folder);
    if (read.found !== "plan") return "refused";
    writePlan(folder, read.plan);
    return readPlan(folder).found === "plan" ? "taken" : "refused";
  },
};

const ports: FuzzTarget = {
  name: "ports of a devnet",
  covers: ["src/node/devnet/ports.ts#readPorts"],
  corpus: [text('[{"p2p":1,"rpc":2,"feed":3,"ops":4},null]')],
  decode: (input) => {
    writeFileSync(join(folder, "ports.json"), input);
    return readPorts(folder, NODES_MAX).some((row) => row !== null) ? "taken" : "refused";
  },
};

const control: FuzzTarget = {
  name: "control of a devnet",
  covers: ["src/node/devnet/control-file.ts#readControl"],
  corpus: [text('{"port":1,"token":"x","pid":3}')],
  decode: (input) => {
    writeFileSync(join(folder, "control.json"), input);
    return readControl(folder) === null ? "refused" : "taken";
  },
};

const groups: FuzzTarget = {
  name: "groups of nodes",
  covers: ["src/node/devnet/plan.ts#parseGroups", "src/node/devnet/plan.ts#parseNode"],
  corpus: ["1,2 3", "4 1,3"].map(text),
  decode: (input) => {
    const words = latin(input).split(" ");
    parseNode(words[0]!, NODES_MAX);
    return parseGroups(words, NODES_MAX).ok ? "taken" : "refused";
  },
};

export const LOCAL_TARGETS: readonly FuzzTarget[] = [feeFile, plan, ports, control, groups];
