import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import {
  addressOfConnection,
  clientAddress,
  parseTrustedProxies,
  rememberAddresses,
} from '../src/domain/client-address.ts';

const none = parseTrustedProxies('TRUSTED_PROXIES', []);
const proxies = parseTrustedProxies('TRUSTED_PROXIES', ['10.0.0.0/8', 'fd00::/8', '192.0.2.7']);
const of = (peerAddress: string | undefined, forwardedFor?: string | string[], trusted = proxies) =>
  clientAddress({ peerAddress, forwardedFor }, trusted);

describe('the address of a client', () => {
  it('is the other end of the connection, whatever a stranger says in X-Forwarded-For', () => {
    assert.equal(of('203.0.113.9', '198.51.100.1'), '203.0.113.9');
    assert.equal(of('10.1.2.3', '198.51.100.1', none), '10.1.2.3');
    assert.equal(of(undefined, '198.51.100.1'), 'unknown');
  });

  it('is the nearest stranger before the trusted proxies, and not what he says of others', () => {
    assert.equal(of('10.1.2.3', '198.51.100.1'), '198.51.100.1');
    assert.equal(of('10.1.2.3', '1.2.3.4, 198.51.100.1, 192.0.2.7,10.9.9.9'), '198.51.100.1');
    assert.equal(of('::ffff:10.1.2.3', ['1.2.3.4', '198.51.100.1']), '198.51.100.1');
    assert.equal(of('fd00::1', '[2001:db8:1:2:3::4]:4711'), '2001:db8:1:2::/64');
    assert.equal(of('10.1.2.3', '198.51.100.1:4711'), '198.51.100.1');
  });

  it('is the proxy itself where it names nobody', () => {
    for (const named of [undefined, '', 'unknown', '198.51.100.1, _hidden', '1.2.3', '999.1.1.1', '[::1'])
      assert.equal(of('10.1.2.3', named), '10.1.2.3');
  });

  it('follows a bounded number of proxies', () => {
    const hops = ['198.51.100.1', ...Array<string>(100_000).fill('10.0.0.1')].join(',');
    assert.equal(of('10.1.2.3', hops), '10.0.0.1');
  });

  it('is the /64 of an IPv6 client, however its address is written', () => {
    for (const written of ['2001:db8::1', '2001:0DB8:0:0::ffff', '2001:db8:0:0:1:2:3:4', '2001:db8::1.2.3.4'])
      assert.equal(of(written), '2001:db8:0:0::/64');
    assert.equal(of('fe80::1%eth0', undefined, none), 'fe80:0:0:0::/64');
    assert.equal(of('::1'), '0:0:0:0::/64');
    assert.equal(of('::ffff:203.0.113.9'), '203.0.113.9');
    assert.notEqual(of('2001:db8:0:1::1'), of('2001:db8:0:2::1'));
  });
});

describe('trusted proxies', () => {
  it('are addresses and networks of both families, and their connections belong to no single client', () => {
    for (const address of ['10.255.0.1', '::ffff:10.0.0.1', 'fdab::1', '192.0.2.7'])
      assert.equal(addressOfConnection(address, proxies), undefined);
    for (const address of ['11.0.0.1', '192.0.2.8']) assert.equal(addressOfConnection(address, proxies), address);
    assert.equal(addressOfConnection('fe80::1', proxies), 'fe80:0:0:0::/64');
    assert.equal(addressOfConnection(undefined, proxies), undefined);
  });

  it('are refused by the name of the variable when they are none, or everybody', () => {
    for (const item of ['ingress', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8x', 'fd00::/129', '0.0.0.0/0', '::/0', '*'])
      assert.throws(() => parseTrustedProxies('TRUSTED_PROXIES', [item]), {
        code: 'invalid_request',
        message: `TRUSTED_PROXIES: expected addresses and networks like 10.0.0.0/8, found ${item}`,
      });
  });
});

describe('addresses that are remembered', () => {
  const addressOf = rememberAddresses(proxies);
  /** One connection, and what each of its requests says. */
  const ask = (remoteAddress: string, named: readonly string[]) => {
    const socket = { remoteAddress } as Socket;
    return named.map((name) => addressOf({ socket, headers: { 'x-forwarded-for': name } }));
  };

  it('are those of a connection, whatever its requests say', () => {
    assert.deepEqual(ask('203.0.113.9', ['1.1.1.1', '2.2.2.2']), ['203.0.113.9', '203.0.113.9']);
  });

  it('are not those of a proxy, whose requests have addresses of their own', () => {
    assert.deepEqual(ask('10.1.2.3', ['198.51.100.1', '198.51.100.2']), ['198.51.100.1', '198.51.100.2']);
  });
});
