import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterLayout } from './layout.ts';

/** Below /proc/sys; from the kubelet's `setupKernelTunables`. */
const changedByKubelet = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

/**
 * Settings of the machine's kernel that a kubelet changes when it starts. They belong to no namespace, so they are noted
 * before the first kubelet runs and put back when the cluster goes.
 */
export function kernelSettingsFile(layout: ClusterLayout): string {
  return join(layout.stateFolder, 'kernel-settings.json');
}

export function saveKernelSettings(layout: ClusterLayout, root = '/proc/sys'): void {
  const present = changedByKubelet.filter((name) => existsSync(join(root, name)));
  const values = present.map((name) => [name, readFileSync(join(root, name), 'utf8').trim()]);
  writeFileSync(kernelSettingsFile(layout), JSON.stringify(Object.fromEntries(values)));
}

/** Puts back what was saved; nothing to do without a file. */
export function restoreKernelSettings(layout: ClusterLayout, root = '/proc/sys'): void {
  if (!existsSync(kernelSettingsFile(layout))) return;
  // Written by the function above alone.
  const values = JSON.parse(readFileSync(kernelSettingsFile(layout), 'utf8')) as Record<string, string>;
  for (const [name, value] of Object.entries(values)) writeFileSync(join(root, name), value);
}
