import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { customResourceDefinitions, pods } from '@hybridstore/controller-runtime';
import { silentLogger, systemClock } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { buildWidget, widgetDefinition, widgets } from '../../controller-runtime/test/kube/widget.ts';
import { EmbeddedApiServer } from '../src/api/api-server.ts';
import { type HttpFront, startHttpFront } from '../src/http/http-server.ts';
import { writeKubeConfig } from '../src/http/kubeconfig.ts';
import { unpackKubectl } from './kubectl-program.ts';

const commandMsMax = 60_000;

const manifest = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      tolerations: [{key: a, operator: Exists}]
      containers:
        - {name: main, image: "web:1", env: [{name: X, value: "1"}], ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, name: http}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1"}
`;

type Outcome = { readonly code: number; readonly text: string };

describe('kubectl at the embedded API server', () => {
  const api = new EmbeddedApiServer({ fieldManager: 'test', clock: systemClock });
  const folder = createTemporaryFolder();
  const program = unpackKubectl(folder.path);
  const file = join(folder.path, 'manifest.yaml');
  let front: HttpFront;

  before(async () => {
    writeFileSync(file, manifest);
    await api.apply(customResourceDefinitions, widgetDefinition);
    await api.apply(widgets, buildWidget('one', { size: 3 }));
    const token = 'kubectl-test-token';
    front = await startHttpFront({ api, token, logger: silentLogger });
    const { url: server, certificate } = front;
    await writeKubeConfig(join(folder.path, 'kubeconfig'), { server, token, certificate, name: 'test' });
  });
  after(async () => {
    await front.close();
    folder[Symbol.dispose]();
  });

  const called: string[] = [];
  let editorCommand = 'false';

  function kubectl(...args: readonly string[]): Promise<Outcome> {
    called.push(`kubectl ${args.slice(args[0] === '-n' ? 2 : 0).join(' ')} `);
    const env = {
      HOME: folder.path,
      KUBECONFIG: join(folder.path, 'kubeconfig'),
      PATH: process.env['PATH'] ?? '',
      KUBE_EDITOR: editorCommand,
    };
    return new Promise((resolve) => {
      execFile(program, args, { env, timeout: commandMsMax }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), text: `${stdout}${stderr}`.trim() });
      });
    });
  }

  async function expectText(text: string, ...args: readonly string[]): Promise<void> {
    assert.deepEqual(await kubectl(...args), { code: 0, text }, args.join(' '));
  }

  it('a manifest that is applied twice is unchanged, and its diff is empty', async () => {
    await expectText(
      'deployment.apps/web created\nservice/web created\nconfigmap/settings created',
      'apply',
      '-f',
      file,
    );
    await expectText(
      'deployment.apps/web unchanged\nservice/web unchanged\nconfigmap/settings unchanged',
      'apply',
      '-f',
      file,
    );
    await expectText('', 'diff', '-f', file);
    writeFileSync(file, manifest.replace('web:1', 'web:2').replace('containerPort: 80', 'containerPort: 81'));
    assert.match((await kubectl('diff', '-f', file)).text, /^\+.*containerPort: 81$/m);
    await expectText(
      'deployment.apps/web configured\nservice/web unchanged\nconfigmap/settings unchanged',
      'apply',
      '-f',
      file,
    );
    await expectText('', 'diff', '-f', file);
    await expectText(
      'web:2 [{"containerPort":81,"protocol":"TCP"}]',
      ...['get', 'deploy', 'web', '-o', 'jsonpath={..image} {..ports}'],
    );
  });

  it('what it applied itself becomes what the server applies for it, so that a field left out later goes', async () => {
    const before = join(folder.path, 'before.yaml');
    const afterwards = join(folder.path, 'afterwards.yaml');
    const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: moved}\n';
    writeFileSync(before, `${head}data: {a: "1", b: "2"}\n`);
    writeFileSync(afterwards, `${head}data: {a: "1"}\n`);
    await expectText('configmap/moved created', 'apply', '-f', before);
    await expectText('configmap/moved serverside-applied', 'apply', '--server-side', '-f', before);
    await expectText('configmap/moved serverside-applied', 'apply', '--server-side', '-f', afterwards);
    await expectText('{"a":"1"}', 'get', 'cm', 'moved', '-o', 'jsonpath={.data}');
    await expectText(
      'kubectl/Apply kubectl-last-applied/Apply',
      ...['get', 'cm', 'moved', '--show-managed-fields', '-o'],
      'jsonpath={range .metadata.managedFields[*]}{.manager}/{.operation} {end}',
    );
  });

  it('it edits, and the last label that goes leaves no empty map', async () => {
    const editor = join(folder.path, 'editor.mjs');
    writeFileSync(
      editor,
      `import { readFileSync, writeFileSync } from 'node:fs';
       const file = process.argv.at(-1);
       writeFileSync(file, readFileSync(file, 'utf8').replace('image: web:2', 'image: web:edited'));`,
    );
    editorCommand = `${process.execPath} ${editor}`;
    await expectText('deployment.apps/web edited', 'edit', 'deploy', 'web');
    await expectText('web:edited', 'get', 'deploy', 'web', '-o', 'jsonpath={..image}');
    await expectText('deployment.apps/web labeled', 'label', 'deploy', 'web', 'tier=front');
    await expectText('deployment.apps/web unlabeled', 'label', 'deploy', 'web', 'tier-');
    await expectText('', 'get', 'deploy', 'web', '-o', 'jsonpath={.metadata.labels}');
  });

  it('namespaces, config maps, secrets and accounts are created by its own commands', async () => {
    await expectText('namespace/made created', 'create', 'ns', 'made');
    await expectText('configmap/c created', '-n', 'made', 'create', 'configmap', 'c', '--from-literal=a=1');
    await expectText('secret/s created', '-n', 'made', 'create', 'secret', 'generic', 's', '--from-literal=a=1');
    await expectText('serviceaccount/a created', '-n', 'made', 'create', 'serviceaccount', 'a');
    await expectText(
      '1 MQ==',
      '-n',
      'made',
      'get',
      'cm,secret',
      '-o',
      'jsonpath={.items[0].data.a} {.items[1].data.a}',
    );
    const again = await kubectl('create', 'ns', 'made');
    assert.equal(again.text, 'Error from server (AlreadyExists): namespaces "made" already exists');
    const other = await kubectl('create', 'deployment', 'd', '--image=x');
    assert.match(other.text, /found apps\/v1\/Deployment\. With kubectl: add --dry-run=client -o yaml/);
  });

  it('labels, annotations, replicas and restarts are written', async () => {
    await expectText('deployment.apps/web labeled', 'label', 'deploy', 'web', 'tier=front');
    await expectText('deployment.apps/web unlabeled', 'label', 'deploy', 'web', 'tier-');
    await expectText('deployment.apps/web annotated', 'annotate', 'deploy', 'web', 'k=v');
    await expectText('deployment.apps/web scaled', 'scale', 'deploy', 'web', '--replicas=3');
    await expectText('deployment.apps/web restarted', 'rollout', 'restart', 'deploy/web');
    const path =
      'jsonpath={.spec.replicas} {.metadata.labels} {.metadata.annotations.k} {.spec.template.metadata.annotations}';
    const { text } = await kubectl('get', 'deploy', 'web', '-o', path);
    assert.match(text, /^3 {2}v \{"kubectl\.kubernetes\.io\/restartedAt":"20/);
  });

  it('patches of three types are taken, and a bad one is refused with what is wrong', async () => {
    const patch = (kind: string, ...args: readonly string[]) => kubectl('patch', kind, ...args);
    const containers = '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"web:3"}]}}}}';
    assert.equal((await patch('deploy', 'web', '-p', containers)).text, 'deployment.apps/web patched');
    const operations = '[{"op":"test","path":"/spec/size","value":3},{"op":"replace","path":"/spec/size","value":4}]';
    assert.equal((await patch('wd', 'one', '--type=json', '-p', operations)).code, 0);
    assert.equal((await patch('wd', 'one', '--type=merge', '-p', '{"spec":{"size":5}}')).code, 0);
    await expectText('web:3 1 5', 'get', 'deploy/web', 'wd/one', '-o', 'jsonpath={..image} {..env[0].value} {..size}');
    assert.match(
      (await patch('wd', 'one', '--type=json', '-p', operations)).text,
      /operation 0 \(test\): testing value \/spec\/size failed: expected 3, found 5/,
    );
    assert.match(
      (await patch('wd', 'one', '-p', '{}')).text,
      /^error: application\/strategic-merge-patch\+json is not supported by test\.hybridstore\.dev\/v1, Kind=Widget/,
    );
  });

  it('describe shows the events of an object, and lists how much is ready', async () => {
    const { uid } = (await api.get(widgets, { namespace: 'default', name: 'one' })).metadata;
    await api.createEvent({
      regarding: { apiVersion: 'test.hybridstore.dev/v1', kind: 'Widget', namespace: 'default', name: 'one', uid },
      type: 'Warning',
      reason: 'Worn',
      action: 'Look',
      note: 'it is worn',
    });
    assert.match((await kubectl('describe', 'wd', 'one')).text, /Warning +Worn +\S+ +test +it is worn$/);
    assert.match((await kubectl('get', 'events')).text, /Warning +Worn +widget\/one +it is worn$/);
    assert.match((await kubectl('get', 'deploy')).text, /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/3 /);
  });

  it('auth can-i answers', async () => {
    await expectText('yes', 'auth', 'can-i', 'delete', 'widgets');
    assert.match((await kubectl('auth', 'can-i', '--list')).text, /^\*\.\* +\[\] +\[\] +\[\*\]$/m);
  });

  it('top says in its own words that there are no metrics, and shows them where they are read', async () => {
    assert.deepEqual(await kubectl('top', 'pods'), { code: 1, text: 'error: Metrics API not available' });
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'default', name: 'busy' } } as const;
    const { uid } = (await api.create(pods, { ...pod, spec: { containers: [{ name: 'main', image: 'x' }] } })).metadata;
    const usage = { uid, container: 'main', cpuNanocores: 250_000_000, memoryBytes: 64 * 1024 * 1024 };
    const readPodUsage = () => [{ ...usage, atMs: systemClock.now(), windowMs: 15_000 }];
    const token = 'metrics-test-token';
    const measured = await startHttpFront({ api, token, logger: silentLogger, readPodUsage });
    try {
      const config = join(folder.path, 'kubeconfig-metrics');
      const { url: server, certificate } = measured;
      await writeKubeConfig(config, { server, token, certificate, name: 'test' });
      const { text } = await kubectl('top', 'pods', '--kubeconfig', config);
      assert.match(text, /^NAME +CPU\(cores\) +MEMORY\(bytes\) *\nbusy +250m +64Mi *$/);
      assert.match((await kubectl('top', 'pods', 'busy', '--kubeconfig', config)).text, /busy +250m/);
      assert.match((await kubectl('top', 'pods', 'none', '--kubeconfig', config)).text, /pods "none" not found/);
    } finally {
      await measured.close();
    }
  });

  it('every command that the reference page names was tried here', () => {
    const page = readFileSync(new URL('../../../docs/reference/embedded-kubernetes.md', import.meta.url), 'utf8');
    const named = [...page.matchAll(/^- `(kubectl .+)`$/gm)].map(([, command]) => command);
    assert.ok(named.length > 0);
    assert.deepEqual(
      named.filter((command) => !called.some((line) => line.startsWith(`${command} `))),
      [],
    );
  });
});
