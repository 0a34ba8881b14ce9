// A call that ends in the turn in which its service learns of it, and is let go there: the handle is dead from then on.
// Found by scenario S40 of the simulation.
import { expect, test } from "vitest";
import { clientTalker } from "./packets.js";
import { LAST, Listener, Rig } from "./rig.js";

test("a listener set on a call that was released in onNewCall is told nothing more", () => {
  const rig = new Rig();
  const service = rig.offer();
  const listener = new Listener();
  service.notifier = {
    onNewCall: (handle) => {
      handle.listener = listener;
      handle.release();
    },
    onDiscardCall: () => undefined,
  };
  const talker = clientTalker();
  rig.feed(talker.data(1, 8, LAST));
  rig.feed(talker.abort(7));
  rig.drain();
  expect([listener.events, listener.ends]).toEqual([0, 0]);
});
