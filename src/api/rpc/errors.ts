// Errors of JSON-RPC with Bitcoin Core's codes (rpc/protocol.h).

export const RPC = {
  misc: -1,
  type: -3,
  address: -5,
  outOfMemory: -7,
  parameter: -8,
  clientNotConnected: -9,
  initialDownload: -10,
  database: -20,
  deserialization: -22,
  nodeAlreadyAdded: -23,
  nodeNotAdded: -24,
  verify: -25,
  verifyRejected: -26,
  verifyAlreadyKnown: -27,
  inWarmup: -28,
  nodeNotConnected: -29,
  invalidSubnet: -30,
  peersDisabled: -31,
  deprecated: -32,
  noMempool: -33,
  peersLimit: -34,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  parse: -32700,
} as const;

/** An error that the caller is told, as it is. */
export class RpcError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
