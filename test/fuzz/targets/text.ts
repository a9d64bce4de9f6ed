// What people, operators and callers write: JSON, RPC, REST, the feed, the config file, secrets, and
// the files of the address book.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Feed } from "../../../src/api/feed/feed.ts";
import { FeedSession } from "../../../src/api/feed/session.ts";
import { Authenticator, parseRpcAuth } from "../../../src/api/http/auth.ts";
import { parseJson } from "../../../src/api/json/parse.ts";
import { amountText, parseAmount } from "../../../src/api/json/value.ts";
import { writeJson } from "../../../src/api/json/write.ts";
import { RestHandler } from "../../../src/api/rest/handler.ts";
import { decodeProof, encodeProof } from "../../../src/api/rpc/methods/proofs.ts";
import { parseTransaction } from "../../../src/api/rpc/methods/transactions.ts";
import { toDisplayHex, toHex } from "../../../src/base/bytes.ts";
import { type Command, CommandError, parseCommand } from "../../../src/cli/command.ts";
import { parseRatio } from "../../../src/cli/sim-cuckoo-output.ts";
import { REGTEST } from "../../../src/ledger/bitcoin/networks.ts";
import { rawTransaction } from "../../../src/ledger/bitcoin/transaction.ts";
import { parseEndpoint } from "../../../src/network/addresses/address-text.ts";
import { AddressBook } from "../../../src/network/addresses/book.ts";
import {
  loadAnchors,
  loadBans,
  loadBook,
  saveBook,
} from "../../../src/network/addresses/book-file.ts";
import { Bans, parseSubnet } from "../../../src/network/connect/bans.ts";
import { NETWORK_ID } from "../../../src/network/wire/address.ts";
import { resolveConfig } from "../../../src/node/config/resolve.ts";
import { parseBoolean, parseBytes, parseDuration } from "../../../src/node/config/units.ts";
import { smallApi } from "../../support/small-api.ts";
import { seededRandom } from "../../support/world.ts";
import { type FuzzTarget, latin, type Outcome, text, textOf } from "../target.ts";
import { SAMPLE_DECODED, SAMPLE_TRANSACTIONS } from "./samples.ts";

const folder = mkdtempSync(join(tmpdir(), "pando-fuzz-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** A reader of short texts. */
function words(
  name: string,
  covers: string,
  samples: readonly string[],
  read: (value: string) => unknown,
): FuzzTarget {
  return {
    name,
    covers: [covers],
    corpus: samples.map(text),
    decode: (input) => (read(latin(input)) === null ? "refused" : "taken"),
  };
}

const json: FuzzTarget = {
  name: "JSON",
  covers: ["src/api/json/parse.ts#parseJson"],
  corpus: [
    '{"id":1,"method":"getblock","params":["00",2]}',
    '[1,-2.5,true,false,null,"é\\n"]',
    '{"a":{"b":[{"c":0.00000001}]}}',
  ].map(text),
  decode: (input) => {
    const parsed = parseJson(textOf(input));
    return parsed.ok ? text(writeJson(parsed.value)) : "refused";
  },
};

const amount: FuzzTarget = {
  name: "amount",
  covers: ["src/api/json/value.ts#parseAmount"],
  corpus: ["0.00000001", "-21.50000000", "20999999.97690000"].map(text),
  decode: (input) => {
    const units = parseAmount(latin(input));
    return units === null ? "refused" : text(amountText(units));
  },
};

const transactionHex: FuzzTarget = {
  name: "transaction in hex",
  covers: ["src/api/rpc/methods/transactions.ts#parseTransaction"],
  corpus: SAMPLE_TRANSACTIONS.map((bytes) => text(toHex(bytes))),
  decode: (input) => {
    const found = parseTransaction(latin(input));
    return found === null ? "refused" : text(toHex(rawTransaction(found)));
  },
};

const txids = SAMPLE_DECODED.transactions.map((one) => one.txid);

const proof: FuzzTarget = {
  name: "proof of inclusion",
  covers: ["src/api/rpc/methods/proofs.ts#decodeProof"],
  corpus: [1, 3].map((place) =>
    encodeProof(
      SAMPLE_DECODED.header.bytes,
      txids,
      txids.map((_txid, at) => at === place),
    ),
  ),
  decode: (input) => (decodeProof(input) === null ? "refused" : "taken"),
};

const api = await smallApi();
await api.node.chain.extend(2);
const tip = toDisplayHex(api.node.chain.tip().hash);
const caller = {
  allowed: null,
  gone: new AbortController().signal,
  outside: <T>(wait: Promise<T>): Promise<T> => wait,
};

/** These wait for the outside, stop the node or take their time. */
const LEFT_OUT = /stop|waitfor|generate/;
const OUR_FAULT = /"code":-32603|Internal error/;

const rpc: FuzzTarget = {
  name: "JSON-RPC body",
  covers: ["src/api/rpc/dispatch.ts#Dispatcher"],
  corpus: [
    `{"id":1,"method":"getblock","params":["${tip}",2]}`,
    '[{"id":1,"method":"getblockcount"},{"id":2,"method":"getpeerinfo"}]',
    '{"jsonrpc":"2.0","method":"decodescript","params":{"hexstring":"51"},"id":"x"}',
    `{"id":1,"method":"decoderawtransaction","params":["${toHex(SAMPLE_TRANSACTIONS[1]!)}"]}`,
  ].map(text),
  decode: async (input): Promise<Outcome> => {
    const body = textOf(input);
    if (LEFT_OUT.test(body)) return "refused";
    const { status, body: answer } = await api.dispatcher.answer(body, caller);
    if (OUR_FAULT.test(answer ?? "")) throw new Error(`internal error: ${answer}`);
    return status === 200 ? "taken" : "refused";
  },
  allocates: () => 8 * 1_048_576,
  close: () => api.close(),
};

const rest = new RestHandler(api.context, api.dispatcher);

const restPath: FuzzTarget = {
  name: "REST path",
  covers: ["src/api/rest/handler.ts#RestHandler"],
  corpus: [
    `/rest/block/${tip}.json`,
    `/rest/headers/${tip}.bin?count=2`,
    "/rest/blockhashbyheight/1.hex",
    "/rest/chaininfo.json",
    "/rest/mempool/contents.json?verbose=true",
    `/rest/getutxos/checkmempool/${tip}-0.json`,
  ].map(text),
  decode: (input): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      const response = {
        headersSent: false,
        writeHead: (status: number) => {
          if (status === 500) reject(new Error("internal error"));
          else resolve(status === 200 ? "taken" : "refused");
          return response;
        },
        setHeader: () => response,
        end: () => response,
      };
      const request = { method: "GET", url: latin(input) };
      rest.handle(
        request as unknown as IncomingMessage,
        response as unknown as ServerResponse<IncomingMessage>,
      );
    }),
  allocates: () => 8 * 1_048_576,
};

const feed = new Feed(api.context);

const feedMessage: FuzzTarget = {
  name: "message to the feed",
  covers: ["src/api/feed/session.ts#FeedSession", "src/api/feed/want.ts#wantDialect"],
  corpus: [
    '{"action":"want","data":["blocks","stats"]}',
    '{"action":"init"}',
    '{"subscribe":["blocks","statistics"],"cursor":"0:1"}',
    `{"track":{"transactions":["${"00".repeat(32)}"],"addresses":["mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8"]}}`,
    '{"unsubscribe":["blocks"],"ping":7}',
  ].map(text),
  decode: async (input): Promise<Outcome> => {
    let failed: string | null = null;
    const socket = {
      pendingBytes: 0,
      send: (answer: string) => {
        if (OUR_FAULT.test(answer)) failed = answer;
      },
      close: () => {},
    };
    await new FeedSession(feed, socket, REGTEST.address).receive(textOf(input));
    if (failed !== null) throw new Error(failed);
    return "taken";
  },
  allocates: () => 8 * 1_048_576,
};

const cookie = new Authenticator(seededRandom(1), "c00c1e", []);
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString("base64")}`;

const authorization: FuzzTarget = {
  name: "cookie in a request",
  covers: ["src/api/http/auth.ts#Authenticator"],
  corpus: [basic("__cookie__:c00c1e")].map(text),
  decode: (input) => (cookie.identify(latin(input)) === null ? "refused" : "taken"),
};

const config: FuzzTarget = {
  name: "config file",
  covers: ["src/node/config/resolve.ts#resolveConfig"],
  corpus: [
    'network = "regtest"\n[p2p]\nlisten = false\nport = 18444\n[log]\nlevel = "error"\n',
    '[rpc]\nport = 1\nallow = ["a", "b"]\n[mempool]\nsize = "300MB"\n',
    "[storage]\nmemory = '4GiB'\n[regtest.p2p]\nlisten = true\n",
  ].map(text),
  decode: (input) => {
    const sources = { flags: new Map(), environment: {}, file: textOf(input) };
    return resolveConfig(sources).faults.length === 0 ? "taken" : "taken";
  },
};

const bookPath = join(folder, "peers.json");
const entry = {
  address: { network: NETWORK_ID.ipv4, bytes: Uint8Array.of(60, 2, 3, 4), port: 8333 },
  services: 9n,
  time: 1_700_000_000,
  source: "60.2",
  lastTry: 5,
  lastSuccess: 6,
  attempts: 1,
  tried: true,
  places: 0,
};
const bookText = (() => {
  saveBook(bookPath, { key: new Uint8Array(32), entries: [entry, { ...entry, tried: false }] });
  const state = loadBook(bookPath);
  if (state === null) throw new Error("a sample loads");
  return Buffer.from(
    JSON.stringify({
      format: 1,
      key: toHex(state.key),
      entries: [
        {
          network: 1,
          bytes: "3c020304",
          port: 8333,
          services: "9",
          time: 1_700_000_000,
          source: "60.2",
          lastTry: 5,
          lastSuccess: 6,
          attempts: 1,
          tried: true,
        },
      ],
    }),
  );
})();

const book: FuzzTarget = {
  name: "address book",
  covers: [
    "src/network/addresses/book-file.ts#loadBook",
    "src/network/addresses/book-file.ts#readJsonFile",
  ],
  corpus: [new Uint8Array(bookText)],
  decode: (input) => {
    writeFileSync(bookPath, input);
    const state = loadBook(bookPath);
    if (state === null) return "refused";
    const kept = new AddressBook(state.key, seededRandom(1));
    kept.restore(state.entries, 1_700_000_100);
    kept.select(1_700_000_100, false);
    return "taken";
  },
  // The tables of a book.
  allocates: () => 4 * 1_048_576,
};

const listPath = join(folder, "list.json");

const lists: FuzzTarget = {
  name: "bans and anchors",
  covers: [
    "src/network/addresses/book-file.ts#loadBans",
    "src/network/addresses/book-file.ts#loadAnchors",
  ],
  corpus: [
    '[{"subnet":"1.2.3.0/24","created":5,"until":6}]',
    '[{"host":"1.2.3.4","port":8333},{"host":"::1","port":1}]',
  ].map(text),
  decode: (input) => {
    writeFileSync(listPath, input);
    const bans = new Bans();
    for (const ban of loadBans(listPath)) bans.add(ban);
    bans.isBanned("1.2.3.4", 5);
    writeFileSync(listPath, input);
    loadAnchors(listPath);
    return "taken";
  },
};

const command: Command = {
  name: "fuzz",
  summary: "",
  usage: "",
  options: { port: { about: "", value: "N" }, many: { about: "", value: "X", many: true } },
  run: () => 0,
};

const flags: FuzzTarget = {
  name: "flags of a command",
  covers: ["src/cli/command.ts#parseCommand"],
  corpus: ["--port 5 --many=a --many b --json file", "-- --port"].map(text),
  decode: (input) => {
    try {
      parseCommand("fuzz", command, latin(input).split(" "));
      return "taken";
    } catch (error) {
      if (error instanceof CommandError) return "refused";
      throw error;
    }
  },
};

export const TEXT_TARGETS: readonly FuzzTarget[] = [
  json,
  amount,
  transactionHex,
  proof,
  rpc,
  restPath,
  feedMessage,
  authorization,
  config,
  book,
  lists,
  flags,
  words("size with a unit", "src/node/config/units.ts#parseBytes", ["4GiB", "500MB"], parseBytes),
  words(
    "time with a unit",
    "src/node/config/units.ts#parseDuration",
    ["250ms", "2min"],
    parseDuration,
  ),
  words("true or false", "src/node/config/units.ts#parseBoolean", ["yes", "0"], parseBoolean),
  words("ratio", "src/cli/sim-cuckoo-output.ts#parseRatio", ["1/3", ".25", "5"], parseRatio),
  words(
    "rpcauth line",
    "src/api/http/auth.ts#parseRpcAuth",
    [`alice:5a17$${"0f".repeat(32)}`],
    parseRpcAuth,
  ),
  words(
    "host and port",
    "src/network/addresses/address-text.ts#parseEndpoint",
    ["1.2.3.4:8333", "[::1]:18444", "node.example"],
    (value) => parseEndpoint(value, 8333),
  ),
  words(
    "subnet",
    "src/network/connect/bans.ts#parseSubnet",
    ["1.2.3.0/24", "::1", "fe80::/10"],
    parseSubnet,
  ),
];
