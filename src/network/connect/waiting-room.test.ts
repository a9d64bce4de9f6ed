import assert from "node:assert/strict";
import { test } from "node:test";
import type { Stream } from "../../ports/stream.ts";
import { OFFENDER_MEMORY_MS, OFFENDER_WAIT_MS, OFFENDERS_MAX, WAITING_MAX } from "../limits.ts";
import { WaitingRoom } from "./waiting-room.ts";

function streamFrom(host: string): Stream & { isClosed: boolean } {
  const end = { host, port: 1 };
  return {
    remote: end,
    local: end,
    pendingBytes: 0,
    isClosed: false,
    open: () => {},
    send: () => {},
    pause: () => {},
    resume: () => {},
    close() {
      this.isClosed = true;
    },
  };
}

test("who was shut out waits when it comes back, for as long as that is remembered", () => {
  const room = new WaitingRoom();
  assert.equal(room.isFor("7.1.0.1", 0), false);
  room.offended("7.1.0.1", 10);
  assert.equal(room.isFor("7.1.0.1", 10), true);
  assert.equal(room.isFor("7.2.0.1", 10), false);
  assert.equal(room.isFor("7.1.0.1", 10 + OFFENDER_MEMORY_MS), false);
  room.offended("7.2.0.1", 10 + OFFENDER_MEMORY_MS);
  assert.equal(room.offenderCount, 1, "the first is forgotten");
});

test("those that wait leave in order, when their time has come", () => {
  const room = new WaitingRoom();
  const [a, b] = [streamFrom("a"), streamFrom("b")];
  assert.ok(room.enter(a, 0) && room.enter(b, 5));
  assert.deepEqual(room.leave(OFFENDER_WAIT_MS - 1), []);
  assert.deepEqual(room.leave(OFFENDER_WAIT_MS), [a]);
  assert.deepEqual(room.leave(OFFENDER_WAIT_MS + 5), [b]);
  assert.equal(room.size, 0);
});

test("it is bounded, and closes with everybody in it", () => {
  const room = new WaitingRoom();
  const streams = Array.from({ length: WAITING_MAX }, (_, index) => streamFrom(`${index}`));
  assert.ok(streams.every((stream) => room.enter(stream, 0)));
  assert.equal(room.enter(streamFrom("more"), 0), false);
  for (let host = 0; host < 2 * OFFENDERS_MAX; host++) room.offended(`${host}`, 1);
  assert.equal(room.offenderCount, OFFENDERS_MAX);
  assert.equal(room.isFor("0", 1), false, "the oldest is forgotten first");
  room.close();
  assert.ok(streams.every(({ isClosed }) => isClosed));
  assert.equal(room.size, 0);
});
