// `--network` of commands that run or reach a node: a name, or the file of a network of stakers, whose
// name and ports then hold.
import { networkByName } from "../ledger/bitcoin/networks.ts";
import type { Params } from "../ledger/bitcoin/params.ts";
import type { Resolved } from "../node/config/resolve.ts";
import { NETWORK_FILE_ENDING } from "../node/config/schema.ts";
import { openNetworkFile, type StakedNetwork } from "../node/staked/genesis.ts";
import { readNetworkFile } from "../node/staked/network-file.ts";
import { type Arguments, CommandError, EXIT } from "./command.ts";
import { expandHome, usableConfig } from "./config.ts";

/** The configuration with the network's own name and default ports. */
export function configOfNetwork(args: Arguments): Resolved {
  const resolved = usableConfig(args);
  const { config } = resolved;
  if (!config.network.endsWith(NETWORK_FILE_ENDING)) return resolved;
  const read = readNetworkFile(expandHome(config.network));
  if (!read.ok) throw new CommandError(read.why, EXIT.config);
  const { name, rpcPort } = read.file;
  const ports = config.rpcPort < 0 ? { rpcPort } : {};
  return { ...resolved, config: { ...config, network: name, ...ports } };
}

/** The network of a configuration before `configOfNetwork`. */
export function networkOf(network: string): {
  readonly params: Params;
  readonly staked: StakedNetwork | null;
} {
  if (network.endsWith(NETWORK_FILE_ENDING)) {
    const opened = openNetworkFile(expandHome(network));
    if (!opened.ok) throw new CommandError(opened.why, EXIT.config);
    return { params: opened.network.params, staked: opened.network };
  }
  const params = networkByName(network);
  if (params === null) throw new CommandError(`unknown network ${network}`, EXIT.config);
  return { params, staked: null };
}
