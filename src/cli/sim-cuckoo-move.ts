// `pando sim cuckoo move`: how long the newcomers of a committee need to fetch its state.
import { syncFits, syncTimes } from "../sharding/plan.ts";
import { type Arguments, type Command, EXIT, type ExitCode } from "./command.ts";
import { OUTPUT_OPTIONS, present } from "./sim-cuckoo-output.ts";

function run(args: Arguments): ExitCode {
  const gigabytes = args.number("state", 0, 1e9, 20);
  const megabits = args.number("megabits", 0.001, 1e9, 100);
  const m = args.integer("m", 2, 1 << 20, 250);
  const arrivals = args.number("arrivals", 0, m, 22.5);
  const waiting = args.number("waiting", 0, 1e9, 86_400);
  const bytesPerSecond = (megabits * 1e6) / 8;
  const tail = args.number("tail", 0, 1e9, 0);
  const times = syncTimes(gigabytes * 2 ** 30, bytesPerSecond, m, arrivals, tail);
  const fits = syncFits(times, waiting);
  const json = {
    command: "move",
    version: 1,
    parameters: { gigabytes, megabits, m, arrivals, waiting },
    points: [{ ...times, fits, bytesPerEpoch: arrivals * gigabytes * 2 ** 30 }],
    checks: [],
  };
  const table = {
    title: fits
      ? "fits: the sync takes at most half of the waiting time"
      : "refused: the sync takes more than half of the waiting time",
    columns: ["arrivals", "download s", "upload s", "sync s", "waiting s"],
    rows: [
      [
        String(arrivals),
        times.inSeconds.toFixed(2),
        times.outSeconds.toFixed(2),
        times.syncSeconds.toFixed(2),
        String(waiting),
      ],
    ],
  };
  present(args, table, json, null);
  return fits ? EXIT.done : EXIT.no;
}

export const command: Command = {
  name: "move",
  summary: "Seconds that the newcomers of a committee need to fetch its state.",
  usage: "[flags]",
  options: {
    state: { value: "GIB", about: "state of one shard in GiB (20)" },
    megabits: { value: "N", about: "bandwidth of a node each way in Mbit/s (100)" },
    m: { value: "N", about: "seats per committee (250)" },
    arrivals: { value: "N", about: "newcomers per committee and epoch (22.5)" },
    waiting: { value: "SECONDS", about: "length of the waiting epoch (86400)" },
    tail: { value: "SECONDS", about: "for the blocks made meanwhile (0)" },
    csv: OUTPUT_OPTIONS["csv"]!,
  },
  notes: "Exit code 1 when the plan is refused.",
  run,
};
