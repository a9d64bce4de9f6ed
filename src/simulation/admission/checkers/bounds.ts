// I15: every queue has a bound.
import type { Checker } from "./checker.ts";

export const bounds: Checker = {
  rule: "I15",
  stepped(sight, { p, partition }) {
    const { limits } = p.config;
    const check = (name: string, count: number, most: number): void => {
      if (count > most) sight.fail("I15", `${name} of partition ${partition}: ${count} > ${most}`);
    };
    check("preparing", p.preparing.size, limits.preparingCountMax);
    check("parked", p.parked.size, limits.parkedCountMax);
    check("parked bytes", p.parkedBytes, limits.parkedBytesMax);
    let waiting = 0;
    for (const children of p.waiters.values()) waiting += children.size;
    if (waiting !== p.waiterCount) sight.fail("I15", `waiters are miscounted: ${waiting}`);
    check("waiters", p.waiterCount, limits.waiterCountMax);
    // One deadline, one repetition and one pause for each attempt that a transaction may have begun.
    const perTransaction = 8 + 4 * limits.contendedRetryCountMax;
    const most = 16 + perTransaction * (limits.preparingCountMax + limits.parkedCountMax) * 8;
    check("timers", p.timers.size, most);
  },
};
