import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildCrds } from '@hybridstore/contracts';
import { Environment } from '@marcbachmann/cel-js';
import { managedByLabel, sharedServiceLabels, tenantLabels } from '../../operator/src/resources/labels.ts';
import { type Manifest, namespace, render, renderWith, toFlag } from './rendered-chart.ts';

/** What the admission policies of the chart match and say, by their own expressions; that Kubernetes takes them, operations.test.ts shows. */
type Policy = {
  readonly failurePolicy: string;
  readonly matchConstraints: { readonly resourceRules: readonly ResourceRule[] };
  readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[];
  readonly validations: readonly {
    readonly expression: string;
    readonly reason: string;
    readonly message: string;
    readonly messageExpression?: string;
  }[];
};
type ResourceRule = Readonly<Record<'apiGroups' | 'apiVersions' | 'operations' | 'resources', readonly string[]>>;
type Binding = {
  readonly policyName: string;
  readonly validationActions: readonly string[];
  readonly matchResources?: object;
};
type DefinitionSpec = {
  readonly group: string;
  readonly names: { readonly plural: string };
  readonly versions: readonly { readonly name: string }[];
};

const environment = new Environment({ unlistedVariablesAreDyn: true });
const deletes = `${namespace}-hybridstore-operator-deletes`;
const prevents = `${namespace}-hybridstore-prevent-deletion`;

/** As the API server judges a request: undefined lets it pass. */
function judge(
  { matchConditions = [], validations }: Policy,
  request: Readonly<Record<string, unknown>>,
): string | undefined {
  const evaluate = (expression: string) => environment.evaluate(expression, request);
  if (!matchConditions.every(({ expression }) => evaluate(expression) === true)) return undefined;
  const failed = validations.find(({ expression }) => evaluate(expression) !== true);
  if (failed === undefined) return undefined;
  const { reason, message, messageExpression } = failed;
  return `${reason}: ${messageExpression === undefined ? message : evaluate(messageExpression)}`;
}

const named = (objects: readonly Manifest[], kind: string, name: string) =>
  objects.find((one) => one.kind === kind && one.metadata.name === name);
const isPolicy = ({ kind }: Manifest) => kind.startsWith('ValidatingAdmissionPolicy');

async function readPolicy(name: string, ...sets: readonly string[]): Promise<{ policy: Policy; binding: Binding }> {
  const { objects } = await render(...sets);
  const specOf = (kind: string) => named(objects, kind, name)?.spec ?? assert.fail(`${kind}/${name}`);
  return {
    policy: specOf('ValidatingAdmissionPolicy') as Policy, // as the chart writes it
    binding: specOf('ValidatingAdmissionPolicyBinding') as Binding,
  };
}

describe('the admission policies of the chart', () => {
  it('are left out where Kubernetes is older than they are', async () => {
    const of = async (version: string) => (await renderWith(['--kube-version', version])).objects.filter(isPolicy);
    assert.deepEqual(await of('1.29.14'), []);
    assert.notDeepEqual(await of('1.30.0'), []);
    assert.notDeepEqual(await of('v1.30.5-gke.100'), []);
  });
});

describe('the policy that prevents deletion', () => {
  const inNamespace = (metadata: object) => ({ namespaceObject: { metadata: { name: 'default', ...metadata } } });
  const deleting = (spec: object | undefined, metadata: object = {}) => ({
    ...inNamespace(metadata),
    oldObject: { metadata: { namespace: 'default', name: 'acme' }, ...(spec === undefined ? {} : { spec }) },
  });

  it('refuses to delete a Tenant that says so, and names the field', async () => {
    const { policy } = await readPolicy(prevents);
    const words = 'Forbidden: spec.preventDeletion of Tenant default/acme is true; set it to false to delete it';
    assert.equal(judge(policy, deleting({ preventDeletion: true })), words);
  });

  it('lets every other Tenant go', async () => {
    const { policy } = await readPolicy(prevents);
    for (const spec of [undefined, {}, { preventDeletion: false }])
      assert.equal(judge(policy, deleting(spec)), undefined);
  });

  it('stands in the way of no namespace that is deleted: there the finalizer holds the Tenant', async () => {
    const { policy } = await readPolicy(prevents);
    const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    assert.equal(judge(policy, deleting({ preventDeletion: true }, leaving)), undefined);
  });

  it('is asked of deletions of Tenants as they are served, and of nothing else', async () => {
    const { policy } = await readPolicy(prevents);
    const specs = buildCrds().map(({ spec }) => spec as DefinitionSpec); // as they are built
    const served = specs.find(({ names }) => names.plural === 'tenants') ?? assert.fail('no definition of tenants');
    assert.deepEqual(policy.matchConstraints.resourceRules, [
      {
        apiGroups: [served.group],
        apiVersions: served.versions.map(({ name }) => name),
        operations: ['DELETE'],
        resources: ['tenants'],
      },
    ]);
    assert.equal(policy.failurePolicy, 'Fail');
  });

  it('is bound to the namespaces that the operator watches', async () => {
    const bound = async (...sets: readonly string[]) => (await readPolicy(prevents, ...sets)).binding;
    const deny = { policyName: prevents, validationActions: ['Deny'] };
    assert.deepEqual(await bound(), deny);
    const values = ['one', 'two'];
    const matchExpressions = [{ key: 'kubernetes.io/metadata.name', operator: 'In', values }];
    assert.deepEqual(await bound(`operator.watchNamespaces=${JSON.stringify(values)}`), {
      ...deny,
      matchResources: { namespaceSelector: { matchExpressions } },
    });
  });

  it('can be left out', async () => {
    const { objects } = await renderWith(toFlag('preventDeletion.admissionPolicy=false'));
    assert.equal(named(objects, 'ValidatingAdmissionPolicy', prevents), undefined);
    assert.equal(named(objects, 'ValidatingAdmissionPolicyBinding', prevents), undefined);
  });
});

describe('the policy of what the operator may delete', () => {
  const operator = `system:serviceaccount:${namespace}:hybridstore-operator`;
  const deleting = (labels: Readonly<Record<string, string>> | undefined, username = operator) => ({
    request: { userInfo: { username } },
    oldObject: { metadata: { namespace: 'default', name: 'data', ...(labels === undefined ? {} : { labels }) } },
  });
  const words =
    'Forbidden: the operator deletes only what is labelled app.kubernetes.io/managed-by=hybridstore-operator';

  it('refuses what does not wear its label', async () => {
    const { policy } = await readPolicy(deletes);
    for (const labels of [undefined, {}, { app: 'x' }, { ...tenantLabels('acme'), [managedByLabel]: 'Helm' }])
      assert.equal(judge(policy, deleting(labels)), words);
  });

  it('lets go what it makes for tenants and for shared services', async () => {
    const { policy } = await readPolicy(deletes);
    for (const labels of [tenantLabels('acme'), sharedServiceLabels('monitoring')])
      assert.equal(judge(policy, deleting(labels)), undefined);
  });

  it('is about nobody else', async () => {
    const { policy } = await readPolicy(deletes);
    for (const name of ['admin', 'system:serviceaccount:other:hybridstore-operator'])
      assert.equal(judge(policy, deleting(undefined, name)), undefined);
  });

  it('is asked of every kind that its roles let it delete', async () => {
    const { objects } = await render();
    const { policy } = await readPolicy(deletes);
    const [asked] = policy.matchConstraints.resourceRules;
    assert.deepEqual([asked?.apiVersions, asked?.operations, asked?.resources], [['v1'], ['DELETE'], ['*']]);
    const rules = objects
      .filter(({ metadata }) => metadata.name.endsWith('hybridstore-operator'))
      .flatMap(({ rules = [] }) => rules);
    const groups = rules.filter(({ verbs }) => verbs.includes('delete')).flatMap(({ apiGroups }) => apiGroups);
    assert.deepEqual([...new Set(groups)].sort(), asked?.apiGroups);
  });

  it('can be left out', async () => {
    const { objects } = await render('operator.admissionPolicy=false');
    assert.equal(named(objects, 'ValidatingAdmissionPolicy', deletes), undefined);
    assert.equal(named(objects, 'ValidatingAdmissionPolicyBinding', deletes), undefined);
  });
});
