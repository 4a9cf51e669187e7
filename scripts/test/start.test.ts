import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { namespaces, pods, secrets } from '@hybridstore/controller-runtime';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { FakeClock } from '@hybridstore/test-kit';
import { isUsageError, parseArguments, usage } from '../start/arguments.ts';
import { FailedPods } from '../start/failed-pods.ts';
import { lockFolder, requireFreeFolder } from '../start/folder-lock.ts';
import { provideJwtSecret } from '../start/gateway-secret.ts';
import { hostPorts, requireFreePorts } from '../start/host-ports.ts';
import { readJwtSecret } from '../start/jwt-secret.ts';
import { randomPortOffset } from '../start/platform-process.ts';
import { systemNamespace } from '../start/settings.ts';

const startScript = fileURLToPath(new URL('../start.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'hybridstore-start-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const strong = Buffer.from(Array.from({ length: 48 }, (_, index) => index * 5)).toString('base64');

function start(argv: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  const { JWT_SECRET: _, ...environment } = process.env;
  const env = { ...environment, ...variables };
  return spawnSync(process.execPath, [startScript, ...argv], { encoding: 'utf8', timeout: 60_000, env });
}

describe('npm start', () => {
  it('refuses a weak JWT_SECRET in one line, and leaves no trace', () => {
    const target = join(folder, 'weak');
    const { status, stdout, stderr } = start(['--data-dir', target], { JWT_SECRET: 'abc' });
    assert.equal(status, 1);
    assert.match(stderr, /^cannot start: JWT_SECRET: expected at least 32 random bytes .*, found 3 bytes\n$/);
    assert.deepEqual([stdout, existsSync(target)], ['', false]);
  });

  it('refuses damaged state in one line that names the file and the line', () => {
    const target = join(folder, 'damaged');
    mkdirSync(target);
    writeFileSync(join(target, 'objects.ndjson'), '{"revision":1}\ngarbage\n{"revision":2}\n');
    const { status, stderr } = start(['--data-dir', target, '--port-offset', String(randomPortOffset())]);
    assert.equal(status, 1);
    assert.match(stderr, /^cannot start: .*damaged\/objects\.ndjson:\d: expected a journal record.*\n$/);
    assert.ok(!existsSync(join(target, 'platform.pid')), 'the folder is free again');
    assert.ok(!existsSync(join(target, 'endpoints.json')));
  });

  it('closes a folder of an older version to other users before anything is read from it, and says so', () => {
    const target = join(folder, 'older');
    for (const path of ['run', 'volumes']) mkdirSync(join(target, path), { recursive: true });
    writeFileSync(join(target, 'objects.ndjson'), 'garbage\n{"revision":2}\n');
    writeFileSync(join(target, 'volumes', 'catalog.sqlite'), '');
    for (const path of ['.', 'run', 'volumes']) chmodSync(join(target, path), 0o755);
    for (const path of ['objects.ndjson', 'volumes/catalog.sqlite']) chmodSync(join(target, path), 0o644);
    const before = process.umask(0o000);
    const { stdout, stderr } = start(['--data-dir', target, '--port-offset', String(randomPortOffset())]);
    process.umask(before);
    assert.match(stderr, /^cannot start: .*objects\.ndjson:1: expected a journal record/);
    assert.match(stdout, /^ {2}! 5 files and folders in it were open to other users and are closed now$/m);
    assert.deepEqual(openToOthers(target), []);
  });

  it('ends a wrong command line with exit code 2', () => {
    const { status, stdout, stderr } = start(['--bogus']);
    assert.deepEqual(
      [status, stdout, stderr],
      [
        2,
        '',
        "cannot start: Unknown option '--bogus'; expected --once, --empty, --watch, --help, --data-dir, --port-offset\n",
      ],
    );
  });
});

/** Whatever group or others may touch, the folder itself included. */
function openToOthers(target: string): readonly string[] {
  const names = ['.', ...readdirSync(target, { recursive: true, encoding: 'utf8' })];
  return names.filter((name) => (statSync(join(target, name)).mode & 0o077) !== 0);
}

describe('the arguments of npm start', () => {
  it('have defaults, and a help that names each', () => {
    assert.deepEqual(parseArguments([]), {
      once: false,
      empty: false,
      watch: false,
      help: false,
      dataDir: 'hybridstore-data',
      portOffset: 0,
    });
    for (const flag of ['--once', '--empty', '--watch', '--data-dir', '--port-offset']) assert.ok(usage.includes(flag));
  });

  it('are refused with what was expected and what was found', () => {
    const refused: readonly (readonly [argv: readonly string[], error: RegExp])[] = [
      [['--port-offset', 'x'], /^--port-offset: expected an integer from 0 to 57449, found x$/],
      [['--port-offset', ''], /^--port-offset: expected an integer .*, found $/],
      [['--port-offset', '57450'], /found 57450$/],
      [['--port-offset=-1'], /found -1$/],
      [['--port-offset', '1.5'], /found 1\.5$/],
      [['--data-dir'], /^Option '--data-dir <value>' argument missing; expected --once/],
      [['extra'], /^Unexpected argument 'extra'; expected --once/],
      [['--once=yes'], /--once.* does not take an argument; expected --once/],
    ];
    for (const [argv, message] of refused)
      assert.throws(
        () => parseArguments(argv),
        (error: Error) => message.test(error.message) && isUsageError(error),
        argv.join(' '),
      );
  });
});

describe('the data folder', () => {
  it('is made when it is not there, and locked until it is released', () => {
    const target = join(folder, 'a', 'b');
    const lock = lockFolder(target);
    assert.deepEqual(readdirSync(target), ['platform.pid']);
    for (const path of [join(folder, 'a'), target, join(target, 'platform.pid')])
      assert.equal(statSync(path).mode & 0o077, 0, path);
    lock.release();
    assert.deepEqual(readdirSync(target), []);
  });

  it('is refused when it cannot be written', () => {
    writeFileSync(join(folder, 'file'), '');
    for (const path of [join(folder, 'file'), join(folder, 'file', 'below'), '/proc/nowhere/below'])
      assert.throws(
        () => lockFolder(path),
        (error: Error) => error.message.startsWith(`--data-dir: expected a writable folder, found ${path} (`),
      );
  });

  it('is refused while a running platform has it, and taken over from one that died', async () => {
    const target = join(folder, 'held');
    mkdirSync(target);
    const holder = await holdBy('scripts/start.ts');
    const other = await holdBy('something-else.ts');
    writeFileSync(join(target, 'platform.pid'), String(holder.pid));
    assert.throws(
      () => requireFreeFolder(target),
      new RegExp(`--data-dir: expected a folder of its own, found .*held in use by process ${holder.pid}; end it`),
    );
    // The number of a dead platform may belong to another program by now.
    writeFileSync(join(target, 'platform.pid'), String(other.pid));
    requireFreeFolder(target);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    writeFileSync(join(target, 'platform.pid'), String(holder.pid));
    lockFolder(target).release();
    other.kill('SIGKILL');
  });

  /** A process that lives until it is killed, and has `name` in its command line. */
  async function holdBy(name: string): Promise<ChildProcess> {
    const child = spawn('/bin/sh', ['-c', 'echo up; read -r line', name], { stdio: ['pipe', 'pipe', 'ignore'] });
    await once(child.stdout, 'data');
    return child;
  }
});

describe('the ports', () => {
  it('are refused when somebody listens on one of them', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await assert.rejects(
      () => requireFreePorts([port]),
      new RegExp(
        `^HybridStoreError: --port-offset: expected ports that nobody listens on, found ${port} of 127\\.0\\.0\\.1 in use`,
      ),
    );
    server.close();
    await once(server, 'close');
    await requireFreePorts([port]);
  });

  it('are those that the README names, moved by the offset', () => {
    assert.deepEqual(
      hostPorts(500).toSorted((a, b) => a - b),
      [8500, 8580, 8581, 8582, 8583, 8584, 8585, 8586],
    );
  });
});

describe('JWT_SECRET', () => {
  it('may be absent, and is refused when it is short or guessable', () => {
    assert.deepEqual([readJwtSecret({}), readJwtSecret({ JWT_SECRET: strong })], [undefined, strong]);
    assert.throws(() => readJwtSecret({ JWT_SECRET: '' }), /^HybridStoreError: JWT_SECRET: .* found 0 bytes/);
    assert.throws(() => readJwtSecret({ JWT_SECRET: 'your-secret-key'.repeat(4) }), /found a guessable value/);
  });

  it('becomes the secret of the gateway, and may not change under a folder that has one', async () => {
    const kube = new EmbeddedApiServer({ fieldManager: 'test', clock: new FakeClock() });
    await kube.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: systemNamespace } });
    await provideJwtSecret(kube, strong);
    const stored = await kube.get(secrets, { namespace: systemNamespace, name: 'auth-gateway-signing-key' });
    assert.equal(Buffer.from(stored.data?.['secret'] ?? '', 'base64').toString(), strong);
    await provideJwtSecret(kube, strong);
    await assert.rejects(
      () => provideJwtSecret(kube, `${strong}x`),
      /^HybridStoreError: JWT_SECRET: expected the secret that the data folder was begun with, found another/,
    );
  });
});

describe('a service that cannot start', () => {
  it('ends the start with its own words after two tries, and earlier runs do not count', async () => {
    const kube = new EmbeddedApiServer({ fieldManager: 'test', clock: new FakeClock() });
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'gateway', namespace: 'default' } };
    await kube.create(pods, { ...pod, spec: { containers: [{ name: 'main', image: 'x' }] } });
    const restartedTo = (restartCount: number) =>
      kube.patchStatus(pods, {
        ...pod,
        status: { containerStatuses: [{ name: 'main', restartCount, ready: false, image: 'x', imageID: 'x' }] },
      });
    let log = 'gateway cannot start: USERS_PATH: expected a folder, found none (invalid_request)\n';
    const failed = new FailedPods(kube, () => log);
    await restartedTo(7);
    await failed.check();
    await restartedTo(8);
    await failed.check();
    await failed.check();
    await restartedTo(9);
    await assert.rejects(
      () => failed.check(),
      /^HybridStoreError: gateway cannot start: USERS_PATH: expected a folder, found none$/,
    );
    // One that was killed says nothing, and is tried for as long as the start may take.
    log = '{"event":"listening"}\n';
    await restartedTo(10);
    await failed.check();
  });
});
