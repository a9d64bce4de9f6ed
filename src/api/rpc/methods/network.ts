// The methods about peers.
import { toHex } from "../../../base/bytes.ts";
import {
  addressOf,
  groupOf,
  hostText,
  networkName,
} from "../../../network/addresses/address-text.ts";
import { parseSubnet } from "../../../network/connect/bans.ts";
import { BAN_SECONDS } from "../../../network/limits.ts";
import type { Network } from "../../../network/network.ts";
import { serviceNames } from "../../../network/peer/names.ts";
import type { Peer } from "../../../network/peer/peer.ts";
import { PROTOCOL_VERSION } from "../../../network/wire/messages.ts";
import { Amount, type Json, type JsonObject } from "../../json/value.ts";
import { RPC, RpcError } from "../errors.ts";
import type { Call, Method } from "../method.ts";

/** The version that callers compare with Bitcoin Core's: whose shapes these are. */
export const COMPATIBLE_VERSION = 300_000;

function networkOf(call: Call): Network {
  const { network } = call.context;
  if (network !== null) return network;
  const text = "Error: Peer-to-peer functionality missing or disabled";
  throw new RpcError(RPC.peersDisabled, text);
}

function syncState(call: Call): JsonObject {
  const { chain } = call.context;
  const network = networkOf(call);
  const { reason, peer, height, ms, text } = network.waiting;
  const { inFlight, waiting, waitingBytes } = network.downloadState;
  return {
    blocks: chain.tip().height,
    headers: chain.bestHeader().height,
    initialblockdownload: chain.initialDownload(),
    reason,
    peer: peer?.id ?? null,
    addr: peer?.name ?? null,
    height,
    seconds: ms === null ? null : Math.round(ms) / 1000,
    waiting_for: text,
    inflight: inFlight,
    early_blocks: waiting,
    early_bytes: waitingBytes,
    unproven_branches: network.presyncs.count,
    unproven_bytes: network.presyncs.bytes,
  };
}

const servicesText = (services: bigint): string => services.toString(16).padStart(16, "0");

function connectionType(peer: Peer): string {
  switch (peer.kind) {
    case "inbound":
      return "inbound";
    case "full":
      return "outbound-full-relay";
    case "block-only":
      return "block-relay-only";
    case "manual":
      return "manual";
    case "feeler":
      return "feeler";
    case "seed":
      return "addr-fetch";
  }
}

/** The share of our chain that the peer is known to have. */
function syncedBlocks(call: Call, peer: Peer): number {
  const { chain } = call.context;
  const { bestKnown } = peer;
  if (bestKnown === null) return -1;
  let at = Math.min(bestKnown.height, chain.tip().height);
  while (at > 0) {
    const ours = chain.headerAt(at);
    const theirs = chain.ancestor(bestKnown, at);
    if (ours !== null && theirs !== null && toHex(ours.hash) === toHex(theirs.hash)) break;
    at--;
  }
  return at;
}

function peerJson(call: Call, peer: Peer): JsonObject {
  const { chain, clock } = call.context;
  const seconds = (elapsed: number): number =>
    elapsed === 0 ? 0 : Math.floor((clock.now() - (clock.elapsed() - elapsed)) / 1000);
  const services = peer.version?.services ?? 0n;
  const inflight = [...peer.blocksInFlight.keys()].map((key) => {
    const bytes = Uint8Array.from(Buffer.from(key, "hex"));
    return chain.header(bytes)?.height ?? -1;
  });
  const waiting = peer.pingNonce === null ? undefined : (clock.elapsed() - peer.pingAt) / 1000;
  return {
    id: peer.id,
    addr: peer.kind === "manual" ? peer.name : `${peer.host}:${peer.port}`,
    addrbind: peer.local,
    network: networkName(peer.address),
    services: servicesText(services),
    servicesnames: serviceNames(services),
    relaytxes: peer.version?.relay ?? false,
    lastsend: seconds(peer.lastSentAt),
    lastrecv: seconds(peer.lastReceivedAt),
    last_transaction: seconds(peer.lastTransactionAt),
    last_block: seconds(peer.lastBlockAt),
    bytessent: peer.bytesSent,
    bytesrecv: peer.bytesReceived,
    conntime: Math.floor(peer.connectedAtWall / 1000),
    timeoffset:
      peer.version === null ? 0 : peer.version.time - Math.floor(peer.connectedAtWall / 1000),
    pingtime: peer.pingMs === null ? undefined : peer.pingMs / 1000,
    minping: peer.pingMsMin === null ? undefined : peer.pingMsMin / 1000,
    pingwait: waiting,
    version: peer.version?.protocol ?? 0,
    subver: peer.version?.userAgent ?? "",
    inbound: peer.inbound,
    bip152_hb_to: peer.highBandwidthTo,
    bip152_hb_from: peer.highBandwidthFrom,
    startingheight: peer.version?.startHeight ?? -1,
    presynced_headers: -1,
    synced_headers: peer.bestKnown?.height ?? -1,
    synced_blocks: syncedBlocks(call, peer),
    inflight,
    addr_relay_enabled: peer.kind !== "block-only" && peer.kind !== "feeler",
    addr_processed: peer.addressesProcessed,
    addr_rate_limited: peer.addressesLimited,
    permissions: [],
    minfeefilter: new Amount(peer.feeFilter),
    bytessent_per_msg: Object.fromEntries([...peer.sentPerMessage].sort()),
    bytesrecv_per_msg: Object.fromEntries([...peer.receivedPerMessage].sort()),
    connection_type: connectionType(peer),
    transport_protocol_type: "v1",
    session_id: "",
  };
}

function networkInfo(call: Call): Json {
  const { network, mempool, control } = call.context;
  const services = network?.services ?? 0n;
  const peers = [...(network?.peers.values() ?? [])];
  const { relayFee, incrementalFee } = mempool.info();
  const reachable = (name: string): Json => ({
    name,
    limited: false,
    reachable: true,
    proxy: "",
    proxy_randomize_credentials: false,
  });
  const unreachable = (name: string): Json => ({
    name,
    limited: true,
    reachable: false,
    proxy: "",
    proxy_randomize_credentials: false,
  });
  return {
    version: COMPATIBLE_VERSION,
    subversion: network?.userAgent ?? "",
    protocolversion: PROTOCOL_VERSION,
    localservices: servicesText(services),
    localservicesnames: serviceNames(services),
    localrelay: true,
    timeoffset: network?.clockOffsets.median ?? 0,
    networkactive: network?.active ?? false,
    connections: peers.length,
    connections_in: peers.filter((peer) => peer.inbound).length,
    connections_out: peers.filter((peer) => !peer.inbound).length,
    networks: [
      reachable("ipv4"),
      reachable("ipv6"),
      unreachable("onion"),
      unreachable("i2p"),
      unreachable("cjdns"),
    ],
    relayfee: new Amount(relayFee),
    incrementalfee: new Amount(incrementalFee),
    localaddresses: (network?.external ?? []).map((text): Json => {
      const address = text.replace(/:\d+$/, "");
      const port = Number(/:(\d+)$/.exec(text)?.[1] ?? call.context.params.port);
      return { address, port, score: 1 };
    }),
    warnings: [...control.warnings()],
  };
}

function netTotals(call: Call): Json {
  const network = networkOf(call);
  let received = network.statistics.bytesReceived;
  for (const peer of network.peers.values()) received += peer.bytesReceived;
  return {
    totalbytesrecv: received,
    totalbytessent: network.statistics.bytesSent,
    timemillis: call.context.clock.now(),
    uploadtarget: {
      timeframe: 86_400,
      target: 0,
      target_reached: false,
      serve_historical_blocks: true,
      bytes_left_in_cycle: 0,
      time_left_in_cycle: 0,
    },
  };
}

function addNode(call: Call): Json {
  const network = networkOf(call);
  const node = call.text(0);
  switch (call.text(1)) {
    case "onetry":
      network.dialOnce(node);
      return null;
    case "add":
      if (network.addNode(node)) return null;
      throw new RpcError(RPC.nodeAlreadyAdded, "Error: Node already added");
    case "remove":
      if (network.removeNode(node)) return null;
      throw new RpcError(
        RPC.nodeNotAdded,
        "Error: Node could not be removed. It has not been added previously.",
      );
    default:
      throw new RpcError(RPC.misc, "addnode takes add, remove or onetry");
  }
}

function disconnectNode(call: Call): Json {
  const network = networkOf(call);
  const byAddress = call.has(0) && call.text(0) !== "";
  const byId = call.has(1);
  if (byAddress === byId) {
    const text = "Only one of address and nodeid should be provided.";
    throw new RpcError(RPC.invalidParams, text);
  }
  const found = network.disconnect(byId ? call.integer(1) : call.text(0));
  if (!found) throw new RpcError(RPC.nodeNotConnected, "Node not found in connected nodes");
  return null;
}

function setBan(call: Call): Json {
  const network = networkOf(call);
  const subnet = call.text(0);
  const command = call.text(1);
  if (command !== "add" && command !== "remove") {
    throw new RpcError(RPC.misc, "setban takes add or remove");
  }
  if (parseSubnet(subnet) === null) {
    throw new RpcError(RPC.invalidSubnet, "Error: Invalid IP/Subnet");
  }
  if (command === "remove") {
    if (network.bans.remove(subnet)) {
      network.save();
      return null;
    }
    const text =
      "Error: Unban failed. Requested address/subnet was not previously manually banned.";
    throw new RpcError(RPC.invalidSubnet, text);
  }
  const now = Math.floor(call.context.clock.now() / 1000);
  const given = call.integer(2, 0);
  const absolute = call.boolean(3, false);
  if (absolute && given < now) {
    throw new RpcError(RPC.parameter, "Error: Absolute timestamp is in the past");
  }
  const until = absolute ? given : now + (given > 0 ? given : BAN_SECONDS);
  if (network.ban(subnet, until)) return null;
  throw new RpcError(RPC.nodeAlreadyAdded, "Error: IP/Subnet already banned");
}

function listBanned(call: Call): Json {
  const now = Math.floor(call.context.clock.now() / 1000);
  return networkOf(call)
    .bans.list(now)
    .map(
      ({ subnet, created, until }): Json => ({
        address: subnet,
        ban_created: created,
        banned_until: until,
        ban_duration: until - created,
        time_remaining: until - now,
      }),
    );
}

function addedNodeInfo(call: Call): Json {
  const network = networkOf(call);
  const names = network.addedNodes();
  const only = call.has(0) ? call.text(0) : null;
  if (only !== null && !names.includes(only)) {
    throw new RpcError(RPC.nodeNotAdded, "Error: Node has not been added.");
  }
  return names
    .filter((name) => only === null || name === only)
    .map((name): Json => {
      const peer = [...network.peers.values()].find((one) => one.name === name);
      const connected = peer === undefined ? [] : [{ address: name, connected: "outbound" }];
      return { addednode: name, connected: peer !== undefined, addresses: connected };
    });
}

function nodeAddresses(call: Call): Json {
  const { book } = networkOf(call);
  const count = call.integer(0, 1);
  if (count < 0) throw new RpcError(RPC.parameter, "Address count out of range");
  const now = Math.floor(call.context.clock.now() / 1000);
  const most = count === 0 ? 100_000 : count;
  return book.sample(now, most, 1).map(
    ({ address, time, services }): Json => ({
      time,
      services: Number(services & 0xffffffffffffn),
      address: hostText(address),
      port: address.port,
      network: networkName(address),
    }),
  );
}

/** The address book for the operator: everything that is known of each entry. */
function exportBook(call: Call): Json {
  return [...networkOf(call).book.entries()].map(
    (entry): Json => ({
      address: hostText(entry.address),
      port: entry.address.port,
      network: networkName(entry.address),
      group: groupOf(entry.address),
      services: servicesText(entry.services),
      time: entry.time,
      tried: entry.tried,
      attempts: entry.attempts,
      last_try: entry.lastTry,
      last_success: entry.lastSuccess,
    }),
  );
}

function importAddress(call: Call): Json {
  const address = addressOf(call.text(0), call.integer(1));
  if (address === null) return { success: false, error: "invalid-address" };
  const now = Math.floor(call.context.clock.now() / 1000);
  const { book } = networkOf(call);
  const added = book.add({ address, time: now, services: 9n }, groupOf(address), now);
  if (added && call.boolean(2, false)) book.good(address, 9n, now);
  return added ? { success: true } : { success: false, error: "failed-adding-to-new" };
}

const subnetParam = {
  name: "subnet",
  type: "string",
  required: true,
  about: "1.2.3.4 or 1.2.3.0/24",
} as const;

export const networkMethods: readonly Method[] = [
  {
    name: "getnetworkinfo",
    group: "Network",
    about: "Returns the state of the peer-to-peer part.",
    params: [],
    result: "An object.",
    run: networkInfo,
  },
  {
    name: "getpeerinfo",
    group: "Network",
    about: "Returns one object for each connection.",
    params: [],
    result: "A list of objects.",
    run: (call) => [...networkOf(call).peers.values()].map((peer) => peerJson(call, peer)),
  },
  {
    name: "getconnectioncount",
    group: "Network",
    about: "Returns the number of connections.",
    params: [],
    result: "A number.",
    run: (call) => networkOf(call).peers.size,
  },
  {
    name: "getnettotals",
    group: "Network",
    about: "Returns bytes received and sent.",
    params: [],
    result: "An object.",
    run: netTotals,
  },
  {
    name: "addnode",
    group: "Network",
    about: "Adds or removes a peer to stay connected with, or tries one once.",
    params: [
      { name: "node", type: "string", required: true, about: "host:port" },
      { name: "command", type: "string", required: true, about: "add, remove or onetry" },
      { name: "v2transport", type: "boolean", about: "Not used" },
    ],
    result: "null",
    run: addNode,
  },
  {
    name: "disconnectnode",
    group: "Network",
    about: "Closes a connection, by address or by id.",
    params: [
      { name: "address", type: "string", about: "host:port" },
      { name: "nodeid", type: "integer", about: "The id in getpeerinfo" },
    ],
    result: "null",
    run: disconnectNode,
  },
  {
    name: "getaddednodeinfo",
    group: "Network",
    about: "Returns the peers that were added by hand.",
    params: [{ name: "node", type: "string", about: "Only this one" }],
    result: "A list of objects.",
    run: addedNodeInfo,
  },
  {
    name: "setban",
    group: "Network",
    about: "Bans an address or a subnet, or lifts the ban.",
    params: [
      subnetParam,
      { name: "command", type: "string", required: true, about: "add or remove" },
      { name: "bantime", type: "integer", about: "Seconds; default a day" },
      { name: "absolute", type: "boolean", about: "bantime is a time, not a span" },
    ],
    result: "null",
    run: setBan,
  },
  {
    name: "listbanned",
    group: "Network",
    about: "Returns all bans.",
    params: [],
    result: "A list of objects.",
    run: listBanned,
  },
  {
    name: "clearbanned",
    group: "Network",
    about: "Lifts all bans.",
    params: [],
    result: "null",
    run: (call) => {
      const network = networkOf(call);
      network.bans.clear();
      network.save();
      return null;
    },
  },
  {
    name: "ping",
    group: "Network",
    about: "Sends a ping to every peer; getpeerinfo then shows the times.",
    params: [],
    result: "null",
    run: (call) => {
      networkOf(call).pingAll();
      return null;
    },
  },
  {
    name: "setnetworkactive",
    group: "Network",
    about: "Switches all peer-to-peer connections off or on.",
    params: [{ name: "state", type: "boolean", required: true, about: "on or off" }],
    result: "The new state.",
    run: (call) => {
      const network = networkOf(call);
      network.setActive(call.boolean(0, true));
      return network.active;
    },
  },
  {
    name: "getnodeaddresses",
    group: "Network",
    about: "Returns addresses of peers that we know of.",
    params: [{ name: "count", type: "integer", about: "How many; 0 for all; default 1" }],
    result: "A list of objects.",
    run: nodeAddresses,
  },
  {
    name: "getsyncstate",
    group: "Pando",
    about: "Returns how far the download is and what it waits for: why, on whom, since when.",
    params: [],
    result: "An object.",
    run: syncState,
  },
  {
    name: "exportaddressbook",
    group: "Pando",
    about: "Returns the whole address book.",
    params: [],
    result: "A list of objects.",
    run: exportBook,
  },
  {
    name: "addpeeraddress",
    group: "Network",
    about: "Puts an address into the book.",
    params: [
      { name: "address", type: "string", required: true, about: "An IP address" },
      { name: "port", type: "integer", required: true, about: "Its port" },
      { name: "tried", type: "boolean", about: "As one that has answered" },
    ],
    result: "success, or an error.",
    hidden: true,
    run: importAddress,
  },
  {
    name: "getblockfrompeer",
    group: "Blockchain",
    about: "Asks one peer for a block whose header is known.",
    params: [
      { name: "blockhash", type: "string", required: true, about: "The block" },
      { name: "peer_id", type: "integer", required: true, about: "The id in getpeerinfo" },
    ],
    result: "An empty object.",
    run: (call) => {
      const hash = toHex(call.hash(0, "blockhash"));
      const refusal = networkOf(call).fetchBlock(hash, call.integer(1));
      if (refusal !== null) throw new RpcError(RPC.misc, refusal);
      return {};
    },
  },
];
