// The scripts that a descriptor stands for, for scantxoutset: forms without keys to derive.
import { type Bytes, fromHex, toHex } from "../../../base/bytes.ts";
import { hash160 } from "../../../crypto/hash.ts";
import { addressScript } from "../../../ledger/bitcoin/address.ts";
import type { AddressParams } from "../../../ledger/bitcoin/params.ts";
import { isObject, type Json } from "../../json/value.ts";
import { descriptorChecksum, withChecksum } from "../../shapes/descriptor-checksum.ts";
import { RPC, RpcError } from "../errors.ts";

function invalid(text: string): RpcError {
  return new RpcError(RPC.address, `Invalid descriptor '${text}'`);
}

function keyOf(text: string): Bytes {
  const key = fromHex(text);
  const sound = key !== null && (key.length === 33 || key.length === 65);
  if (!sound) throw invalid(text);
  return key;
}

const push = (bytes: Bytes): Bytes => Uint8Array.of(bytes.length, ...bytes);
const keyHash = (key: Bytes): Bytes => Uint8Array.of(0x76, 0xa9, ...push(hash160(key)), 0x88, 0xac);

/** The script of `addr(A)`, `raw(HEX)`, `pk(KEY)`, `pkh(KEY)`, `wpkh(KEY)` or `rawtr(X)`. */
export function descriptorScripts(text: string, params: AddressParams): Bytes[] {
  const [body = "", checksum] = text.split("#");
  if (checksum !== undefined && descriptorChecksum(body) !== checksum) throw invalid(text);
  const match = /^(addr|raw|pk|pkh|wpkh|rawtr|combo)\(([^()]*)\)$/.exec(body);
  if (match === null) throw invalid(text);
  const [, kind, inside = ""] = match;
  switch (kind) {
    case "addr": {
      const script = addressScript(inside, params);
      if (script === null) throw new RpcError(RPC.address, "Address is not valid");
      return [script];
    }
    case "raw": {
      const script = fromHex(inside);
      if (script === null) throw invalid(text);
      return [script];
    }
    case "rawtr":
      return [Uint8Array.of(0x51, ...push(fromHex(inside) ?? keyOf("")))];
    case "pk":
      return [Uint8Array.of(...push(keyOf(inside)), 0xac)];
    case "pkh":
      return [keyHash(keyOf(inside))];
    case "wpkh":
      return [Uint8Array.of(0, ...push(hash160(keyOf(inside))))];
    default:
      return combo(keyOf(inside));
  }
}

function combo(key: Bytes): Bytes[] {
  const scripts = [Uint8Array.of(...push(key), 0xac), keyHash(key)];
  if (key.length !== 33) return scripts;
  const program = Uint8Array.of(0, ...push(hash160(key)));
  return [...scripts, program, Uint8Array.of(0xa9, ...push(hash160(program)), 0x87)];
}

/** Script hex to the descriptor that named it. */
export function scriptsOf(objects: readonly Json[], params: AddressParams): Map<string, string> {
  const scripts = new Map<string, string>();
  for (const object of objects) {
    const text = isObject(object) ? object["desc"] : object;
    if (typeof text !== "string") throw new RpcError(RPC.parameter, "Scan object needs a desc");
    const [body = ""] = text.split("#");
    for (const script of descriptorScripts(text, params)) {
      scripts.set(toHex(script), withChecksum(body));
    }
  }
  return scripts;
}
