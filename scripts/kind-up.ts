import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { persistentVolume, rwxClass, storageClass } from './cluster/volumes.ts';
import { readScriptArguments } from './script-arguments.ts';

/**
 * `npm run kind:up`, for people who have Docker, kind, kubectl and helm: a cluster, both images, the chart, the examples.
 * Logs and state use kind's own storage class. It has no ReadWriteMany volumes, so those for tables are made beforehand,
 * in a folder of this checkout that kind-config.yaml mounts into both nodes. A second run goes on where the first ended.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const cluster = 'hybridstore';
const context = `kind-${cluster}`;
const nodes = [`${cluster}-control-plane`, `${cluster}-worker`];
const hostFolder = join(root, '.hybridstore', 'kind');
/** Where kind-config.yaml mounts the folder in every node. */
const nodeFolder = '/var/lib/hybridstore-shared';
/** As many tenants can share tables. */
const sharedVolumes = 12;
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }; // our own file
const images = ['operator', 'services'].map((target) => ({ target, reference: `hybridstore/${target}:${version}` }));

function run(program: string, args: readonly string[], input?: string): void {
  process.stdout.write(`$ ${program} ${args.join(' ')}\n`);
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: [input === undefined ? 'inherit' : 'pipe', 'inherit', 'inherit'],
    ...(input === undefined ? {} : { input }),
  });
  if (error) throw new Error(`${program} is needed and cannot be started: ${error.message}`);
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
}

function hasCluster(): boolean {
  const { stdout } = spawnSync('kind', ['get', 'clusters'], { encoding: 'utf8' });
  return (stdout ?? '').split('\n').includes(cluster);
}

/** Makes the folders of the shared volumes, writable for every user, and gives the objects that describe them. */
function makeSharedVolumes(): object[] {
  const names = Array.from({ length: sharedVolumes }, (_, index) => `shared-${String(index + 1).padStart(2, '0')}`);
  mkdirSync(hostFolder, { recursive: true });
  // Pods of any user write into the volumes; nobody else of this machine gets as far.
  chmodSync(hostFolder, 0o700);
  for (const name of names) {
    mkdirSync(join(hostFolder, name), { recursive: true });
    chmodSync(join(hostFolder, name), 0o777);
  }
  const plan = { className: rwxClass, accessModes: ['ReadWriteMany'], nodes };
  return [
    storageClass(rwxClass, 'Immediate', false),
    ...names.map((name) => persistentVolume({ ...plan, name }, `${nodeFolder}/${name}`)),
  ];
}

function kindUp(): void {
  readScriptArguments(
    {
      call: 'npm run kind:up --',
      does: 'Makes a kind cluster with HybridStore and its examples; needs Docker, kind, kubectl, helm.',
    },
    process.argv.slice(2),
  );
  const volumes = makeSharedVolumes();
  if (!hasCluster()) run('kind', ['create', 'cluster', '--config', 'kind-config.yaml', '--wait', '120s']);
  for (const { target, reference } of images) run('docker', ['build', '--target', target, '--tag', reference, '.']);
  run('kind', ['load', 'docker-image', '--name', cluster, ...images.map((image) => image.reference)]);
  const kubectl = ['--context', context];
  const list = { apiVersion: 'v1', kind: 'List', items: volumes };
  run('kubectl', [...kubectl, 'apply', '--server-side', '-f', '-'], JSON.stringify(list));
  const release = ['upgrade', '--install', 'hybridstore', 'charts/hybridstore', '--kube-context', context];
  const namespace = ['--namespace', 'hybridstore-system', '--create-namespace'];
  run('helm', [...release, ...namespace, '--set', `storage.dataStorageClassName=${rwxClass}`, '--wait']);
  run('kubectl', [...kubectl, 'apply', '-f', 'examples/']);
  run('kubectl', [...kubectl, 'wait', '--for=condition=Ready', 'tenant/acme', '--timeout=180s']);
  process.stdout.write(
    `ready: kubectl config use-context ${context} && KUBECONFIG=~/.kube/config npx hybridstore --tenant default/acme status\n`,
  );
}

try {
  kindUp();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
