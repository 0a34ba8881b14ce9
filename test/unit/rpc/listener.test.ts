// The acceptance service as users program it: what becomes of calls that nobody accepts, and of notifiers that fail.
import { describe, expect, test } from "vitest";
import { Stat } from "../../../src/core/stats.js";
import { RxAbort } from "../../../src/index.js";
import { type CallNotifier, Listener, type ListenerOptions } from "../../../src/rpc/listener.js";
import { clientTalker } from "../core/packets.js";
import { LAST, Rig, SERVICE_ID } from "../core/rig.js";
import { contextOf } from "./rig-context.js";

const callOf = (n: number): ReturnType<typeof clientTalker> => clientTalker({ cid: 0x10_000 + n * 4 });

interface Stage {
  readonly rig: Rig;
  readonly listener: Listener;
  readonly faults: [cause: unknown, where: string][];
}

/** A listener on an endpoint without a network. */
function stage(options: Partial<ListenerOptions> = {}, backlog = 4): Stage {
  const rig = new Rig();
  const { context, faults } = contextOf(rig);
  const listener = new Listener(context, { id: SERVICE_ID, ...options });
  if (backlog > 0) listener.listen(backlog);
  return { rig, listener, faults };
}

/** Call `n` comes, with its whole request, and its service is told. */
const begin = ({ rig }: Stage, n: number): string[] => rig.exchange(callOf(n).data(1, 8, LAST));

const aborts = (rig: Rig): string[] => rig.names().filter((name) => name.startsWith("ABORT"));

/** Everything that nextCall() has at once. */
async function takeAll(
  listener: Listener,
): Promise<NonNullable<Awaited<ReturnType<Listener["nextCall"]>>>[]> {
  const taken = [];
  const stop = new AbortController();
  for (;;) {
    const next = listener.nextCall({ signal: stop.signal });
    const incoming = await Promise.race([next, Promise.resolve("none" as const)]);
    if (incoming === "none") {
      next.catch(() => undefined);
      stop.abort();
      return taken;
    }
    if (incoming === null) return taken;
    taken.push(incoming);
  }
}

describe("calls that nobody has accepted", () => {
  test("close() rejects them: handed out, queued for the loop, or not announced yet", async () => {
    const on = stage();
    const { rig, listener } = on;
    begin(on, 0);
    const handedOut = await listener.nextCall();
    begin(on, 1);
    rig.feed(callOf(2).data(1, 8, LAST));
    rig.poll();
    listener.close();
    expect(aborts(rig)).toEqual(["ABORT -2", "ABORT -2", "ABORT -2"]);
    expect(() => handedOut?.accept(1n)).toThrow(
      expect.objectContaining({ code: "RX_ERR_CALL_ENDED", abortCode: -2 }),
    );
    expect(() => handedOut?.reject()).toThrow(expect.objectContaining({ code: "RX_ERR_CALL_ENDED" }));
    expect(await listener.nextCall()).toBe(null);
    rig.drain();
    expect([listener.backlog.waiting, rig.endpoint.local.calls.used, rig.buffersUsed]).toEqual([0, 0, 0]);
  });

  test("close() tells them RX_RESTARTING while the endpoint drains", () => {
    const on = stage();
    begin(on, 0);
    on.rig.endpoint.drain();
    on.listener.close();
    expect(aborts(on.rig)).toEqual(["ABORT -100"]);
  });

  test("close() leaves a call alone that its client has ended already", () => {
    const on = stage();
    begin(on, 0);
    on.rig.feed(callOf(0).abort(99));
    on.listener.close();
    on.rig.drain();
    expect(aborts(on.rig)).toEqual([]);
    expect([on.listener.backlog.waiting, on.rig.endpoint.local.calls.used]).toEqual([0, 0]);
  });

  test("close() ends calls charged by hand that the loop was never given", async () => {
    const on = stage();
    on.listener.chargeAccept(1n);
    on.listener.chargeAccept(2n);
    on.listener.chargeAccept(3n);
    begin(on, 0);
    const taken = await on.listener.nextCall();
    begin(on, 1);
    on.rig.feed(callOf(2).data(1, 8, LAST));
    on.rig.poll();
    on.listener.close();
    on.rig.drain();
    expect(aborts(on.rig)).toEqual(["ABORT -2", "ABORT -2"]);
    expect([taken?.userId, taken?.isEnded]).toEqual([1n, false]);
    taken?.accept().abort();
    on.rig.drain();
    expect(on.rig.endpoint.local.calls.used).toBe(0);
  });

  test("calls that have been accepted go on after close()", async () => {
    const on = stage();
    begin(on, 0);
    const call = (await on.listener.nextCall())?.accept(1n);
    on.listener.close();
    expect(aborts(on.rig)).toEqual([]);
    const request = await call?.readAll();
    expect(request?.length).toBe(8);
    await call?.write(new Uint8Array(3));
    call?.finish();
    expect(on.rig.names()).toContain("DATA 1");
  });

  test("listen(0) keeps them: the loop goes on and may accept", async () => {
    const on = stage();
    begin(on, 0);
    begin(on, 1);
    on.listener.listen(0);
    expect(begin(on, 2)).toEqual(["ABORT -2"]);
    expect(aborts(on.rig)).toEqual([]);
    const first = (await on.listener.nextCall())?.accept(1n);
    expect(first?.isEnded).toBe(false);
    on.listener.close();
    expect(aborts(on.rig)).toEqual(["ABORT -2"]);
    expect(first?.isEnded).toBe(false);
  });
});

describe("the queue of incoming calls", () => {
  test("entries whose clients have given up do not pile up, and those that wait keep their order", async () => {
    const on = stage();
    begin(on, 0);
    for (let n = 1; n <= 200; n++) {
      begin(on, n);
      on.rig.exchange(callOf(n).abort(99));
    }
    begin(on, 201);
    const taken = await takeAll(on.listener);
    expect(taken.length).toBeLessThanOrEqual(33);
    const live = taken.filter((incoming) => !incoming.isEnded);
    expect(live.length).toBe(2);
    expect([live[0], live[1]]).toEqual([taken[0], taken.at(-1)]);
  });

  test.each([
    [null, "options: expected an object, got null"],
    [{ signal: 5 }, "signal: expected an AbortSignal, got 5"],
    [{ sginal: undefined }, "options.sginal: expected one of signal"],
  ])("nextCall(%o) is refused by name", async (options, message) => {
    const { listener } = stage();
    await expect(listener.nextCall(options as object)).rejects.toThrow(message);
  });
});

describe("notifiers that fail", () => {
  /** What users give for a notifier, whatever it returns. */
  type AnyNotifier = (...told: Parameters<CallNotifier>) => unknown;
  const kernel = (onNewCall: AnyNotifier, onDiscardCall: AnyNotifier = () => undefined): Stage => {
    const on = stage({ onNewCall, onDiscardCall });
    on.listener.chargeAccept(1n);
    on.listener.chargeAccept(2n);
    return on;
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  test("an async onNewCall that rejects: its call is aborted and the fault reported", async () => {
    const cause = new Error("no");
    const on = kernel(async () => {
      throw cause;
    });
    begin(on, 0);
    await settle();
    expect(aborts(on.rig)).toEqual(["ABORT -6"]);
    expect(on.faults).toEqual([[cause, `onNewCall of service ${SERVICE_ID}`]]);
    on.rig.drain();
    expect([on.rig.endpoint.local.calls.used, on.listener.backlog.spare]).toEqual([1, 1]);
  });

  test("the call of an onNewCall that fails with an RxAbort gets its code, thrown or rejected", async () => {
    const rejecting = kernel(async () => {
      throw new RxAbort(77);
    });
    begin(rejecting, 0);
    await settle();
    expect(aborts(rejecting.rig)).toEqual(["ABORT 77"]);
    const throwing = kernel(() => {
      throw new RxAbort(78);
    });
    expect(() => begin(throwing, 0)).toThrow(RxAbort);
    expect(aborts(throwing.rig)).toEqual(["ABORT 78"]);
  });

  test("a peer that aborts a call makes no fault of the async onNewCall that was reading it", async () => {
    const on = kernel(async (call) => {
      await call.readAll();
    });
    on.rig.exchange(callOf(0).data(1, 8));
    on.rig.exchange(callOf(0).abort(99));
    await settle();
    on.rig.drain();
    expect(on.faults).toEqual([]);
    expect(on.rig.endpoint.local.calls.used).toBe(1);
  });

  test("an onDiscardCall that throws or rejects is reported, and every spare call is discarded", async () => {
    const told: bigint[] = [];
    const thrown = new Error("thrown");
    const rejected = new Error("rejected");
    const on = kernel(
      () => undefined,
      (_call, userId) => {
        told.push(userId);
        if (userId === 1n) throw thrown;
        return Promise.reject(rejected);
      },
    );
    on.listener.close();
    await settle();
    expect(told).toEqual([1n, 2n]);
    const where = `onDiscardCall of service ${SERVICE_ID}`;
    expect(on.faults).toEqual([
      [thrown, where],
      [rejected, where],
    ]);
    expect([on.rig.endpoint.local.calls.used, on.rig.stat(Stat.NotifierFaults)]).toEqual([0, 1]);
  });

  test("an async attach that rejects is reported", async () => {
    const on = stage({ onNewCall: () => undefined, onDiscardCall: () => undefined });
    const attach: AnyNotifier = () => Promise.reject(new Error("no"));
    on.listener.chargeAccept(1n, attach);
    await settle();
    expect(on.faults.map(([, where]) => where)).toEqual([`attach of service ${SERVICE_ID}`]);
    expect(on.listener.backlog.spare).toBe(1);
  });
});
