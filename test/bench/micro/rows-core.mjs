// Rows about whole packets and calls in the core: DATA in and ACK out, refusals, and an echo through two endpoints.
import { TRANSMIT_ROOM, Transmit } from "../../../dist/core/output.js";
import { Address } from "../../../dist/util/address.js";
import { dataIn, FRIEND, makeClock, makeEndpoint, Rig, refusals, SERVICE_ID, STRANGER } from "./rig.mjs";
import { line, ns, timeWithoutGarbage } from "./stage.mjs";

const ECHO_BYTES = 128;
const CALL_US = 50;
// Readable, Ended.
const READABLE = 2;
const ENDED = 8;

/**
 * @param {Address} remote
 * @param {number} refusalsPerSecond
 * @param {boolean} isTold
 */
function busy(remote, refusalsPerSecond, isTold) {
  const rig = new Rig({ refusalsPerSecond });
  rig.remote = remote;
  return refusals(rig, isTold);
}

/** A client and a service with no network between them. */
class Pair {
  #now = makeClock();
  #serverAddress = Address.from("192.0.2.1", 7009);
  #payload = new Uint8Array(ECHO_BYTES).fill(7);
  #scratch = new Uint8Array(ECHO_BYTES);
  #outs = [new Transmit(new Uint8Array(TRANSMIT_ROOM)), new Transmit(new Uint8Array(TRANSMIT_ROOM))];
  #client = makeEndpoint({}, 1);
  #server = makeEndpoint({}, 2);
  #bundle;
  #service;
  #userId = 0n;
  #isDone = false;
  packets = 0;

  constructor() {
    const serve = { handleCallEvents: (handle, events) => this.#serve(handle, events) };
    this.#service = this.#server.endpoint.addService(
      {
        serviceId: SERVICE_ID,
        style: "kernel",
        policy: { kind: "busy" },
        callsPerPeerMax: 512,
        requestMaxBytes: 1 << 20,
        upgradeTo: 0,
      },
      {
        onNewCall: (handle) => {
          handle.listener = serve;
          this.#charge();
          this.#serve(handle, READABLE);
        },
        onDiscardCall: () => undefined,
      },
    );
    this.#service.listen(32);
    this.#charge();
    this.#bundle = this.#client.endpoint.openBundle({
      remote: this.#serverAddress,
      serviceId: SERVICE_ID,
      securityIndex: 0,
      connectionsMax: 1,
      wantsUpgrade: false,
    });
  }

  #charge() {
    while (this.#service.room > 0) this.#service.chargeAccept(this.#userId++, null);
  }

  #serve(handle, events) {
    if ((events & ENDED) !== 0) return handle.release();
    if (!handle.hasInput) return;
    const length = handle.readInto(this.#scratch, 0, ECHO_BYTES);
    handle.write(this.#scratch, 0, length);
    handle.end();
    handle.detach();
  }

  /** One call from its beginning to its end. */
  call(listener) {
    this.#now[0] += CALL_US;
    const now = this.#now[0];
    for (const { endpoint } of [this.#client, this.#server]) {
      endpoint.advance(now);
      if (endpoint.nextTimeoutUs() <= now) endpoint.handleTimeout(now);
    }
    this.#isDone = false;
    const handle = this.#client.endpoint.beginCall(this.#bundle, listener);
    handle.write(this.#payload, 0, ECHO_BYTES);
    handle.end();
    for (let turns = 0; !this.#isDone; turns++) {
      if (turns > 8) throw new Error("an echo takes more turns than it needs");
      this.#deliver(this.#client, this.#server, FRIEND, this.#outs[0]);
      this.#deliver(this.#server, this.#client, this.#serverAddress, this.#outs[1]);
    }
  }

  #deliver(from, to, address, out) {
    from.events.drain();
    while (from.endpoint.pollTransmit(out)) {
      this.packets++;
      to.endpoint.handleDatagram(this.#now[0], address, out.bytes, out.length);
    }
    to.events.drain();
  }

  /** What a client does with its reply. */
  read(handle, events) {
    if (handle.hasInput) handle.readInto(this.#scratch, 0, ECHO_BYTES);
    if ((events & ENDED) === 0) return;
    if (handle.completion !== 1 || this.#scratch[ECHO_BYTES - 1] !== 7) throw new Error("an echo has failed");
    this.#scratch.fill(0);
    handle.release();
    this.#isDone = true;
  }
}

/** @param {import("./stage.mjs").Stage} stage */
async function echo(stage) {
  const pair = new Pair();
  const listener = { handleCallEvents: (handle, events) => pair.read(handle, events) };
  let calls = 0;
  const run = (count) => {
    for (let i = 0; i < count; i++) pair.call(listener);
    calls += count;
    return calls;
  };
  const one = { name: "a call", run };
  const [timing] = await stage.time([one]);
  const bytes = await stage.garbage(one);
  return {
    passed: true,
    figure: `${ns(timing.median)}`,
    notes: [
      line(timing),
      `${(pair.packets / calls).toFixed(2)} packets a call`,
      `${bytes.toFixed(0)} bytes for the collector: what the users at both ends hold of a call`,
    ],
    values: { timing, bytes, packetsPerCall: pair.packets / calls },
  };
}

/** @type {Record<string, (stage: import("./stage.mjs").Stage) => Promise<import("../memory/report.mjs").Finding>>} */
export const rows = {
  "data-in": (stage) => timeWithoutGarbage(stage, [{ name: "DATA in, ACK out", run: dataIn(new Rig()) }]),
  busy: (stage) =>
    timeWithoutGarbage(stage, [
      { name: "a friend", run: busy(FRIEND, 20, true) },
      { name: "a stranger", run: busy(STRANGER, 1_000_000, true) },
      { name: "a stranger who has had enough", run: busy(STRANGER, 0, false) },
    ]),
  echo,
};
