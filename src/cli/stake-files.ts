// The files that `pando stake` reads: keys, and the chain that they are for.
import { resolve } from "node:path";
import { identitiesOf, type StakerIdentity } from "../node/stake/inspect.ts";
import { type KeyFile, readKeyFile } from "../node/stake/key-file.ts";
import { type Arguments, CommandError, EXIT, type Option } from "./command.ts";
import { expandHome } from "./config.ts";
import type { NodeStakers } from "./stake-node.ts";

export const KEYS_OPTION: Option = { value: "FILE", about: "key file of mode 0600" };

/** The path behind --keys, or null without the flag. */
export function keyPathOf(args: Arguments): string | null {
  const path = args.text("keys");
  return path === null ? null : resolve(expandHome(path));
}

export function neededKeyPath(args: Arguments, command: string): string {
  const path = keyPathOf(args);
  if (path === null) throw new CommandError(`name --keys FILE; see pando stake ${command} --help`);
  return path;
}

/** The key file, which must be of the node's chain. */
export function keysOn(path: string, network: NodeStakers): KeyFile {
  const read = readKeyFile(path);
  if (!read.ok) throw new CommandError(read.why, EXIT.config);
  if (read.keys.chainId !== network.chainid) {
    throw new CommandError(`${path} is for another chain (${read.keys.chainId})`, EXIT.config);
  }
  return read.keys;
}

export function identitiesOn(path: string, network: NodeStakers): StakerIdentity[] {
  return identitiesOf(keysOn(path, network));
}

/** A moment as people read it. */
export function atTime(milliseconds: number): string {
  return new Date(milliseconds)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z/, " UTC");
}

/** When a slot begins. */
export function slotTime(network: NodeStakers, slot: number): number {
  return network.genesistime * 1000 + slot * network.slotms;
}
