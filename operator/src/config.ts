import { readFileSync } from 'node:fs';
import { readSidePorts, type SidePorts } from '@hybridstore/http';
import type { Environment, LogLevel } from '@hybridstore/runtime';
import { HybridStoreError, logLevels, wrongVariable } from '@hybridstore/runtime';
import { parsePlatformSettings } from './platform-settings.ts';
import type { PlatformSettings } from './resources/settings.ts';

export type OperatorConfig = {
  readonly settings: PlatformSettings;
  /** Namespaces that are watched; empty means all. */
  readonly watchNamespaces: readonly string[];
  readonly leaderElection: boolean;
  /** Names this process in the lease. */
  readonly identity: string;
  /** The Deployment and ServiceAccount that own the shared services; undefined leaves them without an owner. */
  readonly ownerName: string | undefined;
  readonly prometheus: PrometheusConfig | undefined;
  readonly version: string;
  readonly logLevel: LogLevel;
  readonly host: string;
  readonly port: number;
  readonly sidePorts: SidePorts;
  readonly kubeconfig: string | undefined;
  /** The published key set, mounted; it may not exist yet. */
  readonly jwksFile: string | undefined;
};

export type PrometheusConfig = {
  readonly url: string;
  readonly labels: { readonly namespace: string; readonly pod: string };
};

/** Reads and checks every variable of the operator; a wrong one is refused by name. */
export function readConfig(environment: Environment): OperatorConfig {
  const logLevel = environment.choice('LOG_LEVEL', logLevels, 'info');
  return {
    settings: readSettings(environment, logLevel),
    watchNamespaces: readNamespaces(environment),
    leaderElection: environment.boolean('LEADER_ELECTION', true),
    identity: environment.text('POD_NAME', `operator-${process.pid}`),
    ownerName: environment.optional('OWNER_NAME'),
    prometheus: readPrometheus(environment),
    version: environment.text('HYBRIDSTORE_VERSION', '0.1.0'),
    logLevel,
    host: environment.text('HOST', '0.0.0.0'),
    port: environment.integer('PORT', { fallback: 8086, min: 0, max: 65_535 }),
    sidePorts: readSidePorts(environment),
    kubeconfig: environment.optional('KUBECONFIG'),
    jwksFile: environment.optional('JWKS_FILE'),
  };
}

/** Each is watched by itself, over connections of its own. */
const watchNamespacesMax = 16;

function readNamespaces(environment: Environment): readonly string[] {
  const names = environment.list('WATCH_NAMESPACES');
  if (names.length > watchNamespacesMax)
    throw wrongVariable(
      'WATCH_NAMESPACES',
      `at most ${watchNamespacesMax} namespaces, or none for all`,
      `${names.length}`,
    );
  return names;
}

function readPrometheus(environment: Environment): PrometheusConfig | undefined {
  if (environment.optional('PROMETHEUS_URL') === undefined) return undefined;
  return {
    url: environment.url('PROMETHEUS_URL'),
    labels: {
      namespace: environment.text('PROMETHEUS_NAMESPACE_LABEL', 'namespace'),
      pod: environment.text('PROMETHEUS_POD_LABEL', 'pod'),
    },
  };
}

/** SETTINGS_FILE is YAML or JSON (the chart's ConfigMap); what it leaves out has defaults. */
function readSettings(environment: Environment, logLevel: LogLevel): PlatformSettings {
  const namespace = environment.text('POD_NAMESPACE', 'hybridstore-system');
  const path = environment.optional('SETTINGS_FILE');
  const image = environment.optional('SERVICES_IMAGE');
  try {
    return parsePlatformSettings(path === undefined ? '' : readFileSync(path, 'utf8'), {
      namespace,
      logLevel,
      ...(image === undefined ? {} : { image }),
    });
  } catch (error) {
    if (error instanceof HybridStoreError) throw error;
    throw wrongVariable('SETTINGS_FILE', 'a readable file', path ?? 'nothing');
  }
}
