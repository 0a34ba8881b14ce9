// S06: packets out of order, and half of them twice.
import type { SimScenario } from "../run-seed.js";

export const s06: SimScenario = {
  id: "S06",
  title: "reorder and 50 % copies",
  path: { copyRate: 0.5, reorderRate: 0.3, reorderUs: 30_000, delayMeanUs: 10_000, delayJitterUs: 8_000 },
  faults: ["loss", "burst", "mtu", "sendError", "slowHandler", "slowReader"],
  faultsUs: 120_000_000,
  start(world) {
    world.addServer();
    world.addClients(world.pick(1, 3));
    world.addCalls(8, world.pick(1, 40_000), world.pick(1, 40_000), world.oneOf([500_000, 20_000_000]));
  },
};
