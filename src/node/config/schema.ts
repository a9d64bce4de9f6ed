// Every option of the node, once: its place in the file, its flag, its type, its default and what it
// is for. Parsing, checks, `--help`, the JSON Schema and `config print` all come from this table.
import { NETWORK_NAMES } from "../../ledger/bitcoin/networks.ts";

interface Common {
  readonly section: string;
  readonly key: string;
  /** Without its dashes. */
  readonly flag: string;
  readonly about: string;
}

export interface TextOption extends Common {
  readonly type: "text" | "file";
  readonly default: string;
}
export interface ChoiceOption extends Common {
  readonly type: "choice";
  readonly choices: readonly string[];
  /** A path that ends so is taken as well. */
  readonly fileEnding?: string;
  readonly default: string;
}
export interface IntegerOption extends Common {
  readonly type: "integer";
  readonly least: number;
  readonly most: number;
  readonly default: number;
}
export interface UnitOption extends Common {
  readonly type: "bytes" | "duration";
  /** As it would be written. */
  readonly default: string;
}
export interface BooleanOption extends Common {
  readonly type: "boolean";
  readonly default: boolean;
}
export interface ListOption extends Common {
  readonly type: "list";
  readonly default: readonly string[];
}

export type ConfigOption =
  | TextOption
  | ChoiceOption
  | IntegerOption
  | UnitOption
  | BooleanOption
  | ListOption;

/** What the files of networks of stakers end with. */
export const NETWORK_FILE_ENDING = ".json";

const PORT = { type: "integer", least: -1, most: 65_535, default: -1 } as const;

/** The values of all options, sizes in bytes and times in milliseconds. */
export interface Config {
  readonly network: string;
  readonly dataDir: string;
  readonly memory: number;
  readonly partitions: number;
  readonly haltHeight: number;
  readonly mempoolBytes: number;
  readonly mempoolPersist: boolean;
  readonly p2pListen: boolean;
  readonly p2pBind: string;
  readonly p2pPort: number;
  readonly connect: readonly string[];
  readonly addNode: readonly string[];
  readonly maxInbound: number;
  readonly dnsSeeds: boolean;
  readonly blocksOnly: boolean;
  readonly externalAddress: readonly string[];
  readonly rpcBind: string;
  readonly rpcPort: number;
  readonly rpcAuthFile: string;
  readonly rpcWhitelist: readonly string[];
  readonly rpcHosts: readonly string[];
  readonly rpcOrigins: readonly string[];
  readonly exposePlainly: boolean;
  readonly rest: boolean;
  readonly feedPort: number;
  readonly opsBind: string;
  readonly opsPort: number;
  readonly logLevel: string;
  readonly logFile: string;
}

export type OptionName = keyof Config;

const OPTIONS: Readonly<Record<OptionName, ConfigOption>> = {
  network: {
    section: "node",
    key: "network",
    flag: "network",
    type: "choice",
    choices: NETWORK_NAMES,
    fileEnding: NETWORK_FILE_ENDING,
    default: "main",
    about: "which network to join: a name, or FILE.json of pando chain new",
  },
  dataDir: {
    section: "node",
    key: "data_dir",
    flag: "data-dir",
    type: "text",
    default: "~/.pando",
    about: "where everything is kept; each network has a folder of its own in it",
  },
  memory: {
    section: "node",
    key: "memory",
    flag: "memory",
    type: "bytes",
    default: "1GiB",
    about: "memory for coins, mempool and caches together",
  },
  partitions: {
    section: "node",
    key: "partitions",
    flag: "partitions",
    type: "integer",
    least: 1,
    most: 64,
    default: 1,
    about: "processes over which the coin set is spread",
  },
  haltHeight: {
    section: "node",
    key: "halt_height",
    flag: "halt-height",
    type: "integer",
    least: -1,
    most: 0x7fffffff,
    default: -1,
    about: "stop when the chain has this height; -1: never",
  },
  mempoolBytes: {
    section: "mempool",
    key: "memory",
    flag: "mempool-memory",
    type: "bytes",
    default: "300MB",
    about: "unconfirmed transactions above this leave, the cheapest first",
  },
  mempoolPersist: {
    section: "mempool",
    key: "persist",
    flag: "mempool-persist",
    type: "boolean",
    default: true,
    about: "keep the mempool over a restart",
  },
  p2pListen: {
    section: "p2p",
    key: "listen",
    flag: "p2p-listen",
    type: "boolean",
    default: true,
    about: "accept connections from peers",
  },
  p2pBind: {
    section: "p2p",
    key: "bind",
    flag: "p2p-bind",
    type: "text",
    default: "0.0.0.0",
    about: "address to listen at for peers (regtest: 127.0.0.1 unless it is set)",
  },
  p2pPort: {
    ...PORT,
    section: "p2p",
    key: "port",
    flag: "p2p-port",
    about: "port for peers; -1: the network's own; 0: any free one",
  },
  connect: {
    section: "p2p",
    key: "connect",
    flag: "connect",
    type: "list",
    default: [],
    about: "dial only these peers (host:port, repeatable)",
  },
  addNode: {
    section: "p2p",
    key: "addnode",
    flag: "addnode",
    type: "list",
    default: [],
    about: "dial these peers as well, and keep dialling them",
  },
  maxInbound: {
    section: "p2p",
    key: "max_inbound",
    flag: "max-inbound",
    type: "integer",
    least: 0,
    most: 10_000,
    default: 114,
    about: "connections that others may open",
  },
  dnsSeeds: {
    section: "p2p",
    key: "dns_seeds",
    flag: "dns-seeds",
    type: "boolean",
    default: true,
    about: "ask the network's DNS seeds when no peer is known",
  },
  blocksOnly: {
    section: "p2p",
    key: "blocks_only",
    flag: "blocks-only",
    type: "boolean",
    default: false,
    about: "take no transactions from peers",
  },
  externalAddress: {
    section: "p2p",
    key: "external",
    flag: "external-address",
    type: "list",
    default: [],
    about: "addresses at which others reach this node",
  },
  rpcBind: {
    section: "rpc",
    key: "bind",
    flag: "rpc-bind",
    type: "text",
    default: "127.0.0.1",
    about: "address of the JSON-RPC listener",
  },
  rpcPort: {
    ...PORT,
    section: "rpc",
    key: "port",
    flag: "rpc-port",
    about: "port of JSON-RPC; -1: the network's own; 0: any free one",
  },
  rpcAuthFile: {
    section: "rpc",
    key: "auth_file",
    flag: "rpc-auth-file",
    type: "file",
    default: "",
    about: "file of users, one `user:salt$hash` a line, mode 0600",
  },
  rpcWhitelist: {
    section: "rpc",
    key: "whitelist",
    flag: "rpc-whitelist",
    type: "list",
    default: [],
    about: "methods of a user: `user:method,method` (repeatable)",
  },
  rpcHosts: {
    section: "rpc",
    key: "hosts",
    flag: "rpc-host",
    type: "list",
    default: [],
    about: "host names that requests may carry, beside addresses and localhost",
  },
  rpcOrigins: {
    section: "rpc",
    key: "origins",
    flag: "rpc-origin",
    type: "list",
    default: [],
    about: "web origins that may talk to the node",
  },
  exposePlainly: {
    section: "rpc",
    key: "expose_without_tls",
    flag: "expose-without-tls",
    type: "boolean",
    default: false,
    about: "let servers listen beyond this machine although nothing encrypts them",
  },
  rest: {
    section: "rest",
    key: "enabled",
    flag: "rest",
    type: "boolean",
    default: false,
    about: "answer /rest/ without a password",
  },
  feedPort: {
    ...PORT,
    section: "feed",
    key: "port",
    flag: "feed-port",
    about: "port of the WebSocket feed on the RPC address; -1: RPC port + 1000; 0: any free one",
  },
  opsBind: {
    section: "ops",
    key: "bind",
    flag: "ops-bind",
    type: "text",
    default: "127.0.0.1",
    about: "address of /livez, /readyz, /metrics",
  },
  opsPort: {
    ...PORT,
    section: "ops",
    key: "port",
    flag: "ops-port",
    about: "their port; -1: RPC port + 2000; 0: any free one",
  },
  logLevel: {
    section: "log",
    key: "level",
    flag: "log-level",
    type: "choice",
    choices: ["error", "warn", "info", "debug"],
    default: "info",
    about: "least level that is written",
  },
  logFile: {
    section: "log",
    key: "file",
    flag: "log-file",
    type: "text",
    default: "",
    about: "write the log to this file as well",
  },
};

export const OPTION_NAMES: readonly OptionName[] = Object.keys(OPTIONS) as OptionName[];

export function optionOf(name: OptionName): ConfigOption {
  return OPTIONS[name];
}

/** `PANDO__P2P__PORT`. */
export function environmentName({ section, key }: ConfigOption): string {
  return `PANDO__${section.toUpperCase()}__${key.toUpperCase()}`;
}
