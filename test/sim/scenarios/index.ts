// All scenarios, in order. Those with an R are played by the whole library, the others by its core.
import type { Scenario } from "../run-seed.js";
import { s01 } from "./s01-clean.js";
import { s02 } from "./s02-heavy-loss.js";
import { s03 } from "./s03-bulk-loss.js";
import { s04 } from "./s04-on-and-off.js";
import { s05 } from "./s05-long-path.js";
import { s06 } from "./s06-disorder.js";
import { s07 } from "./s07-replay.js";
import { s08 } from "./s08-damage.js";
import { s09 } from "./s09-path-size.js";
import { s10 } from "./s10-last-packet.js";
import { s11 } from "./s11-server-restart.js";
import { s12 } from "./s12-client-restart.js";
import { s13 } from "./s13-client-moves.js";
import { s14 } from "./s14-backlog.js";
import { s15 } from "./s15-stop-and-open.js";
import { s16 } from "./s16-flood.js";
import { s17 } from "./s17-greedy.js";
import { s18 } from "./s18-drip.js";
import { s19 } from "./s19-bad-handlers.js";
import { s19r } from "./s19r-bad-handlers.js";
import { s20 } from "./s20-aborts.js";
import { s21 } from "./s21-handshake.js";
import { s22 } from "./s22-secured-load.js";
import { s23 } from "./s23-off-path.js";
import { s24 } from "./s24-hostile-receiver.js";
import { s25 } from "./s25-hostile-sender.js";
import { s26 } from "./s26-small-pools.js";
import { s27 } from "./s27-clocks.js";
import { s28 } from "./s28-socket-errors.js";
import { s29 } from "./s29-wrap.js";
import { s30 } from "./s30-full-tables.js";
import { s31 } from "./s31-stop.js";
import { s31r } from "./s31r-drain.js";
import { s32 } from "./s32-thirty-days.js";
import { s33 } from "./s33-mirrors.js";
import { s34 } from "./s34-old-habits.js";
import { s35 } from "./s35-colliding-ids.js";
import { s36 } from "./s36-twin.js";
import { s37 } from "./s37-both-roles.js";
import { s37r } from "./s37r-both-roles.js";
import { s38 } from "./s38-addresses.js";
import { s39 } from "./s39-observers.js";
import { s39r } from "./s39r-observers.js";
import { s40 } from "./s40-everything.js";

export const scenarios: readonly Scenario[] = [
  s01,
  s02,
  s03,
  s04,
  s05,
  s06,
  s07,
  s08,
  s09,
  s10,
  s11,
  s12,
  s13,
  s14,
  s15,
  s16,
  s17,
  s18,
  s19,
  s19r,
  s20,
  s21,
  s22,
  s23,
  s24,
  s25,
  s26,
  s27,
  s28,
  s29,
  s30,
  s31,
  s31r,
  s32,
  s33,
  s34,
  s35,
  s36,
  s37,
  s37r,
  s38,
  s39,
  s39r,
  s40,
];

/** @throws Error when there is no such scenario */
export function scenarioOf(id: string): Scenario {
  const found = scenarios.find((scenario) => scenario.id === id);
  if (found === undefined) throw new Error(`no scenario ${id}`);
  return found;
}
