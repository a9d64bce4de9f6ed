// Sends one command to the devnet that runs on a state folder.
import { request } from "node:http";
import { readControl } from "./control-file.ts";
import type { Command, CommandAnswer } from "./control-server.ts";

/** Orderly stops and starts of nodes included. */
const ANSWER_MS_MAX = 120_000;

/** Null: no devnet runs there. */
export function sendCommand(folder: string, command: Command): Promise<CommandAnswer | null> {
  const address = readControl(folder);
  if (address === null) return Promise.resolve(null);
  const { port, token } = address;
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return new Promise((resolve) => {
    const call = request({ host: "127.0.0.1", port, method: "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      // Another program that has the port now answers something else, or 401.
      response.on("end", () => {
        const ours = response.statusCode === 200 && text.startsWith("{");
        resolve(ours ? (JSON.parse(text) as CommandAnswer) : null);
      });
    });
    call.setTimeout(ANSWER_MS_MAX, () => call.destroy(new Error("no answer in time")));
    call.on("error", () => resolve(null));
    call.end(JSON.stringify(command));
  });
}
