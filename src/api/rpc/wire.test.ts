// The traps of the wire, on a raw socket: what callers of Bitcoin Core send and expect, to the byte.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import {
  PASSWORD,
  type SmallApi,
  type SmallApiOptions,
  smallApi,
} from "../../../test/support/small-api.ts";
import { BATCH_MAX, BODY_BYTES_MAX } from "../limits.ts";

const AUTH = Buffer.from(`__cookie__:${PASSWORD}`).toString("base64");

async function start(context: TestContext, options: SmallApiOptions = {}): Promise<SmallApi> {
  const api = await smallApi(options);
  context.after(() => api.close());
  return api;
}

/** A socket whose replies are read one at a time. */
class Line {
  readonly #socket: Socket;
  #text = "";
  #wake: () => void = () => {};
  closed = false;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("data", (chunk) => {
      this.#text += chunk.toString("latin1");
      this.#wake();
    });
    this.#socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
    this.#socket.on("error", () => {});
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  end(): void {
    this.#socket.destroy();
  }

  /** The next whole reply. */
  async reply(): Promise<{ status: string; headers: string; body: string }> {
    for (;;) {
      const end = this.#text.indexOf("\r\n\r\n");
      const length = /content-length: (\d+)/i.exec(this.#text.slice(0, end))?.[1];
      const size = end + 4 + Number(length ?? 0);
      if (end >= 0 && this.#text.length >= size) {
        const head = this.#text.slice(0, end);
        const body = this.#text.slice(end + 4, size);
        this.#text = this.#text.slice(size);
        const [status = "", ...headers] = head.split("\r\n");
        return { status, headers: headers.join("\n"), body };
      }
      if (this.closed) throw new Error(`closed after ${JSON.stringify(this.#text)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

async function post(api: SmallApi, body: string, auth = AUTH) {
  const line = new Line(api.listener.port);
  line.write(
    `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic ${auth}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const got = await line.reply();
  line.end();
  return got;
}

test("bare line feeds and no Host: electrs and ckpool", async (context) => {
  const api = await start(context);
  const line = new Line(api.listener.port);
  const body = '{"method": "getblockcount", "id": 0, "params": []}';
  for (let turn = 0; turn < 3; turn++) {
    line.write(
      `POST / HTTP/1.1\nAuthorization: Basic ${AUTH}\nContent-Length: ${body.length}\n\n${body}`,
    );
    const { status, headers, body: answer } = await line.reply();
    assert.equal(status, "HTTP/1.1 200 OK");
    assert.match(headers, /content-length: \d+/i);
    assert.doesNotMatch(headers, /transfer-encoding/i);
    assert.match(headers, /connection: keep-alive/i);
    assert.equal(answer, '{"result":0,"error":null,"id":0}\n');
  }
  line.end();
});

test("a strict listener refuses what a lenient one takes", async (context) => {
  const api = await start(context, { lenient: false });
  const line = new Line(api.listener.port);
  line.write(`POST / HTTP/1.1\nAuthorization: Basic ${AUTH}\nContent-Length: 2\n\n{}`);
  await assert.rejects(async () => {
    const { status } = await line.reply();
    throw new Error(status);
  }, /400 Bad Request/);
});

test("the old dialect has both keys always, and its errors have a status", async (context) => {
  const api = await start(context);
  const unknown = await post(api, '{"id":"x","method":"getwalletinfo"}\n');
  assert.equal(unknown.status, "HTTP/1.1 404 Not Found");
  assert.equal(
    unknown.body,
    '{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":"x"}\n',
  );
  const wrong = await post(api, '{"id":1,"method":"getblockhash","params":[99]}');
  assert.equal(wrong.status, "HTTP/1.1 500 Internal Server Error");
  assert.equal(
    wrong.body,
    '{"result":null,"error":{"code":-8,"message":"Block height out of range"},"id":1}\n',
  );
  const none = await post(api, '{"id":1}');
  assert.equal(none.status, "HTTP/1.1 400 Bad Request");
  assert.match(none.body, /-32600,"message":"Missing method"/);
  const broken = await post(api, "{");
  assert.equal(broken.status, "HTTP/1.1 500 Internal Server Error");
  assert.equal(
    broken.body,
    '{"result":null,"error":{"code":-32700,"message":"Parse error"},"id":null}\n',
  );
});

test("the new dialect has one key, 200 for errors and 204 for notifications", async (context) => {
  const api = await start(context);
  const good = await post(api, '{"jsonrpc":"2.0","id":1,"method":"getblockcount"}');
  assert.equal(good.body, '{"jsonrpc":"2.0","result":0,"id":1}\n');
  const bad = await post(api, '{"jsonrpc":"2.0","id":1,"method":"nope"}');
  assert.equal(bad.status, "HTTP/1.1 200 OK");
  assert.equal(
    bad.body,
    '{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}\n',
  );
  const silent = await post(api, '{"jsonrpc":"2.0","method":"getblockcount"}');
  assert.equal(silent.status, "HTTP/1.1 204 No Content");
  assert.equal(silent.body, "");
});

test("batches are answered in request order with their own ids, errors inside", async (context) => {
  const api = await start(context);
  const { status, body } = await post(
    api,
    '[{"id":7,"method":"getblockcount"},{"id":7,"method":"nope"},{"id":7,"method":"getbestblockhash"},5]',
  );
  assert.equal(status, "HTTP/1.1 200 OK");
  assert.ok(body.startsWith("[") && body.endsWith("]\n"));
  const answers = JSON.parse(body) as {
    result: unknown;
    error: { code: number } | null;
    id: unknown;
  }[];
  assert.deepEqual(
    answers.map(({ id }) => id),
    [7, 7, 7, null],
  );
  assert.equal(answers[0]!.result, 0);
  assert.equal(answers[1]!.error?.code, -32601);
  assert.equal(answers[3]!.error?.code, -32600);
  const empty = await post(api, "[]");
  assert.equal(empty.body, "[]\n");
  const call = '{"id":1,"method":"getblockcount"}';
  const most = await post(api, `[${Array(BATCH_MAX).fill(call).join(",")}]`);
  assert.equal((JSON.parse(most.body) as unknown[]).length, BATCH_MAX);
  const over = await post(
    api,
    `[${Array(BATCH_MAX + 1)
      .fill(call)
      .join(",")}]`,
  );
  assert.match(over.body, /-32600/);
});

test("named parameters, mixed ones, and what is wrong with them", async (context) => {
  const api = await start(context);
  const hash = JSON.parse((await post(api, '{"method":"getbestblockhash"}')).body) as {
    result: string;
  };
  const named = await post(
    api,
    `{"method":"getblock","params":{"args":["${hash.result}"],"verbosity":0}}`,
  );
  assert.match(named.body, /^\{"result":"0100000000/);
  const alias = await post(
    api,
    `{"method":"getblock","params":{"blockhash":"${hash.result}","verbose":false}}`,
  );
  assert.equal(alias.body, named.body);
  const wrong = await post(api, '{"method":"getblock","params":{"nope":1}}');
  assert.match(wrong.body, /"code":-8,"message":"Unknown named parameter nope"/);
  const kind = await post(api, '{"method":"getblockhash","params":["a"]}');
  assert.match(kind.body, /"code":-3,"message":"Wrong type passed:/);
  assert.match(kind.body, /Position 1 \(height\)/);
  const few = await post(api, '{"method":"getblockhash"}');
  assert.match(few.body, /"code":-1,"message":"getblockhash height/);
  const short = await post(api, '{"method":"getblockheader","params":["ab"]}');
  assert.match(short.body, /blockhash must be of length 64 \(not 2, for 'ab'\)/);
});

test("ids are given back as they came, however large", async (context) => {
  const api = await start(context);
  for (const id of ["12345678901234567890", '"a\\u0000b"', "1.50", '{"x":[1]}', "null"]) {
    const { body } = await post(api, `{"id":${id},"method":"getblockcount"}`);
    assert.equal(body, `{"result":0,"error":null,"id":${id}}\n`);
  }
});

test("cookie, rpcauth, whitelist", async (context) => {
  const salt = "5f5d";
  const hash = createHmac("sha256", salt).update("pass:word").digest("hex");
  const api = await start(context, {
    users: [`alice:${salt}$${hash}`],
    whitelist: new Map([["alice", new Set(["getblockcount"])]]),
  });
  const alice = Buffer.from("alice:pass:word").toString("base64");
  const call = (method: string) => `{"method":"${method}"}`;
  assert.equal((await post(api, call("getblockcount"), alice)).status, "HTTP/1.1 200 OK");
  const no = await post(api, call("stop"), alice);
  assert.equal(no.status, "HTTP/1.1 403 Forbidden");
  assert.equal(no.body, "");
  const batch = await post(api, `[${call("getblockcount")},${call("stop")}]`, alice);
  assert.equal(batch.status, "HTTP/1.1 403 Forbidden");
  for (const wrong of ["alice:password", "__cookie__:", "bob:pass:word", ":", "alice"]) {
    const refused = await post(api, call("getblockcount"), Buffer.from(wrong).toString("base64"));
    assert.equal(refused.status, "HTTP/1.1 401 Unauthorized");
    assert.match(refused.headers, /WWW-Authenticate: Basic realm="jsonrpc"/);
  }
  assert.equal(api.stopped, false);
});

test("web pages cannot reach it: Host and Origin", async (context) => {
  const api = await start(context);
  const body = '{"method":"getblockcount"}';
  const statusWith = async (header: string): Promise<string> => {
    const line = new Line(api.listener.port);
    line.write(
      `POST / HTTP/1.1\r\n${header}\r\nAuthorization: Basic ${AUTH}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const { status } = await line.reply();
    line.end();
    return status;
  };
  assert.match(await statusWith("Host: evil.example"), /403/);
  assert.match(await statusWith("Host: localhost:8332"), /200/);
  assert.match(await statusWith("Host: [::1]:8332"), /200/);
  assert.match(await statusWith("Host: localhost\r\nOrigin: http://evil.example"), /403/);
  assert.match(await statusWith("Host: localhost\r\nOrigin: null"), /403/);
});

test("when too many wait, 503 with Retry-After, and the others are served in turn", async (context) => {
  const open: (() => void)[] = [];
  const api = await start(context, {
    bounds: { atOnce: 1, most: 3, perClient: 2 },
    more: [
      {
        name: "test.wait",
        group: "Pando",
        about: "Waits.",
        params: [],
        result: "null",
        run: () => new Promise((resolve) => open.push(() => resolve(null))),
      },
    ],
  });
  const waiting = Array.from({ length: 4 }, () => post(api, '{"method":"test.wait"}'));
  const first = await Promise.race(waiting);
  assert.equal(first.status, "HTTP/1.1 503 Service Unavailable");
  assert.match(first.headers, /Retry-After: 1/);
  for (let left = 3; left > 0; left--) {
    while (open.length === 0) await new Promise((resolve) => setImmediate(resolve));
    open.shift()!();
  }
  const statuses = (await Promise.all(waiting)).map(({ status }) => status.slice(9, 12)).sort();
  assert.deepEqual(statuses, ["200", "200", "200", "503"]);
  assert.deepEqual(api.refused, ["busy"]);
});

test("a batch overlaps what may overlap, and nothing else", async (context) => {
  const events: string[] = [];
  const method = (name: string, overlaps: boolean) => ({
    name,
    group: "Pando" as const,
    about: "Notes when it begins and ends.",
    params: [],
    result: "null",
    overlaps,
    run: async () => {
      events.push(`${name}+`);
      await new Promise((resolve) => setImmediate(resolve));
      events.push(`${name}-`);
      return null;
    },
  });
  const api = await start(context, { more: [method("many", true), method("one", false)] });
  const call = (name: string) => `{"method":"${name}","id":"${name}"}`;
  const { body } = await post(api, `[${["many", "many", "one", "many"].map(call).join(",")}]`);
  assert.deepEqual(events.join(" "), "many+ many+ many- many- one+ one- many+ many-");
  const ids = (JSON.parse(body) as { id: string }[]).map(({ id }) => id);
  assert.deepEqual(ids, ["many", "many", "one", "many"]);
});

test("bodies, verbs and paths that do not belong", async (context) => {
  const api = await start(context);
  const line = new Line(api.listener.port);
  line.write(
    `POST / HTTP/1.1\r\nAuthorization: Basic ${AUTH}\r\nContent-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`,
  );
  assert.match((await line.reply()).status, /413/);
  line.end();
  const get = new Line(api.listener.port);
  get.write("GET / HTTP/1.1\r\n\r\n");
  assert.match((await get.reply()).status, /405/);
  get.write(`POST /wallet/x HTTP/1.1\r\nAuthorization: Basic ${AUTH}\r\nContent-Length: 0\r\n\r\n`);
  assert.match((await get.reply()).status, /404/);
  get.end();
});

test("while it warms up it says so with -28, and help answers all the same", async (context) => {
  const api = await start(context);
  api.warmup = "Loading block index…";
  const { body } = await post(api, '{"method":"getblockcount"}');
  assert.equal(
    body,
    '{"result":null,"error":{"code":-28,"message":"Loading block index…"},"id":null}\n'
      .split("")
      .map((char) => (char === "…" ? Buffer.from("…").toString("latin1") : char))
      .join(""),
  );
  assert.match((await post(api, '{"method":"help"}')).body, /== Blockchain ==/);
});
