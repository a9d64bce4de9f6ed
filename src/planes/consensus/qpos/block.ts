// A block as consensus sees it: header, signature and extras. Transactions are another plane's.
import type { Certificate } from "../finality/certificate.ts";
import type { Evidence } from "../finality/evidence.ts";
import type { Digest, Header, Id } from "./header.ts";

/** What stands between header and transactions. Bytes are certificates that wait for their set. */
export interface Extras {
  readonly reveal: Digest;
  readonly commit: Digest;
  readonly restart: Certificate | null;
  readonly links: readonly Certificate[];
  readonly evidence: readonly Evidence[];
}

export interface Block {
  readonly id: Id;
  readonly header: Header;
  readonly sig: string;
  readonly extras: Extras;
}
