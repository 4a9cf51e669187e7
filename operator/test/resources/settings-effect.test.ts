import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Deployment, isJsonEqual, type PodTemplateSpec } from '@hybridstore/controller-runtime';
import { stringify } from 'yaml';
import { parsePlatformSettings, SettingsFile } from '../../src/platform-settings.ts';
import { buildSharedChildren } from '../../src/shared-services/desired-state.ts';
import { buildTenantSet } from './tenant-set.ts';

const page = new URL('../../../docs/operating/upgrade.md', import.meta.url);
const peers = [{ podSelector: { matchLabels: { app: 'x' } } }];

/** For each setting of the page another value. */
const others: Readonly<Record<string, object>> = {
  'image.services': { image: { services: 'other:1' } },
  'image.pullPolicy': { image: { pullPolicy: 'Always' } },
  'image.pullSecrets': { image: { pullSecrets: ['registry'] } },
  shutdownDelaySeconds: { shutdownDelaySeconds: 7 },
  shutdownFinishSeconds: { shutdownFinishSeconds: 90 },
  'podSecurity.assignIds': { podSecurity: { assignIds: false } },
  'config.tenant-node': { config: { 'tenant-node': { FLUSH_ROWS: 1 } } },
  'config.*': { config: { monitoring: { LOG_RETENTION_DAYS: 1 } } },
  'services.*': { services: { monitoring: { env: { LOG_RETENTION_DAYS: 1 } } } },
  'store.postgres': { store: { postgres: { host: 'db.example.com', credentialsSecret: 'users-db' } } },
  logLevel: { logLevel: 'debug' },
  maxTenantsRolling: { maxTenantsRolling: 3 },
  'storage.logStorageClassName': { storage: { logStorageClassName: 'fast' } },
  'storage.dataStorageClassName': { storage: { dataStorageClassName: 'fast' } },
  'storage.stateStorageClassName': { storage: { stateStorageClassName: 'fast' } },
  'network.policies': { network: { policies: false } },
  'network.dns': { network: { dns: peers } },
  'network.prometheus': { network: { prometheus: peers } },
  'network.gatewayClients': { network: { gatewayClients: peers } },
  'network.tenantClients': { network: { tenantClients: peers } },
  'network.metricsPort': { network: { metricsPort: 9_801 } },
};

/** Pod templates of the nodes of a tenant, and of the shared services. */
function templatesOf(given: object): { readonly nodes: PodTemplateSpec | undefined; readonly services: object } {
  const settings = parsePlatformSettings(stringify(given), { namespace: 'hybridstore-system' });
  const children = buildSharedChildren({ settings, jwks: { keys: [] }, targets: [], owners: [] });
  const deployments = children.filter(({ object }) => object.kind === 'Deployment').map(({ object }) => object);
  const services = deployments.map((object) => [object.metadata.name, (object as Deployment).spec?.template]); // by their kind
  return { nodes: buildTenantSet(settings).spec?.template, services: Object.fromEntries(services) };
}

test('the page about upgrades says of each setting whether it restarts nodes of tenants and shared services', () => {
  const rows = [...readFileSync(page, 'utf8').matchAll(/^\| (`.+`) \| (in turn|no) \| (no|yes.*) \|$/gm)];
  const said = rows.flatMap(([, names = '', nodes, services]) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => [name, nodes !== 'no', services !== 'no'] as const),
  );
  const before = templatesOf({});
  const found = Object.entries(others).map(([name, given]) => {
    const after = templatesOf(given);
    return [name, !isJsonEqual(after.nodes, before.nodes), !isJsonEqual(after.services, before.services)] as const;
  });
  const fields = new Set(Object.keys(others).map((name) => name.split('.')[0]));
  assert.deepEqual([...fields].sort(), Object.keys(SettingsFile.properties).sort());
  const byName = (list: readonly (readonly [string, boolean, boolean])[]) =>
    list.toSorted(([a], [b]) => (a < b ? -1 : 1));
  assert.deepEqual(byName(said), byName(found));
});
