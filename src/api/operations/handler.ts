// The operators' listener: is it alive, is it ready and if not why, what are its figures, which
// version is it, and how loud is its log (the shape follows Hyperledger Fabric's operations service).
import type { IncomingMessage, ServerResponse } from "node:http";
import { parseDuration } from "../../node/config/units.ts";
import { isLevel, type Log } from "../../node/log.ts";
import type { Metrics } from "../../node/metrics.ts";
import { type GateOptions, gate } from "../http/gate.ts";
import { readBody, reply, replyText } from "../http/listener.ts";
import { parseJson } from "../json/parse.ts";
import type { Json } from "../json/value.ts";
import { isObject } from "../json/value.ts";
import { writeJson } from "../json/write.ts";

export interface ReadyCheck {
  readonly component: string;
  /** Null when it is well, otherwise why not. */
  readonly reason: string | null;
  /** Milliseconds since 1970 at which it became so. */
  readonly since: number;
}

export interface OperationsParts {
  readonly metrics: Metrics;
  readonly log: Log;
  readonly gate: GateOptions;
  readonly checks: () => readonly ReadyCheck[];
  readonly version: () => Json;
}

/** How long a level of one module holds unless the request says otherwise. */
const LEVEL_MS = 600_000;

function sendJson(response: ServerResponse, status: number, value: Json): void {
  reply(response, { status, type: "application/json", body: `${writeJson(value)}\n` });
}

function ready(parts: OperationsParts, verbose: boolean, response: ServerResponse): void {
  const checks = parts.checks();
  const failing = checks.filter((check) => check.reason !== null);
  const status = failing.length === 0 ? 200 : 503;
  if (!verbose) {
    const words = failing.map(({ component, reason }) => `${component}: ${reason}`).join("\n");
    replyText(response, status, status === 200 ? "ready\n" : `${words}\n`);
    return;
  }
  sendJson(response, status, {
    ready: status === 200,
    checks: checks.map(
      ({ component, reason, since }): Json => ({
        component,
        ok: reason === null,
        reason,
        since: new Date(since).toISOString(),
      }),
    ),
  });
}

async function setLevels(
  parts: OperationsParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request);
  const parsed = typeof body === "string" ? parseJson(body) : null;
  const spec = parsed?.ok === true && isObject(parsed.value) ? parsed.value : {};
  const { level, module, for: span } = spec;
  const ms = typeof span === "string" ? parseDuration(span) : LEVEL_MS;
  if (typeof level !== "string" || !isLevel(level) || ms === null) {
    const form = '{"level": "error|warn|info|debug", "module": "rpc", "for": "10min"}';
    sendJson(response, 400, { error: `send ${form}` });
    return;
  }
  parts.log.setLevel(typeof module === "string" ? module : null, level, ms);
  sendJson(response, 200, { ...parts.log.spec(), modules: { ...parts.log.spec().modules } });
}

export function handleOperations(
  parts: OperationsParts,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const wrong = gate(request, parts.gate);
  if (wrong !== null) {
    replyText(response, 403, `${wrong}\n`);
    return;
  }
  const url = new URL(request.url ?? "/", "http://ops");
  const method = request.method ?? "GET";
  if (url.pathname === "/logspec" && method === "PUT") {
    void setLevels(parts, request, response);
    return;
  }
  if (method !== "GET" && method !== "HEAD") {
    replyText(response, 405, "");
    return;
  }
  switch (url.pathname) {
    case "/livez":
      replyText(response, 200, "alive\n");
      return;
    case "/readyz":
      ready(parts, url.searchParams.has("verbose"), response);
      return;
    case "/metrics": {
      const type = "text/plain; version=0.0.4; charset=utf-8";
      reply(response, { status: 200, type, body: parts.metrics.text() });
      return;
    }
    case "/version":
      sendJson(response, 200, parts.version());
      return;
    case "/logspec":
      sendJson(response, 200, { ...parts.log.spec(), modules: { ...parts.log.spec().modules } });
      return;
    default:
      replyText(response, 404, "/livez /readyz /metrics /version /logspec\n");
  }
}
