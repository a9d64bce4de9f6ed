// I5: RELEASE acts on claims of its transaction with an attempt up to its own; FINALIZE and EVICT act
// on exactly theirs.
import { compareAttempts, sameAttempt } from "../../../state/admission/records.ts";
import { type Checker, short } from "./checker.ts";

export const compareAndAct: Checker = {
  rule: "I5",
  stepped(sight, { store }, message) {
    if (message?.type === "release" || message?.type === "release-leaving") {
      for (const { before, now } of store.touched) {
        if (before === null || now?.spender === before.spender) continue;
        // Removing an unconfirmed output condemns the claim on it, whoever holds that.
        if (now === null && before.spender !== message.txid && message.outputs.length > 0) continue;
        const own = before.spender === message.txid;
        if (!own || compareAttempts(before.attempt, message.attempt) > 0) {
          sight.fail("I5", `RELEASE of ${short(message.txid)} took a claim that is not its own`);
        }
      }
    }
    if (message?.type === "finalize") {
      for (const { before } of store.touched) {
        if (before !== null && !sameAttempt(before.attempt, message.attempt)) {
          sight.fail("I5", `FINALIZE of ${short(message.txid)} hardened another attempt's claim`);
        }
      }
    }
    if (message?.type === "evict") {
      for (const { txid, attempt } of store.left) {
        if (txid === message.txid && !sameAttempt(attempt, message.attempt)) {
          sight.fail("I5", `EVICT of ${short(txid)} removed another attempt`);
        }
      }
    }
  },
};
