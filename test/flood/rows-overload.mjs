// The row about more calls than there are handlers.
import { ms } from "../bench/memory/report.mjs";
import { TIMER_ID } from "./workers/service-ids.mjs";

const CALLER = import.meta.resolve("./workers/caller.mjs");

const ASK_MS = 20_000;
const HANDLERS = 4;
const TIMES = 10;
const PEAK_SHARE_MIN = 0.9;
const LATENCY_TIMES_MAX = 3;
const PEAK_SECONDS = 5;
const WARM_UP_SECONDS = 2;

/** @type {import("./run.mjs").Row[]} */
export const overloadRows = [
  {
    name: "overload",
    title: `${TIMES} times the calls that ${HANDLERS} handlers of 2 ms can take`,
    bar: `>= ${PEAK_SHARE_MIN * 100} % of the peak accepted; p99 <= ${LATENCY_TIMES_MAX} x unloaded`,
    run: async (stage) => {
      const { child: server, port } = await stage.server({ hasTap: true, concurrency: HANDLERS });
      const caller = stage.process(CALLER, [port, TIMER_ID]);
      const latency = () => server.ask({ op: "latency" }, ASK_MS);
      const closed = (/** @type {number} */ outstanding, /** @type {number} */ seconds) =>
        caller.ask({ op: "closed", outstanding, seconds }, seconds * 1000 + ASK_MS);
      const peakSeconds = stage.quick ? 1 : PEAK_SECONDS;

      await closed(HANDLERS, WARM_UP_SECONDS);
      await latency();
      await closed(1, peakSeconds);
      const unloaded = await latency();
      const peak = await closed(HANDLERS, peakSeconds);
      await latency();
      const rate = TIMES * peak.perSecond;
      const over = await caller.ask(
        { op: "open", rate, seconds: stage.seconds },
        stage.seconds * 1000 + ASK_MS,
      );
      const loaded = await latency();
      const share = over.perSecond / peak.perSecond;
      const times = loaded.p99 / unloaded.p99;
      const isOffered = over.offered / stage.seconds >= 0.95 * rate;
      return {
        passed: isOffered && server.alive && share >= PEAK_SHARE_MIN && times <= LATENCY_TIMES_MAX,
        figure: `${Math.round(share * 100)} % of the peak, p99 ${times.toFixed(2)} x`,
        notes: [
          `peak ${Math.round(peak.perSecond)} calls/s; offered ${Math.round(over.offered / stage.seconds)}/s, accepted ${Math.round(over.perSecond)}/s, BUSY ${over.busy}, lost ${over.lost}, aborted ${over.aborted}`,
          `from the packet that brings a call to life to the end of its reply: p50 ${ms(unloaded.p50)}, p99 ${ms(unloaded.p99)} unloaded (${unloaded.count} calls); p50 ${ms(loaded.p50)}, p99 ${ms(loaded.p99)} (${loaded.count} calls)`,
          ...(isOffered ? [] : ["the caller could not offer as many calls as it should"]),
        ],
        values: { peak, over, unloaded, loaded },
      };
    },
  },
];
