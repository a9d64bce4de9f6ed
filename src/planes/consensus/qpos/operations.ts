// Registry operations: one output of value 0 whose script is `6a ‖ push ‖ payload`, which every
// wallet library can write. This file reads and writes the payload; registry.ts applies it. A
// malformed operation is void and the transaction stays valid.
import { type Bytes, hex, readU32, toHex, writeU32 } from "../../../base/bytes.ts";

const MAGIC = [0x50, 0x51, 0x31];
const PAYLOAD_BYTES_MAX = 75;
/** "No output" in a REGISTER: the bond's script is the payout, or there is no operator. */
export const NO_OUTPUT = 0xff;

export type Operation =
  | {
      readonly op: "register";
      readonly bondOutput: number;
      readonly payoutOutput: number;
      readonly operatorOutput: number;
      readonly flags: number;
      readonly signKey: string;
      readonly commit: string;
    }
  | { readonly op: "resume" | "pause" | "exit"; readonly id: number }
  | { readonly op: "rekey"; readonly id: number; readonly signKey: string; readonly commit: string }
  | { readonly op: "payout" | "operator"; readonly id: number; readonly output: number };

const BY_ID = ["", "", "resume", "pause", "exit"] as const;

function readBody(op: number, body: Bytes): Operation | null {
  if (op === 1 && body.length === 68) {
    return {
      op: "register",
      bondOutput: body[0]!,
      payoutOutput: body[1]!,
      operatorOutput: body[2]!,
      flags: body[3]!,
      signKey: toHex(body, 4, 36),
      commit: toHex(body, 36, 68),
    };
  }
  if (op >= 2 && op <= 4 && body.length === 4) {
    return { op: BY_ID[op] as "resume" | "pause" | "exit", id: readU32(body, 0) };
  }
  if (op === 5 && body.length === 68) {
    return {
      op: "rekey",
      id: readU32(body, 0),
      signKey: toHex(body, 4, 36),
      commit: toHex(body, 36, 68),
    };
  }
  if ((op === 6 || op === 7) && body.length === 5) {
    return { op: op === 6 ? "payout" : "operator", id: readU32(body, 0), output: body[4]! };
  }
  return null;
}

/** True when a script carries the tag, whether or not what follows is a good operation. */
export function isTagged(script: Bytes): boolean {
  return (
    script.length >= 6 &&
    script[0] === 0x6a &&
    script[1] === script.length - 2 &&
    script[1]! <= PAYLOAD_BYTES_MAX &&
    MAGIC.every((byte, at) => script[2 + at] === byte)
  );
}

/** The operation in a transaction's output scripts: the first tagged output counts, alone. */
export function operationOf(scripts: readonly Bytes[]): Operation | null {
  const script = scripts.find(isTagged);
  return script === undefined ? null : readBody(script[5]!, script.subarray(6));
}

function payloadOf(operation: Operation): Bytes {
  if (operation.op === "register") {
    const body = new Uint8Array(69);
    const { bondOutput, payoutOutput, operatorOutput, flags } = operation;
    body.set([1, bondOutput, payoutOutput, operatorOutput, flags]);
    body.set(hex(operation.signKey), 5);
    body.set(hex(operation.commit), 37);
    return body;
  }
  if (operation.op === "rekey") {
    const body = new Uint8Array(69);
    body[0] = 5;
    writeU32(body, 1, operation.id);
    body.set(hex(operation.signKey), 5);
    body.set(hex(operation.commit), 37);
    return body;
  }
  const withOutput = operation.op === "payout" || operation.op === "operator";
  const body = new Uint8Array(withOutput ? 6 : 5);
  body[0] = ["resume", "pause", "exit", "rekey", "payout", "operator"].indexOf(operation.op) + 2;
  writeU32(body, 1, operation.id);
  if (withOutput) body[5] = operation.output;
  return body;
}

/** The output script of an operation. */
export function operationScript(operation: Operation): Bytes {
  const payload = payloadOf(operation);
  const script = new Uint8Array(5 + payload.length);
  script.set([0x6a, 3 + payload.length, ...MAGIC]);
  script.set(payload, 5);
  return script;
}
