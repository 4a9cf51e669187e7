import { resolve } from 'node:path';
import type { PlatformSettings } from '@hybridstore/operator';
import {
  findIdleVariables,
  HybridStoreError,
  type IdleVariable,
  logLevels,
  placeOf,
  processVariables,
  readersOf,
  readSettingsFile,
  settingsSections,
  sortSettings,
  type Variables,
  wrongVariable,
} from '@hybridstore/runtime';

export type ServiceName = keyof PlatformSettings['services'];
type ConfiguredService = keyof PlatformSettings['config'];

export type GivenVariables = {
  /** Variables of the shared services. */
  readonly byService: Readonly<Partial<Record<ServiceName, Readonly<Record<string, string>>>>>;
  /** What the file that CONFIG_FILE names says for each process; for tenant nodes, which have no variables here, these too. */
  readonly config: PlatformSettings['config'];
  readonly logLevel: string;
  /** A line for each that does nothing here. */
  readonly notes: readonly string[];
};

const configured = Object.keys(processVariables).filter((name) => name !== 'operator') as ConfiguredService[]; // all but one of its keys
const nodes = 'tenant-node';
/** Read here and handed on in another way. */
const takenHere: ReadonlySet<string> = new Set(['CONFIG_FILE', 'JWT_SECRET', 'LOG_LEVEL']);
/** Set by a shell or a cluster for other programs as well: their presence says nothing about this one. */
const ofSurroundings: ReadonlySet<string> = new Set([
  'HOST',
  'KUBECONFIG',
  'KUBERNETES_SERVICE_HOST',
  'POD_NAME',
  'POD_NAMESPACE',
]);
/** What is meant for a single process or a cluster, and where the same is said here. */
const saidHere: Readonly<Record<string, string>> = {
  DATA_PATH: '--data-dir',
  LOG_PATH: '--data-dir',
  SPILL_PATH: '--data-dir',
  USERS_PATH: '--data-dir',
  PORT: '--port-offset',
  JWT_SECRET_FILE: 'JWT_SECRET',
  TENANT_ID: 'the name of a Tenant (examples/tenant.yaml)',
};

/**
 * The variables of this process that are a process's own, and the settings of CONFIG_FILE; each goes to the processes that
 * read it. Throws `invalid_request` naming what no process knows.
 */
export function readServiceVariables(variables: Variables): GivenVariables {
  const settings = readFile(variables['CONFIG_FILE']);
  const config = Object.fromEntries(
    configured.flatMap((service) => {
      const own = { ...settingsOf(service, settings), ...(service === nodes ? variablesOf(nodes, variables) : {}) };
      return Object.keys(own).length === 0 ? [] : [[service, own] as const];
    }),
  );
  const shared = configured.filter((service) => service !== nodes);
  const byService = Object.fromEntries(shared.map((service) => [service, variablesOf(service, variables)] as const));
  return { byService, config, logLevel: readLogLevel(variables, settings), notes: findNotes(variables, settings) };
}

function readFile(path: string | undefined): Readonly<Record<string, unknown>> {
  if (path === undefined || path === '') return {};
  const settings = readSettingsFile(path);
  for (const service of configured) sortSettings(service, path, settings);
  for (const name of Object.keys(settings)) {
    const place = saidElsewhere(name);
    if (place !== undefined)
      throw new HybridStoreError('invalid_request', `${path}: ${name}: expected none here: it is ${place}`, {
        variable: 'CONFIG_FILE',
      });
  }
  return settings;
}

function variablesOf(service: ConfiguredService, variables: Variables): Readonly<Record<string, string>> {
  const names = processVariables[service].own.filter((name) => !takenHere.has(name));
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = variables[name];
      // Processes run in folders of their own.
      return value === undefined || value === '' ? [] : [[name, name.endsWith('_FILE') ? resolve(value) : value]];
    }),
  );
}

function settingsOf(
  service: ConfiguredService,
  settings: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const names = [...processVariables[service].own, ...(settingsSections[service] ?? [])];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = settings[name];
      if (value === undefined || takenHere.has(name)) return [];
      return [[name, name.endsWith('_FILE') && typeof value === 'string' ? resolve(value) : value]];
    }),
  );
}

function readLogLevel(variables: Variables, settings: Readonly<Record<string, unknown>>): string {
  const level = variables['LOG_LEVEL'] || settings['LOG_LEVEL'] || 'info';
  if (!logLevels.some((known) => known === level))
    throw wrongVariable('LOG_LEVEL', `one of ${logLevels.join(', ')}`, String(level));
  return String(level);
}

function findNotes(variables: Variables, settings: Readonly<Record<string, unknown>>): readonly string[] {
  const set = Object.keys(variables).filter((name) => variables[name] !== '');
  const said = set.flatMap((name) => {
    const place = saidElsewhere(name);
    return place === undefined ? [] : [`${name} has no effect here: it is ${place}`];
  });
  const overridden = set.filter((name) => Object.hasOwn(settings, name));
  const both = overridden.map(
    (name) => `${name} of ${variables['CONFIG_FILE']} has no effect: the variable is set too`,
  );
  return [...said, ...both, ...findMisspelt(variables)].sort();
}

/** Where the same is said of a variable that no process takes from here; undefined for every other name. */
function saidElsewhere(name: string): string | undefined {
  if (readersOf(name).some((service) => service !== 'operator') || ofSurroundings.has(name)) return undefined;
  if (Object.hasOwn(saidHere, name)) return saidHere[name];
  if (readersOf(name).length > 0) return 'for the operator of a cluster';
  return ([...configured, 'operator'] as const).map((service) => placeOf(service, name)).find(Boolean);
}

function findMisspelt(variables: Variables): readonly string[] {
  const found = new Map<string, IdleVariable>();
  const unread = Object.fromEntries(
    Object.entries(variables).filter(([name]) => readersOf(name).length === 0 && saidElsewhere(name) === undefined),
  );
  for (const service of configured)
    for (const idle of findIdleVariables(service, unread)) found.set(idle.variable, idle);
  return [...found.values()].map(({ variable, reason }) => `${variable} has no effect: ${reason}`);
}
