// What a peer says of itself, for people: its node's name and the names of its services.

/** The name in a user agent such as "/Pando:1.0.0(n3)/"; null without one. */
export function nodeNameOf(userAgent: string): string | null {
  return /\(([^()]+)\)\/$/.exec(userAgent)?.[1] ?? null;
}

/** The services as getpeerinfo names them. */
export function serviceNames(services: bigint): string[] {
  const names: [bigint, string][] = [
    [1n, "NETWORK"],
    [4n, "BLOOM"],
    [8n, "WITNESS"],
    [64n, "COMPACT_FILTERS"],
    [1024n, "NETWORK_LIMITED"],
    [2048n, "P2P_V2"],
  ];
  return names.filter(([bit]) => (services & bit) !== 0n).map(([, name]) => name);
}
