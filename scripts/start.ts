import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { services } from '@hybridstore/contracts';
import { createServer, HttpClient } from '@hybridstore/http';
import {
  EmbeddedPlatform,
  type Kube,
  kinds,
  listAll,
  PublishedKeysVerifier,
  startHttpFront,
  startOperator,
  writeKubeConfig,
} from '@hybridstore/operator';
import { createLogger, createMetrics, HybridStoreError, LogRing, systemClock } from '@hybridstore/runtime';
import { parseArguments, type StartArguments, usage } from './start/arguments.ts';
import { type Endpoints, writeEndpoints } from './start/endpoints-file.ts';
import { exampleTenant, runExample } from './start/example.ts';
import { lockFolder } from './start/folder-lock.ts';
import { localCommands } from './start/local-commands.ts';
import { readFolder } from './start/objects.ts';
import { embeddedSettings, systemNamespace } from './start/settings.ts';
import { Steps } from './start/steps.ts';
import { waitForReady, waitForWorkloads } from './start/wait-until-ready.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const readyMsMax = 120_000;
const apiPort = 6_443;
const sharedServices = [
  'auth-gateway',
  'operation-node',
  'cbo-engine',
  'metadata-catalog',
  'monitoring',
  'query-interpreter',
] as const;

type Running = { readonly platform: EmbeddedPlatform; readonly folder: string; readonly stop: () => Promise<void> };

async function main(): Promise<void> {
  const options = parseArguments(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(usage);
    return;
  }
  const folder = resolve(options.dataDir);
  const lock = lockFolder(folder);
  process.stdout.write(`HybridStore in ${folder}\n`);
  const running = await start(options, folder, () => lock.release());
  const endpoints = await publish(running, options);
  if (!options.empty) await example(running.platform.kube, endpoints);
  const path = writeEndpoints(folder, endpoints);
  process.stdout.write(`\nready  gateway ${endpoints.gateway}  endpoints ${path}\n`);
  if (options.once) await running.stop();
}

async function start(options: StartArguments, folder: string, release: () => void): Promise<Running> {
  rmSync(join(folder, 'endpoints.json'), { force: true });
  mkdirSync(join(folder, 'run'), { recursive: true });
  const steps = new Steps((text) => process.stdout.write(text));
  const ring = new LogRing();
  const logFile = join(folder, 'run', 'operator.log');
  const logger = createLogger({
    service: 'operator',
    instance: 'operator',
    level: 'info',
    ring,
    write: (line) => appendFileSync(logFile, line),
  });
  const platform = await EmbeddedPlatform.open({
    folder,
    logger,
    clock: systemClock,
    ownNames: [`operator.${systemNamespace}.svc`],
    commandOf: localCommands(root, options.watch),
    baseEnvironment: {
      PATH: process.env['PATH'] ?? '',
      NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node'),
    },
  });
  const closers: (() => Promise<void> | void)[] = [release, () => platform.stop()];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  // From here on processes run that must not outlive this one.
  stopOnSignals(stop);
  try {
    await steps.run('ports', () => openHostPorts(platform, options.portOffset));
    const token = randomBytes(32).toString('base64url');
    const front = await startHttpFront({
      api: platform.kube,
      token,
      logger,
      host: platform.host,
      port: apiPort,
      readPodLog: async ({ namespace, name }, { tailLines }) =>
        platform.kubelet.readLog(namespace, name, tailLines ?? 1_000),
    });
    closers.push(() => front.close());
    await writeKubeConfig(join(folder, 'kubeconfig'), { server: front.url, token, certificate: front.certificate });
    await steps.run('definitions', () => applyDefinitions(platform.kube));
    await platform.start();
    const metrics = createMetrics('operator');
    const operator = startOperator({
      kube: platform.kube,
      settings: embeddedSettings(),
      logger,
      metrics,
      client: new HttpClient({ hostsFile: platform.hostsFile }),
    });
    closers.push(() => operator.stop());
    const jwksFile = join(folder, 'run', 'jwks.json');
    const server = createServer({
      service: 'operator',
      version: '0.1.0',
      logger,
      ring,
      metrics,
      clock: systemClock,
      verifier: new PublishedKeysVerifier(jwksFile, systemClock),
      notReadyReasons: operator.notReadyReasons,
    });
    await server.app.listen({ host: platform.host, port: services.operator });
    closers.push(() => server.app.close());
    await steps.run('operator, shared services and tenants', () =>
      waitForWorkloads(platform.kube, sharedServices.length, readyMsMax),
    );
    await writeKeys(platform.kube, jwksFile);
    if (!options.empty)
      await steps.run(`tenant ${exampleTenant.name} and its sources`, () => applyExamples(platform.kube));
    return { platform, folder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The ports that people type. Port 8000 is the first tenant's. */
async function openHostPorts(platform: EmbeddedPlatform, offset: number): Promise<void> {
  for (const name of sharedServices)
    await platform.listenOnHost(services[name] + offset, () =>
      addressesOf(platform, systemNamespace, name, services[name]),
    );
  await platform.listenOnHost(services.operator + offset, () => [{ host: platform.host, port: services.operator }]);
  await platform.listenOnHost(services['tenant-node'] + offset, () => {
    const [first] = platform.controllers.mirrors.statefulSets
      .all()
      .filter((set) => set.metadata.name.startsWith('hs-'));
    return first
      ? addressesOf(platform, first.metadata.namespace ?? 'default', first.metadata.name, services['tenant-node'])
      : [];
  });
}

function addressesOf(
  platform: EmbeddedPlatform,
  namespace: string,
  name: string,
  port: number,
): { host: string; port: number }[] {
  return platform.controllers.addressesOf(namespace, name).map((host) => ({ host, port }));
}

async function applyDefinitions(kube: Kube): Promise<void> {
  for (const { resource, object } of readFolder(join(root, 'crds')))
    await kube.apply(resource, object, { force: true });
  for (const name of [systemNamespace, 'default'])
    await kube.apply(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

/** Public keys of all issuers, for the operator's own server. */
async function writeKeys(kube: Kube, path: string): Promise<void> {
  const { data } = await kube.get(kinds.configMap, { namespace: systemNamespace, name: 'hybridstore-jwks' });
  writeFileSync(path, data?.['jwks.json'] ?? '');
}

async function applyExamples(kube: Kube): Promise<void> {
  const objects = readFolder(join(root, 'examples'));
  for (const { resource, object } of objects)
    await kube.apply(resource, object, { fieldManager: 'hybridstore-example' });
  await waitForReady(kube, objects, readyMsMax);
}

/** Where everything is, for the command line, for scripts and for tests. */
async function publish({ platform, folder }: Running, options: StartArguments): Promise<Endpoints> {
  const url = (port: number) => `http://127.0.0.1:${port + options.portOffset}`;
  const { data } = await platform.kube.get(kinds.secret, { namespace: systemNamespace, name: 'hybridstore-admin' });
  const read = (key: string) => Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
  const credentials = join(folder, 'admin.json');
  writeFileSync(credentials, `${JSON.stringify({ username: read('username'), password: read('password') })}\n`, {
    mode: 0o600,
  });
  const { items } = await listAll(platform.kube, kinds.tenant);
  const tenants = items.map(({ metadata }) => {
    const nodes = platform.controllers
      .addressesOf(metadata.namespace ?? 'default', `hs-${metadata.name}`)
      .map((host) => `http://${host}:${services['tenant-node']}`);
    return [`${metadata.namespace}/${metadata.name}`, { url: url(services['tenant-node']), nodes }] as const;
  });
  return {
    gateway: url(services['auth-gateway']),
    services: Object.fromEntries([...sharedServices, 'operator' as const].map((name) => [name, url(services[name])])),
    tenants: Object.fromEntries(tenants),
    kubeconfig: join(folder, 'kubeconfig'),
    admin_credentials: credentials,
  };
}

async function example(kube: Kube, endpoints: Endpoints): Promise<void> {
  const { data } = await kube.get(kinds.secret, { namespace: systemNamespace, name: 'hybridstore-admin' });
  const read = (key: string) => Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
  process.stdout.write('\n');
  await runExample(
    { gateway: endpoints.gateway, credentials: { username: read('username'), password: read('password') } },
    (text) => process.stdout.write(text),
  );
}

function stopOnSignals(stop: () => Promise<void>): void {
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      process.stdout.write('\nstopping (once more to end at once)\n');
      stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}

main().then(
  () => {
    if (process.argv.includes('--once') || process.argv.includes('--help')) process.exit(0);
  },
  (error: unknown) => {
    process.stderr.write(
      `cannot start: ${error instanceof HybridStoreError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exit(1);
  },
);
