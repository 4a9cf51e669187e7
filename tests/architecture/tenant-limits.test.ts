import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TenantSpec } from '@hybridstore/contracts';
import { Environment } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { parsePlatformSettings } from '../../operator/src/platform-settings.ts';
import { buildTenantSet } from '../../operator/test/resources/tenant-set.ts';
import { readConfig, type TenantNodeConfig } from '../../services/tenant-node/src/config.ts';

/*
 * Every bound that a Tenant may name arrives in the node: from the resource through the StatefulSet's variables to the
 * limits that its engine, its queries and its executor are made with. A new field without an effect fails here.
 */

const folder = createTemporaryFolder('limits');
after(() => folder[Symbol.dispose]());
const settings = parsePlatformSettings('', { namespace: 'hybridstore-system' });

function configOf(more: Partial<TenantSpec>): TenantNodeConfig {
  const [container] = buildTenantSet(settings, more).spec?.template.spec.containers ?? [];
  const named = (container?.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]));
  const paths = { DATA_PATH: join(folder.path, 'data'), LOG_PATH: join(folder.path, 'log') };
  return readConfig(new Environment({ ...Object.fromEntries(named), ...paths }));
}

const limits: TenantSpec['limits'] = { maxConcurrentSearches: 3, statementTimeoutSeconds: 7, resultBytesMax: 2_048 };
const wal: TenantSpec['wal'] = { retentionHours: 5, durability: 'Fsync' };

test('every field of limits bounds the node', () => {
  const effects: Readonly<Record<keyof TenantSpec['limits'], (config: TenantNodeConfig) => unknown>> = {
    maxConcurrentSearches: (config) => config.limits.concurrentMax,
    statementTimeoutSeconds: (config) => config.limits.statementMsMax,
    resultBytesMax: (config) => config.limits.resultBytesMax,
    memory: (config) => config.executor.memoryLimit,
  };
  const config = configOf({ limits: { ...limits, memory: '512Mi' } });
  assert.deepEqual(
    Object.values(effects).map((effect) => effect(config)),
    [3, 7_000, 2_048, `${512 * 1024 ** 2}B`],
  );
  assert.deepEqual(Object.keys(effects), Object.keys(TenantSpec.properties.limits.properties));
});

test('every field of wal bounds the log; its durability has one value', () => {
  assert.equal(configOf({ wal }).engine.logRetentionHours, 5);
  assert.deepEqual(Object.keys(TenantSpec.properties.wal.properties), ['retentionHours', 'durability']);
  assert.deepEqual(TenantSpec.properties.wal.properties.durability.enum, ['Fsync']);
});

test('committed log segments leave room on their volume', () => {
  const sizes = [
    ['256Mi', 128 * 1024 ** 2],
    ['1Gi', 512 * 1024 ** 2],
    ['10Gi', 2 * 1024 ** 3],
  ] as const;
  for (const [size, expected] of sizes) {
    const storage = { log: { size }, spill: { size: '4Gi' }, data: { sharedVolume: { size: '50Gi' } } };
    assert.equal(configOf({ storage }).engine.logBytesMax, expected);
  }
});

test('the size to spill to is a folder of the node with less than that, and 0 none', () => {
  const spillOf = (size: string | number) =>
    configOf({ storage: { log: { size: '10Gi' }, spill: { size }, data: { sharedVolume: { size: '50Gi' } } } }).spill;
  assert.deepEqual(spillOf('10Gi'), { path: '/var/lib/hybridstore/spill', bytesMax: 9 * 1024 ** 3 });
  assert.equal(spillOf(0), undefined);
  assert.equal(spillOf('0'), undefined);
});

test('the engines of a node fit into its pod beside its heap, whatever the Tenant asks for them', () => {
  for (const [memory, asked, executorMib, writerMib] of [
    ['2Gi', undefined, 768, 192],
    ['2Gi', '512Mi', 512, 192],
    ['2Gi', '4Gi', 768, 192],
    ['16Gi', undefined, 8_192, 512],
    ['1Gi', undefined, 256, 64],
  ] as const) {
    const config = configOf({
      resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory } },
      limits: { ...limits, ...(asked === undefined ? {} : { memory: asked }) },
    });
    const found = [config.executor.memoryLimit, config.limits.memoryBytesMax, config.engine.writerMemoryBytesMax];
    const bytes = executorMib * 1024 ** 2;
    assert.deepEqual(found, [`${bytes}B`, bytes, writerMib * 1024 ** 2], memory);
  }
});
