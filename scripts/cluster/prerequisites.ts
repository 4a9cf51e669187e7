import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Progress } from './progress.ts';
import { run } from './run.ts';

/** A program (a name on PATH or an absolute path) and the Debian 12 package that holds it. */
const requiredPrograms: readonly (readonly [program: string, debianPackage: string])[] = [
  ['containerd', 'containerd'],
  ['runc', 'runc'],
  ['/usr/lib/cni/ptp', 'containernetworking-plugins'],
  ['iptables', 'iptables'],
  ['ip', 'iproute2'],
  ['conntrack', 'conntrack'],
  ['ethtool', 'ethtool'],
  ['socat', 'socat'],
  ['catatonit', 'catatonit'],
  ['prometheus', 'prometheus'],
  ['openssl', 'openssl'],
  ['unzip', 'unzip'],
  ['nsenter', 'util-linux'],
  ['mount', 'mount'],
  ['ldd', 'libc-bin'],
];

const installTimeoutMs = 600_000;
const policyFile = '/usr/sbin/policy-rc.d';
const policyText = '#!/bin/sh\n# hybridstore: packages that are being installed must not start daemons.\nexit 101\n';

/**
 * What the machine has to give besides programs that Debian packages: Linux, root, cgroups. Throws one sentence that says
 * what is missing, before anything is changed.
 */
export function checkMachine(): void {
  if (process.platform !== 'linux') throw new Error(`the local cluster needs Linux, this is ${process.platform}`);
  if (process.getuid?.() !== 0) throw new Error('the local cluster needs root (namespaces, cgroups, mounts): use sudo');
  if (!existsSync('/sys/fs/cgroup')) throw new Error('the local cluster needs cgroups at /sys/fs/cgroup');
}

/** Installs the Debian packages of the programs that are missing. Nothing to do when all are there. */
export async function installPrograms(progress: Progress): Promise<void> {
  const missing = missingPackages(requiredPrograms, (program) => findProgram(program) !== undefined);
  if (missing.length === 0) return;
  if (findProgram('apt-get') === undefined) {
    throw new Error(`install these by hand, this machine has no apt-get: ${missing.join(' ')}`);
  }
  await progress(`install Debian packages: ${missing.join(' ')}`, () => withoutDaemons(() => aptInstall(missing)));
}

/** Packages of the programs that `isThere` denies, each once, in the order of the table. */
export function missingPackages(
  programs: readonly (readonly [program: string, debianPackage: string])[],
  isThere: (program: string) => boolean,
): string[] {
  return [...new Set(programs.filter(([program]) => !isThere(program)).map(([, debianPackage]) => debianPackage))];
}

/** Absolute path of a program; looks into the sbin folders too, which a user's PATH may lack. */
export function findProgram(program: string): string | undefined {
  if (program.startsWith('/')) return isExecutable(program) ? program : undefined;
  const folders = [
    ...(process.env['PATH'] ?? '').split(':'),
    '/usr/local/sbin',
    '/usr/sbin',
    '/usr/bin',
    '/sbin',
    '/bin',
  ];
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Not there or not executable: the question is answered.
  }
}

async function aptInstall(packages: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, timeoutMs: installTimeoutMs };
  await run('apt-get', ['update', '-q'], options);
  await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], options);
}

/** Debian asks policy-rc.d whether an installed daemon may start. Another policy of the machine is left alone. */
async function withoutDaemons(work: () => Promise<void>): Promise<void> {
  if (existsSync(policyFile) && readFileSync(policyFile, 'utf8') !== policyText) return work();
  writeFileSync(policyFile, policyText, { mode: 0o755 });
  try {
    await work();
  } finally {
    rmSync(policyFile);
  }
}
