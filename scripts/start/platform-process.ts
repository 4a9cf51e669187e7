import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type PlatformAddresses, platformAddressesFile } from '@hybridstore/contracts';
import { connectKube, type Kube } from '@hybridstore/controller-runtime';
import { privateFile } from '@hybridstore/runtime';

const startScript = fileURLToPath(new URL('../start.ts', import.meta.url));
const startMsMax = 120_000;
const pollMs = 50;
const logTailCharacters = 8_000;

/** `npm start` as a child process in a folder of its own and on ports of its own, for tests and benchmarks. */
export class PlatformProcess {
  readonly #folder: string;
  readonly dataDir: string;
  readonly #arguments: readonly string[];
  #child: ChildProcess | undefined;
  #kube: Kube | undefined;

  /** `folder` gets `data/` and `start.log`. */
  constructor(folder: string, options: readonly string[]) {
    this.#folder = folder;
    this.dataDir = join(folder, 'data');
    this.#arguments = [startScript, '--data-dir', this.dataDir, ...options];
    process.once('exit', () => this.kill());
  }

  get addresses(): PlatformAddresses {
    // Written by this very program.
    return JSON.parse(readFileSync(join(this.dataDir, platformAddressesFile), 'utf8')) as PlatformAddresses;
  }

  get administrator(): { readonly username: string; readonly password: string } {
    return JSON.parse(readFileSync(this.addresses.admin_credentials, 'utf8')) as { username: string; password: string };
  }

  get kube(): Kube {
    this.#kube ??= connectKube({ fieldManager: 'hybridstore-start', kubeconfig: this.addresses.kubeconfig });
    return this.#kube;
  }

  /** Resolves when endpoints.json is there. What the platform printed is part of the error when it is not. */
  async start(): Promise<void> {
    this.#kube = undefined;
    const ready = join(this.dataDir, platformAddressesFile);
    rmSync(ready, { force: true });
    const log = openSync(join(this.#folder, 'start.log'), 'a', privateFile);
    const child = spawn(process.execPath, this.#arguments, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    const untilMs = performance.now() + startMsMax;
    while (!existsSync(ready)) {
      const failure =
        child.exitCode !== null
          ? `npm start ended with ${child.exitCode}`
          : performance.now() > untilMs
            ? `not ready within ${startMsMax} ms`
            : undefined;
      if (failure !== undefined) {
        this.kill();
        throw new Error(
          `${failure}\n${readFileSync(join(this.#folder, 'start.log'), 'utf8').slice(-logTailCharacters)}`,
        );
      }
      await delay(pollMs);
    }
  }

  /** Of `npm start` itself, whose children are the pods. Throws before `start`. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the platform was not started');
    return pid;
  }

  /** Without any grace: its pods stay behind as orphans until the next start. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
}

/** An offset whose ports are most likely free and below those that the kernel gives to clients: every test run and benchmark has its own. */
export function randomPortOffset(): number {
  return 2_000 + Math.floor(Math.random() * 21_000);
}
