// S33: what one server sends is fed to another, and the other way round. No packet begets packets without end.
import { Violation } from "../checkers.js";
import type { SimScenario } from "../run-seed.js";
import type { ServerSide, World } from "../world.js";

const sentBy = new WeakMap<World, [number, number]>();

export const s33: SimScenario = {
  id: "S33",
  title: "two servers fed each other's packets",
  path: { delayMeanUs: 3_000 },
  faults: ["loss", "jitter", "copy", "reorder", "slowHandler"],
  settlesUs: 60_000_000,
  start(world) {
    const first = world.addServer();
    const second = world.addServer({ host: "127.0.0.3" });
    const counts: [number, number] = [0, 0];
    sentBy.set(world, counts);
    mirror(world, first, second, () => counts[0]++);
    mirror(world, second, first, () => counts[1]++);
    world.addClients(1);
    world.addClient({ to: second });
    world.addCalls(6, 3_000, 3_000, 500_000);
  },
  expect(world) {
    const [first, second] = sentBy.get(world) ?? [0, 0];
    const fromClients = world.clients.reduce((sum, { end }) => sum + end.port.counters.datagramsOut, 0);
    // An answer to each packet of a client, and resending; not one to each of the other server's.
    if (first + second > 20 * fromClients + 100)
      throw new Violation("S33", `${first + second} packets of servers for ${fromClients} of clients`);
  },
};

function mirror({ simulation }: World, from: ServerSide, to: ServerSide, count: () => void): void {
  from.end.loses = (bytes, offset, length) => {
    count();
    simulation.network.carry(bytes, offset, length, from.address, to.address);
    return false;
  };
}
