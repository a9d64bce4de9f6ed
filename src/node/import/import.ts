// Importing files: every record goes to the chain in file order, and comes back with its verdict in
// the same order. What is in flight is bounded; what is known of the rate is for the progress bar.
import { type Bytes, toDisplayHex, toHex } from "../../base/bytes.ts";
import { HEADER_BYTES, readHeader } from "../../ledger/bitcoin/block.ts";
import type { Params } from "../../ledger/bitcoin/params.ts";
import type { Chain, Submitted } from "../chain/chain.ts";
import { type BlockFile, type FileRecord, readBlocks } from "./reader.ts";

/** One line of `--verdicts`. */
export interface VerdictLine {
  readonly hash: string | null;
  readonly height: number | null;
  readonly verdict: Submitted["verdict"];
  readonly reason: string | null;
  readonly tip: { readonly hash: string; readonly height: number };
}

export interface ImportCounts {
  readonly connected: number;
  readonly side: number;
  readonly orphan: number;
  readonly duplicate: number;
  readonly rejected: number;
}

export interface ImportOptions {
  readonly chain: Chain;
  readonly files: readonly BlockFile[];
  /** Bytes of the files, as they are read. */
  readonly onRead: (bytes: number) => void;
  /** Bytes of the blocks handed in so far, and of those that have their verdict. */
  readonly onProgress: (submitted: number, answered: number) => void;
  /** Bytes before `offset` of a file belong to no record. */
  readonly onSkipped: (path: string, bytes: number, offset: number) => void;
  readonly onVerdict: (line: VerdictLine) => void;
  /** Set when a person wants to stop: what is in flight is finished. */
  readonly stopped: () => boolean;
}

/** Records submitted and not answered; the chain works on less at once, more only takes memory. */
const IN_FLIGHT_COUNT_MAX = 1024;
const IN_FLIGHT_BYTES_MAX: number = 16 * 1024 * 1024;

function verdictLine(result: Submitted): VerdictLine {
  return {
    hash: result.hash === null ? null : toDisplayHex(result.hash),
    height: result.height,
    verdict: result.verdict,
    reason: result.reason,
    tip: { hash: toDisplayHex(result.tip.hash), height: result.tip.height },
  };
}

/** What is in flight, in file order. */
class Window {
  readonly #chain: Chain;
  readonly #emit: (line: VerdictLine) => void;
  readonly #onAnswer: () => void;
  /** Bytes handed in, and those that were answered. */
  submitted = 0;
  answered = 0;
  #waiting: { bytes: number; line: Promise<VerdictLine> }[] = [];
  #bytes = 0;

  constructor(chain: Chain, emit: (line: VerdictLine) => void, onAnswer: () => void) {
    this.#chain = chain;
    this.#emit = emit;
    this.#onAnswer = onAnswer;
  }

  async push(record: FileRecord): Promise<void> {
    const bytes = record.ok ? record.bytes.length : 0;
    // A record that does not decode changes nothing, but its tip is the one behind all before it.
    const answer = record.ok
      ? this.#chain.submit(record.bytes, record.reload)
      : this.#chain.fault(record.reason);
    const line = answer.then(verdictLine);
    line.then(
      () => {
        this.answered += bytes;
        this.#onAnswer();
      },
      () => {},
    );
    this.#waiting.push({ bytes, line });
    this.#bytes += bytes;
    this.submitted += bytes;
    while (this.#waiting.length > IN_FLIGHT_COUNT_MAX || this.#bytes > IN_FLIGHT_BYTES_MAX) {
      await this.#shift();
    }
  }

  async #shift(): Promise<void> {
    const { bytes, line } = this.#waiting.shift()!;
    this.#bytes -= bytes;
    this.#emit(await line);
  }

  async finish(): Promise<void> {
    while (this.#waiting.length > 0) await this.#shift();
  }
}

export async function importFiles(options: ImportOptions): Promise<ImportCounts> {
  const { chain } = options;
  const counts = { connected: 0, side: 0, orphan: 0, duplicate: 0, rejected: 0 };
  const emit = (line: VerdictLine): void => {
    counts[line.verdict] += 1;
    options.onVerdict(line);
  };
  const window: Window = new Window(chain, emit, () => {
    options.onProgress(window.submitted, window.answered);
  });
  try {
    await readFiles(options, window);
  } finally {
    // Also when a file cannot be read on: what came before gets its verdicts.
    await window.finish();
    await chain.idle();
  }
  return counts;
}

async function readFiles(options: ImportOptions, window: Window): Promise<void> {
  for (const file of options.files) {
    const listener = {
      read: options.onRead,
      skipped: (bytes: number, offset: number) => options.onSkipped(file.path, bytes, offset),
    };
    for await (const record of readBlocks(file, options.chain.params, listener)) {
      await window.push(record);
      if (options.stopped()) return;
    }
  }
}

/**
 * The ancestors of `hash` (itself included) among the headers of the files, as hex; null when the
 * block is in none of them.
 */
export async function ancestorsInFiles(
  hash: Bytes,
  files: readonly BlockFile[],
  params: Params,
): Promise<ReadonlySet<string> | null> {
  const previous = new Map<string, string>();
  for (const file of files) {
    for await (const record of readBlocks(file, params)) {
      if (!record.ok || record.bytes.length < HEADER_BYTES) continue;
      const header = readHeader(record.bytes);
      previous.set(toHex(header.hash), toHex(header.previous));
    }
  }
  const ancestors = new Set<string>();
  for (let at: string | undefined = toHex(hash); at !== undefined && previous.has(at); ) {
    ancestors.add(at);
    at = previous.get(at);
  }
  return ancestors.size === 0 ? null : ancestors;
}
