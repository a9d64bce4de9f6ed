import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../../test/support/world.ts";
import { Budget } from "../../base/budget.ts";
import {
  BESIDE_OWN_MS,
  SUBMITTED_BESIDE_OWN_MAX,
  SUBMITTED_BYTES_MAX,
  SUBMITTED_MAX,
  UNASKED_BURST,
  UNASKED_PER_SECOND,
  UNASKED_TOTAL_BURST,
  UNASKED_TOTAL_PER_SECOND,
} from "../limits.ts";
import type { Peer, PeerKind } from "../peer/peer.ts";
import { Intake } from "./intake.ts";

type Payer = Parameters<Intake["charge"]>[0];

function world() {
  const clock = new ManualClock();
  const state = { underWay: 0, rooms: 0 };
  const intake = new Intake({ clock, mempool: { underWay: () => state.underWay } }, () => {
    state.rooms++;
  });
  const payer = (saved: number, kind: PeerKind = "inbound"): Payer => {
    const unasked = new Budget(UNASKED_PER_SECOND, UNASKED_BURST, clock.elapsed());
    unasked.spend(UNASKED_BURST - saved);
    return { kind, budgets: { unasked } as Peer["budgets"] };
  };
  return { clock, state, intake, payer };
}

test("a peer without tokens waits, asked or not, and goes on at its pace", () => {
  const { clock, intake, payer } = world();
  const peer = payer(2);
  for (const asked of [0, 1]) assert.equal(intake.mayRead(peer, asked), true);
  intake.charge(peer, 0);
  intake.charge(peer, 0);
  for (const asked of [0, 1]) assert.equal(intake.mayRead(peer, asked), false);
  clock.advance(1000 / UNASKED_PER_SECOND);
  assert.equal(intake.mayRead(peer, 0), true);
});

test("an orphan whose parent comes costs nothing", () => {
  const { intake, payer } = world();
  const peer = payer(1);
  intake.charge(peer, 0);
  assert.equal(intake.mayRead(peer, 1), false);
  intake.refund(peer);
  assert.equal(intake.mayRead(peer, 1), true);
});

test("a crowd shares one budget; who was asked for something does not wait for it", () => {
  const { clock, intake, payer } = world();
  for (let left = UNASKED_TOTAL_BURST; left > 0; left--) intake.charge(payer(1), 0);
  assert.equal(intake.mayRead(payer(10), 0), false);
  assert.equal(intake.mayRead(payer(10), 1), true);
  clock.advance(1000 / UNASKED_TOTAL_PER_SECOND);
  assert.equal(intake.mayRead(payer(10), 0), true);
});

test("a crowd that owes us transactions leaves the others no debt", () => {
  const { clock, intake, payer } = world();
  for (let left = 20 * UNASKED_TOTAL_BURST; left > 0; left--) {
    const peer = payer(1);
    assert.equal(intake.mayRead(peer, 1), true);
    intake.charge(peer, 1);
  }
  clock.advance(1000 / UNASKED_TOTAL_PER_SECOND);
  assert.equal(intake.mayRead(payer(1), 0), true);
});

test("the operator's own peers pay nothing", () => {
  const { intake, payer } = world();
  const own = payer(0, "manual");
  for (let left = 2 * UNASKED_TOTAL_BURST; left > 0; left--) intake.charge(own, 0);
  assert.equal(intake.mayRead(own, 0), true);
  assert.equal(intake.mayRead(payer(1), 0), true, "nor does anybody else for them");
});

test("so many are judged at once, fewer in the operator's way when they are worthless", () => {
  const { clock, state, intake, payer } = world();
  const peer = payer(10);
  const readable = (): number => {
    let count = 0;
    for (; intake.mayRead(peer, 0); count++) {
      intake.begin(1);
      state.underWay++;
    }
    return count;
  };
  const end = (count: number, accepted = false): void => {
    const { rooms } = state;
    for (let left = count; left > 0; left--) {
      state.underWay--;
      intake.end(1, accepted);
    }
    assert.ok(state.rooms > rooms, "room is told of");
  };
  assert.equal(readable(), SUBMITTED_MAX);
  end(SUBMITTED_MAX, true);

  state.underWay = 1;
  assert.equal(readable(), SUBMITTED_MAX, "good ones are no less welcome than the operator's");
  end(SUBMITTED_MAX);
  assert.equal(readable(), SUBMITTED_BESIDE_OWN_MAX);
  end(SUBMITTED_BESIDE_OWN_MAX);
  state.underWay = 0;
  assert.equal(readable(), SUBMITTED_BESIDE_OWN_MAX, "and for a while after");
  end(SUBMITTED_BESIDE_OWN_MAX);
  clock.advance(BESIDE_OWN_MS);
  assert.equal(readable(), SUBMITTED_MAX);
  end(SUBMITTED_MAX);

  intake.begin(SUBMITTED_BYTES_MAX);
  assert.equal(intake.mayRead(peer, 0), false);
});
