import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pods } from '@hybridstore/controller-runtime';
import { PlatformProcess, randomPortOffset } from '../../scripts/start/platform-process.ts';
import type { Platform } from './platform.ts';

export async function startEmbeddedPlatform(): Promise<Platform> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-e2e-'));
  // The least careful of users: what protects files must come from the platform itself.
  process.umask(0o000);
  const run = new PlatformProcess(folder, ['--port-offset', String(randomPortOffset())]);
  await run.start();
  return {
    name: 'embedded',
    systemNamespace: 'hybridstore-system',
    get kube() {
      return run.kube;
    },
    dataDir: run.dataDir,
    get gateway() {
      return run.addresses.gateway;
    },
    get admin() {
      return run.administrator;
    },
    podUrl: async (namespace, name) => `http://${(await run.kube.get(pods, { namespace, name })).status?.podIP}:8000`,
    killPod: (namespace, name) => run.kube.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 }),
    // One process holds the API server, the pods' keeper and the operator: all of them die and come back.
    killOperator: async () => {
      run.kill();
      await run.start();
    },
    restart: async () => {
      await run.stop();
      await run.start();
    },
    stop: async () => {
      await run.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
