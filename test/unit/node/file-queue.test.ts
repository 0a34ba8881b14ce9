import { describe, expect, it } from "vitest";
import { EventClass, EventItem } from "../../../src/loop/event-cache.js";
import { FileQueue, type FileQueueOptions } from "../../../src/node/file-queue.js";
import { AssertionError } from "../../../src/util/assert.js";
import { RxError } from "../../../src/util/errors.js";
import { FakeFileBackend, systemError, TestLoop } from "./fake-file-backend.js";

const EMFILE = systemError("EMFILE", 24);
const ENOENT = systemError("ENOENT", 2);

class House {
  readonly loop = new TestLoop();
  readonly backend = new FakeFileBackend();
  readonly queue: FileQueue;
  /** Outcomes as `name:value` or `name:code`, in the order of delivery. */
  readonly outcomes: string[] = [];

  constructor(options: Partial<FileQueueOptions> = {}) {
    this.queue = new FileQueue({ events: this.loop.cache, backend: this.backend, ...options });
  }

  done(name: string): (cause: Error | null, value?: unknown) => void {
    return (cause, value) => {
      const end = cause === null ? value : (cause as { readonly code?: string }).code;
      this.outcomes.push(end === undefined ? name : `${name}:${end as string}`);
    };
  }

  stat(owner: object | null, path: string): void {
    this.queue.stat(owner, path, (cause) => this.done(path)(cause));
  }

  open(owner: object | null, path: string): void {
    this.queue.open(owner, path, 0, 0, this.done(path));
  }

  /** Opens `fd` and delivers it. */
  opened(fd: number, owner: object | null = null): number {
    this.open(owner, `f${fd}`);
    this.backend.answer("open", fd, `f${fd}`);
    this.loop.drain();
    this.outcomes.pop();
    this.backend.log.length = 0;
    return fd;
  }

  close(fd: number): void {
    this.queue.closeDescriptor(fd, this.done(`close ${fd}`));
  }

  get pending(): string[] {
    return this.backend.pending.map((call) => `${call.name} ${String(call.args[0])}`);
  }

  /** The outcomes since the last look. */
  delivered(): string[] {
    this.loop.drain();
    return this.outcomes.splice(0);
  }
}

describe("FileQueue: how many at once", () => {
  it("has at most inFlightMax operations with the backend, and submits the next when one is answered", () => {
    const house = new House({ inFlightMax: 2 });
    for (const path of ["a", "b", "c", "d"]) house.stat(null, path);
    expect(house.pending).toEqual(["stat a", "stat b"]);
    expect(house.queue.counters).toMatchObject({ inFlight: 2, waiting: 2 });
    house.backend.answer("stat", {}, "b");
    // Before the outcome has been delivered.
    expect(house.pending).toEqual(["stat a", "stat c"]);
    expect(house.outcomes).toEqual([]);
    expect(house.delivered()).toEqual(["b"]);
    expect(house.queue.counters).toMatchObject({ inFlight: 2, inFlightMaxSeen: 2, waitingMaxSeen: 2 });
  });

  it("has four at once unless told otherwise", () => {
    const house = new House();
    for (let i = 0; i < 9; i++) house.stat(null, `${i}`);
    expect(house.pending).toHaveLength(4);
  });

  it("lets owners take turns, so that a thousand operations of one do not keep another's waiting", () => {
    const house = new House({ inFlightMax: 1 });
    const [a, b, c] = [{}, {}, {}];
    for (let i = 0; i < 1_000; i++) house.stat(a, `a${i}`);
    house.stat(b, "b0");
    house.stat(c, "c0");
    house.stat(c, "c1");
    for (let i = 0; i < 6; i++) house.backend.answer("stat", {});
    expect(house.backend.log).toEqual(["a0", "a1", "b0", "c0", "a2", "c1", "a3"].map((p) => `stat ${p}`));
  });

  it("refuses what waits past waitingMax with RX_ERR_LIMIT, by a done that comes later", () => {
    const house = new House({ inFlightMax: 1, waitingMax: 2 });
    for (const path of ["a", "b", "c", "d"]) house.stat(null, path);
    expect(house.outcomes).toEqual([]);
    expect(house.delivered()).toEqual(["d:RX_ERR_LIMIT"]);
    expect(house.queue.counters.refused).toBe(1);
    house.backend.answer("stat", {});
    house.stat(null, "e");
    expect(house.delivered()).toEqual(["a"]);
  });

  it("submits nothing more while 64 outcomes wait for delivery, and goes on when they were delivered", () => {
    const house = new House({ inFlightMax: 1 });
    for (let i = 0; i < 100; i++) house.stat(null, `${i}`);
    let answered = 0;
    while (house.backend.pending.length > 0) {
      house.backend.answer("stat", {});
      answered++;
    }
    expect(answered).toBe(64);
    house.loop.drain();
    expect(house.outcomes).toHaveLength(64);
    expect(house.pending).toEqual(["stat 64"]);
  });
});

describe("FileQueue: delivery", () => {
  it("calls done from the drain only, in the order of the answers", () => {
    const house = new House();
    for (const path of ["a", "b", "c"]) house.stat(null, path);
    for (const path of ["c", "a", "b"]) house.backend.answer("stat", {}, path);
    expect(house.outcomes).toEqual([]);
    expect(house.loop.hasAsked).toBe(true);
    expect(house.delivered()).toEqual(["c", "a", "b"]);
  });

  it("delivers eight, lets others of its class run, and goes on: none is slept over", () => {
    const house = new House({ inFlightMax: 20 });
    for (let i = 0; i < 20; i++) house.stat(null, `${i}`);
    for (let i = 0; i < 20; i++) house.backend.answer("stat", {});
    const seen: number[] = [];
    class Other extends EventItem {
      runEvent(): void {
        seen.push(house.outcomes.length);
        if (seen.length < 4) house.loop.cache.put(this, EventClass.Data);
      }
    }
    house.loop.cache.put(new Other(), EventClass.Data);
    house.loop.cache.drain();
    expect(seen).toEqual([8, 16, 20, 20]);
    expect(house.queue.counters).toMatchObject({ delivered: 20, batches: 3 });
  });

  it("gives what a done throws to the cache's onFault and delivers the others", () => {
    const house = new House();
    const fault = new Error("thrown by a done");
    house.stat(null, "a");
    house.queue.stat(null, "b", () => {
      throw fault;
    });
    house.stat(null, "c");
    for (let i = 0; i < 3; i++) house.backend.answer("stat", {});
    expect(house.delivered()).toEqual(["a", "c"]);
    expect(house.loop.faults).toEqual([fault]);
  });

  it("turns what the backend throws into an outcome, however often", () => {
    const house = new House({ inFlightMax: 1 });
    house.stat(null, "a");
    for (let i = 0; i < 3_000; i++) house.stat(null, "b");
    house.backend.refusal = Object.assign(new TypeError("no path"), { code: "ERR_INVALID_ARG_VALUE" });
    house.backend.answer("stat", {});
    const outcomes = house.delivered();
    expect(outcomes).toHaveLength(3_001);
    expect(new Set(outcomes)).toEqual(new Set(["a", "b:ERR_INVALID_ARG_VALUE"]));
    expect(house.queue.counters).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  it("delivers what each operation asks of the backend", () => {
    const house = new House({ inFlightMax: 10 });
    const fd = house.opened(7);
    house.queue.realpath(null, "x", house.done("realpath"));
    house.queue.truncate(null, fd, 5, house.done("truncate"));
    house.queue.unlink("x", house.done("unlink"));
    house.queue.fstat(null, fd, (cause, stats) => house.done("fstat")(cause, stats.size));
    house.queue.statfs(null, "/", (cause, stats) => house.done("statfs")(cause, stats.type));
    house.backend.answer("realpath", "/x");
    house.backend.answer("ftruncate");
    house.backend.fail("unlink", ENOENT);
    house.backend.answer("fstat", { size: 9n });
    house.backend.answer("statfs", { type: 4 });
    expect(house.backend.log).toEqual(["realpath x", "ftruncate 7 5", "unlink x", "fstat 7", "statfs /"]);
    expect(house.delivered()).toEqual(["realpath:/x", "truncate", "unlink:ENOENT", "fstat:9", "statfs:4"]);
  });
});

describe("FileQueue: short reads and writes", () => {
  it("continues a short read where it stopped until all is there", () => {
    const house = new House();
    const fd = house.opened(5);
    house.queue.read(null, fd, new Uint8Array(100), 10, 50, 1_000, house.done("read"));
    house.backend.answer("read", 20);
    house.backend.answer("read", 29);
    house.backend.answer("read", 1);
    expect(house.backend.log).toEqual(["read 5 10 50 1000", "read 5 30 30 1020", "read 5 59 1 1049"]);
    expect(house.delivered()).toEqual(["read:50"]);
    expect(house.queue.counters.continued).toBe(2);
  });

  it("ends a read at the end of the file, with what came", () => {
    const house = new House();
    const fd = house.opened(5);
    house.queue.read(null, fd, new Uint8Array(50), 0, 50, 0, house.done("read"));
    house.backend.answer("read", 20);
    house.backend.answer("read", 0);
    expect(house.delivered()).toEqual(["read:20"]);
  });

  it("tells how much came before a read failed", () => {
    const house = new House();
    const fd = house.opened(5);
    let seen: unknown;
    house.queue.read(null, fd, new Uint8Array(50), 0, 50, 0, (...outcome) => {
      seen = outcome;
    });
    house.backend.answer("read", 20);
    house.backend.fail("read", ENOENT);
    house.loop.drain();
    expect(seen).toEqual([ENOENT, 20]);
  });

  it("continues a short write, also after one answer of 0 bytes", () => {
    const house = new House();
    const fd = house.opened(5);
    house.queue.write(null, fd, new Uint8Array(9), 2, 7, 40, house.done("write"));
    for (const count of [0, 3, 0, 4]) house.backend.answer("write", count);
    expect(house.backend.log).toEqual([
      "write 5 2 7 40",
      "write 5 2 7 40",
      "write 5 5 4 43",
      "write 5 5 4 43",
    ]);
    expect(house.delivered()).toEqual(["write:7"]);
  });

  it("fails a write of 0 bytes twice in a row", () => {
    const house = new House();
    const fd = house.opened(5);
    let seen: unknown;
    house.queue.write(null, fd, new Uint8Array(9), 0, 9, 0, (cause) => {
      seen = cause;
    });
    for (const count of [4, 0, 0]) house.backend.answer("write", count);
    house.loop.drain();
    expect(seen).toBeInstanceOf(RxError);
    expect(seen).toMatchObject({ code: "RX_ERR_FILE", abortCode: 112 });
    expect((seen as RxError).message).toContain("4 of 9 bytes");
    expect(house.pending).toEqual([]);
  });

  it("ends a read and a write of no bytes", () => {
    const house = new House();
    const fd = house.opened(5);
    house.queue.write(null, fd, new Uint8Array(0), 0, 0, 0, house.done("write"));
    house.queue.read(null, fd, new Uint8Array(0), 0, 0, 0, house.done("read"));
    house.backend.answer("write", 0);
    house.backend.answer("read", 0);
    expect(house.delivered()).toEqual(["write:0", "read:0"]);
  });

  it("puts what is continued to the front of its owner's line, behind the turns of others", () => {
    const house = new House({ inFlightMax: 1 });
    const [a, b] = [{}, {}];
    const fd = house.opened(5, a);
    house.queue.read(a, fd, new Uint8Array(8), 0, 8, 0, house.done("a0"));
    house.stat(a, "a1");
    house.stat(b, "b0");
    house.backend.answer("read", 4);
    expect(house.pending).toEqual(["read 5"]);
    house.backend.answer("read", 2);
    expect(house.pending).toEqual(["stat b0"]);
    house.backend.answer("stat", {});
    expect(house.pending).toEqual(["read 5"]);
  });
});

describe("FileQueue: no descriptor left", () => {
  it("lets an open wait until one of ours is closed, without a place in flight", () => {
    const house = new House({ inFlightMax: 1 });
    const fd = house.opened(5);
    house.open({}, "a");
    house.backend.fail("open", EMFILE);
    expect(house.queue.counters).toMatchObject({ inFlight: 0, waiting: 1, emfileWaits: 1 });
    house.stat(null, "s");
    house.backend.answer("stat", {});
    expect(house.delivered()).toEqual(["s"]);
    expect(house.pending).toEqual([]);
    house.close(fd);
    house.backend.answer("close");
    expect(house.pending).toEqual(["open a"]);
    house.backend.answer("open", 6);
    expect(house.delivered()).toEqual(["close 5", "a:6"]);
  });

  it("fails at once when none of ours is open: nothing would wake it", () => {
    const house = new House();
    house.open({}, "a");
    house.open({}, "b");
    house.backend.fail("open", EMFILE);
    house.backend.fail("open", systemError("ENFILE", 23));
    expect(house.delivered()).toEqual(["a:EMFILE", "b:ENFILE"]);
    expect(house.queue.counters.emfileWaits).toBe(0);
  });

  it("tries again at once when one was closed while the open was under way", () => {
    const house = new House();
    const fd = house.opened(5);
    house.open({}, "a");
    house.close(fd);
    house.backend.answer("close");
    house.backend.fail("open", EMFILE);
    expect(house.pending).toEqual(["open a"]);
    house.backend.fail("open", EMFILE);
    expect(house.delivered()).toEqual(["close 5", "a:EMFILE"]);
  });

  it("wakes one open for one close, in the order in which they came, also when it finds none again", () => {
    const house = new House();
    house.opened(5);
    house.opened(6);
    for (const path of ["a", "b"]) house.open({}, path);
    for (const path of ["a", "b"]) house.backend.fail("open", EMFILE, path);
    house.open({}, "behind them");
    house.close(5);
    house.backend.answer("close");
    expect(house.pending).toEqual(["open a"]);
    house.backend.fail("open", EMFILE);
    expect(house.pending).toEqual([]);
    house.close(6);
    house.backend.answer("close");
    expect(house.pending).toEqual(["open a"]);
  });

  it("passes the wake-up on when the open that was woken fails", () => {
    const house = new House();
    house.opened(5);
    for (const path of ["a", "b", "c"]) house.open({}, path);
    for (const path of ["a", "b", "c"]) house.backend.fail("open", EMFILE, path);
    house.close(5);
    house.backend.answer("close");
    house.backend.fail("open", ENOENT, "a");
    expect(house.pending).toEqual(["open b"]);
    house.backend.fail("open", EMFILE, "b");
    expect(house.pending).toEqual(["open c"]);
    house.backend.answer("open", 9);
    expect(house.delivered()).toEqual(["close 5", "a:ENOENT", "b:EMFILE", "c:9"]);
  });

  it("passes the wake-up on when the call that was woken ends before its turn", () => {
    const house = new House({ inFlightMax: 1 });
    const [a, b] = [{}, {}];
    house.opened(5);
    house.open(a, "a");
    house.backend.fail("open", EMFILE);
    house.open(b, "b");
    house.close(5);
    // The close has the only place; the woken open is in its line.
    house.stat({}, "s");
    house.backend.answer("close");
    expect(house.pending).toEqual(["stat s"]);
    house.queue.cancel(a);
    house.backend.answer("stat", {});
    expect(house.pending).toEqual(["open b"]);
  });
});

describe("FileQueue: openMax", () => {
  it("lets an open wait while owners have openMax open, until one is closed", () => {
    const house = new House({ openMax: 2 });
    const owner = {};
    house.opened(5, owner);
    house.opened(6, {});
    house.open(owner, "a");
    house.open(owner, "b");
    expect(house.pending).toEqual([]);
    expect(house.queue.counters).toMatchObject({ waiting: 2, openWaits: 2 });
    house.close(5);
    expect(house.pending).toEqual(["close 5"]);
    house.backend.answer("close");
    expect(house.pending).toEqual(["open a"]);
  });

  it("counts opens that are under way, and gives the place of one that fails to the next", () => {
    const house = new House({ openMax: 1 });
    house.open({}, "a");
    house.open({}, "b");
    expect(house.pending).toEqual(["open a"]);
    house.backend.fail("open", ENOENT);
    expect(house.pending).toEqual(["open b"]);
  });

  it("leaves the library's own opens out", () => {
    const house = new House({ openMax: 1 });
    house.opened(5, {});
    house.open({}, "a");
    house.open(null, "spill");
    expect(house.pending).toEqual(["open spill"]);
    house.backend.answer("open", 6);
    house.close(6);
    house.backend.answer("close");
    // What was closed had no place to give.
    expect(house.pending).toEqual([]);
  });

  it("gives a file that was opened for a call that has ended back", () => {
    const house = new House({ openMax: 1 });
    const owner = {};
    house.open(owner, "a");
    house.open({}, "b");
    house.queue.cancel(owner);
    house.backend.answer("open", 5);
    expect(house.delivered()).toEqual(["a:RX_ERR_CALL_ENDED"]);
    expect(house.pending).toEqual(["close 5"]);
    house.backend.answer("close");
    expect(house.pending).toEqual(["open b"]);
  });
});

describe("FileQueue: cancel", () => {
  it("drops what its owner has waiting and leaves the others alone", () => {
    const house = new House({ inFlightMax: 1 });
    const [a, b] = [{}, {}];
    for (const path of ["a0", "a1", "a2"]) house.stat(a, path);
    house.stat(b, "b0");
    house.queue.cancel(a);
    expect(house.outcomes).toEqual([]);
    expect(house.delivered()).toEqual(["a1:RX_ERR_CALL_ENDED", "a2:RX_ERR_CALL_ENDED"]);
    // In flight: its buffer is lent until the answer.
    house.backend.answer("stat", {});
    expect(house.delivered()).toEqual(["a0:RX_ERR_CALL_ENDED"]);
    house.backend.answer("stat", {});
    expect(house.delivered()).toEqual(["b0"]);
  });

  it("drops opens that wait for a descriptor", () => {
    const house = new House({ openMax: 1 });
    const [a, b] = [{}, {}];
    house.opened(5, b);
    for (const path of ["a0", "a1"]) house.open(a, path);
    house.open(b, "b0");
    house.queue.cancel(a);
    expect(house.delivered()).toEqual(["a0:RX_ERR_CALL_ENDED", "a1:RX_ERR_CALL_ENDED"]);
    house.close(5);
    house.backend.answer("close");
    expect(house.pending).toEqual(["open b0"]);
  });

  it("does not continue a short read, and drops an outcome that was not delivered yet", () => {
    const house = new House();
    const owner = {};
    const fd = house.opened(5, owner);
    house.queue.read(owner, fd, new Uint8Array(8), 0, 8, 0, (cause) => house.done("read")(cause));
    house.stat(owner, "s");
    house.backend.answer("stat", {});
    house.queue.cancel(owner);
    house.backend.answer("read", 4);
    expect(house.pending).toEqual([]);
    expect(house.delivered()).toEqual(["s:RX_ERR_CALL_ENDED", "read:RX_ERR_CALL_ENDED"]);
  });

  it("closes a file that was opened and not delivered yet", () => {
    const house = new House();
    const owner = {};
    house.open(owner, "a");
    house.backend.answer("open", 5);
    house.queue.cancel(owner);
    expect(house.delivered()).toEqual(["a:RX_ERR_CALL_ENDED"]);
    expect(house.pending).toEqual(["close 5"]);
  });

  it("refuses what the owner asks for afterwards", () => {
    const house = new House();
    const owner = {};
    house.queue.cancel(owner);
    house.queue.cancel(owner);
    house.stat(owner, "a");
    expect(house.pending).toEqual([]);
    expect(house.delivered()).toEqual(["a:RX_ERR_CALL_ENDED"]);
  });
});

describe("FileQueue: closing a descriptor", () => {
  it("waits for everything that was asked of it before", () => {
    const house = new House({ inFlightMax: 1 });
    const owner = {};
    const fd = house.opened(5, owner);
    house.queue.read(owner, fd, new Uint8Array(8), 0, 8, 0, house.done("read"));
    house.queue.write(owner, fd, new Uint8Array(8), 0, 8, 0, house.done("write"));
    house.close(fd);
    house.backend.answer("read", 4);
    house.backend.answer("read", 4);
    expect(house.pending).toEqual(["write 5"]);
    house.backend.answer("write", 8);
    expect(house.pending).toEqual(["close 5"]);
    expect(house.queue.counters.openDescriptors).toBe(1);
    house.backend.answer("close");
    expect(house.queue.counters.openDescriptors).toBe(0);
    expect(house.delivered()).toEqual(["read:8", "write:8", "close 5"]);
  });

  it("outlives the cancel of its owner, and comes before what others have waiting", () => {
    const house = new House({ inFlightMax: 1 });
    const owner = {};
    const fd = house.opened(5, owner);
    house.queue.read(owner, fd, new Uint8Array(8), 0, 8, 0, (cause) => house.done("read")(cause));
    house.queue.fstat(owner, fd, (cause) => house.done("fstat")(cause));
    house.stat({}, "other");
    house.queue.cancel(owner);
    house.close(fd);
    house.backend.answer("read", 8);
    expect(house.pending).toEqual(["close 5"]);
    expect(house.delivered()).toEqual(["fstat:RX_ERR_CALL_ENDED", "read:RX_ERR_CALL_ENDED"]);
  });

  it("is never refused for the length of the line", () => {
    const house = new House({ inFlightMax: 1, waitingMax: 1 });
    const fd = house.opened(5);
    for (const path of ["a", "b"]) house.stat(null, path);
    house.close(fd);
    house.backend.answer("stat", {});
    expect(house.pending).toEqual(["close 5"]);
  });

  it("frees the descriptor although the system reports an error", () => {
    const house = new House();
    const fd = house.opened(5);
    house.close(fd);
    house.backend.fail("close", systemError("EIO", 5));
    expect(house.delivered()).toEqual(["close 5:EIO"]);
    expect(house.queue.counters.openDescriptors).toBe(0);
  });

  it("copes with a number that is given away again before its close is answered", () => {
    const house = new House();
    const fd = house.opened(5);
    house.open(null, "next");
    house.close(fd);
    house.backend.answer("open", 5, "next");
    house.backend.answer("close");
    expect(house.delivered()).toEqual(["next:5", "close 5"]);
    expect(house.queue.counters.openDescriptors).toBe(1);
    house.queue.fstat(null, 5, (cause) => house.done("fstat")(cause));
    house.backend.answer("fstat", {});
    expect(house.delivered()).toEqual(["fstat"]);
  });

  it("takes nothing more for it", () => {
    const house = new House();
    const fd = house.opened(5);
    house.close(fd);
    expect(() => house.queue.truncate(null, fd, 0, house.done("truncate"))).toThrow(AssertionError);
    expect(() => house.close(fd)).toThrow(AssertionError);
  });
});

describe("FileQueue: close", () => {
  it("fails what waits, waits for what is in flight and closes every descriptor", async () => {
    const house = new House({ inFlightMax: 2, openMax: 2 });
    const owner = {};
    house.opened(5, owner);
    house.opened(6, owner);
    house.queue.read(owner, 5, new Uint8Array(4), 0, 4, 0, house.done("read"));
    house.queue.write(owner, 6, new Uint8Array(4), 0, 4, 0, (cause) => house.done("write")(cause));
    house.stat(owner, "waiting");
    house.open(owner, "later");
    let isClosed = false;
    const closing = house.queue.close().then(() => {
      isClosed = true;
    });
    expect(house.queue.close()).toBe(house.queue.close());
    expect(house.delivered()).toEqual(["later:RX_ERR_SOCKET_CLOSED", "waiting:RX_ERR_SOCKET_CLOSED"]);
    house.backend.answer("read", 4);
    house.backend.answer("write", 3);
    expect(house.pending).toEqual(["close 5", "close 6"]);
    expect(house.delivered()).toEqual(["read:4", "write:RX_ERR_SOCKET_CLOSED"]);
    house.backend.answer("close");
    house.backend.answer("close");
    await Promise.resolve();
    expect(isClosed).toBe(false);
    house.loop.drain();
    await closing;
    expect(house.queue.counters).toMatchObject({ openDescriptors: 0, inFlight: 0, waiting: 0 });
  });

  it("closes what is opened while it waits", async () => {
    const house = new House();
    house.open(null, "a");
    const closing = house.queue.close();
    house.backend.answer("open", 5);
    expect(house.delivered()).toEqual(["a:RX_ERR_SOCKET_CLOSED"]);
    house.backend.answer("close");
    house.loop.drain();
    await closing;
    expect(house.queue.counters.openDescriptors).toBe(0);
  });

  it("refuses everything afterwards but the closes and unlinks of those who clean up", async () => {
    const house = new House();
    const fd = house.opened(5);
    const closing = house.queue.close();
    house.backend.answer("close");
    house.loop.drain();
    await closing;
    house.stat(null, "a");
    house.queue.fstat(null, fd, (cause) => house.done("fstat")(cause));
    house.close(fd);
    house.queue.unlink("name", house.done("unlink"));
    expect(house.pending).toEqual(["unlink name"]);
    house.backend.answer("unlink");
    expect(house.delivered()).toEqual([
      "a:RX_ERR_SOCKET_CLOSED",
      "fstat:RX_ERR_SOCKET_CLOSED",
      "close 5",
      "unlink",
    ]);
  });

  it("ends at once when there was nothing", async () => {
    await new House().queue.close();
  });
});
