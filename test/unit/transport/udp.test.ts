import { UdpTransport } from "../../../src/transport/udp.js";
import { describeUdp } from "./udp-conformance.js";

describeUdp("UdpTransport", (options) => new UdpTransport(options));
