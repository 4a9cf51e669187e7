import type { Permission } from '@hybridstore/contracts';
import { HttpClient, JwksTokenVerifier } from '@hybridstore/http';
import { Registry, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { type App, createApp } from '../src/app.ts';
import type { OperationConfig } from '../src/config.ts';
import { FakeServices } from './fake-services.ts';

export const acme = 'default/acme';

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: never;
};

/** An operation node on loopback with fake services behind it, under a fake clock. */
export class TestOperation {
  readonly clock = new FakeClock();
  readonly folder = createTemporaryFolder('operation');
  readonly issuer = new TestIssuer(this.folder.path, this.clock);
  readonly services = new FakeServices(this.issuer, this.clock);
  readonly client = new HttpClient({ hostsFile: `${this.folder.path}/hosts.json` });
  readonly metrics = new Registry();
  app!: App;
  url = '';

  static async start(config: Partial<OperationConfig> = {}): Promise<TestOperation> {
    const test = new TestOperation();
    await test.services.start();
    test.app = createApp({
      config: {
        interpreterUrl: test.services.url('query-interpreter'),
        optimizerUrl: test.services.url('cbo-engine'),
        tenantUrlTemplate: `${test.services.url('tenant-node')}`,
        admission: { runningMax: 8, runningPerTenantMax: 4, waitingMax: 16, waitingPerTenantMax: 8 },
        timeouts: { defaultMs: 60_000, maxMs: 600_000 },
        optimizeMsMax: 1_000,
        ...config,
      },
      version: 'test',
      logger: silentLogger,
      metrics: test.metrics,
      clock: test.clock,
      verifier: new JwksTokenVerifier(test.issuer.jwksFile, test.clock),
      identity: test.issuer.identity('operation-node'),
      client: test.client,
    });
    await test.app.server.app.listen({ host: '127.0.0.1', port: 0 });
    const address = test.app.server.app.server.address();
    test.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    return test;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.app.server.app.server.closeAllConnections();
    await this.app.server.app.close();
    await this.services.stop();
    await this.client.close();
    this.folder[Symbol.dispose]();
  }

  token(permissions?: readonly Permission[], tenant = acme): string {
    return this.issuer.userToken(tenant, permissions);
  }

  fetch(method: string, path: string, options: FetchOptions = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${options.token ?? this.token()}`,
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  async call(method: string, path: string, options: FetchOptions = {}): Promise<Answer> {
    const response = await this.fetch(method, path, options);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson ? JSON.parse(text) : undefined) as never,
    };
  }

  sql(body: object = {}, options: FetchOptions = {}): Promise<Answer> {
    return this.call('POST', '/query/sql', {
      ...options,
      body: { query: 'select count(*) as n from events', ...body },
    });
  }

  /** Lets loopback traffic pass until a condition holds; fails loudly instead of waiting for ever. */
  async until(condition: () => boolean): Promise<void> {
    for (let turn = 0; turn < 20_000; turn += 1) {
      if (condition()) return;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    throw new Error('what the test waits for did not happen');
  }
}

export type FetchOptions = {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
};
