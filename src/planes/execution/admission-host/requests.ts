// What a node asks of a partition host about admission, beside the messages that stream between
// them (wire.ts). `Port` stands for the thread's own kind of port, which this layer does not know.
import type { AdmissionLimits } from "../../../state/admission/limits.ts";
import type { ChainStepRequest, StepFacts } from "./admission-host.ts";
import type { PackedRange } from "./segment-ranges.ts";

export type AdmissionRequest<Port> =
  | {
      readonly kind: "admission-open";
      readonly folder: string;
      readonly self: number;
      readonly hostOf: readonly number[];
      readonly limits: AdmissionLimits;
      readonly rewriteBytesMin: number;
      readonly segmentBits: number | null;
      readonly sequence: number;
      readonly facts: StepFacts;
      readonly node: Port;
      /** Ports to the other hosts; null at this host's own place. */
      readonly peers: readonly (Port | null)[];
    }
  | { readonly kind: "admission-start" }
  | { readonly kind: "admission-step"; readonly step: ChainStepRequest }
  /** Requests to the partitions up to this one cancel out. */
  | { readonly kind: "admission-settle"; readonly operations: number }
  /** Answered in the stream, when everything before it is durable and was sent. */
  | { readonly kind: "admission-mark"; readonly mark: number }
  | { readonly kind: "admission-close" }
  /** The logs of its partitions, where blocks are built of segments. */
  | { readonly kind: "segments" }
  /** Confirmed coins as of the last record: by key. */
  | { readonly kind: "recorded-coins"; readonly keys: readonly string[] }
  /** Confirmed coins with one of these scripts (hex). */
  | { readonly kind: "find-coins"; readonly scripts: ReadonlySet<string> };

export interface FoundStoredCoin {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export type AdmissionReply =
  | {
      readonly kind: "admission";
      readonly sequences: readonly { readonly partition: number; readonly sequence: number }[];
      /** What a crash had torn off the journal, bytes. */
      readonly cut: number;
    }
  | { readonly kind: "segments"; readonly ranges: readonly PackedRange[] }
  | { readonly kind: "coins"; readonly coins: readonly (Uint8Array | null)[] }
  | {
      readonly kind: "found";
      readonly coins: readonly FoundStoredCoin[];
      readonly visited: number;
    };
