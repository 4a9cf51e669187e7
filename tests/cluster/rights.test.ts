import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Manifest, namespace, type Rule, render } from './rendered-chart.ts';
import { readCanIList, readRightsPage, rightsOf } from './rights-page.ts';

/** The page of rights against what the chart renders, in both modes; operations.test.ts asks a cluster the same. */
type Binding = Manifest & {
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly kind: string; readonly name: string; readonly namespace: string }[];
};

/** Rules of the operator by the namespace in which it has them; `*` for all. */
async function operatorRules(...sets: readonly string[]): Promise<ReadonlyMap<string, readonly Rule[]>> {
  const { objects } = await render(...sets);
  const bindings = objects.filter((one): one is Binding => one.kind.endsWith('RoleBinding'));
  const account = { kind: 'ServiceAccount', name: 'hybridstore-operator', namespace };
  return new Map(
    bindings.map(({ metadata, roleRef, subjects }) => {
      assert.deepEqual(subjects, [account], metadata.name);
      const role = objects.find(
        (one) =>
          one.kind === roleRef.kind &&
          one.metadata.name === roleRef.name &&
          one.metadata.namespace === metadata.namespace,
      );
      return [metadata.namespace ?? '*', role?.rules ?? assert.fail(`no ${roleRef.kind} ${roleRef.name}`)];
    }),
  );
}

const page = readRightsPage();
const rightsAt = (title: string) => page.get(title)?.rights ?? assert.fail(`no heading ${title}`);
const ofTenants = rightsAt('In the namespaces of tenants');
const own = rightsAt('In its own namespace');

describe('the page of rights', () => {
  it('lists what the operator has without named namespaces: one cluster role, and a role in its own namespace', async () => {
    const rules = await operatorRules();
    assert.deepEqual([...rules.keys()].sort(), ['*', namespace]);
    assert.deepEqual(rightsOf(rules.get('*') ?? []), ofTenants);
    assert.deepEqual(rightsOf(rules.get(namespace) ?? []), own);
  });

  it('lists what it has with them: a role in each, and nothing in the whole cluster', async () => {
    const rules = await operatorRules('operator.watchNamespaces=["one","two"]');
    assert.deepEqual([...rules.keys()].sort(), [namespace, 'one', 'two']);
    for (const name of ['one', 'two']) assert.deepEqual(rightsOf(rules.get(name) ?? []), ofTenants);
    assert.deepEqual(rightsOf(rules.get(namespace) ?? []), own);
  });

  it('lists what users get, by the roles into which it is aggregated', async () => {
    const { objects } = await render();
    const prefix = 'rbac.authorization.k8s.io/aggregate-to-';
    const users = objects.filter(({ metadata }) =>
      Object.keys(metadata.labels ?? {}).some((label) => label.startsWith(prefix)),
    );
    const aggregated = users.map(({ metadata }) => [
      metadata.name,
      Object.keys(metadata.labels ?? {})
        .filter((label) => label.startsWith(prefix))
        .map((label) => label.slice(prefix.length))
        .sort(),
    ]);
    assert.deepEqual(Object.fromEntries(aggregated), {
      [`${namespace}-hybridstore-view`]: ['admin', 'edit', 'view'],
      [`${namespace}-hybridstore-edit`]: ['admin', 'edit'],
      [`${namespace}-hybridstore-admin`]: ['admin'],
    });
    for (const { metadata, rules = [] } of users)
      assert.deepEqual(rightsOf(rules), rightsAt(metadata.name.replace(namespace, 'NS')), metadata.name);
  });

  it('has a reason for each', () => {
    for (const [title, { reasons }] of page) {
      assert.ok(reasons.length > 0, title);
      for (const reason of reasons) assert.match(reason, /\w{3}/, title);
    }
  });

  it('is read as kubectl lists rights', () => {
    const text = [
      'Resources                                       Non-Resource URLs   Resource Names             Verbs',
      'secrets                                         []                  [hybridstore-tenant-keys]  [get patch]',
      'tenants.hybridstore.dev/status                  []                  []                         [patch]',
      '                                                [/healthz]          []                         [get]',
    ].join('\n');
    assert.deepEqual(
      [...readCanIList(text)],
      [
        'get secrets hybridstore-tenant-keys',
        'patch secrets hybridstore-tenant-keys',
        'patch tenants.hybridstore.dev/status',
      ],
    );
  });
});
