import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { platformAddressesFile, services } from '@hybridstore/contracts';
import { configMaps, type Kube, namespaces } from '@hybridstore/controller-runtime';
import { EmbeddedPlatform, startHttpFront, writeKubeConfig } from '@hybridstore/embedded-kubernetes';
import { createServer, HttpClient } from '@hybridstore/http';
import { operatorIdentity, PublishedKeysVerifier, sharedServiceNames, startOperator } from '@hybridstore/operator';
import {
  createLogger,
  createMetrics,
  giveBackAtRest,
  LogRing,
  privateFile,
  privateFolder,
  replaceFileDurably,
  systemClock,
  systemDisk,
} from '@hybridstore/runtime';
import { exampleTenant } from './example.ts';
import { FailedPods } from './failed-pods.ts';
import { provideJwtSecret } from './gateway-secret.ts';
import { openHostPorts } from './host-ports.ts';
import { localCommands } from './local-commands.ts';
import { readFolder } from './objects.ts';
import type { GivenVariables } from './service-variables.ts';
import { embeddedSettings, systemNamespace } from './settings.ts';
import type { Steps } from './steps.ts';
import { waitForReady, waitForWorkloads } from './wait-until-ready.ts';

export type PlatformOptions = {
  /** The repository: definitions, examples and the code of the services. */
  readonly root: string;
  readonly folder: string;
  readonly portOffset: number;
  readonly isEmpty: boolean;
  readonly isWatching: boolean;
  readonly jwtSecret: string | undefined;
  readonly variables: GivenVariables;
  readonly steps: Steps;
};

const readyMsMax = 120_000;
const apiPort = 6_443;
const logTailLines = 20;

/**
 * The whole platform in this process and its children: API server, controllers, pods, operator. The operator and the
 * embedded Kubernetes know nothing of each other; here, and nowhere else, they are put together.
 */
export class LocalPlatform {
  readonly embedded: EmbeddedPlatform;
  readonly #closers: (() => Promise<void> | void)[];

  private constructor(embedded: EmbeddedPlatform) {
    this.embedded = embedded;
    this.#closers = [() => embedded.stop()];
  }

  /** Opens the folder. Nothing runs yet; from here on the caller must `stop` what it got. */
  static async open({ root, folder, isWatching }: PlatformOptions): Promise<LocalPlatform> {
    rmSync(join(folder, platformAddressesFile), { force: true });
    mkdirSync(join(folder, 'run'), { recursive: true, mode: privateFolder });
    const embedded = await EmbeddedPlatform.open({
      folder,
      logger: createLogger({ ...operatorLog, write: writeLog(folder) }),
      clock: systemClock,
      ...operatorIdentity,
      hostsFileVariable: 'HYBRIDSTORE_HOSTS_FILE',
      ownNames: [`operator.${systemNamespace}.svc`],
      commandOf: localCommands(root, isWatching),
      baseEnvironment: {
        PATH: process.env['PATH'] ?? '',
        NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node'),
      },
    });
    return new LocalPlatform(embedded);
  }

  /** Resolves when everything answers. */
  async start(options: PlatformOptions): Promise<void> {
    const { embedded } = this;
    const { folder, root, steps } = options;
    await steps.run('ports', () => openHostPorts(embedded, options.portOffset));
    await this.#startApiServer(folder);
    await steps.run('definitions', () => applyDefinitions(embedded.kube, root));
    if (options.jwtSecret !== undefined) await provideJwtSecret(embedded.kube, options.jwtSecret);
    await embedded.start();
    await this.#startOperator(options);
    const failed = new FailedPods(embedded.kube, (namespace, name) =>
      embedded.kubelet.readLog(namespace, name, logTailLines),
    );
    await steps.run('operator, shared services and tenants', () =>
      waitForWorkloads(embedded.kube, { countMin: sharedServiceNames.length, timeoutMs: readyMsMax, failed }),
    );
    await writeKeys(embedded.kube, jwksFileIn(folder));
    this.#closers.push(giveBackAtRest({ clock: systemClock }));
    if (!options.isEmpty)
      await steps.run(`tenant ${exampleTenant.name} and its sources`, () => applyExamples(embedded.kube, root));
  }

  /** Ends what was begun, the last first. Another call adds nothing. */
  async stop(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  async #startApiServer(folder: string): Promise<void> {
    const { embedded } = this;
    const token = randomBytes(32).toString('base64url');
    const front = await startHttpFront({
      api: embedded.kube,
      token,
      logger: createLogger({ ...operatorLog, write: writeLog(folder) }),
      host: embedded.host,
      port: apiPort,
      readPodLog: async ({ namespace, name }, { tailLines }) =>
        embedded.kubelet.readLog(namespace, name, tailLines ?? 1_000),
      // Elsewhere kubectl says that there are no metrics.
      ...(existsSync('/proc/self/stat') ? { readPodUsage: () => embedded.kubelet.readUsage() } : {}),
    });
    this.#closers.push(() => front.close());
    const { url: server, certificate } = front;
    await writeKubeConfig(join(folder, 'kubeconfig'), { name: 'hybridstore-embedded', server, token, certificate });
  }

  async #startOperator({ folder, variables }: PlatformOptions): Promise<void> {
    const { embedded } = this;
    const ring = new LogRing();
    const logger = createLogger({ ...operatorLog, ring, write: writeLog(folder) });
    const metrics = createMetrics('operator');
    const operator = startOperator({
      kube: embedded.kube,
      settings: embeddedSettings(variables),
      logger,
      metrics,
      client: new HttpClient({ hostsFile: embedded.hostsFile }),
    });
    this.#closers.push(() => operator.stop());
    const server = createServer({
      service: 'operator',
      version: '0.1.0',
      logger,
      ring,
      metrics,
      clock: systemClock,
      verifier: new PublishedKeysVerifier(jwksFileIn(folder), systemClock),
      notReadyReasons: operator.notReadyReasons,
    });
    await server.app.listen({ host: embedded.host, port: services.operator });
    this.#closers.push(() => server.app.close());
  }
}

const operatorLog = { service: 'operator', instance: 'operator', level: 'info' } as const;

function writeLog(folder: string): (line: string) => void {
  const path = join(folder, 'run', 'operator.log');
  return (line) => appendFileSync(path, line, { mode: privateFile });
}

function jwksFileIn(folder: string): string {
  return join(folder, 'run', 'jwks.json');
}

async function applyDefinitions(kube: Kube, root: string): Promise<void> {
  for (const { resource, object } of readFolder(join(root, 'crds')))
    await kube.apply(resource, object, { force: true });
  for (const name of [systemNamespace, 'default'])
    await kube.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

/** Public keys of all issuers, for the operator's own server. */
async function writeKeys(kube: Kube, path: string): Promise<void> {
  const { data } = await kube.get(configMaps, { namespace: systemNamespace, name: 'hybridstore-jwks' });
  await replaceFileDurably(systemDisk, { path, bytes: Buffer.from(data?.['jwks.json'] ?? ''), mode: privateFile });
}

async function applyExamples(kube: Kube, root: string): Promise<void> {
  const objects = readFolder(join(root, 'examples'));
  for (const { resource, object } of objects)
    await kube.apply(resource, object, { fieldManager: 'hybridstore-example' });
  await waitForReady(kube, objects, readyMsMax);
}
