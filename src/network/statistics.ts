// Counters of the peer-to-peer part: what was dropped, refused and done. Read by metrics and RPC.

export interface NetworkStatistics {
  bytesSent: number;
  bytesReceived: number;
  connectionsMade: number;
  connectionsFailed: number;
  connectionsRefused: number;
  readonly farewells: Map<string, number>;
  readonly faults: Map<string, number>;
  inventoryDropped: number;
  addressesDropped: number;
  orphansDropped: number;
  transactionsReceived: number;
  transactionsAccepted: number;
  transactionRequestsExpired: number;
  blocksReceived: number;
  /** Blocks that peers waited for, told of them, and whose verdict did not come in time. */
  verdictsLate: number;
  /** Blocks that a peer was to have and did not. */
  blocksNotFound: number;
  compactReceived: number;
  /** Rebuilt from what was here. */
  compactComplete: number;
  /** Rebuilt after asking for some. */
  compactAsked: number;
  compactFailed: number;
}

export function newStatistics(): NetworkStatistics {
  return {
    bytesSent: 0,
    bytesReceived: 0,
    connectionsMade: 0,
    connectionsFailed: 0,
    connectionsRefused: 0,
    farewells: new Map(),
    faults: new Map(),
    inventoryDropped: 0,
    addressesDropped: 0,
    orphansDropped: 0,
    transactionsReceived: 0,
    transactionsAccepted: 0,
    transactionRequestsExpired: 0,
    blocksReceived: 0,
    verdictsLate: 0,
    blocksNotFound: 0,
    compactReceived: 0,
    compactComplete: 0,
    compactAsked: 0,
    compactFailed: 0,
  };
}

export function countUp(table: Map<string, number>, name: string, by = 1): void {
  table.set(name, (table.get(name) ?? 0) + by);
}
