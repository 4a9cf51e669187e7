import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildCrds } from '@hybridstore/contracts';
import { customResourceDefinitions } from '@hybridstore/controller-runtime';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { FakeClock } from '@hybridstore/test-kit';
import { readCorpus, runCorpus } from './corpus.ts';

const definitionBytesMax = 262_144;

test('every definition fits into an annotation, as kubectl apply needs', () => {
  for (const crd of buildCrds()) {
    assert.ok(JSON.stringify(crd).length < definitionBytesMax, crd.metadata.name);
  }
});

test('the corpus holds at least 100 invalid objects, and one for each rule of each definition', () => {
  const expected = readCorpus().flatMap((each) => each.expect ?? []);
  assert.ok(expected.length >= 100, `${expected.length} objects`);
  const messages = buildCrds().flatMap((crd) => findRules(crd.spec.versions[0]?.schema.openAPIV3Schema as SchemaNode));
  assert.ok(messages.length > 0);
  const untested = messages.filter((message) => !expected.some((words) => message.includes(words)));
  assert.deepEqual(untested, []);
});

/** Messages of the rules here and below. */
function findRules(node: SchemaNode): readonly string[] {
  const below = [...Object.values(node.properties ?? {}), ...(node.items === undefined ? [] : [node.items])];
  const own = (node['x-kubernetes-validations'] ?? []).map((rule) => rule.message);
  return [...own, ...below.flatMap(findRules)];
}

test('the embedded API server accepts every valid object and refuses every invalid one with its message', async () => {
  const kube = new EmbeddedApiServer({ fieldManager: 'test', clock: new FakeClock() });
  for (const crd of buildCrds()) await kube.apply(customResourceDefinitions, crd);
  const failures = (await runCorpus(kube, 'default')).filter((verdict) => verdict.failure !== undefined);
  assert.deepEqual(failures, []);
});

test('every field of every definition has a description', () => {
  const undescribed = buildCrds().flatMap((crd) => {
    const properties = crd.spec.versions[0]?.schema.openAPIV3Schema['properties'] as Record<string, SchemaNode>;
    return ['spec', 'status'].flatMap((name) =>
      findUndescribed(properties[name] ?? {}, `${crd.spec.names.kind}.${name}`),
    );
  });
  assert.deepEqual(undescribed, []);
});

test('no list holds a default, so that an object that is applied twice by a client is unchanged', () => {
  const found = buildCrds().flatMap((crd) =>
    findDefaultsInLists(crd.spec.versions[0]?.schema.openAPIV3Schema as SchemaNode, crd.spec.names.kind, false),
  );
  assert.deepEqual(found, []);
});

function findDefaultsInLists(node: SchemaNode, path: string, isInList: boolean): readonly string[] {
  const properties = Object.entries(node.properties ?? {}).flatMap(([name, child]) =>
    findDefaultsInLists(child, `${path}.${name}`, isInList),
  );
  const items = node.items === undefined ? [] : findDefaultsInLists(node.items, `${path}[]`, true);
  return [...(isInList && node.default !== undefined ? [path] : []), ...properties, ...items];
}

type SchemaNode = {
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly 'x-kubernetes-validations'?: readonly { readonly message: string }[];
};

function findUndescribed(node: SchemaNode, path: string): readonly string[] {
  const children = Object.entries(node.properties ?? {}).map(([name, child]) =>
    findUndescribed(child, `${path}.${name}`),
  );
  const items = node.items === undefined ? [] : findUndescribed(node.items, `${path}[]`);
  return [...(node.description === undefined ? [path] : []), ...children.flat(), ...items];
}
