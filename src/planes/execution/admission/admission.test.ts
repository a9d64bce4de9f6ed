import assert from "node:assert/strict";
import { test } from "node:test";
import { mailOf, Stage, txidAt } from "../../../simulation/admission/schedules/stage.ts";
import { outpointKey } from "../../../state/admission/keys.ts";
import { DEFAULT_LIMITS } from "../../../state/admission/limits.ts";
import { ALL_RULES } from "../../../state/admission/rules.ts";
import { CLIENT, type Envelope, VERIFIER } from "./messages.ts";
import { park, unpark } from "./parking.ts";
import type { Partition } from "./partition.ts";
import { onMessage } from "./step.ts";

const COIN = outpointKey(txidAt(1, 1), 0);
const OTHER = outpointKey(txidAt(2, 2), 0);
const THIRD = outpointKey(txidAt(1, 3), 0);
const Y = txidAt(0, 0x10);
const CHILD = txidAt(2, 0x11);
const T = txidAt(1, 0x12);
const U = txidAt(2, 0x13);

function stage(change: ConstructorParameters<typeof Stage>[3] = {}): Stage {
  return new Stage(ALL_RULES, 3, [COIN, OTHER, THIRD], { replace: "feerate", ...change });
}

function admit(on: Stage, candidate: ReturnType<Stage["candidate"]>): void {
  on.submit(candidate);
  on.run();
}

test("the same transaction twice gets the same answer, and the answer needs every claim", () => {
  const on = stage();
  const candidate = on.candidate(Y, [COIN, OTHER]);
  on.submit(candidate);
  on.run(({ to, message }) => to === 2 && message.type === "hold");
  assert.equal(on.answers.get(Y), undefined);
  on.run();
  const answer = on.answers.get(Y);
  assert.equal(answer?.kind, "accepted");
  on.answers.clear();
  admit(on, candidate);
  assert.deepEqual(on.answers.get(Y), answer);
  on.append(0, [[candidate]]);
  on.advanceAll();
  on.run();
  admit(on, candidate);
  assert.deepEqual(on.answers.get(Y), { kind: "confirmed", height: 1 });
});

test("partitions of one host decide in one step, and take the long way when one refuses", () => {
  const siblings = new Map<number, Partition>();
  const on = stage({ siblings });
  for (const p of on.partitions) siblings.set(p.self, p);
  const home = on.home(Y);
  const sent: string[] = [];
  const submit = on.candidate(Y, [COIN, OTHER]);
  const message = { type: "submit", candidate: submit, source: 0, token: 0, given: null } as const;
  const asked = onMessage(home, 1, CLIENT, message);
  assert.deepEqual([asked.group, asked.siblings], [[], []]);
  const [{ message: verify }] = asked.messages as [Envelope];
  assert.ok(verify.type === "verify" && asked.messages.length === 1);
  assert.equal(verify.coins.length, 2);
  const { txid, attempt, flags } = verify;
  const verdict = { ok: true, fee: 10, sigops: 1 } as const;
  const done = onMessage(home, 1, VERIFIER, { type: "verdict", txid, attempt, flags, verdict });
  for (const { message: one } of done.messages) sent.push(one.type);
  assert.deepEqual(sent, ["answer"]);
  assert.deepEqual(
    done.siblings.map(({ partition, group }) => [partition, group.map(({ space }) => space)]),
    [
      [1, ["claim"]],
      [2, ["claim"]],
    ],
  );
  for (const coin of [COIN, OTHER]) assert.equal(on.claimOn(coin)?.mode, "spent");
  assert.ok(done.group.some(({ space }) => space === "record"));
  // Somebody else has the coin: nothing is written before all have agreed.
  admit(on, on.candidate(U, [OTHER, THIRD], 5));
  assert.equal(on.answers.get(U)?.kind, "rejected");
  assert.equal(on.claimOn(OTHER)?.spender, Y);
  assert.equal(on.claimOn(THIRD), null);
  // A sibling that is at another position of the chain is asked by message.
  on.append(0, [[]]);
  on.advance(0);
  const late = txidAt(0, 0x21);
  on.submit(on.candidate(late, [THIRD]));
  on.run(({ message: one }) => one.type !== "submit");
  assert.equal(on.copies(mailOf("read", late)).length, 1);
  on.advance(1);
  on.advance(2);
  on.wait(1_000);
  assert.ok(on.isAdmitted(late));
});

test("a transaction that pays more replaces another and its descendants", () => {
  const on = stage();
  admit(on, on.candidate(Y, [COIN], 20));
  admit(on, on.candidate(CHILD, [outpointKey(Y, 0)], 30));
  admit(on, on.candidate(T, [COIN, OTHER], 100));
  assert.equal(on.answers.get(T)?.kind, "accepted");
  on.wait(2_000);
  assert.deepEqual(
    [Y, CHILD, T].map((txid) => on.isAdmitted(txid)),
    [false, false, true],
  );
  assert.equal(on.claimOn(COIN)?.spender, T);
  const left = on.events.filter((event) => event.type === "evicted");
  assert.deepEqual(
    left.map(({ txid, cause, by }) => [txid, cause, by]),
    [
      [Y, "replaced", T],
      [CHILD, "replaced", Y],
    ],
  );
});

test("what pays too little is refused and names what it collides with", () => {
  // Less than it replaces; less than the sum with the child's fee; not enough for its own bytes.
  for (const fee of [19, 45, 55]) {
    const on = stage();
    admit(on, on.candidate(Y, [COIN], 20));
    admit(on, on.candidate(CHILD, [outpointKey(Y, 0)], 30));
    admit(on, on.candidate(T, [COIN], fee));
    const expected = { kind: "rejected", code: "insufficient fee", permanent: false, by: Y };
    assert.deepEqual(on.answers.get(T), expected);
    assert.ok(on.isAdmitted(Y) && on.isAdmitted(CHILD));
  }
});

test("what policy lets it replace is not asked about again, what came since is", () => {
  const on = stage();
  admit(on, on.candidate(Y, [COIN], 20));
  admit(on, on.candidate(CHILD, [outpointKey(Y, 0)], 30));
  // A package has paid for it: it pays nothing itself.
  on.policy.set(T, { replaces: [Y, CHILD] });
  admit(on, on.candidate(T, [COIN], 0));
  assert.equal(on.answers.get(T)?.kind, "accepted");
  on.wait(2_000);
  assert.deepEqual([on.isAdmitted(Y), on.isAdmitted(CHILD)], [false, false]);
  const since = stage();
  admit(since, since.candidate(Y, [COIN], 20));
  admit(since, since.candidate(CHILD, [outpointKey(Y, 0)], 30));
  since.policy.set(T, { replaces: [Y] });
  admit(since, since.candidate(T, [COIN], 55));
  assert.equal((since.answers.get(T) as { code?: string }).code, "insufficient fee");
  // Both rules of fees are kept: a low rate is no reason.
  admit(since, { ...since.candidate(U, [COIN], 600), size: 5_000 });
  assert.equal(since.answers.get(U)?.kind, "accepted");
});

test("what is displaced leaves with the decision, and not before", () => {
  const on = stage();
  admit(on, on.candidate(Y, [COIN], 20));
  on.policy.set(T, { replaces: [Y], displaces: [Y] });
  on.submit(on.candidate(T, [OTHER], 10));
  // Nobody has said how it stands.
  on.run(mailOf("ask", Y));
  assert.deepEqual([on.isAdmitted(Y), on.isAdmitted(T)], [true, false]);
  on.run(mailOf("evict", Y));
  assert.deepEqual([on.isAdmitted(Y), on.isAdmitted(T)], [true, true]);
  // Lost with the process that wrote it, but written.
  on.withhold(() => true);
  on.restart(1);
  on.wait(3_000);
  assert.deepEqual([on.isAdmitted(Y), on.isAdmitted(T)], [false, true]);
  assert.equal(on.claimOn(COIN), null);
  const left = on.events.filter((event) => event.type === "evicted");
  assert.deepEqual(
    left.map(({ txid, cause, by }) => [txid, cause, by]),
    [[Y, "replaced", T]],
  );
});

test("nothing is displaced by what is not admitted", () => {
  const on = stage();
  admit(on, on.candidate(Y, [COIN], 20));
  admit(on, on.candidate(CHILD, [OTHER], 500));
  on.policy.set(T, { replaces: [Y], displaces: [Y] });
  // It collides with another that it does not pay for.
  admit(on, on.candidate(T, [OTHER], 30));
  assert.equal((on.answers.get(T) as { code?: string }).code, "insufficient fee");
  assert.ok(on.isAdmitted(Y) && on.isAdmitted(CHILD));
  // Gone by itself meanwhile: nothing is in the way.
  on.policy.set(U, { replaces: [Y], displaces: [Y] });
  on.drop(Y);
  on.run();
  admit(on, on.candidate(U, [THIRD], 10));
  assert.equal(on.answers.get(U)?.kind, "accepted");
  const sealed = stage({ isSealed: (txid) => txid === Y });
  admit(sealed, sealed.candidate(Y, [COIN], 20));
  sealed.policy.set(T, { replaces: [Y], displaces: [Y] });
  admit(sealed, sealed.candidate(T, [OTHER], 900));
  assert.equal((sealed.answers.get(T) as { code?: string }).code, "txn-mempool-conflict");
  assert.ok(sealed.isAdmitted(Y));
});

test("partitions of one host displace in the one step of the decision", () => {
  const siblings = new Map<number, Partition>();
  const on = stage({ siblings });
  for (const p of on.partitions) siblings.set(p.self, p);
  admit(on, on.candidate(Y, [COIN], 20));
  on.policy.set(T, { replaces: [Y], displaces: [Y] });
  on.submit(on.candidate(T, [OTHER], 10));
  on.run(({ message }) => message.type === "ask" || message.type === "evict");
  assert.equal(on.copies(mailOf("ask", Y)).length, 0);
  assert.equal(on.copies(mailOf("evict", Y)).length, 1);
  assert.ok(on.isAdmitted(T));
  on.run();
  assert.equal(on.isAdmitted(Y), false);
});

test("a replacement may not spend what it replaces, nor too many, nor what is sealed", () => {
  const spends = stage();
  admit(spends, spends.candidate(Y, [COIN], 20));
  admit(spends, spends.candidate(T, [COIN, outpointKey(Y, 0)], 500));
  assert.equal((spends.answers.get(T) as { code?: string }).code, "bad-txns-spends-conflicting-tx");
  const many = stage({ limits: { ...DEFAULT_LIMITS, feeRateMin: 0, replacedCountMax: 1 } });
  admit(many, many.candidate(Y, [COIN], 20));
  admit(many, many.candidate(CHILD, [outpointKey(Y, 0)], 20));
  admit(many, many.candidate(T, [COIN], 500));
  assert.equal((many.answers.get(T) as { code?: string }).code, "too many potential replacements");
  for (const change of [{ isSealed: () => true }, { replace: "off" as const }]) {
    const on = stage(change);
    admit(on, on.candidate(Y, [COIN], 20));
    admit(on, on.candidate(T, [COIN], 500));
    assert.equal((on.answers.get(T) as { code?: string }).code, "txn-mempool-conflict");
    assert.ok(on.isAdmitted(Y));
  }
});

test("no third transaction slips in while claims are handed over", () => {
  const on = stage();
  admit(on, on.candidate(Y, [COIN], 20));
  on.submit(on.candidate(T, [COIN, OTHER], 200));
  on.run(mailOf("release-leaving", Y));
  assert.equal(on.isAdmitted(Y), false);
  on.submit(on.candidate(U, [COIN], 900));
  on.wait(30, mailOf("release-leaving", Y));
  assert.equal(on.isAdmitted(U), false);
  on.run();
  assert.equal(on.answers.get(T)?.kind, "accepted");
});

test("a replaced transaction comes back when its heir dies undecided", () => {
  const on = stage();
  admit(on, on.candidate(Y, [COIN], 20));
  on.submit(on.candidate(T, [COIN, OTHER], 200));
  // Y has left for T; then the home of T dies with everything it knew of T.
  on.run(mailOf("handed", T));
  on.withhold(() => true);
  assert.equal(on.isAdmitted(Y), false);
  on.restart(1);
  on.wait(20_000);
  assert.deepEqual([on.isAdmitted(Y), on.isAdmitted(T)], [true, false]);
  assert.equal(on.claimOn(COIN)?.spender, Y);
  assert.equal(on.claimOn(OTHER), null);
});

test("two that want each other's coins do not wait for one another", () => {
  const on = stage({ replace: "off" });
  on.submit(on.candidate(Y, [COIN, OTHER]));
  on.submit(on.candidate(txidAt(0, 0x20), [OTHER, COIN]));
  on.wait(3_000);
  const admitted = [Y, txidAt(0, 0x20)].filter((txid) => on.isAdmitted(txid));
  assert.equal(admitted.length, 1);
  const loser = on.answers.get(admitted[0] === Y ? txidAt(0, 0x20) : Y);
  assert.equal(loser?.kind, "rejected");
});

test("a child without its parent is parked, and admitted when the parent is", () => {
  const on = stage();
  const parent = on.candidate(Y, [COIN]);
  admit(on, on.candidate(CHILD, [outpointKey(Y, 0)]));
  assert.equal(on.answers.get(CHILD)?.kind, "parked");
  admit(on, parent);
  assert.ok(on.isAdmitted(CHILD));
});

test("coins that came with a transaction are compared before anything is claimed", () => {
  const on = stage();
  const candidate = on.candidate(Y, [COIN]);
  const lie = { ...on.stores[1]!.coin(COIN)!, value: 5_000 };
  for (const [coin, expected] of [
    [lie, "bad-coin"],
    [on.stores[1]!.coin(COIN)!, undefined],
  ] as const) {
    const message = { type: "submit", candidate, source: 0, token: 0, given: [coin] } as const;
    on.mail.push({ from: -1, to: 0, message });
    on.run(mailOf("read", Y));
    assert.equal((on.answers.get(Y) as { code?: string }).code, expected);
  }
  assert.ok(on.isAdmitted(Y));
});

test("memory: the cheapest childless transactions leave, the floor rises, then the gateway waits", () => {
  const limits = { ...DEFAULT_LIMITS, feeRateMin: 0, bytesLow: 1_600, bytesHigh: 2_000 };
  const coins = Array.from({ length: 6 }, (_, index) => outpointKey(txidAt(1, 0x40 + index), 0));
  const on = new Stage(ALL_RULES, 3, coins, { limits });
  const txids = coins.map((_, index) => txidAt(0, 0x60 + index));
  txids.forEach((txid, index) => {
    admit(on, on.candidate(txid, [coins[index]!], 100 + index * 50));
  });
  const kept = txids.filter((txid) => on.isAdmitted(txid));
  assert.deepEqual(kept, txids.slice(3));
  const cheap = txidAt(0, 0x70);
  admit(on, on.candidate(cheap, [coins[0]!], 10));
  assert.equal((on.answers.get(cheap) as { code?: string }).code, "mempool min fee not met");
});

test("what is older than the limit leaves by chain time", () => {
  const limits = { ...DEFAULT_LIMITS, feeRateMin: 0, expirySeconds: 1_000 };
  const on = stage({ limits });
  admit(on, on.candidate(Y, [COIN]));
  for (let block = 0; block < 3; block++) on.append(0, [[]]);
  for (let block = 0; block < 3; block++) {
    on.advanceAll();
    on.run();
  }
  assert.equal(on.isAdmitted(Y), false);
  assert.ok(on.events.some((event) => event.type === "evicted" && event.cause === "expired"));
});

test("a parked child is counted by all its bytes, its witness too", () => {
  const on = stage();
  const p = on.home(CHILD);
  const raw = new Uint8Array(4_000);
  const candidate = { ...on.candidate(CHILD, [COIN]), size: 1_000, raw };
  assert.ok(park(p, candidate, 7, null) !== null);
  assert.deepEqual([p.parkedBytes, p.parkedBySource.get(7)], [4_000, 4_000]);
  unpark(p, CHILD);
  assert.deepEqual([p.parkedBytes, p.parkedBySource.get(7)], [0, undefined]);
});
