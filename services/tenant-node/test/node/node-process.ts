import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@hybridstore/runtime';
import { TestIssuer, testSecret } from '@hybridstore/test-kit';
import { Agent } from 'undici';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const startMsMax = 30_000;
const pollMs = 20;
export const tenant = 'default/acme';

export type Answer = {
  readonly status: number;
  readonly body: unknown;
  readonly text: string;
  readonly retryAfter: string | undefined;
};

/** The shared folder, keys and addresses of a tenant whose nodes run as real processes on loopback addresses. */
export class TestTenant {
  readonly issuer: TestIssuer;
  readonly folder: string;
  readonly #subnet: string;
  readonly #secretFile: string;

  /** `subnet` is the third number of 127.x.y.z: tests that run beside each other must not share it. The second is the run's own. */
  constructor(folder: string, subnet: number) {
    this.folder = folder;
    this.#subnet = `127.${64 + (process.pid % 128)}.${subnet}`;
    this.issuer = new TestIssuer(folder, systemClock);
    this.#secretFile = join(folder, 'secret');
    writeFileSync(this.#secretFile, testSecret('tenant-node'));
  }

  node(ordinal: number): TestNode {
    const pod = `acme-${ordinal}`;
    return new TestNode(this.issuer, {
      TENANT_ID: tenant,
      POD_NAME: pod,
      HOST: `${this.#subnet}.${ordinal + 1}`,
      PORT: '8000',
      DATA_PATH: join(this.folder, 'data'),
      LOG_PATH: join(this.folder, `log-${ordinal}`),
      JWKS_FILE: this.issuer.jwksFile,
      SERVICE_SECRET_FILE: this.#secretFile,
      DUCKDB_MEMORY_LIMIT: '256MB',
      EXECUTOR_THREADS: '1',
      LOG_LEVEL: 'warn',
      // Restarts read their modules from here instead of compiling them again.
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(this.folder, 'compiled'),
    });
  }
}

export class TestNode {
  readonly url: string;
  readonly #issuer: TestIssuer;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #agent = new Agent({ connections: 32 });
  #process: ChildProcess | undefined;
  /** What the process wrote, for the message of a failed test. */
  output = '';

  constructor(issuer: TestIssuer, environment: Readonly<Record<string, string>>) {
    this.#issuer = issuer;
    this.#environment = environment;
    this.url = `http://${environment['HOST']}:${environment['PORT']}`;
  }

  start(extra: Readonly<Record<string, string>> = {}): void {
    const env = { ...this.#environment, ...extra, PATH: process.env['PATH'] ?? '' };
    this.#process = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on('data', (bytes: Buffer) => {
        this.output = (this.output + bytes.toString('utf8')).slice(-20_000);
      });
  }

  async ready(): Promise<void> {
    for (const endMs = performance.now() + startMsMax; performance.now() < endMs; ) {
      if (this.#process?.exitCode !== null) break;
      const answer = await this.call('GET', '/ready').catch(() => undefined);
      if (answer?.status === 200) return;
      await systemClock.sleep(pollMs);
    }
    throw new Error(`node ${this.url} is not ready: ${this.output}`);
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Neither answers nor ends, until it is resumed: connections to it are taken and nothing comes back. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Resolves when it answers at all; it need not be ready. */
  async listening(): Promise<void> {
    for (const endMs = performance.now() + startMsMax; performance.now() < endMs; ) {
      if (this.#process?.exitCode !== null) break;
      if ((await this.call('GET', '/health').catch(() => undefined)) !== undefined) return;
      await systemClock.sleep(pollMs);
    }
    throw new Error(`node ${this.url} does not listen: ${this.output}`);
  }

  /** The exit code after SIGTERM. */
  async stop(): Promise<number | null> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
    return child.exitCode;
  }

  /** The exit code of a node that ends by itself. */
  async exited(): Promise<number | null> {
    const child = this.#process;
    if (child?.exitCode === null) await once(child, 'exit');
    return child?.exitCode ?? null;
  }

  async close(): Promise<void> {
    await this.kill();
    await this.#agent.destroy();
  }

  /** As a user who may do everything, unless a token is given. */
  async call(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    options: {
      readonly body?: unknown;
      readonly token?: string;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<Answer> {
    const answer = await this.#agent.request({
      origin: this.url,
      path,
      method,
      headers: {
        authorization: `Bearer ${options.token ?? this.#issuer.userToken(tenant)}`,
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      body: options.body === undefined ? null : JSON.stringify(options.body),
    });
    const text = await answer.body.text();
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    const retryAfter = answer.headers['retry-after']?.toString();
    return { status: answer.statusCode, body: isJson ? JSON.parse(text) : undefined, text, retryAfter };
  }
}
