import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createTemporaryFolder, FakeClock, TestIssuer, testSecret } from '@hybridstore/test-kit';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const password = 'a long password';
/** Of a start on a busy machine; it takes about one. */
const awayMsMax = 20_000;

/** Processes of the gateway's program, each at an address of its own; ended with the test. */
class Processes implements Disposable {
  readonly folder = createTemporaryFolder('gateways');
  readonly #children: ChildProcess[] = [];
  readonly #port: number;
  readonly #jwksFile: string;

  constructor(port: number) {
    this.#port = port;
    this.#jwksFile = new TestIssuer(this.folder.path, new FakeClock()).jwksFile;
    writeFileSync(join(this.folder.path, 'password'), password);
  }

  /** Resolves when it listens. */
  async start(address: string, variables: Readonly<Record<string, string>>): Promise<ChildProcess> {
    const env = {
      HOST: address,
      PORT: String(this.#port),
      JWT_SECRET: testSecret('auth-gateway'),
      JWKS_FILE: this.#jwksFile,
      ...variables,
    };
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false }))
      if (String(chunk).includes('"event":"listening"')) break;
    child.stdout.resume();
    return child;
  }

  startHolder(): Promise<ChildProcess> {
    return this.start(holder, {
      USERS_PATH: join(this.folder.path, 'users'),
      ADMIN_USERNAME: 'root',
      ADMIN_PASSWORD_FILE: join(this.folder.path, 'password'),
      SHUTDOWN_DELAY_SECONDS: '2',
    });
  }

  startGateway(address: string): Promise<ChildProcess> {
    return this.start(address, { USER_STORE_URL: `http://${holder}:${this.#port}`, GATEWAY_REPLICAS: '2' });
  }

  async post(address: string, path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
    const answer = await fetch(`http://${address}:${this.#port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill('SIGKILL');
    this.folder[Symbol.dispose]();
  }
}

const [holder, one, two] = ['127.0.0.11', '127.0.0.12', '127.0.0.13'] as const;
const gateways = [one, two];

for (const [how, signal] of [
  ['is replaced', 'SIGTERM'],
  ['dies', 'SIGKILL'],
] as const)
  it(`every call with a known token is answered while the process that holds the users ${how}`, async (context) => {
    using processes = new Processes(20_000 + Math.floor(Math.random() * 10_000));
    const first = await processes.startHolder();
    await Promise.all(gateways.map((address) => processes.startGateway(address)));
    const login = { username: 'root', password };
    const token = String((await processes.post(one, '/auth/login', login)).body['access_token']);
    const validate = (address: string) => processes.post(address, '/auth/validate', { token });
    for (const address of gateways) assert.equal((await validate(address)).body['valid'], true);

    const answers: unknown[] = [];
    let [longestMs, isOver] = [0, false];
    const asking = gateways.map(async (address) => {
      while (!isOver) {
        const startedMs = performance.now();
        const { status, body } = await validate(address);
        longestMs = Math.max(longestMs, performance.now() - startedMs);
        answers.push(status === 200 && body['valid'] === true ? 'valid' : body);
      }
    });
    const loggedIn: { readonly status: number; readonly atMs: number }[] = [];
    const loggingIn = (async () => {
      while (!isOver)
        loggedIn.push({ status: (await processes.post(two, '/auth/login', login)).status, atMs: performance.now() });
    })();

    first.kill(signal);
    if (first.exitCode === null && first.signalCode === null) await once(first, 'exit');
    const endedMs = performance.now();
    await processes.startHolder();
    while (!loggedIn.some(({ status, atMs }) => status === 200 && atMs > endedMs + 500))
      await new Promise((resolve) => setTimeout(resolve, 20));
    isOver = true;
    await Promise.all([...asking, loggingIn]);

    const refused = loggedIn.filter(({ status }) => status !== 200);
    const awayMs = refused.length === 0 ? 0 : (refused.at(-1)?.atMs ?? 0) - (refused[0]?.atMs ?? 0);
    context.diagnostic(
      `${answers.length} calls, the longest took ${Math.round(longestMs)} ms; ${refused.length} of ${loggedIn.length} log-ins refused, within ${Math.round(awayMs)} ms`,
    );
    assert.deepEqual(
      answers.filter((answer) => answer !== 'valid'),
      [],
    );
    assert.deepEqual([...new Set(refused.map(({ status }) => status))], refused.length === 0 ? [] : [503]);
    assert.ok(awayMs < awayMsMax);
  });
