import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds } from '@hybridstore/operator';
import { PlatformProcess, randomPortOffset } from '../../scripts/start/platform-process.ts';
import type { Platform } from './platform.ts';

export async function startEmbeddedPlatform(): Promise<Platform> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-e2e-'));
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
      return run.endpoints.gateway;
    },
    get admin() {
      return run.administrator;
    },
    podUrl: async (namespace, name) =>
      `http://${(await run.kube.get(kinds.pod, { namespace, name })).status?.podIP}:8000`,
    killPod: (namespace, name) => run.kube.delete(kinds.pod, { namespace, name }, { gracePeriodSeconds: 0 }),
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
