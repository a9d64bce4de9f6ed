// The handshake: version both ways, features before verack (BIP155, BIP339), preferences after it
// (BIP130, BIP133, BIP152).
//
//   dialler  version ->            <- version, wtxidrelay, sendaddrv2, verack
//            wtxidrelay, sendaddrv2, verack ->      then both: sendheaders, sendcmpct, ...
import { bytesEqual } from "../../base/bytes.ts";
import type { Core } from "../core.ts";
import { NETWORK_ID } from "../wire/address.ts";
import {
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
  SERVICE_NETWORK,
  SERVICE_NETWORK_LIMITED,
  SERVICE_WITNESS,
  type VersionMessage,
} from "../wire/messages.ts";
import type { Peer } from "./peer.ts";

const FEATURE_VERSION = 70016;

export interface Greeting {
  readonly services: bigint;
  readonly userAgent: string;
  /** Nonces of our own version messages that are on their way: they reveal a loop to ourselves. */
  readonly nonces: Set<string>;
  readonly blocksOnly: boolean;
}

const nonceText = (nonce: Uint8Array): string => nonce.join(".");

export function sendVersion(core: Core, greeting: Greeting, peer: Peer): void {
  const nonce = core.random.bytes(8);
  greeting.nonces.add(nonceText(nonce));
  if (greeting.nonces.size > 1_024) greeting.nonces.delete([...greeting.nonces][0]!);
  const nowhere = { network: NETWORK_ID.ipv6, bytes: new Uint8Array(16), port: 0 };
  const relay = !greeting.blocksOnly && peer.kind !== "block-only" && peer.kind !== "feeler";
  peer.send({
    type: "version",
    protocol: PROTOCOL_VERSION,
    services: greeting.services,
    time: Math.floor(core.clock.now() / 1000),
    receiverServices: 0n,
    receiver: peer.address ?? nowhere,
    nonce,
    userAgent: greeting.userAgent,
    startHeight: core.chain.tip().height,
    relay,
  });
}

/** True when a peer that we dialled has what we dialled it for. */
function isUseful(core: Core, peer: Peer, version: VersionMessage): boolean {
  if (peer.kind !== "full" && peer.kind !== "block-only") return true;
  const { services } = version;
  if ((services & SERVICE_WITNESS) === 0n) return false;
  if ((services & SERVICE_NETWORK) !== 0n) return true;
  return (services & SERVICE_NETWORK_LIMITED) !== 0n && !core.chain.initialDownload();
}

/** Takes the peer's version; the connection may be closed by it. */
export function onVersion(
  core: Core,
  greeting: Greeting,
  peer: Peer,
  message: VersionMessage,
): void {
  if (peer.version !== null) {
    core.fault(peer, 1, "bad-order", "version twice");
    return;
  }
  if (peer.inbound && greeting.nonces.has(nonceText(message.nonce))) {
    core.disconnect(peer, "self");
    return;
  }
  const obsolete = message.protocol < PROTOCOL_VERSION_MIN;
  if (obsolete || !isUseful(core, peer, message)) {
    core.disconnect(peer, obsolete ? "obsolete" : "useless");
    return;
  }
  peer.version = message;
  if (peer.inbound) sendVersion(core, greeting, peer);
  if (message.protocol >= FEATURE_VERSION) {
    peer.send({ type: "wtxidrelay" });
    peer.send({ type: "sendaddrv2" });
  }
  peer.send({ type: "verack" });
}

/** Takes the peer's verack; true when the peer is ready now. */
export function onVerack(core: Core, peer: Peer): boolean {
  if (peer.version === null || peer.gotVerack) return false;
  peer.gotVerack = true;
  peer.state = "ready";
  if (peer.version.protocol >= 70014 && peer.kind !== "feeler" && peer.kind !== "seed") {
    peer.send({ type: "sendcmpct", highBandwidth: false, version: 2 });
  }
  if (peer.version.protocol >= 70012) peer.send({ type: "sendheaders" });
  core.log("debug", "peer is ready", {
    peer: peer.id,
    kind: peer.kind,
    agent: peer.version.userAgent,
    height: peer.version.startHeight,
  });
  return true;
}

/** A feature that must be told before verack. */
export function onFeature(core: Core, peer: Peer, type: "wtxidrelay" | "sendaddrv2"): void {
  if (peer.gotVerack) core.disconnect(peer, "protocol");
  else if (type === "wtxidrelay") peer.wtxidRelay = true;
  else peer.addressV2 = true;
}

const PING_BYTES = 8;

/** Sends a ping when one is due, and says whether the peer has been silent for too long. */
export function keepAlive(core: Core, peer: Peer, everyMs: number, mostMs: number): boolean {
  const now = core.clock.elapsed();
  if (peer.pingNonce !== null) return now - peer.pingAt <= mostMs;
  if (peer.pingAt === 0 || now - peer.pingAt >= everyMs) sendPing(core, peer);
  return true;
}

export function sendPing(core: Core, peer: Peer): void {
  peer.pingNonce = core.random.bytes(PING_BYTES);
  peer.pingAt = core.clock.elapsed();
  peer.send({ type: "ping", nonce: peer.pingNonce });
}

export function onPong(core: Core, peer: Peer, nonce: Uint8Array): void {
  if (peer.pingNonce === null || !bytesEqual(nonce, peer.pingNonce)) return;
  const ms = core.clock.elapsed() - peer.pingAt;
  peer.pingMs = ms;
  peer.pingMsMin = Math.min(ms, peer.pingMsMin ?? ms);
  peer.pingNonce = null;
}
