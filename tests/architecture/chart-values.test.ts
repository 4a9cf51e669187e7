import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { reservedAnnotations, reservedLabels } from '@hybridstore/contracts';
import { podVariables, processVariables } from '@hybridstore/runtime';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { parsePlatformSettings } from '../../operator/src/platform-settings.ts';
import { keepsState, runsOnce } from '../../operator/src/resources/deployment.ts';
import { configuredServices, sharedServiceNames } from '../../operator/src/resources/names.ts';
import { everyPodSetting } from '../../operator/test/resources/tenant-set.ts';

/*
 * What the schema of the chart lets through is what the operator takes: a value that only one of them knew would be refused
 * where nobody sees it, or do nothing.
 */

type Schema = { readonly [keyword: string]: unknown };

const chart = fileURLToPath(new URL('../../charts/hybridstore', import.meta.url));
const schema = JSON.parse(readFileSync(`${chart}/values.schema.json`, 'utf8')) as Schema;
const operatorOf = (settings: object) => parsePlatformSettings(JSON.stringify(settings), { namespace: 'x' });

/** The schema at a path of properties; a reference is followed. */
function at(...path: readonly string[]): Schema {
  const found = path.reduce<Schema>((from, name) => follow((from['properties'] as Schema)[name] as Schema), schema);
  assert.ok(found, path.join('.'));
  return found;
}

function follow(one: Schema): Schema {
  const name =
    String(one['$ref'] ?? '')
      .split('/')
      .at(-1) ?? '';
  return one['$ref'] === undefined ? one : ((schema['definitions'] as Schema)[name] as Schema);
}

test('every value of values.yaml is in the schema, and every map of the schema says what may be in it', () => {
  const check = (value: unknown, path: readonly string[]): void => {
    const own = at(...path);
    if (own['properties'] === undefined || typeof value !== 'object' || value === null) return;
    assert.equal(own['additionalProperties'], false, path.join('.'));
    for (const [name, below] of Object.entries(value)) check(below, [...path, name]);
  };
  check(parse(readFileSync(`${chart}/values.yaml`, 'utf8')), []);
});

test('replicas and volumes are for the services for which they do something', () => {
  for (const name of sharedServiceNames) {
    const { replicas, stateSize } = at('services', name)['properties'] as Schema;
    assert.equal((replicas as Schema)['const'] === 1, runsOnce(name), name);
    assert.equal(stateSize !== undefined, keepsState(name), name);
    if (runsOnce(name))
      assert.throws(() => operatorOf({ services: { [name]: { replicas: 2 } } }), /replicas: expected 1/);
    else assert.equal(operatorOf({ services: { [name]: { replicas: 2 } } }).services[name].replicas, 2);
  }
});

test('the operator takes the pod settings that the schema takes, and refuses those that it refuses', () => {
  const ajv = new Ajv({ strict: false });
  const check = ajv.compile(at('services', 'cbo-engine', 'podTemplate'));
  const isTaken = (podTemplate: object) => {
    const take = () => operatorOf({ services: { 'cbo-engine': { podTemplate } } });
    if (check(podTemplate)) assert.deepEqual(take().services['cbo-engine'].podTemplate, podTemplate);
    else assert.throws(take, { code: 'invalid_request' });
    return check(podTemplate);
  };
  assert.equal(isTaken({}), true);
  assert.equal(isTaken(everyPodSetting), true);
  for (const key of reservedLabels)
    assert.equal(isTaken({ metadata: { labels: { [`${key}x`]: 'a' } } }), !key.endsWith('/'));
  for (const key of reservedLabels) assert.equal(isTaken({ metadata: { labels: { [key]: 'a' } } }), false);
  for (const key of reservedAnnotations) assert.equal(isTaken({ metadata: { annotations: { [key]: 'a' } } }), false);
  for (const name of ['POD_NAME', 'POD_IP', 'LOG_LEVEL', 'PROBE_PORT', 'JWKS_FILE'])
    assert.equal(isTaken({ spec: { env: [{ name, value: 'a' }] } }), false, name);
  assert.equal(isTaken({ spec: { env: [{ name: 'TZ', value: 'UTC' }] } }), true);
  assert.equal(isTaken({ spec: { hostNetwork: true } }), false);
  assert.equal(isTaken({ spec: { terminationGracePeriodSeconds: 29 } }), false);
});

test('the operator takes the variables of a service that the schema takes, and refuses those that it refuses', () => {
  const ajv = new Ajv({ strict: false });
  const check = ajv.compile(at('services', 'monitoring', 'env'));
  const names = [...Object.keys(podVariables), 'LOG_RETENTION_DAYS', 'CONFIG_FILE', 'TZ'];
  const taken = names.filter((name) => {
    const env = { [name]: 'a' };
    const take = () => operatorOf({ services: { monitoring: { env } } });
    if (check(env)) assert.deepEqual(take().services.monitoring.env, env);
    else assert.throws(take, { code: 'invalid_request', message: new RegExp(`env\\.${name}: expected none`) });
    return check(env);
  });
  assert.deepEqual(taken, ['LOG_RETENTION_DAYS', 'CONFIG_FILE', 'TZ']);
});

test('the operator takes each setting of the schema, and refuses each other one that a process reads', () => {
  for (const service of configuredServices) {
    const listed = Object.keys(at('config', service)['properties'] as Schema);
    const { own, given, moved } = processVariables[service];
    for (const name of [...own, ...Object.keys(given), ...Object.keys(moved)]) {
      const take = () => operatorOf({ config: { [service]: { [name]: '1' } } });
      if (listed.includes(name)) assert.deepEqual(take().config, { [service]: { [name]: '1' } });
      else assert.throws(take, { code: 'invalid_request' }, `${service} ${name}`);
    }
  }
});
