// What the tests of files and buffers share: a folder and an end for each test, and the ledger of what calls hold.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { type RpcServer, RxClient, type SocketStats } from "../../src/index.js";
import { eventually } from "../eventually.js";
import { expectAtRest } from "./support.js";

/** A new folder for each test, and what the test has started, ended with it. */
export class Scratch {
  folder = "";
  #ends: (() => Promise<void>)[] = [];

  /** For the tests of the file, or describe(), that makes it. */
  constructor() {
    beforeEach(() => {
      this.folder = fs.mkdtempSync(join(tmpdir(), "rxrpc-files-"));
      this.#ends = [];
    });
    afterEach(async () => {
      for (const end of this.#ends.reverse()) await end();
      fs.rmSync(this.folder, { recursive: true });
    });
  }

  /** Closes `thing` with the test; the latest goes first. */
  own<T extends { close(): Promise<void> }>(thing: T): T {
    this.#ends.push(() => thing.close());
    return thing;
  }

  async connect(server: RpcServer, serviceId: number): Promise<RxClient> {
    const socket = { buffersMax: 512 };
    return this.own(await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId, socket }));
  }
}

/** A point that somebody waits at until the test lets everybody go on. */
export class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a client is told of an ABORT. */
export const aborted = (abortCode: number) => ({ code: "RX_ERR_CALL_ABORTED", abortCode });

/** A megabyte of wrong bytes would be a long message. */
export function expectSame(bytes: Uint8Array, expected: Uint8Array): void {
  expect(bytes.length).toBe(expected.length);
  expect(Buffer.compare(bytes, expected)).toBe(0);
}

export const statsOf = (server: RpcServer): SocketStats => server.stats()[0] as SocketStats;

/** No call, no byte of memory or disk, and no descriptor is held any more. */
export async function expectNothingHeld(server: RpcServer): Promise<void> {
  await expectAtRest(server);
  await eventually(() => {
    const { work, spill, files } = statsOf(server);
    expect([work.used, spill.used, files.openDescriptors]).toEqual([0, 0, 0]);
  });
}
