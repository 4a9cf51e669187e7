import { type ServiceName, tokenLeewaySecondsMax } from '@hybridstore/contracts';
import {
  type Clock,
  closingMsMax,
  createLogger,
  createMetrics,
  deriveSigningKey,
  Environment,
  findIdleVariables,
  followLogLevel,
  giveBackAtRest,
  type Logger,
  LogRing,
  logLevels,
  ofOthers,
  onShutdown,
  type Phase,
  type Registry,
  requireStrongSecret,
  type SigningKey,
  systemClock,
  type Variables,
  withholdFromNewFiles,
} from '@hybridstore/runtime';
import { HttpClient } from './client.ts';
import { finish, leave, readLeavingTimes } from './leave.ts';
import { describeListenFailure } from './listen-failure.ts';
import { RevocationWatch } from './revocation-watch.ts';
import type { Server } from './server.ts';
import { readSidePorts, SideListeners, type SidePorts } from './side-listener.ts';
import { JwksTokenVerifier, ServiceIdentity } from './tokens.ts';

/** What every service process has, made once by its main. */
export type ServiceProcess = {
  readonly service: ServiceName;
  readonly version: string;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly ring: LogRing;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly verifier: JwksTokenVerifier;
  readonly signingKey: SigningKey;
  readonly identity: ServiceIdentity;
  readonly client: HttpClient;
  /** Absent where there is no gateway to ask. */
  readonly revocations?: RevocationWatch;
};

/** Where a service's own secret comes from: reads and checks it, naming the variable when it is missing or weak. */
export type SecretSource = (environment: Environment) => string;

/** The file that SERVICE_SECRET_FILE names: every service but the gateway. */
export const serviceSecret: SecretSource = (environment) =>
  requireStrongSecret('SERVICE_SECRET_FILE', environment.file('SERVICE_SECRET_FILE'));

/** JWT_SECRET, or the file that JWT_SECRET_FILE names: the gateway. There is no default. */
export const jwtSecret: SecretSource = (environment) =>
  environment.optional('JWT_SECRET_FILE') === undefined
    ? requireStrongSecret('JWT_SECRET', environment.text('JWT_SECRET'))
    : requireStrongSecret('JWT_SECRET_FILE', environment.file('JWT_SECRET_FILE'));

export type ServiceProcessOptions = {
  readonly readSecret?: SecretSource;
  /** The name under which the process signs when SERVICE_ISSUER names none; absent: the service's own. */
  readonly readIssuer?: (environment: Environment) => string;
};

/**
 * Variables that every service reads, beside those of `listen`: CONFIG_FILE (a file of all others), LOG_LEVEL, LOG_LEVEL_FILE (a file of that one word, which is followed), POD_NAME, JWKS_FILE (public keys of all issuers),
 * SERVICE_SECRET_FILE (this service's own secret), SERVICE_ISSUER (the name under which it signs: the service's own, or that of a tenant's
 * nodes), AUTH_GATEWAY_URL (who is asked for revoked tokens; without it they hold until they expire), TOKEN_LEEWAY_SECONDS (how far clocks may be apart, 60), HYBRIDSTORE_HOSTS_FILE
 * (embedded platform only), HYBRIDSTORE_VERSION.
 */
export function createServiceProcess(
  service: ServiceName,
  variables: Variables,
  options: ServiceProcessOptions = {},
): ServiceProcess {
  const environment = Environment.open(service, variables);
  const made = environment.read(() => createFrom(service, environment, options));
  sayIdle(made, variables);
  return made;
}

/** What somebody set and would wait for in vain. */
function sayIdle({ service, environment, logger }: ServiceProcess, variables: Variables): void {
  for (const idle of findIdleVariables(service, variables)) logger.warn('variable_without_effect', idle);
  const file = environment.settingsFile;
  if (file === undefined) return;
  const reasons = { 'set as variables, which win': environment.overridden, 'read by other processes': file.others };
  for (const [reason, settings] of Object.entries(reasons))
    if (settings.length > 0) logger.warn('settings_without_effect', { path: file.path, settings, reason });
}

function createFrom(
  service: ServiceName,
  environment: Environment,
  { readSecret = serviceSecret, readIssuer = () => service }: ServiceProcessOptions,
): ServiceProcess {
  const ring = new LogRing();
  const clock = systemClock;
  const logger = createLogger({
    service,
    instance: environment.text('POD_NAME', service),
    level: environment.choice('LOG_LEVEL', logLevels, 'info'),
    ring,
  });
  const levelFile = environment.optional('LOG_LEVEL_FILE');
  if (levelFile !== undefined) followLogLevel(levelFile, logger, clock);
  const signingKey = deriveSigningKey(
    environment.text('SERVICE_ISSUER', readIssuer(environment)),
    readSecret(environment),
  );
  const identity = new ServiceIdentity(signingKey, clock);
  const client = new HttpClient({ hostsFile: environment.optional('HYBRIDSTORE_HOSTS_FILE') });
  const metrics = createMetrics(service);
  const gatewayUrl = readGatewayUrl(service, environment);
  const revocations =
    gatewayUrl === undefined
      ? undefined
      : new RevocationWatch({ client, identity, clock, logger, metrics, gatewayUrl });
  return {
    service,
    version: environment.text('HYBRIDSTORE_VERSION', '0.1.0'),
    environment,
    logger,
    ring,
    metrics,
    clock,
    verifier: new JwksTokenVerifier(environment.text('JWKS_FILE'), clock, revocations, readLeeway(environment)),
    signingKey,
    identity,
    client,
    ...(revocations ? { revocations } : {}),
  };
}

function readLeeway(environment: Environment): number {
  return environment.integer('TOKEN_LEEWAY_SECONDS', { fallback: 60, min: 0, max: tokenLeewaySecondsMax });
}

/** The gateway asks its own store. */
function readGatewayUrl(service: ServiceName, environment: Environment): string | undefined {
  const isAbsent = service === 'auth-gateway' || environment.optional('AUTH_GATEWAY_URL') === undefined;
  return isAbsent ? undefined : environment.url('AUTH_GATEWAY_URL');
}

/**
 * HOST and PORT to listen on, PROBE_PORT and METRICS_PORT, and how long the process takes to go, SHUTDOWN_DELAY_SECONDS and
 * SHUTDOWN_FINISH_SECONDS; a port in use is a start-up error that names its variable.
 * `handOver` runs while the process still answers, and nobody sends anything new; `phases` after its server is closed.
 */
export async function listen(
  process: ServiceProcess,
  server: Server,
  defaultPort: number,
  phases: readonly Phase[],
  handOver?: () => Promise<void>,
): Promise<void> {
  const addresses = process.environment.read((environment) => readAddresses(environment, defaultPort));
  const times = process.environment.read(readLeavingTimes);
  const { host, port } = addresses;
  const closeListeners = await listenAt(server, addresses);
  const { revocations } = process;
  revocations?.start();
  const steps = [
    { name: 'leave', run: () => leave(server, process.clock, times) },
    ...(handOver ? [{ name: 'hand_over', run: handOver }] : []),
    ...(revocations ? [{ name: 'revocations', run: () => revocations.stop() }] : []),
    { name: 'http', run: () => finish(server, process.clock, closeListeners, times) },
    ...phases,
    { name: 'client', run: () => process.client.close() },
  ];
  onShutdown(process.logger, steps, times.delayMs + times.finishMs + closingMsMax);
  giveBackAtRest({ clock: process.clock });
  // Said last: who waits for this line may stop the process at once.
  process.logger.info('listening', { host, port });
}

function readAddresses(environment: Environment, defaultPort: number): ListenOptions {
  return {
    host: environment.text('HOST', '0.0.0.0'),
    port: environment.integer('PORT', { fallback: defaultPort, min: 0, max: 65_535 }),
    sidePorts: readSidePorts(environment),
  };
}

export type ListenOptions = { readonly host: string; readonly port: number; readonly sidePorts: SidePorts };

/** Listens on all ports of a process and gives what closes them. Throws `invalid_request` that names PORT, PROBE_PORT, METRICS_PORT or HOST. */
export async function listenAt(server: Server, options: ListenOptions): Promise<() => Promise<void>> {
  const { port, sidePorts } = options;
  // For this name fastify opens one more server, on ::1, whose connections nobody would bound.
  const host = options.host === 'localhost' ? '127.0.0.1' : options.host;
  const side = new SideListeners();
  const close = async () => {
    await Promise.all([side.close(), server.app.close()]);
  };
  try {
    await side.start(server.standard, sidePorts, { host, port });
    await server.app.listen({ host, port });
  } catch (cause) {
    await close();
    throw describeListenFailure(cause, { variable: 'PORT', host, port });
  }
  return close;
}

/** Runs a main and ends the process with one clear line when it cannot start. */
export function runMain(service: ServiceName, main: () => Promise<void>): void {
  // Engines in children and libraries ask for whatever mode they like.
  withholdFromNewFiles(ofOthers);
  main().catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    process.stderr.write(`${service} cannot start: ${message}${code}\n`);
    process.exit(1);
  });
}
