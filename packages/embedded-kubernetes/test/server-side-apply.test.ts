import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '@hybridstore/controller-runtime';
import { applyConfig, formatManagedFields, type ManagedSet, trackUpdate } from '../src/apply/server-side-apply.ts';
import type { Schema } from '../src/schema/schema.ts';

/**
 * Golden scripts: what a chain of writes makes of an object and of who owns what. Each was run on API server v1.35.4.
 */
const schema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer' },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        limits: { type: 'object', properties: { min: { type: 'integer' }, max: { type: 'integer' } } },
        selector: { type: 'object', additionalProperties: { type: 'string' }, 'x-kubernetes-map-type': 'atomic' },
        tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        args: { type: 'array', items: { type: 'string' } },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: {
              port: { type: 'integer' },
              protocol: { type: 'string', default: 'TCP' },
              name: { type: 'string' },
            },
          },
        },
      },
    },
  },
};

/** One object under several writers. */
class Bench {
  object: JsonObject | undefined;
  managers: readonly ManagedSet[] = [];
  conflicts: string[] = [];

  apply(manager: string, spec: JsonObject, isForced = false): this {
    const result = applyConfig(this.#context(manager, 'Apply'), this.object, { spec }, this.managers);
    this.conflicts = result.conflicts.flatMap((conflict) =>
      conflict.paths.map((path) => `${conflict.manager.manager} ${path}`),
    );
    if (this.conflicts.length > 0 && !isForced) return this;
    this.object = result.object;
    this.managers = result.managers;
    return this;
  }

  update(manager: string, spec: JsonObject): this {
    const after = { spec };
    this.managers = trackUpdate(this.#context(manager, 'Update'), this.object, after, this.managers);
    this.object = after;
    return this;
  }

  get owners() {
    return Object.fromEntries(
      formatManagedFields(this.managers).map((entry) => [`${entry.manager} ${entry.operation}`, entry.fieldsV1]),
    );
  }

  #context(manager: string, operation: 'Apply' | 'Update') {
    return { schema, writer: { manager, operation }, apiVersion: 'x/v1', time: '2024-01-01T00:00:00Z' };
  }
}

describe('server-side apply', () => {
  it('an applier owns leaves, items and empty maps, not the maps between', () => {
    const bench = new Bench().apply('one', {
      size: 1,
      labels: { a: '1' },
      limits: {},
      tags: ['x'],
      ports: [{ port: 80 }],
      args: ['-v'],
      selector: { app: 'x' },
    });
    assert.deepEqual(bench.owners, {
      'one Apply': {
        'f:spec': {
          'f:args': {},
          'f:labels': { 'f:a': {} },
          'f:limits': {},
          'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } },
          'f:selector': {},
          'f:size': {},
          'f:tags': { 'v:"x"': {} },
        },
      },
    });
  });

  it('an updater owns the maps it made too', () => {
    const bench = new Bench().update('one', { labels: { a: '1' } });
    assert.deepEqual(bench.owners, { 'one Update': { 'f:spec': { '.': {}, 'f:labels': { '.': {}, 'f:a': {} } } } });
  });

  it('what an applier drops goes, unless another manager owns it', () => {
    const bench = new Bench()
      .apply('one', { labels: { a: '1', b: '2' } })
      .apply('two', { labels: { b: '2' } })
      .apply('one', { size: 1 });
    assert.deepEqual(bench.object, { spec: { labels: { b: '2' }, size: 1 } });
    assert.deepEqual(Object.keys(bench.owners).sort(), ['one Apply', 'two Apply']);
  });

  it('an applied map that loses its last field becomes null, as on the real server', () => {
    const bench = new Bench().apply('one', { limits: { min: 1 } }).apply('one', { limits: {} });
    assert.deepEqual(bench.object, { spec: { limits: null } });
  });

  it('a foreign change takes the field from its owner, whose next apply conflicts', () => {
    const bench = new Bench()
      .apply('one', { size: 1, labels: { a: '1' } })
      .update('editor', { size: 5, labels: { a: '1' } });
    assert.deepEqual(bench.owners, {
      'one Apply': { 'f:spec': { 'f:labels': { 'f:a': {} } } },
      'editor Update': { 'f:spec': { 'f:size': {} } },
    });
    assert.deepEqual(bench.apply('one', { size: 1, labels: { a: '1' } }).conflicts, ['editor .spec.size']);
    bench.apply('one', { size: 1, labels: { a: '1' } }, true);
    assert.deepEqual(bench.object, { spec: { size: 1, labels: { a: '1' } } });
    assert.deepEqual(Object.keys(bench.owners), ['one Apply']);
  });

  it('equal values may be owned together without a conflict', () => {
    const bench = new Bench().apply('one', { size: 1 }).apply('two', { size: 1 });
    assert.deepEqual(bench.conflicts, []);
    assert.deepEqual(bench.apply('two', { size: 2 }).conflicts, ['one .spec.size']);
  });

  it('atomic lists and maps are one field', () => {
    const bench = new Bench().apply('one', { args: ['a'], selector: { app: 'x' } });
    assert.deepEqual(bench.apply('two', { args: ['b'] }).conflicts, ['one .spec.args']);
    bench.apply('one', { selector: { tier: 'y' } });
    assert.deepEqual(bench.object, { spec: { selector: { tier: 'y' } } });
  });

  it('keyed items are found by key and default key, wherever they stand', () => {
    const bench = new Bench().apply('one', {
      ports: [
        { port: 80, protocol: 'TCP', name: 'web' },
        { port: 53, protocol: 'UDP' },
      ],
    });
    bench.apply('two', { ports: [{ port: 90 }, { port: 80, name: 'web' }] });
    assert.deepEqual(bench.object, {
      spec: { ports: [{ port: 90 }, { port: 80, protocol: 'TCP', name: 'web' }, { port: 53, protocol: 'UDP' }] },
    });
  });

  it('foreign items keep their place between shared ones', () => {
    const bench = new Bench()
      .update('editor', { tags: ['a', 'b', 'c', 'd'] })
      .apply('one', { tags: ['d', 'b', 'x'] }, true);
    assert.deepEqual(bench.object, { spec: { tags: ['a', 'c', 'd', 'b', 'x'] } });
  });
});
