// From the names that users give to what a socket is bound and connected to. Runs once, at set-up.
import type { SocketType } from "node:dgram";
import { lookup as resolveName } from "node:dns/promises";
import { Address } from "../util/address.js";
import { RxOptionError } from "../util/errors.js";

/** Bound unless told otherwise: being reachable from outside is asked for, not stumbled into. */
export const DEFAULT_HOST = "127.0.0.1";

/** Literals for one socket. */
export interface UdpEnds {
  readonly type: SocketType;
  readonly host: string;
  /** Empty without a peer. */
  readonly peerHost: string;
  readonly peer: Address | undefined;
}

/**
 * @param host address or name to bind; the default depends on whether there is a peer
 * @param connect the peer, where there is one
 * @throws RxOptionError when the two are not of one family; what the resolver throws for an unknown name
 */
export async function resolveEnds(
  host: string | undefined,
  connect: { readonly host: string; readonly port: number } | undefined,
): Promise<UdpEnds> {
  if (connect === undefined) {
    const local = await resolveHost(host ?? DEFAULT_HOST, 0);
    return { type: local.type, host: local.text, peerHost: "", peer: undefined };
  }
  const localLiteral = host === undefined ? undefined : Address.from(host, 0);
  const remote = await resolveHost(connect.host, localLiteral?.family ?? 0);
  const wildcard = remote.type === "udp4" ? "0.0.0.0" : "::";
  const local = await resolveHost(host ?? wildcard, remote.address.family);
  if (local.type !== remote.type) {
    throw new RxOptionError("host", `an address of the family of ${remote.text}`, local.text);
  }
  remote.address.port = connect.port;
  return { type: local.type, host: local.text, peerHost: remote.text, peer: remote.address };
}

interface Resolved {
  readonly type: SocketType;
  readonly text: string;
  readonly address: Address;
}

// IPv4 first where a name has both: that is where Rx servers listen, ours by default too.
async function resolveHost(host: string, family: 0 | 4 | 6): Promise<Resolved> {
  const literal = Address.from(host, 0);
  const text =
    literal === undefined ? (await resolveName(host, { family, order: "ipv4first" })).address : host;
  const address = literal ?? Address.from(text, 0);
  if (address === undefined) throw new RxOptionError("host", "a host name or address", host);
  // An IPv6 text is used as given, because the scope (`%eth0`) is not part of an Address.
  return address.family === 4
    ? { type: "udp4", text: address.format(), address }
    : { type: "udp6", text, address };
}
