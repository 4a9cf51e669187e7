import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { buildSharedChildren } from '../../src/shared-services/desired-state.ts';
import { buildTenantSet } from './tenant-set.ts';

const settingsOf = (level: string) => parsePlatformSettings(`logLevel: ${level}`, { namespace: 'hybridstore-system' });

test('another level of logs changes no pod, neither of a tenant nor of a service: it is in files that processes follow', () => {
  const shared = (level: string) =>
    buildSharedChildren({ settings: settingsOf(level), jwks: { keys: [] }, targets: [], owners: [] });
  const split = (level: string) => {
    const children = shared(level).map(({ object }) => object as { kind?: string; metadata: { name?: string } });
    const isFile = ({ kind, metadata }: (typeof children)[number]) =>
      `${kind}/${metadata.name}` === 'ConfigMap/hybridstore-jwks';
    return { files: children.filter(isFile), others: children.filter((child) => !isFile(child)) };
  };
  assert.deepEqual(split('debug').others, split('warn').others);
  assert.notDeepEqual(split('debug').files, split('warn').files);
  assert.deepEqual(buildTenantSet(settingsOf('debug')), buildTenantSet(settingsOf('warn')));
});
