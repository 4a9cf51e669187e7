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
    [3, 7_000, 2_048, '512MiB'],
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
    const storage = { log: { size }, data: { sharedVolume: { size: '50Gi' } } };
    assert.equal(configOf({ storage }).engine.logBytesMax, expected);
  }
});
