// I2: only the newest owner of a partition writes to it.
import type { Checker } from "./checker.ts";

export const oneOwner: Checker = {
  rule: "I2",
  durable(sight, { instance }) {
    const { partition, p } = instance;
    if (p.epoch !== sight.cluster.fences[partition]) {
      sight.fail("I2", `owner ${p.epoch} of partition ${partition} wrote behind its fence`);
    }
  },
};
