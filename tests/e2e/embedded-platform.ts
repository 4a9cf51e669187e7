import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectKube, type Kube, kinds } from '@hybridstore/operator';
import { eventually, type Platform } from './platform.ts';

const startScript = fileURLToPath(new URL('../../scripts/start.ts', import.meta.url));
const startMsMax = 120_000;

type Endpoints = { readonly gateway: string; readonly kubeconfig: string; readonly admin_credentials: string };

/** `npm start` as a child process in a folder of its own, on ports of its own. */
export async function startEmbeddedPlatform(): Promise<Platform> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-e2e-'));
  const run = new Run(folder, 10_000 + Math.floor(Math.random() * 40_000));
  process.once('exit', () => run.kill());
  await run.start();
  return {
    name: 'embedded',
    systemNamespace: 'hybridstore-system',
    get kube() {
      return run.kube();
    },
    get gateway() {
      return run.endpoints().gateway;
    },
    get admin() {
      return JSON.parse(readFileSync(run.endpoints().admin_credentials, 'utf8')) as Platform['admin'];
    },
    podUrl: async (namespace, pod) => {
      const { status } = await run.kube().get(kinds.pod, { namespace, name: pod });
      return `http://${status?.podIP}:8000`;
    },
    killPod: async (namespace, pod) => run.killPod(namespace, pod),
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

class Run {
  readonly #folder: string;
  readonly #portOffset: number;
  #child: ChildProcess | undefined;
  #kube: Kube | undefined;

  constructor(folder: string, portOffset: number) {
    this.#folder = folder;
    this.#portOffset = portOffset;
  }

  endpoints(): Endpoints {
    return JSON.parse(readFileSync(join(this.#folder, 'data', 'endpoints.json'), 'utf8')) as Endpoints;
  }

  kube(): Kube {
    this.#kube ??= connectKube({ kubeconfig: this.endpoints().kubeconfig });
    return this.#kube;
  }

  async start(): Promise<void> {
    this.#kube = undefined;
    rmSync(join(this.#folder, 'data', 'endpoints.json'), { force: true });
    const log = openSync(join(this.#folder, 'start.log'), 'a');
    const child = spawn(
      process.execPath,
      [startScript, '--data-dir', join(this.#folder, 'data'), '--port-offset', String(this.#portOffset)],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    this.#child = child;
    await eventually(
      'platform ready',
      async () => {
        if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}`);
        return existsSync(join(this.#folder, 'data', 'endpoints.json')) ? true : undefined;
      },
      startMsMax,
    ).catch((error: unknown) => {
      this.kill();
      throw new Error(`${String(error)}\n${readFileSync(join(this.#folder, 'start.log'), 'utf8').slice(-8_000)}`);
    });
  }

  async killPod(namespace: string, pod: string): Promise<void> {
    await this.kube().delete(kinds.pod, { namespace, name: pod }, { gracePeriodSeconds: 0 });
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  }
}
