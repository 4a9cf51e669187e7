import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap, Deployment, StatefulSet } from '@hybridstore/controller-runtime';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { buildTenantConfigMap } from '../../src/resources/config-map.ts';
import { buildSharedChildren } from '../../src/shared-services/desired-state.ts';
import { buildTenantSet, tenantInput } from './tenant-set.ts';

const parse = (text: string) => parsePlatformSettings(text, { namespace: 'hybridstore-system' });

function childrenOf(text: string): ReadonlyMap<string, unknown> {
  const children = buildSharedChildren({ settings: parse(text), jwks: { keys: [] }, targets: [], owners: [] });
  return new Map(children.map(({ object }) => [`${object.kind}/${object.metadata?.name}`, object]));
}

function deploymentOf(text: string, name: string): Deployment {
  return childrenOf(text).get(`Deployment/${name}`) as Deployment; // by its kind
}

type Template = NonNullable<Deployment['spec']>['template'] | NonNullable<StatefulSet['spec']>['template'];

/** How the file comes into the pod, from the ConfigMap to the variable. */
function describeMount(template: Template | undefined) {
  const [container] = template?.spec?.containers ?? [];
  return {
    volume: template?.spec?.volumes?.find(({ name }) => name === 'config')?.configMap,
    mount: container?.volumeMounts?.find(({ name }) => name === 'config'),
    variable: container?.env?.find(({ name }) => name === 'CONFIG_FILE')?.value,
    digest: template?.metadata?.annotations?.['hybridstore.dev/config'],
  };
}

const text = `config:
  query-interpreter: { sql_parser: { dialect: duckdb }, PARSER_THREADS: 3 }
  tenant-node: { FLUSH_ROWS: 1000 }
`;

test('settings of a shared service stand in a ConfigMap, are mounted into its pods and named by CONFIG_FILE', () => {
  const { data } = childrenOf(text).get('ConfigMap/hybridstore-config') as ConfigMap; // by its kind
  assert.deepEqual(Object.keys(data ?? {}), ['query-interpreter.json']);
  assert.deepEqual(JSON.parse(data?.['query-interpreter.json'] ?? ''), {
    PARSER_THREADS: 3,
    sql_parser: { dialect: 'duckdb' },
  });
  const { digest, ...mount } = describeMount(deploymentOf(text, 'query-interpreter').spec?.template);
  assert.match(digest ?? '', /^[0-9a-f]{16}$/);
  assert.deepEqual(mount, {
    volume: { name: 'hybridstore-config', items: [{ key: 'query-interpreter.json', path: 'config.json' }] },
    mount: { name: 'config', mountPath: '/etc/hybridstore/config', readOnly: true },
    variable: '/etc/hybridstore/config/config.json',
  });
});

test('settings of tenant nodes are in the ConfigMap of each tenant', () => {
  const settings = parse(text);
  const { data } = buildTenantConfigMap(tenantInput(settings), { keys: [] });
  assert.deepEqual(Object.keys(data ?? {}), ['jwks.json', 'log-level', 'tenant-node.json']);
  assert.deepEqual(JSON.parse(data?.['tenant-node.json'] ?? ''), { FLUSH_ROWS: 1000 });
  const { volume, variable, digest } = describeMount(buildTenantSet(settings).spec?.template);
  assert.deepEqual(volume, { name: 'hs-acme', items: [{ key: 'tenant-node.json', path: 'config.json' }] });
  assert.equal(variable, '/etc/hybridstore/config/config.json');
  assert.match(digest ?? '', /^[0-9a-f]{16}$/);
});

test('other settings roll the pods that read them, the same in another order do not, and none add nothing', () => {
  const digestOf = (config: string) => describeMount(deploymentOf(config, 'query-interpreter').spec?.template).digest;
  const before = digestOf(text);
  assert.equal(digestOf('config: {query-interpreter: {PARSER_THREADS: 3, sql_parser: {dialect: duckdb}}}'), before);
  assert.notEqual(digestOf('config: {query-interpreter: {PARSER_THREADS: 4, sql_parser: {dialect: duckdb}}}'), before);
  for (const config of ['', 'config: {}', 'config: {query-interpreter: {}, monitoring: {LOG_RETENTION_DAYS: 1}}'])
    assert.deepEqual(describeMount(deploymentOf(config, 'query-interpreter').spec?.template), {
      volume: undefined,
      mount: undefined,
      variable: undefined,
      digest: undefined,
    });
  assert.equal(describeMount(buildTenantSet(parse('')).spec?.template).digest, undefined);
});
