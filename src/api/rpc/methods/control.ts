// The methods about the node itself.
import type { Json } from "../../json/value.ts";
import { RPC, RpcError } from "../errors.ts";
import { helpIndex, helpOf, openRpc } from "../help.ts";
import type { Method } from "../method.ts";

/** `all` gives every method of the table, these included; it is complete when a call comes. */
export function controlMethods(all: () => ReadonlyMap<string, Method>): readonly Method[] {
  return [
    {
      name: "uptime",
      group: "Control",
      about: "Returns the seconds since the start.",
      params: [],
      result: "A number.",
      duringWarmup: true,
      run: ({ context }) =>
        Math.floor((context.clock.elapsed() - context.control.startedAt) / 1000),
    },
    {
      name: "help",
      group: "Control",
      about: "Lists all methods, or describes one.",
      params: [{ name: "command", type: "string", about: "The method" }],
      result: "Text.",
      duringWarmup: true,
      run: (call) => {
        const name = call.text(0, "");
        if (name === "") return helpIndex(all().values());
        const method = all().get(name);
        return method === undefined ? `help: unknown command: ${name}` : helpOf(method);
      },
    },
    {
      name: "stop",
      group: "Control",
      about: "Stops the node in good order.",
      params: [],
      result: "Text.",
      duringWarmup: true,
      run: ({ context }) => {
        context.control.stop();
        return "Pando stopping";
      },
    },
    {
      name: "getrpcinfo",
      group: "Control",
      about: "Returns what the RPC server is doing.",
      params: [],
      result: "An object.",
      run: ({ context }) => ({ active_commands: [], logpath: context.control.folder }),
    },
    {
      name: "getmemoryinfo",
      group: "Control",
      about: "Returns how much memory the process holds.",
      params: [{ name: "mode", type: "string", about: "stats" }],
      result: "An object, in bytes.",
      run: (call): Json => {
        if (call.text(0, "stats") !== "stats") {
          throw new RpcError(RPC.parameter, `unknown mode ${call.text(0)}`);
        }
        const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
        return { rss, heapTotal, heapUsed, external, arrayBuffers };
      },
    },
    {
      name: "rpc.discover",
      group: "Control",
      about: "Returns this table in OpenRPC's form.",
      params: [],
      result: "An OpenRPC document.",
      duringWarmup: true,
      run: ({ context }) => openRpc(all().values(), context.control.version),
    },
  ];
}
