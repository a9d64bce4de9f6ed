// Host and Origin: what keeps a web page from talking to the node. An absent Host passes (browsers
// always send one), a present one must be known (DNS rebinding); an Origin must be on the list.
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

export interface GateOptions {
  /** Host names beside IP addresses and `localhost`. */
  readonly hosts: readonly string[];
  readonly origins: readonly string[];
}

/** The name in a Host header, without its port. */
function hostName(header: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(header);
  if (bracketed !== null) return bracketed[1]!;
  return header.replace(/:\d+$/, "").toLowerCase();
}

/** Null when the request may pass, otherwise what is wrong with it. */
export function gate(request: IncomingMessage, options: GateOptions): string | null {
  const { host, origin } = request.headers;
  if (host !== undefined && host !== "") {
    const name = hostName(host);
    // An address cannot be rebound; a name can.
    const known = isIP(name) !== 0 || name === "localhost" || options.hosts.includes(name);
    if (!known) return `host ${name} is not allowed`;
  }
  if (origin !== undefined && !options.origins.includes(origin)) {
    return `origin ${origin} is not allowed`;
  }
  return null;
}
