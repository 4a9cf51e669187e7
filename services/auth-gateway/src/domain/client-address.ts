import { BlockList, isIP, isIPv6, type Socket } from 'node:net';
import { wrongVariable } from '@hybridstore/runtime';

/** What is known about where a request comes from: the other end of its connection, and what a proxy there says. */
export type RequestOrigin = {
  readonly peerAddress: string | undefined;
  readonly forwardedFor: string | string[] | undefined;
};

/** Proxies in a row that are followed; more of them are taken for a client's own invention. */
const proxiesMax = 8;
const ipv6Groups = 8;
const ipv6NetworkGroups = 4;

/**
 * Whom bounds by address count: the nearest end of the way that is not a proxy of ours. `X-Forwarded-For` is read from the
 * right, and only behind trusted proxies, because everything left of the first stranger is what the stranger says. An
 * IPv6 client counts as its /64, of which every address is his.
 */
export function clientAddress(origin: RequestOrigin, trustedProxies: BlockList): string {
  let address = origin.peerAddress;
  if (address === undefined) return 'unknown';
  const hops = [origin.forwardedFor ?? []].flat().join(',').split(',').slice(-proxiesMax);
  while (isListed(address, trustedProxies)) {
    const hop = addressOf(hops.pop());
    if (hop === undefined) break;
    address = hop;
  }
  return networkOf(address);
}

/** Whose a connection is; undefined where it carries the requests of many clients. */
export function addressOfConnection(peerAddress: string | undefined, trustedProxies: BlockList): string | undefined {
  if (peerAddress === undefined || isListed(peerAddress, trustedProxies)) return undefined;
  return networkOf(peerAddress);
}

export type AddressOf = (request: {
  readonly socket: Socket;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}) => string;

/** `clientAddress` of requests. What a connection says by itself is looked at once. */
export function rememberAddresses(trustedProxies: BlockList): AddressOf {
  const known = new WeakMap<Socket, string>();
  return ({ socket, headers }) => {
    const held = known.get(socket);
    if (held !== undefined) return held;
    const peerAddress = socket.remoteAddress;
    const own = addressOfConnection(peerAddress, trustedProxies);
    if (own === undefined)
      return clientAddress({ peerAddress, forwardedFor: headers['x-forwarded-for'] }, trustedProxies);
    known.set(socket, own);
    return own;
  };
}

/** Addresses and networks (`10.0.0.0/8`, `fd00::/8`) of proxies whose `X-Forwarded-For` is believed. */
export function parseTrustedProxies(variable: string, items: readonly string[]): BlockList {
  const proxies = new BlockList();
  for (const item of items) {
    const [address = '', bits] = item.split('/');
    const bitsMax = isIPv6(address) ? 128 : 32;
    const prefix = bits === undefined ? bitsMax : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
    // A prefix of 0 would believe everybody, who could then be anybody.
    if (isIP(address) === 0 || prefix < 1 || prefix > bitsMax)
      throw wrongVariable(variable, 'addresses and networks like 10.0.0.0/8', item);
    proxies.addSubnet(address, prefix, familyOf(address));
  }
  return proxies;
}

/** The address of a hop, of which some proxies write the port too. Undefined for what is none. */
function addressOf(hop: string | undefined): string | undefined {
  const text = hop?.trim() ?? '';
  const address = /^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(address) === 0 ? undefined : address;
}

/** Servers that listen on `::` see IPv4 clients as `::ffff:a.b.c.d`. */
function unmapped(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

function isListed(address: string, proxies: BlockList): boolean {
  const plain = unmapped(address);
  return proxies.check(plain, familyOf(plain));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}

function networkOf(address: string): string {
  const plain = unmapped(address);
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('%')[0]!.toLowerCase().split('::');
  const before = head.split(':').filter((group) => group !== '');
  const after = tail === undefined ? [] : tail.split(':').filter((group) => group !== '');
  // An IPv4 tail stands for two groups; it lies in the half that does not count, so one more zero is no matter.
  const zeros = tail === undefined ? [] : Array<string>(ipv6Groups - before.length - after.length).fill('0');
  const groups = [...before, ...zeros, ...after]
    .slice(0, ipv6NetworkGroups)
    .map((group) => group.replace(/^0+(?=.)/, ''));
  return `${groups.join(':')}::/64`;
}
