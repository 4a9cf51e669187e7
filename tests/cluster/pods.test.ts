import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { PodSpec } from '@hybridstore/controller-runtime';
import { parseAllDocuments } from 'yaml';
import { parsePlatformSettings } from '../../operator/src/platform-settings.ts';
import { buildDeployment } from '../../operator/src/resources/deployment.ts';
import { sharedServiceNames } from '../../operator/src/resources/names.ts';
import { buildTenantSet } from '../../operator/test/resources/tenant-set.ts';
import { eventually } from '../e2e/platform.ts';

const run = promisify(execFile);
const chart = new URL('../../charts/hybridstore', import.meta.url).pathname;
const policy = new URL('openshift-restricted.yaml', import.meta.url).pathname;
const namespace = 'openshift-test';

type NamedPod = { readonly name: string; readonly spec: PodSpec };
type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly template: { readonly spec: PodSpec } };
};

/** Pods of the operator (from the chart), of every shared service and of a tenant's nodes. */
async function renderPods(assignIds: boolean): Promise<readonly NamedPod[]> {
  const flag = `podSecurity.assignIds=${assignIds}`;
  const { stdout } = await run('helm', ['template', 'hs', chart, '--namespace', namespace, '--set-json', flag], {
    maxBuffer: 16 * 1024 * 1024,
  });
  const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest | null);
  const operator = objects.find((object) => object?.kind === 'Deployment') ?? assert.fail('no Deployment');
  const settings = parsePlatformSettings(`podSecurity: {assignIds: ${assignIds}}`, { namespace });
  const services = sharedServiceNames.map((name) => ({
    name,
    spec: buildDeployment(name, settings, []).spec?.template.spec ?? assert.fail(name),
  }));
  const node = buildTenantSet(settings).spec?.template.spec ?? assert.fail('no template');
  // A set adds the volumes of its claims to its pods itself.
  const claims = [{ name: 'log', persistentVolumeClaim: { claimName: 'log' } }];
  return [
    { name: 'operator', spec: operator.spec.template.spec },
    ...services,
    { name: 'tenant-node', spec: { ...node, volumes: [...(node.volumes ?? []), ...claims] } },
  ];
}

/** What the API server says to a pod, which it does not keep; empty when it takes it. */
async function tryPod({ name, spec }: NamedPod): Promise<string> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    // The account of the real pods is not there.
    spec: { ...spec, serviceAccountName: 'default' },
  };
  const child = spawn('kubectl', ['apply', '--server-side', '--dry-run=server', '-f', '-']);
  let stderr = '';
  child.stdout.resume();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.end(JSON.stringify(pod));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  assert.equal(code === 0, stderr === '', `${name}: ${stderr}`);
  return stderr;
}

/** A real API server with a policy of the rules of OpenShift's restricted constraints, in a namespace of restricted pods. */
describe('pods where the cluster assigns users and groups', () => {
  before(async () => {
    await run('kubectl', ['create', 'namespace', namespace]);
    const labels = ['emulates=openshift', 'pod-security.kubernetes.io/enforce=restricted'];
    await run('kubectl', ['label', 'namespace', namespace, ...labels]);
    await run('kubectl', ['apply', '-f', policy]);
    await eventually('the account of the namespace is there', async () => {
      const { stdout } = await run('kubectl', ['-n', namespace, 'get', 'serviceaccounts', '-o', 'name']);
      return stdout.includes('serviceaccount/default') ? true : undefined;
    });
  });
  after(async () => {
    await run('kubectl', ['delete', '-f', policy]);
    await run('kubectl', ['delete', 'namespace', namespace, '--wait=false']);
  });

  it('are refused when they name their own', async () => {
    // A policy begins to hold some moments after it is made.
    for (const pod of await renderPods(true))
      await eventually(`${pod.name} is refused`, async () => {
        const answer = await tryPod(pod);
        return /openshift-restricted.*securityContext\.runAsUser: expected none/s.test(answer) ? true : undefined;
      });
  });

  it('are taken with podSecurity.assignIds: false', async () => {
    for (const pod of await renderPods(false)) assert.equal(await tryPod(pod), '', pod.name);
  });
});
