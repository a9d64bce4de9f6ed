// The feed in mempool.space's dialect: {"action": "want", "data": ["blocks", "stats"]}, as its
// dashboards send it.
import { isObject, type Json, type JsonObject } from "../json/value.ts";
import type { Feed } from "./feed.ts";
import type { FeedEvent } from "./history.ts";

export interface WantDialect {
  receive(message: JsonObject): Promise<void>;
  event(event: FeedEvent): void;
}

function blockFields(data: JsonObject): JsonObject {
  const { hash, height, time, transactions, size, weight, previous } = data;
  return {
    id: hash,
    height,
    timestamp: time,
    tx_count: transactions,
    size,
    weight,
    previousblockhash: previous,
  };
}

function statisticsFields(data: JsonObject): JsonObject {
  return {
    mempoolInfo: { loaded: true, size: data["mempool_count"], bytes: data["mempool_bytes"] },
  };
}

export function wantDialect(feed: Feed, send: (value: Json) => void): WantDialect {
  const wanted = new Set<Json>();
  const blocks = async (): Promise<void> => {
    const snapshot = await feed.snapshot("blocks");
    const list = Array.isArray(snapshot) ? (snapshot as readonly JsonObject[]) : [];
    send({ blocks: [...list].reverse().map(blockFields) });
  };
  return {
    receive: async ({ action, data }) => {
      if (action === "init") await blocks();
      if (action !== "want" || !Array.isArray(data)) return;
      wanted.clear();
      for (const one of data as readonly Json[]) wanted.add(one);
      if (wanted.has("blocks")) await blocks();
      if (wanted.has("stats")) send(statisticsFields(feed.statistics()));
    },
    event: ({ channel, data }) => {
      if (!isObject(data)) return;
      const connected = channel === "blocks" && data["kind"] === "connected";
      if (connected && wanted.has("blocks")) send({ block: blockFields(data) });
      if (channel === "statistics" && wanted.has("stats")) send(statisticsFields(data));
    },
  };
}
