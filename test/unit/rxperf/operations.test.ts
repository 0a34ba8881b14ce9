// The operations of rxperf between our own client and service, and the options of both.
import { describe, expect, test } from "vitest";
import {
  RpcServer,
  RxClient,
  RxOptionError,
  RxperfRpc,
  rxperfRecv,
  rxperfSend,
  rxperfService,
} from "../../../src/index.js";

async function pair(): Promise<{ client: RxClient; stop(): Promise<void> }> {
  const server = new RpcServer().add(rxperfService());
  await server.start();
  const client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 147 });
  const stop = async (): Promise<void> => {
    await client.close();
    await server.close();
  };
  return { client, stop };
}

test.each([false, true])(
  "send and recv move every byte and tell of their progress, cookie %s",
  async (cookie) => {
    const { client, stop } = await pair();
    const sent: number[] = [];
    await rxperfSend(client, 200_000, { cookie }, (bytes) => sent.push(bytes));
    expect(sent).toEqual([65_536, 131_072, 196_608, 200_000]);
    let got = 0;
    await rxperfRecv(client, 200_000, { cookie }, (bytes) => {
      got = bytes;
    });
    expect(got).toBe(200_000);
    await rxperfSend(client, 0, { cookie });
    await rxperfRecv(client, 0, { cookie });
    await stop();
  },
);

describe("options that are wrong", () => {
  test.each([
    [null, "rxperf: expected an object, got null"],
    [{ maxByte: 5 }, "rxperf.maxByte: expected one of"],
    [{ maxBytes: -1 }, "maxBytes: expected an integer from 0 to 4294967295, got -1"],
    [{ maxBytes: 2 ** 32 }, "maxBytes: expected an integer from 0 to 4294967295"],
    [{ maxBytes: Number.NaN }, "maxBytes: expected"],
    [{ pattern: 5 }, "pattern: expected a function, got 5"],
    [{ id: 0 }, "id: expected an integer from 1 to 65535, got 0"],
    [{ concurrency: 0 }, "concurrency: expected an integer from 1"],
  ])("rxperfService(%o)", (options, message) => {
    const make = (): unknown => rxperfService(options as object);
    expect(make).toThrow(RxOptionError);
    expect(make).toThrow(message);
  });

  test.each([-1, 1.5, 2 ** 32, "5"])("%s bytes", async (bytes) => {
    const { client, stop } = await pair();
    const wrong = bytes as number;
    await expect(rxperfSend(client, wrong)).rejects.toThrow(
      "bytes: expected an integer from 0 to 4294967295",
    );
    await expect(rxperfRecv(client, wrong)).rejects.toThrow(
      "bytes: expected an integer from 0 to 4294967295",
    );
    expect(() => new RxperfRpc(wrong, 0)).toThrow("sendBytes: expected");
    expect(() => new RxperfRpc(0, wrong)).toThrow("recvBytes: expected");
    await stop();
  });
});
