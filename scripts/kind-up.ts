import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * `npm run kind:up`, for people who have Docker, kind, kubectl and helm: a cluster, both images, the chart, the examples.
 * kind's own storage class gives ReadWriteOnce volumes on one node, which serves a tenant whose pods share that node.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const cluster = 'hybridstore';
const images = ['operator', 'services'].map((target) => ({ target, reference: `hybridstore/${target}:0.1.0` }));

function run(program: string, ...args: string[]): void {
  process.stdout.write(`$ ${program} ${args.join(' ')}\n`);
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (error) throw new Error(`${program} is needed and cannot be started: ${error.message}`);
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
}

function hasCluster(): boolean {
  const { stdout } = spawnSync('kind', ['get', 'clusters'], { encoding: 'utf8' });
  return (stdout ?? '').split('\n').includes(cluster);
}

try {
  if (!hasCluster()) run('kind', 'create', 'cluster', '--config', 'kind-config.yaml', '--wait', '120s');
  for (const { target, reference } of images) run('docker', 'build', '--target', target, '--tag', reference, '.');
  run('kind', 'load', 'docker-image', '--name', cluster, ...images.map((image) => image.reference));
  run(
    'helm',
    'upgrade',
    '--install',
    'hybridstore',
    'charts/hybridstore',
    '--namespace',
    'hybridstore-system',
    '--create-namespace',
    '--wait',
  );
  run('kubectl', 'apply', '-f', 'examples/');
  run('kubectl', 'wait', '--for=condition=Ready', 'tenant/acme', '--timeout=180s');
  process.stdout.write('ready: KUBECONFIG=~/.kube/config npx hybridstore --tenant default/acme status\n');
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
