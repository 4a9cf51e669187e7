import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isHybridStoreError } from '@hybridstore/runtime';
import { decodeObject } from '../src/http/protobuf.ts';

/** What kubectl 1.35 sends for `create namespace x`. */
const namespace = Buffer.from(
  '6b3873000a0f0a02763112094e616d65737061636512190a110a01781200' + '1a0022002a0032003800420012001a020a001a002200',
  'hex',
);

function field(number: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const value = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([number * 8 + 2, value.length]), value]);
}

function envelope(apiVersion: string, kind: string, ...raw: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('k8s\0'), field(1, field(1, apiVersion), field(2, kind)), field(2, ...raw)]);
}

function statusOf(bytes: Buffer): readonly [unknown, string] {
  try {
    decodeObject(bytes);
  } catch (error) {
    if (isHybridStoreError(error)) return [error.details['http_status'], error.message];
    throw error;
  }
  throw new Error('it was read');
}

describe('protobuf of kubectl', () => {
  it('a namespace of kubectl is read, without its empty texts', () => {
    assert.deepEqual(decodeObject(namespace), {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'x' },
      spec: {},
    });
  });

  it('maps, lists, bytes and flags are read', () => {
    const label = field(11, field(1, 'k'), field(2, 'v'));
    const metadata = field(1, field(1, 's'), label, field(14, 'e.com/a'), field(14, 'e.com/b'));
    const data = field(2, field(1, 'a'), field(2, Buffer.from([0, 255])));
    assert.deepEqual(decodeObject(envelope('v1', 'Secret', metadata, data, Buffer.from([5 * 8, 1]))), {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', labels: { k: 'v' }, finalizers: ['e.com/a', 'e.com/b'] },
      data: { a: 'AP8=' },
      immutable: true,
    });
  });

  it('a kind that is not read is named, with what to do', () => {
    const [status, message] = statusOf(envelope('apps/v1', 'Deployment'));
    assert.equal(status, 415);
    assert.match(message, /found apps\/v1\/Deployment\. With kubectl: add --dry-run=client -o yaml/);
  });

  it('every cut of a body is a bad request or a shorter object, never a crash', () => {
    for (let length = 0; length < namespace.length; length += 1) {
      try {
        decodeObject(namespace.subarray(0, length));
      } catch (error) {
        assert.ok(isHybridStoreError(error), `${length} bytes: ${String(error)}`);
      }
    }
    assert.deepEqual(statusOf(Buffer.from('{}'))[0], 400);
    assert.match(statusOf(Buffer.from('k8s\0\x0a\x7fa'))[1], /a field of 127 bytes, of which 1 are left/);
    assert.match(statusOf(Buffer.from('k8s\0\x0b'))[1], /wire type 3 is none/);
    assert.match(statusOf(Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(11, 0xff)]))[1], /more than 10 bytes/);
  });
});
