// What the peer-to-peer code must know of a network; a chain's parameters satisfy it as they are.
import type { Bytes } from "../base/bytes.ts";
import type { WorkParams } from "../ledger/bitcoin/params.ts";

export interface NetworkIdentity {
  readonly name: string;
  readonly magic: Bytes;
  readonly port: number;
  readonly seeds: readonly string[];
  readonly genesisHash: Bytes;
  readonly work: WorkParams;
}
