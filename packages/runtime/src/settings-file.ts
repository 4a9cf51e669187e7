import { readFileSync, statSync } from 'node:fs';
import type { ServiceName } from '@hybridstore/contracts';
import { HybridStoreError } from './errors.ts';
import { isRecord } from './is-record.ts';
import { findNearVariable } from './near-variable.ts';
import { processVariables, variableNamesOf } from './process-variables.ts';
import { findRepeatedKey } from './repeated-key.ts';

/**
 * What CONFIG_FILE names: a JSON object of variables of a process under their own names, and of the sections that the query
 * interpreter has besides. A variable of the process wins over the file, the file over defaults.
 */
export type SettingsFile = {
  readonly path: string;
  readonly values: Readonly<Record<string, string>>;
  readonly sections: Readonly<Record<string, unknown>>;
  /** Variables in it that another process reads. */
  readonly others: readonly string[];
};

/** What fits into a ConfigMap. */
export const settingsFileBytesMax = 1_048_576;

export const settingsSections: Readonly<Partial<Record<ServiceName, readonly string[]>>> = {
  'query-interpreter': ['sql_parser', 'dsl_parser', 'query_transformer'],
};

/** Read where everybody may read a file of settings, so they must not be in one. */
const elsewhere: Readonly<Record<string, string>> = {
  CONFIG_FILE: 'to be a variable of the process',
  JWT_SECRET: 'to be a variable of the process, or in the file that JWT_SECRET_FILE names',
};

/** Reads CONFIG_FILE. Throws `invalid_request` naming the file, and the key that is wrong. */
export function readSettingsFile(path: string): Readonly<Record<string, unknown>> {
  const text = readText(path);
  const parsed = parseJson(path, text);
  if (!isRecord(parsed)) throw wrongSetting(path, 'a JSON object of settings', describe(parsed));
  const key = findRepeatedKey(text, parsed);
  if (key !== undefined) throw wrongSetting(`${path}: ${key}`, 'each key once', 'it twice');
  return parsed;
}

/** Sorts the settings of a file for one process. Throws `invalid_request` naming the file and the first key that no process knows. */
export function sortSettings(
  service: ServiceName,
  path: string,
  settings: Readonly<Record<string, unknown>>,
): SettingsFile {
  const own = new Set(variableNamesOf(service));
  const sections = new Set(settingsSections[service]);
  const file = {
    path,
    values: {} as Record<string, string>,
    sections: {} as Record<string, unknown>,
    others: [] as string[],
  };
  for (const [key, value] of Object.entries(settings)) {
    if (Object.hasOwn(elsewhere, key)) throw wrongSetting(path, `${key} ${elsewhere[key]}`, 'it in the file');
    if (sections.has(key)) file.sections[key] = value;
    else if (own.has(key)) file.values[key] = textOf(path, key, value);
    else if (knownSettings.has(key)) file.others.push(key);
    else throw unknownSetting(path, key);
  }
  return file;
}

const services = Object.keys(processVariables) as ServiceName[]; // the keys of a Record of names
const knownSettings: ReadonlySet<string> = new Set([
  ...services.flatMap(variableNamesOf),
  ...Object.values(settingsSections).flat(),
]);

function unknownSetting(path: string, key: string): HybridStoreError {
  const near = findNearVariable(key, knownSettings);
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
  return wrongSetting(`${path}: ${key}`, 'a setting', `an unknown key${hint}`);
}

/** As the variable would be written; items of a list are separated by commas there. */
function textOf(path: string, key: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const isList = Array.isArray(value) && value.every((item) => typeof item === 'string' && !item.includes(','));
  if (isList) return value.join(',');
  throw wrongSetting(
    `${path}: ${key}`,
    'a text, a number, true, false or a list of texts without commas',
    describe(value),
  );
}

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > settingsFileBytesMax)
      throw wrongSetting(`CONFIG_FILE: ${path}`, `at most ${settingsFileBytesMax} bytes`, `${size}`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof HybridStoreError) throw cause;
    throw wrongSetting('CONFIG_FILE', 'a readable file', path, cause);
  }
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unreadable';
    throw wrongSetting(`CONFIG_FILE: ${path}`, 'JSON', `none (${reason})`, cause);
  }
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `the ${typeof value} ${String(value)}`;
}

function wrongSetting(place: string, expected: string, actual: string, cause?: unknown): HybridStoreError {
  const details = { variable: 'CONFIG_FILE', expected, actual };
  return new HybridStoreError('invalid_request', `${place}: expected ${expected}, found ${actual}`, details, { cause });
}
